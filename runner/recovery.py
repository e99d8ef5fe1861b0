"""`recover`: every room puts right what a crash left behind in it."""

from __future__ import annotations

from collections.abc import Callable

from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace
from bluelabel.services.cards.paper import Report
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
    if (workspace.root / workspace.settings.cards).is_file():
        told_by(workspace.cards().recover(), workspace.settings.cards, say)
    return verdict


def told_by(report: Report, file: str, say: Callable[[str], None]) -> None:
    """Tell what a look at the cards has noticed or put right."""
    for text in (*(alarm.message(file) for alarm in report.alarms), *report.notes, *report.clashes):
        say(text)
