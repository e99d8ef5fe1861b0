"""The workspace: the only place where adapters meet services."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from bluelabel.interfaces.errors import BluelabelError, NotFound, NotPermitted, UsageError, machine_error
from bluelabel.interfaces.ports import Clock, Ids
from bluelabel.runner.settings import FILE, Settings, load
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.git.locate import Location, locate
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemClock, SystemIds
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection
from bluelabel.services.sprint.projection import SprintProjection
from bluelabel.services.workflow.store.projection import RunsProjection

if TYPE_CHECKING:
    from bluelabel.agents.registry import AgentRegistry
    from bluelabel.services.cards.board import Board
    from bluelabel.services.cards.status.statuses import Vocabulary
    from bluelabel.services.git.repository import GitRepository
    from bluelabel.services.workflow.dag_run_store import DAGRunStore

HOME_VARIABLE: Final = "BLUELABEL_HOME"
ACTOR_VARIABLE: Final = "BLUELABEL_AGENT"


def find_place(start: Path) -> tuple[Path, Location | None]:
    """Return the root of the workspace that `start` would belong to, and the repository around it.

    The nearest folder above with a ``bluelabel.toml`` or a ``.git`` is the root; without one, `start` itself.
    """
    start = Path(os.path.realpath(start))
    location = locate(start)
    for folder in (start, *start.parents):
        if (location is not None and folder == location.root) or (folder / FILE).is_file():
            return folder, location
    return start, location


def state_directory(root: Path, location: Location | None, settings: Settings) -> Path:
    """Return where the ledger of a workspace is: shared by all worktrees of a repository, or inside the root.

    A workspace in a folder of a repository has a ledger of its own there: it is not the one of the repository's top.

    Raises:
        UsageError: the place that is named is full of files that are not the ledger's.
    """
    named = os.environ.get(HOME_VARIABLE) or settings.home
    inside = root / ".bluelabel"
    if named:
        home = Path(os.path.normpath(root / named))
        if home == root or home.is_relative_to(root / "postbox"):
            hint = "name a folder of its own, such as .bluelabel"
            raise UsageError("the state directory cannot be here", where=str(home), hint=hint)
        return home
    if location is None or (root != location.root and (inside / "ledger").is_dir()):
        return inside
    if root == location.root:
        return location.common_dir / "bluelabel"
    return location.common_dir / "bluelabel" / "folders" / quote(root.relative_to(location.root).as_posix(), safe="")


def is_made(home: Path) -> bool:
    """Tell whether there is a ledger in a state directory.

    Raises:
        NotPermitted: the directory is somebody else's, and may not be looked into.
    """
    try:
        return stat.S_ISDIR((home / "ledger").stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise machine_error(error, "looking for the ledger", str(home)) from error


class Workspace:
    """Everything a door needs, opened on demand.

    Attributes:
        root: top of this worktree.
        home: the state directory.
        settings: of ``bluelabel.toml``.
        location: the repository around it, None outside git.
        actor: who acts: ``$BLUELABEL_AGENT``, else the human.
        remark: told, line by line, what was set aside, left alone or not possible beside what was asked for. A door
            sets it to what it shows remarks with; until then they are kept in `remarks`.
    """

    def __init__(self, root: Path, home: Path, settings: Settings, location: Location | None) -> None:
        self.root = root
        self.home = home
        self.settings = settings
        self.location = location
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds()
        self.actor = os.environ.get(ACTOR_VARIABLE) or settings.directory.human
        self.remarks: list[str] = []
        self.remark: Callable[[str], None] = self.remarks.append

    @classmethod
    def open(cls, root: Path | None = None) -> Workspace:
        """Open the workspace at `root`, or the one around the current directory.

        Raises:
            NotFound: there is none.
            UnreadableInput: its settings cannot be read.
        """
        start = root if root is not None else Path.cwd()
        if not start.is_dir():
            raise NotFound("no such directory", where=str(start), hint="give an existing one with --root")
        place, location = find_place(start)
        settings = load(place)
        home = state_directory(place, location, settings)
        if not is_made(home):
            cloned = (place / FILE).is_file() and (place / "postbox").is_dir()
            also = ", then take over the mail in its boxes with `bluelabel adopt`" if cloned else ""
            what = "no post office here yet, only its files" if cloned else "no workspace here"
            raise NotFound(what, where=str(place), hint=f"make one with `bluelabel init`{also}")
        return cls(place, home, settings, location)

    @cached_property
    def book(self) -> Book:
        """Ledger and index."""
        projections = (PostboxProjection(), RunsProjection(), SprintProjection(), CardsProjection())
        return Book.open(self.home, projections, clock=self.clock, told=self._remark)

    @cached_property
    def postbox(self) -> Postbox:
        """The post office."""
        settings = self.settings
        return Postbox(self.book, settings.directory, self.clock, self.ids, max_attempts=settings.max_attempts)

    @cached_property
    def repository(self) -> GitRepository | None:
        """The git repository that this is the top of, or None: paths in claims are those of the repository."""
        from bluelabel.services.git.repository import GitRepository

        here = self.location is not None and self.location.root == self.root
        return GitRepository.find(self.root) if here else None

    @cached_property
    def agents(self) -> AgentRegistry:
        """The agents that can work here."""
        from bluelabel.agents.registry import AgentRegistry

        mailboxes: dict[str, Any] = {name: {} for name in self.settings.directory.agents}
        return AgentRegistry({**mailboxes, **self.settings.agents}, root=self.root)

    @cached_property
    def runs(self) -> DAGRunStore:
        """The workflow runs."""
        from bluelabel.services.workflow.dag_run_store import DAGRunStore

        folder = self.root / "data" / "dag_runs"
        return DAGRunStore(folder, book=self.book, home=self.home, clock=self.clock, by=self.actor, root=self.root)

    @property
    def vocabulary(self) -> Vocabulary:
        """What the people and the phrases of this workspace are called."""
        return self.settings.vocabulary

    def cards(self, file: str | None = None) -> Board:
        """Return the board over the card file, or over another file of the same form."""
        from bluelabel.services.cards.board import Board
        from bluelabel.services.cards.card_store import Desk

        desk = Desk(
            self.root / (file or self.settings.cards),
            self.book,
            self.home,
            self.actor,
            self.repository,
            clock=self.clock,
            tables=self.settings.tables,
            agents=self.settings.directory.people,
            prefixes=self.settings.prefixes,
            person=self.settings.directory.human,
        )
        return Board(desk)

    def worker_name(self, agent: str) -> str:
        """Return who holds a claim made here for `agent`: the agent's name, and the process as far as it matters."""
        return agent if self.actor in (agent, self.settings.directory.human) else self.actor

    def acting_as(self, actor: str) -> Workspace:
        """Return this workspace for somebody else who acts: the same ledger, index and settings.

        Raises:
            UnknownAgent: nobody is called so.
        """
        other = copy(self)
        other.__dict__ |= {"book": self.book, "postbox": self.postbox}  # opened once, for all who act
        other.__dict__.pop("runs", None)
        other.actor = self.settings.directory.check(actor)
        other.remarks = []
        other.remark = other.remarks.append
        return other

    def read_edits(self) -> None:
        """Read hand edits of the boxes and dropped files of this worktree, before a question is answered.

        Where nothing may be written the question is answered all the same, and what was not read in is remarked.
        """
        from bluelabel.runner.boxes import Boxes

        boxes = Boxes(self)
        try:
            report = boxes.sweep()
            lines, closed = report.notes(), report.closed
        except NotPermitted as error:
            lines, closed = [], str(error)
        if closed is not None:
            names = boxes.unread()
            lines = [f"not read in yet: edits and drops in the boxes of {', '.join(names)} ({closed})"] if names else []
        for line in lines:
            self.remark(line)

    def refresh_views(self, agents: Iterable[str]) -> None:
        """Bring the boxes of `agents` in this worktree up to date.

        What was done before is in the ledger: a box that cannot be written now is a remark, and the next look at it
        tries again.
        """
        from bluelabel.runner.boxes import Boxes

        try:
            notes = Boxes(self).refresh(agents).notes()
        except (BluelabelError, OSError) as error:
            notes = [f"the boxes are not up to date: {error}"]
        for line in notes:
            self.remark(line)

    def _remark(self, line: str) -> None:
        self.remark(line)  # asked for each time: a door may set it after the ledger was opened

    def close(self) -> None:
        """Let go of ledger and index."""
        if "book" in self.__dict__:
            self.book.close()
