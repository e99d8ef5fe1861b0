"""`doctor` for TASK_CARDS.md: shows what a repair would change, or repairs and keeps a copy of what was there."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from typing import TYPE_CHECKING

from bluelabel.interfaces.errors import machine_error
from bluelabel.interfaces.limits import CARDS_BYTES
from bluelabel.interfaces.records.workspace import Finding
from bluelabel.services.cards.queries.lint import unread as unread_lines
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.cards.text.unread import UNREAD, summary
from bluelabel.services.files.disk import make_directory, replace_file

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


def examine_cards(workspace: Workspace, *, fix: bool, show: Callable[[str], None] | None) -> list[Finding]:
    """Look at the card file of this worktree.

    Args:
        workspace: whose cards.
        fix: repair the file; a copy is put into ``backups/`` of the state directory first.
        show: told the lines of a diff instead, when nothing may be changed.
    """
    path = workspace.root / workspace.settings.cards
    name = path.name
    if not path.is_file():
        return [Finding("cards", "note", f"there is no {name}", "make one with `bluelabel init`")]
    if path.stat().st_size > CARDS_BYTES:
        return [
            Finding("cards", "bad", f"{name} is over {CARDS_BYTES:,} bytes", "archive cards: `bluelabel card archive`")
        ]
    data = path.read_bytes()
    repaired = repair(data, vocabulary=workspace.vocabulary)
    if repaired.content == data:
        return _read(name, parse(data, workspace.vocabulary))
    what = [f"{problem.message}: {problem.at(name)}" for problem in repaired.done]
    if fix:
        backup = workspace.home / "backups" / f"{workspace.ids.new()}-{name}"
        try:
            make_directory(backup.parent)
            replace_file(backup, data)
            workspace.cards().repair()
        except OSError as error:
            raise machine_error(error, f"repairing {name}", str(path)) from error
        return [Finding("cards", "fixed", text, f"the file as it was: {backup}") for text in what]
    if show is not None:
        before, after = (text.decode("utf-8", "replace").splitlines() for text in (data, repaired.content))
        for line in unified_diff(before, after, name, f"{name} repaired", lineterm=""):
            show(line)
    hint = "see the changes with `bluelabel doctor --fix --dry-run`, make them with `bluelabel doctor --fix`"
    return [Finding("cards", "bad", text, hint) for text in what]


def _read(name: str, document: CardDocument) -> list[Finding]:
    """Return what a look at a card file finds that needs no repair."""
    told = [
        Finding("cards", "note", f"{problem.message}: {problem.at(name)}", problem.hint)
        for problem in document.problems
        if problem.code not in UNREAD
    ]
    if many := summary(document.problems):
        told.append(Finding("cards", "note", many[0], many[1]))
    if unread := sum(1 for _ in unread_lines(document)):
        text = f"{unread} lines of {name} look like fields and are not read"
        told.append(Finding("cards", "note", text, "see `bluelabel card lint`"))
    return [Finding("cards", "ok", f"{len(document.cards):,} cards in {name}"), *told]
