"""The box files of one worktree: read before a question, refreshed after a change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from bluelabel.interfaces.errors import NotPermitted
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.sync import BoxOffice

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace
    from bluelabel.services.postbox.boxes.adoption import StrangeBox
    from bluelabel.services.postbox.boxes.watcher import BoxWatcher


class Boxes:
    """Ties the views and entrances of ``postbox/`` in a worktree to its post office.

    Args:
        workspace: whose boxes.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.root / "postbox"
        self._watcher: BoxWatcher | None = None

    @cached_property
    def office(self) -> BoxOffice:
        """The counter of this worktree; what it remembers of its views is kept beside the ledger, by worktree."""
        worktree = hashlib.sha256(os.fsencode(self.workspace.root)).hexdigest()[:12]
        state = self.workspace.home / "postbox" / worktree
        space = self.workspace
        return BoxOffice(space.postbox, self.folder, state, space.clock, space.ids, self._left_out)

    def _left_out(self) -> frozenset[str]:
        """Return the boxes that git has and a sparse checkout leaves out here."""
        from bluelabel.services.git.index import left_out

        location = self.workspace.location
        return left_out(location.root, self.folder) if location is not None else frozenset()

    def sweep(self, agents: Iterable[str] | None = None) -> IntakeReport:
        """Read what people and agents have changed by hand or dropped; cheap when they have not."""
        return self.office.sweep(agents)

    def refresh(self, agents: Iterable[str]) -> IntakeReport:
        """Write the boxes of `agents` anew where they are not current; edits that stand there are read first."""
        return self.office.refresh(agents)

    def unread(self) -> list[str]:
        """Return whose boxes were edited or dropped into since they were last read; changes nothing."""
        return self.office.unread()

    def adopt(self, *, dry_run: bool = False) -> tuple[list[StrangeBox], IntakeReport]:
        """Take over the mail of other post offices whose boxes are in this worktree, as after a clone.

        Args:
            dry_run: only look for them.

        Returns:
            Their boxes, and what came of it.

        Raises:
            MachineError: it could not be stored.
        """
        found = self.office.strangers()
        report = IntakeReport() if dry_run else self.office.adopt(self.workspace.actor)
        if report.closed is not None:
            raise NotPermitted(report.closed, where=str(self.workspace.home), hint="run `bluelabel doctor`")
        return found, report

    def start(self, say: Callable[[str], None]) -> None:
        """Watch the boxes from a thread of their own until `stop`.

        Args:
            say: told, line by line, what could not be done; called from that thread.
        """
        from bluelabel.services.postbox.boxes.watcher import BoxWatcher

        def tell(report: IntakeReport) -> None:
            for problem in report.problems:
                say(f"{self.folder}: {problem}")

        self._watcher = BoxWatcher(self.office, self.folder, tell)
        self._watcher.start()

    def stop(self) -> None:
        """End the watch; waits for the look that is being taken."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
