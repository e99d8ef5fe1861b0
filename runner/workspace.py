"""The workspace: the only place where adapters meet services."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bluelabel.interfaces.errors import BluelabelError, NotFound
from bluelabel.interfaces.ports import Clock, Ids
from bluelabel.runner.settings import FILE, Settings, load
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.git.locate import Location, locate
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.system import SystemClock, SystemIds
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection
from bluelabel.services.sprint.projection import SprintProjection
from bluelabel.services.workflow.projection import RunsProjection

if TYPE_CHECKING:
    from bluelabel.agents.registry import AgentRegistry
    from bluelabel.services.cards.board import Board
    from bluelabel.services.git.repository import GitRepository
    from bluelabel.services.workflow.dag_run_store import DAGRunStore

HOME_VARIABLE: Final = "BLUELABEL_HOME"
ACTOR_VARIABLE: Final = "BLUELABEL_AGENT"


def find_place(start: Path) -> tuple[Path, Location | None]:
    """Return the root of the workspace that `start` would belong to, and its repository.

    The nearest folder above with a ``bluelabel.toml`` or a ``.git`` is the root; without one, `start` itself.
    """
    start = Path(os.path.realpath(start))
    location = locate(start)
    for folder in (start, *start.parents):
        if location is not None and folder == location.root:
            return folder, location
        if (folder / FILE).is_file():
            return folder, None
    return start, None


def state_directory(root: Path, location: Location | None, settings: Settings) -> Path:
    """Return where the ledger of a workspace is: shared by all worktrees of a repository, or inside the root."""
    named = os.environ.get(HOME_VARIABLE) or settings.home
    if named:
        return root / named
    return location.common_dir / "bluelabel" if location is not None else root / ".bluelabel"


class Workspace:
    """Everything a door needs, opened on demand.

    Attributes:
        root: top of this worktree.
        home: the state directory.
        settings: of ``bluelabel.toml``.
        location: the repository, None outside git.
        actor: who acts: ``$BLUELABEL_AGENT``, else the human.
    """

    def __init__(self, root: Path, home: Path, settings: Settings, location: Location | None) -> None:
        self.root = root
        self.home = home
        self.settings = settings
        self.location = location
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds()
        self.actor = os.environ.get(ACTOR_VARIABLE) or settings.directory.human

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
        if not (home / "ledger").is_dir():
            cloned = (place / FILE).is_file() and (place / "postbox").is_dir()
            also = ", then take over the mail in its boxes with `bluelabel adopt`" if cloned else ""
            what = "no post office here yet, only its files" if cloned else "no workspace here"
            raise NotFound(what, where=str(place), hint=f"make one with `bluelabel init`{also}")
        return cls(place, home, settings, location)

    @cached_property
    def book(self) -> Book:
        """Ledger and index."""
        return Book.open(
            self.home, (PostboxProjection(), RunsProjection(), SprintProjection(), CardsProjection()), clock=self.clock
        )

    @cached_property
    def postbox(self) -> Postbox:
        """The post office."""
        settings = self.settings
        return Postbox(self.book, settings.directory, self.clock, self.ids, max_attempts=settings.max_attempts)

    @cached_property
    def repository(self) -> GitRepository | None:
        """The git repository, or None outside one."""
        from bluelabel.services.git.repository import GitRepository

        return GitRepository.find(self.root) if self.location is not None else None

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

    def cards(self, file: str | None = None) -> Board:
        """Return the board over the card file, or over another file of the same form."""
        from bluelabel.services.cards.board import Board
        from bluelabel.services.cards.desk import Desk

        desk = Desk(
            self.root / (file or self.settings.cards),
            self.book,
            self.home,
            self.actor,
            self.repository,
            clock=self.clock,
            tables=self.settings.tables,
            agents=self.settings.directory.people,
            person=self.settings.directory.human,
        )
        return Board(desk)

    def worker_name(self, agent: str) -> str:
        """Return who holds a claim made here for `agent`: the agent's name, and the process as far as it matters."""
        return agent if self.actor in (agent, self.settings.directory.human) else self.actor

    def read_edits(self, tell: Callable[[str], None] | None = None) -> None:
        """Read hand edits of the boxes and dropped files of this worktree, before a question is answered.

        Args:
            tell: told, line by line, what was set aside, left alone or not possible.
        """
        from bluelabel.runner.boxes import Boxes

        report = Boxes(self).sweep()
        if tell is not None:
            for line in report.notes():
                tell(line)

    def refresh_views(self, agents: Iterable[str], tell: Callable[[str], None] | None = None) -> None:
        """Bring the boxes of `agents` in this worktree up to date.

        What was done before is in the ledger: a box that cannot be written now is a remark, and the next look at it
        tries again.

        Args:
            tell: told, line by line, what was set aside, left alone or not possible; standard error unless given.
        """
        from bluelabel.runner.boxes import Boxes

        tell = tell or _remark
        try:
            notes = Boxes(self).refresh(agents).notes()
        except (BluelabelError, OSError) as error:
            notes = [f"the boxes are not up to date: {error}"]
        for line in notes:
            tell(line)

    def close(self) -> None:
        """Let go of ledger and index."""
        if "book" in self.__dict__:
            self.book.close()


def _remark(line: str) -> None:
    sys.stderr.write(f"{line}\n")
