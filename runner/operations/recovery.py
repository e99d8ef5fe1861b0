"""`recover`: every room puts right what a crash left behind in it."""

from __future__ import annotations

from collections.abc import Callable

from bluelabel.interfaces.errors import Conflict
from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace
from bluelabel.services.cards.card_file import Report
from bluelabel.services.git.crash_recovery import mend_index, remove_stale_locks
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.verify import Verdict, recover


def recover_workspace(workspace: Workspace, say: Callable[[str], None]) -> Verdict:
    """Seal torn tails, finish or undo interrupted work, mend what a killed git left, refresh the boxes here.

    Args:
        workspace: to put right.
        say: told, line by line, what was done.
    """
    verdict = recover(workspace.book, workspace.home, say)
    if workspace.repository is not None:
        _mend_git(workspace.repository, say)
    boxes = Boxes(workspace)
    boxes.sweep()
    boxes.refresh(workspace.settings.directory.mailboxes)
    workspace.runs.mend()
    if (workspace.root / workspace.settings.cards).is_file():
        told_by(workspace.cards().recover(), workspace.settings.cards, say)
    return verdict


def _mend_git(repository: GitRepository, say: Callable[[str], None]) -> None:
    try:
        for lock in remove_stale_locks(repository):
            say(f"removed {lock}, the lock of a git process that is dead")
    except Conflict as error:  # it is not dead: whatever it is doing is not ours to put right
        say(f"{error}; its locks are left alone")
        return
    if mend_index(repository):
        say("made git's index anew from HEAD; the old one, cut short, is kept as index.broken")


def told_by(report: Report, file: str, say: Callable[[str], None]) -> None:
    """Tell what a look at the cards has noticed or put right."""
    for text in (*(alarm.message(file) for alarm in report.alarms), *report.notes, *report.clashes):
        say(text)
