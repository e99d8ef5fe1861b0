"""`up`: reads what people drop and edit, keeps the boxes of all worktrees current, and keeps workers alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import BluelabelError, Conflict, machine_error
from bluelabel.interfaces.events import Event
from bluelabel.runner.boxes import Boxes
from bluelabel.runner.daemon.scheduler import Timetable
from bluelabel.runner.daemon.supervisor import Supervisor
from bluelabel.runner.daemon.worktrees import every_workspace
from bluelabel.runner.operations.recovery import told_by
from bluelabel.runner.workspace import Workspace
from bluelabel.services.postbox.boxes.view_query import touched_by
from bluelabel.services.postbox.escalation import escalate_overdue

_LOOK_SECONDS = 1.0


class PostOffice:
    """The process behind `up`.

    Args:
        workspace: the worktree it was started in; it serves all of them.
        workers: agent to the argv that runs its worker.
        say: told what happens, a line each.
    """

    def __init__(self, workspace: Workspace, workers: Mapping[str, Sequence[str]], say: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._workers = workers
        self._say = say
        self._boxes: dict[Path, Boxes] = {}
        self._cards: dict[Path, tuple[int, int, int] | None] = {}
        self._timetable = Timetable(workspace, say)

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set; then end the workers and bring every box up to date once more.

        Raises:
            Conflict: another `up` serves this workspace.
        """
        with self._alone():
            with_whom = f"with workers for {', '.join(self._workers)}" if self._workers else "without workers"
            self._say(f"serving {self._workspace.root} {with_whom}")
            supervisor = Supervisor(self._workers, self._workspace.root, self._say)
            seq = self._workspace.book.head().seq
            try:
                self._visit(self._workspace.settings.directory.mailboxes)
                while not stop.is_set():
                    supervisor.tend()
                    self._guarded("looking after runs", self._timetable.tend)
                    seq = self._serve(seq)
                    self._workspace.book.wait(seq, _LOOK_SECONDS)
            finally:
                self._say("stopping")
                supervisor.stop()
                for boxes in self._boxes.values():
                    boxes.stop()
                self._visit(self._workspace.settings.directory.mailboxes)

    def _serve(self, seq: int) -> int:
        """Do what is due; return how far the ledger was read."""
        touched: set[str] = set()
        for event in self._workspace.book.read(seq):
            seq = event.seq
            touched |= self._touched(event)
            if event.kind in _TOLD:
                self._say(_line(event))
        known = set(self._workspace.settings.directory.mailboxes)
        self._guarded("reading the boxes", lambda: self._visit(sorted(touched & known)))
        deadline = self._workspace.settings.ack_deadline
        if deadline is not None:
            self._guarded("looking for overdue messages", lambda: escalate_overdue(self._workspace.postbox, deadline))
        return seq

    def _touched(self, event: Event) -> set[str]:
        """Return whose boxes an event changes: an answer shows in the sender's outbox too."""
        if event.kind.startswith("mail."):
            return {event.by}
        with self._workspace.book.reading() as db:
            return touched_by(db, event)

    def _visit(self, agents: Sequence[str]) -> None:
        """Read hand edits in every worktree and refresh the boxes of `agents` there; watch worktrees that are new."""
        places = {place.root: place for place in every_workspace(self._workspace)}
        for root, place in places.items():
            if root not in self._boxes:
                self._boxes[root] = Boxes(place)
                self._boxes[root].start(self._say)
                agents = self._workspace.settings.directory.mailboxes
        for root in [root for root in self._boxes if root not in places]:
            self._boxes.pop(root).stop()
        for boxes in self._boxes.values():
            boxes.sweep()
            if agents:
                boxes.refresh(agents)
        for place in places.values():
            self._guarded(f"reading the cards of {place.root}", partial(self._inspect, place))

    def _inspect(self, place: Workspace) -> None:
        """Notice a save of the card file that loses cards, and tell; costs one look when nothing was saved."""
        path = place.root / place.settings.cards
        signature = _signature(path)
        if signature is None or self._cards.get(path) == signature:
            return
        told_by(place.cards().inspect(), place.settings.cards, lambda text: self._say(f"{place.root.name}: {text}"))
        self._cards[path] = signature  # not of now: a save since that look would never be seen

    def _guarded(self, doing: str, action: Callable[[], Any]) -> None:
        """Go on after an error: one bad file or a full disk must not end the post office."""
        try:
            action()
        except (BluelabelError, OSError) as error:
            self._say(f"{doing}: {error}")

    @contextmanager
    def _alone(self) -> Generator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self._workspace.home / "up.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            hint = "it serves every worktree; stop it first if you want another"
            raise Conflict("`up` runs already", where=str(self._workspace.home), hint=hint) from None
        except OSError as error:
            raise machine_error(error, "taking the lock of `up`", str(self._workspace.home)) from error
        try:
            yield
        finally:
            lock.release()


_TOLD = frozenset({"mail.imported", "mail.quarantined", "message.dead", "message.escalated", "card.lost"})


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        there = path.stat()
    except OSError:
        return None
    return (there.st_ino, there.st_size, there.st_mtime_ns)


def _line(event: Event) -> str:
    about = ", ".join(f"{key} {value}" for key, value in event.data.items() if isinstance(value, str | int))
    return f"{event.kind} {about}"[:300]
