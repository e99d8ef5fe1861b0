"""Changing cards: new, set, check, move, archive, restore, undo."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.options import read_text
from bluelabel.apps.cli.utils import card_printer as printer
from bluelabel.apps.cli.utils.card_files import file_option, open_board, tell
from bluelabel.interfaces.errors import NotFound, Refused, UsageError
from bluelabel.interfaces.events import Event
from bluelabel.services.cards.apply_events import unpack
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.text.model import Card, shown


def _show(app: App, board: Board, card: Card, text: str) -> None:
    tell(app, board)
    app.show("card", printer.record(board.desk.seen, card), plain(text))


@click.command("new")
@click.argument("title")
@click.option("--id", "card_id", help="Its id.  [default: the next free one]")
@click.option("--series", help="What a new id begins with: TASK, QUICK, or TASK-161 to go on with letters.")
@click.option("--assignee", help="Who does it.")
@click.option("--priority", help="LOW, MEDIUM, HIGH or CRITICAL.")
@click.option("--status", help="NOT_STARTED unless given.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Another field; repeatable.")
@click.option("--depends", multiple=True, metavar="ID", help="A card it waits for; repeatable.")
@click.option("--description", help="What it is about; @FILE reads a file, - standard input.")
@click.option("--deliverable", "deliverables", multiple=True, help="An entry of its checklist; repeatable.")
@click.option("--path", "paths", multiple=True, help="A file it makes or changes, with its mark: 'a.py (new)'.")
@click.option("--section", help="Where it goes.  [default: where work in hand stands]")
@file_option
@pass_app
def new(
    app: App,
    title: str,
    card_id: str | None,
    series: str | None,
    assignee: str | None,
    priority: str | None,
    status: str | None,
    fields: tuple[str, ...],
    depends: tuple[str, ...],
    description: str | None,
    deliverables: tuple[str, ...],
    paths: tuple[str, ...],
    section: str | None,
    file: str | None,
) -> None:
    """Add a card after the file's own template; its id is free in every branch and worktree."""
    values = {"status": status, "assignee": assignee, "priority": priority, "dependencies": ", ".join(depends)}
    given = {name: value for name, value in values.items() if value}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError("not FIELD=VALUE", where=repr(text[:40]), hint="write --set branch=dev/x")
        given[name] = value
    parts = {
        "description": read_text(description, "--description").splitlines() if description else [],
        "deliverables": [f"- [ ] {line}" for line in deliverables],
        "files": [f"- {line}" for line in paths],
    }
    board = open_board(app, file)
    made = board.new(title, given, parts, name=card_id, series=series, section=section)
    _show(app, board, board.desk.read().card(made), made)


@click.command("set")
@click.argument("card_id", metavar="ID")
@click.argument("field")
@click.argument("value")
@click.option("--force", is_flag=True, help="Set COMPLETED in spite of false claims; needs --reason.")
@click.option("--reason", help="Why; it is recorded.")
@file_option
@pass_app
def set_field(
    app: App, card_id: str, field: str, value: str, force: bool, reason: str | None, file: str | None
) -> None:
    """Set one FIELD of a card to VALUE, and nothing else; "" takes the value away.

    A bare status (BLOCKED) is written as this file writes it. COMPLETED is refused when a claim of the card is false.
    """
    board = open_board(app, file)
    try:
        card = board.set(card_id, field, value, force=force, reason=reason)
    except Refused:
        tell(app, board)
        raise
    _show(app, board, card, f"{card.id}: {field} {value!r}")


@click.command("check")
@click.argument("card_id", metavar="ID")
@click.argument("number", metavar="N", type=click.IntRange(1))
@click.option("--off", is_flag=True, help="Clear it instead.")
@file_option
@pass_app
def check(app: App, card_id: str, number: int, off: bool, file: str | None) -> None:
    """Tick entry N of a card's checklist."""
    board = open_board(app, file)
    card = board.check(card_id, number, done=not off)
    _show(app, board, card, f"{card.id}: entry {number} {'cleared' if off else 'ticked'}")


@click.command("move")
@click.argument("card_id", metavar="ID")
@click.argument("section")
@file_option
@pass_app
def move(app: App, card_id: str, section: str, file: str | None) -> None:
    """Move a card, byte for byte, to the end of SECTION."""
    board = open_board(app, file)
    card = board.move(card_id, section)
    _show(app, board, card, f"{card.id} stands in {card.section}")


@click.command("archive")
@click.argument("card_ids", metavar="[ID]...", nargs=-1)
@click.option("--completed", is_flag=True, help="Every completed card.")
@click.option("--to", metavar="PATH", help="An archive file beside or below the card file, else its archive section.")
@file_option
@pass_app
def archive(app: App, card_ids: tuple[str, ...], completed: bool, to: str | None, file: str | None) -> None:
    """Move cards, byte for byte, to the archive."""
    if bool(card_ids) is completed:
        raise UsageError("name the cards, or say --completed", hint="bluelabel card archive TASK-7 TASK-8")
    board = open_board(app, file)
    moved = board.archive(card_ids, to)
    tell(app, board)
    for name in moved:
        app.show("card_archived", {"id": name}, f"{name} archived")
    if not moved:
        raise NotFound("nothing to archive", hint="see `bluelabel card list --status COMPLETED`")


@click.command("restore")
@click.argument("card_ids", metavar="[ID]...", nargs=-1)
@file_option
@pass_app
def restore(app: App, card_ids: tuple[str, ...], file: str | None) -> None:
    """Bring cards back beside the text as it is now; without an ID every card that saves have lost."""
    board = open_board(app, file)
    board.inspect()
    tell(app, board)
    back = board.restore(card_ids)
    tell(app, board)
    for name in back:
        app.show("card_restored", {"id": name}, f"{name} is back")
    if not back:
        app.say("nothing is missing")


@click.command("undo")
@click.option("--id", "card_id", metavar="ID", help="Take back the last recorded change of this card, whoever made it.")
@file_option
@pass_app
def undo(app: App, card_id: str | None, file: str | None) -> None:
    """Take the last command's change of the file back; undoing twice makes it again.

    With --id the last recorded change of one card: a worker's, another's, or a revert that was noticed.
    """
    board = open_board(app, file)
    events = board.undo(card_id)
    tell(app, board)
    for event in events:
        name = str(event.data.get("id"))
        words = plain(f"{name}: {_again(event)}")
        app.show("card_undone", {"id": name, "kind": event.kind, "seq": event.seq}, words)


def _again(event: Event) -> str:
    """Say how a card stands now that a change of it was taken back."""
    data = event.data
    if event.kind == "card.changed":
        value = shown(unpack(data.get("after")) or "")
        return f"{data.get('field')} is {value!r} again" if value else f"{data.get('field')} is empty again"
    if event.kind == "card.checked":
        return f"entry {data.get('number')} is {'ticked' if data.get('done') else 'clear'} again"
    if event.kind == "card.restored":
        return "back where it was"
    return "archived again" if data.get("to") else "taken out again"
