"""The box files of one worktree: read before a question, refreshed after a change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from bluelabel.services.postbox.box_office import BoxOffice
from bluelabel.services.postbox.intake_report import IntakeReport

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


class Boxes:
    """Ties the views and entrances of ``postbox/`` in a worktree to its post office.

    Args:
        workspace: whose boxes.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.root / "postbox"

    @cached_property
    def office(self) -> BoxOffice:
        """The counter of this worktree; what it remembers of its views is kept beside the ledger, by worktree."""
        worktree = hashlib.sha256(os.fsencode(self.workspace.root)).hexdigest()[:12]
        state = self.workspace.home / "postbox" / worktree
        return BoxOffice(self.workspace.postbox, self.folder, state, self.workspace.clock, self.workspace.ids)

    def sweep(self, agents: Iterable[str] | None = None) -> IntakeReport:
        """Read what people and agents have changed by hand or dropped; cheap when they have not."""
        return self.office.sweep(agents)

    def refresh(self, agents: Iterable[str]) -> IntakeReport:
        """Write the boxes of `agents` anew where they are not current; edits that stand there are read first."""
        return self.office.refresh(agents)
