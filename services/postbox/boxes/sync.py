"""The counter of the post office in one worktree: hand edits and dropped files come in, views go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluelabel.interfaces.errors import LockTimeout, MachineError, NotPermitted, UnreadableInput, machine_error
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock, Ids
from bluelabel.services.files.confined import DROP, FileText, names_in, opened, read_at, signature_at
from bluelabel.services.files.disk import make_directory
from bluelabel.services.files.lock import ProcessLock
from bluelabel.services.postbox.boxes.edit_importer import EditDesk, digest_of
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.view_files import Bases, Held, leftovers, publish
from bluelabel.services.postbox.boxes.view_format import BOXES, Box, is_own, same_content
from bluelabel.services.postbox.boxes.view_query import view
from bluelabel.services.postbox.postbox import Postbox

if TYPE_CHECKING:
    from bluelabel.services.postbox.boxes.adoption import StrangeBox

_HELD_SECONDS: Final = 2.0
_LOCK_SECONDS: Final = 5.0
_ROUNDS: Final = 4


class BoxOffice:
    """Keeps the boxes of one worktree and the post office in step.

    Args:
        postbox: the post office.
        folder: ``postbox/`` of the worktree.
        state: where bases and swapped-out files of this worktree are kept, outside of it.
        clock, ids: where time and names come from.
        left_out: returns the boxes (``CC/inbox.json``) that are not wanted here though nothing stands in their place:
            what a sparse checkout leaves out. Asked when one is missing, once.
    """

    def __init__(
        self,
        postbox: Postbox,
        folder: Path,
        state: Path,
        clock: Clock,
        ids: Ids,
        left_out: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._postbox = postbox
        self._folder = folder
        self._state = state
        self._clock = clock
        self._ids = ids
        self._held = Held(state)
        self._bases = Bases(state)
        self._desk = EditDesk(postbox, folder, state, self._bases, clock)
        self._process_lock = ProcessLock(state / "lock", _LOCK_SECONDS)
        self._ask_left_out = left_out
        self._clean: dict[tuple[str, str], tuple[int, ...]] = {}

    @cached_property
    def _left_out(self) -> frozenset[str]:
        return self._ask_left_out()

    def is_left_out(self, agent: str) -> bool:
        """Tell whether a box of `agent` is missing because it is not wanted here."""
        return any(f"{agent}/{box}.json" in self._left_out for box in BOXES)

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Everyone whose boxes are kept."""
        return self._postbox.directory.mailboxes

    def sweep(self, agents: Iterable[str] | None = None) -> IntakeReport:
        """Read hand edits and dropped files, and bring the views they touch up to date.

        Args:
            agents: whose; everyone's unless told.
        """
        report = IntakeReport()
        names = self.mailboxes if agents is None else [name for name in agents if name in self.mailboxes]
        with self._lock(report) as locked:
            if locked:
                try:
                    self._take_held(report)
                except OSError as error:
                    report.problems.append(str(machine_error(error, "reading swapped-out boxes", str(self._state))))
                for agent in names:
                    self._look(agent, report)
                self._publish_all(report)
        return report

    def refresh(self, agents: Iterable[str]) -> IntakeReport:
        """Bring the boxes of `agents` up to date; edits that stand in them are read first."""
        report = IntakeReport(touched={name for name in agents if name in self.mailboxes})
        with self._lock(report) as locked:
            if locked:
                for agent in sorted(report.touched):
                    self._look(agent, report, drop=False)
                self._publish_all(report)
        return report

    def unread(self) -> list[str]:
        """Return whose boxes say something that nobody has read yet, or have something dropped; reads nothing in."""
        return [agent for agent in self.mailboxes if self._says_more(agent)]

    def _says_more(self, agent: str) -> bool:
        try:
            with opened(self._folder, agent) as folder:
                if any(signature_at(folder, f"{box}.json") and self._is_edited(folder, agent, box) for box in BOXES):
                    return True
            with opened(self._folder, agent, DROP) as folder:
                return bool(names_in(folder))
        except (OSError, UnreadableInput):
            return False  # whoever reads them says why

    def strangers(self) -> list[StrangeBox]:
        """Return the boxes in this worktree that another post office wrote, in their place or set aside."""
        from bluelabel.services.postbox.boxes.adoption import strange_boxes

        return strange_boxes(self._folder, self.mailboxes, self._desk.home)

    def adopt(self, by: str) -> IntakeReport:
        """Take over the mail of every post office whose boxes are here; from now on these are read like our own.

        Messages keep their ids: what is here already does not come again, however often this is done.

        Args:
            by: who decided it.

        Raises:
            MachineError: it could not be stored.
        """
        report = IntakeReport()
        with self._lock(report) as locked:
            strangers = self.strangers() if locked else []
            if homes := sorted({strange.home for strange in strangers}):
                self._desk.intake.note([Draft("mail.adopted", by, {"homes": homes})])
            for strange in strangers:
                self._desk.take(strange.agent, strange.box, strange.found, report)
                report.touched.add(strange.agent)
            for agent in self.mailboxes if locked else ():
                self._look(agent, report)
            self._publish_all(report)
        return report

    @contextmanager
    def _lock(self, report: IntakeReport) -> Generator[bool]:
        """Keep other processes out of this worktree's boxes.

        False when one stays in too long, and where the state directory is not ours to write: neither loses anything.
        """
        with ExitStack() as stack:
            try:
                make_directory(self._state)
                stack.enter_context(self._process_lock)
            except (LockTimeout, MachineError, OSError) as error:
                told = machine_error(error, "keeping the boxes") if isinstance(error, OSError) else error
                report.problems.append(str(told))
                report.closed = str(told) if isinstance(told, NotPermitted) else None
                yield False
                return
            yield True

    def _take_held(self, report: IntakeReport) -> None:
        """Read swapped-out files that somebody wrote to after all, and let go of those that stayed quiet."""
        for name in self._held.names():
            held = self._held.read(name)
            if held is None or held.agent not in self.mailboxes or held.box not in BOXES:
                continue
            digest = digest_of(held.found.data)
            if held.digest == digest:
                quiet = self._clock.now().timestamp() - held.found.changed_ns / 1e9
                if not held.found.open_for_writing and not -_HELD_SECONDS < quiet < _HELD_SECONDS:
                    self._held.forget(name)
            elif self._is_clean(held.found) or self._desk.take(held.agent, held.box, held.found, report):
                self._held.was_read(name, digest)

    def _look(self, agent: str, report: IntakeReport, *, drop: bool = True) -> None:
        """See whether a mailbox was edited, keep what a crash left there, and take in what was dropped (`drop`)."""
        try:
            with opened(self._folder, agent) as folder:
                for name, left in leftovers(folder):
                    self._held.take(folder, left, agent, name.removesuffix(".json"), self._ids.token())
                if agent not in report.touched and any(self._is_edited(folder, agent, box) for box in BOXES):
                    report.touched.add(agent)
            if drop:
                self._take_dropped(agent, report)
        except FileNotFoundError:
            return
        except UnreadableInput as error:
            report.problems.append(f"{error} ({error.hint})")
            return
        except OSError as error:
            report.problems.append(str(machine_error(error, "reading a mailbox", f"{self._folder.name}/{agent}")))

    def _take_dropped(self, agent: str, report: IntakeReport) -> None:
        with opened(self._folder, agent, DROP) as folder:
            if not names_in(folder):
                return
        from bluelabel.services.postbox.boxes.drop import DropFolder

        dropped = DropFolder(self._folder, agent, self._desk.intake).sweep(self._clock.now())
        for outcome in dropped.outcomes:
            report.add(outcome)
        report.set_aside += dropped.set_aside
        report.waiting += dropped.waiting
        report.problems += dropped.problems

    def _is_edited(self, folder: int, agent: str, box: Box) -> bool:
        """Tell whether a box is anything else than a view as it was written."""
        name = f"{box}.json"
        signature = signature_at(folder, name)
        if signature and signature == self._clean.get((agent, box)):
            return False
        try:
            found = read_at(folder, name, name)
        except UnreadableInput:
            return True
        if found is None or not self._is_clean(found):
            return True
        self._remember((agent, box), signature, found)
        return False

    def _publish_all(self, report: IntakeReport) -> None:
        """Write the views of all touched mailboxes; edits found there may touch further ones."""
        rounds: Counter[str] = Counter()
        while todo := sorted(name for name in report.touched if rounds[name] < _ROUNDS):
            for agent in todo:
                rounds[agent] += 1
                report.touched.discard(agent)
                try:
                    self._publish(agent, report)
                except UnreadableInput as error:
                    report.problems.append(f"{error} ({error.hint})")
                except OSError as error:
                    report.problems.append(str(machine_error(error, "writing a view", f"{self._folder.name}/{agent}")))

    def _publish(self, agent: str, report: IntakeReport) -> None:
        if not (self._folder / agent).is_dir():
            if self.is_left_out(agent):
                return
            with opened(self._folder, agent, DROP, make=True):
                pass
        with opened(self._folder, agent) as folder:
            for box in BOXES:
                for _ in range(_ROUNDS):
                    if self._publish_box(folder, agent, box, report):
                        break

    def _publish_box(self, folder: int, agent: str, box: Box, report: IntakeReport) -> bool:
        """Bring one view up to date; False when an edit came in at the same moment and it has to be done again."""
        name, key = f"{box}.json", (agent, box)
        signature = signature_at(folder, name)
        try:
            found = read_at(folder, name, f"{self._folder.name}/{agent}/{name}")
        except UnreadableInput as error:
            from bluelabel.services.postbox.boxes.quarantine import Quarantine

            kept = Quarantine(self._folder, agent).move(folder, name, self._clock.now(), str(error))
            report.set_aside.append(kept)
            found = None
        if found is None and f"{agent}/{name}" in self._left_out:
            return True
        clean = found is None or self._is_clean(found)
        if found is not None and not clean and not self._desk.take(agent, box, found, report):
            return True
        text, rev = self._render(agent, box)
        if found is not None and clean and same_content(found.data.decode(), text):
            self._remember(key, signature, found)
            return True
        self._bases.add(agent, box, rev, text)
        self._held.check()
        old = publish(folder, name, text, self._ids.token())
        self._clean.pop(key, None)
        return old is None or self._take_swapped(folder, old, agent, box, found, report)

    def _take_swapped(
        self, folder: int, old: str, agent: str, box: Box, found: FileText | None, report: IntakeReport
    ) -> bool:
        """Keep what was swapped out; False when it says something that has not been read yet."""
        name = self._held.take(folder, old, agent, box, self._ids.token())
        held = self._held.read(name)
        if held is None:
            return True
        known = (found is not None and held.found.data == found.data) or self._is_clean(held.found)
        if not known and not self._desk.take(agent, box, held.found, report):
            return True  # still being written: it stays held and is read by the next sweep
        self._held.was_read(name, digest_of(held.found.data))
        return known

    def _render(self, agent: str, box: Box) -> tuple[str, str]:
        with self._postbox.book.reading() as db:
            text = view(db, agent, box, self._desk.home, self._postbox.book.head().seq)
        header = is_own(text)
        return text, header.rev if header is not None else ""

    def _is_clean(self, found: FileText) -> bool:
        """Tell whether a text is a view of this post office as it was written: nobody has edited it."""
        header = is_own(found.data.decode("utf-8", "replace"))
        return header is not None and header.home == self._desk.home

    def _remember(self, key: tuple[str, str], signature: tuple[int, ...], found: FileText) -> None:
        """Spare the next look, unless the file is so young that it could change without its times changing."""
        if abs(self._clock.now().timestamp() - found.modified_ns / 1e9) > _HELD_SECONDS:
            self._clean[key] = signature
