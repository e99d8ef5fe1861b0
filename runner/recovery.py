"""`recover`: every room puts right what a crash left behind in it."""

from __future__ import annotations

from collections.abc import Callable

from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace
from bluelabel.services.ledger.verify import Verdict, recover


def recover_workspace(workspace: Workspace, say: Callable[[str], None]) -> Verdict:
    """Seal torn tails, finish or undo interrupted work, refresh the boxes of this worktree.

    Args:
        workspace: to put right.
        say: told, line by line, what was done.
    """
    verdict = recover(workspace.book, workspace.home, say)
    boxes = Boxes(workspace)
    boxes.sweep()
    boxes.refresh(workspace.settings.directory.mailboxes)
    return verdict
