"""`bluelabel card …`: list, edit and verify task cards. Each command is a module of its own, imported when called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from bluelabel.apps.cli.app import Group

_ROOM: Final = "bluelabel.apps.cli.commands"

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "list": ("card_read:list_cards", "List cards, filtered."),
    "show": ("card_read:show", "Show one card: fields, checklist, claims, evidence, history."),
    "next": ("card_read:next_card", "Show what to begin next."),
    "board": ("card_read:board", "Show the cards by status, side by side."),
    "stats": ("card_read:stats", "Count the cards; compare with the statistics block."),
    "lint": ("card_read:lint", "Say what is wrong with the file."),
    "new": ("card_write:new", "Add a card after the file's own template."),
    "set": ("card_write:set_field", "Set one field of a card; COMPLETED needs evidence."),
    "check": ("card_write:check", "Tick or clear an entry of a card's checklist."),
    "move": ("card_write:move", "Move a card to another section."),
    "archive": ("card_write:archive", "Move cards to the archive."),
    "restore": ("card_write:restore", "Bring lost or archived cards back."),
    "undo": ("card_write:undo", "Take the last change back."),
    "verify": ("card_verify:verify", "Check what cards claim against git."),
}


class _Cards(Group):
    def summaries(self) -> Mapping[str, str]:
        return {name: summary for name, (_, summary) in COMMANDS.items()}


@click.group("card", cls=_Cards, lazy={name: f"{_ROOM}.{place}" for name, (place, _) in COMMANDS.items()})
def card() -> None:
    """List, edit and verify task cards; people's bytes stay as they are."""
