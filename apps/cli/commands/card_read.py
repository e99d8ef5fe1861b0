"""Looking at cards: list, show, next, board, stats, lint."""

from __future__ import annotations

import re
from datetime import date
from itertools import zip_longest
from typing import Any

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.utils import card_printer as printer
from bluelabel.apps.cli.utils.card_files import file_option, open_board, read_document, shown_file, tell
from bluelabel.interfaces.errors import NotFound, UsageError
from bluelabel.interfaces.times import local_date
from bluelabel.services.cards.queries import dependencies
from bluelabel.services.cards.queries import lint as linting
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text import statistics
from bluelabel.services.cards.text.model import UNKNOWN, Card, CardDocument
from bluelabel.services.cards.text.unread import summary

_COLUMN = 26
"""Characters that a column of the board needs to be read."""


@click.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    help="Only this status (NONE: without one, UNKNOWN: nobody can read it); repeatable.",
)
@click.option("--assignee", help="Only cards of this agent.")
@click.option("--sprint", help="Only cards of this sprint: their field, or their section.")
@click.option("--section", help="Only cards in this section.")
@click.option("--ready", is_flag=True, help="Only cards that can be begun: not started, nothing to wait for.")
@file_option
@pass_app
def list_cards(
    app: App,
    statuses: tuple[str, ...],
    assignee: str | None,
    sprint: str | None,
    section: str | None,
    ready: bool,
    file: str | None,
) -> None:
    """List cards in the order of the file."""
    document = read_document(app, file)
    wanted = {_status(text, document) for text in statuses}
    cards = [
        card
        for card in document.cards
        if (not wanted or card.status_word in wanted)
        and (not assignee or assignee.casefold() in (name.casefold() for name in card.assignees))
        and (not sprint or _in_sprint(card, sprint))
        and (not section or section.casefold() in card.section.casefold())
        and (not ready or dependencies.is_ready(document, card))
    ]
    for card in cards:
        app.emit("card", printer.record(document, card))
    app.table(printer.COLUMNS, printer.rows(cards))
    app.say(f"{len(cards)} of {len(document.cards)} cards")
    if fields := sum(1 for _ in linting.unread(document)):
        app.note(f"note: {fields} lines look like fields and are not read; see `card lint`")
    if unread := summary(document.problems):
        app.note(f"note: {unread[0]}; {unread[1]}")


def _status(text: str, document: CardDocument) -> str | None:
    if text.casefold() in ("none", "null", ""):
        return None
    if text.upper() == UNKNOWN:
        return UNKNOWN
    status = document.vocabulary.status(text)
    if status is None:
        raise UsageError(
            "not a status", where=repr(text[:40]), hint=f"one of: {', '.join(CardStatus)}, NONE, {UNKNOWN}"
        )
    return status.value


def _in_sprint(card: Card, sprint: str) -> bool:
    number = re.sub(r"(?i)^sprint[ _-]*", "", sprint.strip())
    pattern = re.compile(rf"(?<![\w.]){re.escape(number)}(?![\w])", re.IGNORECASE)
    field = card.raw("sprint") or card.raw("milestone")
    if field is not None and pattern.search(field):
        return True
    named = re.search(rf"(?i)\bsprint[ _-]*{re.escape(number)}\b", card.section)
    return named is not None or card.id.startswith(f"SPRINT{number}-")


@click.command("show")
@click.argument("card_id", metavar="ID")
@file_option
@pass_app
def show(app: App, card_id: str, file: str | None) -> None:
    """Show one card: its text, what it claims, what was found, who changed it."""
    document = read_document(app, file)
    card = document.card(card_id)
    value = printer.full_record(document, card)
    history, evidence = _recorded(app, file, card)
    app.emit("card", {**value, "evidence": evidence, "history": history})
    app.say(plain(value["text"]))
    if evidence:
        app.say(f"\nlast check: {evidence['verdict']}, {evidence.get('at', '')}".rstrip(", "))
        for claim in evidence["claims"]:
            app.say(plain(f"  {claim['ok']!s:<5} {claim['kind']:<13} {claim['target']}: {claim['evidence']}"))
    for event in history[-10:]:
        what = event.get("field") or event.get("verdict") or ""
        app.say(f"{event['at'][:19]}Z {event['by']} {event['kind']} {what}".rstrip())


def _recorded(app: App, file: str | None, card: Card) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    try:
        board = open_board(app, file)
    except NotFound:
        return [], None
    return board.history(card.id), board.evidence(card.id)


@click.command("next")
@click.option("--assignee", help="For this agent; else for anyone.")
@click.option("--all", "all_", is_flag=True, help="Show all that can be begun, most urgent first.")
@file_option
@pass_app
def next_card(app: App, assignee: str | None, all_: bool, file: str | None) -> None:
    """Show what to begin next: not started, nothing to wait for, most urgent first."""
    document = read_document(app, file)
    cards = dependencies.next_cards(document, assignee)
    unknown = dependencies.passed_over(document, assignee)
    if not cards:
        what, status = ("nothing to begin", "NOT_STARTED")
        if unknown:
            what, status = f"{what}; {printer.passed_over(unknown)}", UNKNOWN
        raise NotFound(what, hint=f"see `bluelabel card list --status {status}`")
    if unknown:
        app.note(plain(f"note: {printer.passed_over(unknown)}"))
    for card in cards if all_ else cards[:1]:
        app.emit("card", printer.record(document, card))
    app.table(printer.COLUMNS, printer.rows(cards if all_ else cards[:1]))


@click.command("board")
@file_option
@pass_app
def board(app: App, file: str | None) -> None:
    """Show the cards by status: side by side, or one status below the other where the terminal is narrow."""
    document = read_document(app, file)
    columns = printer.columns(document)
    listed = {name or "NONE": [printer.record(document, card) for card in cards] for name, cards in columns.items()}
    app.emit("board", {"columns": listed})
    filled = {f"{name or 'NO STATUS'} ({len(cards)})": printer.lines(cards) for name, cards in columns.items() if cards}
    if app.console().width < _COLUMN * len(filled):
        for title, lines in filled.items():
            app.say(title)
            for line in lines:
                app.say(plain(f"  {line}"))
    elif filled:
        app.table(list(filled), zip_longest(*filled.values(), fillvalue=""))
    empty = [name for name, cards in columns.items() if not cards]
    if empty:
        app.say(f"no card: {', '.join(empty)}")


@click.command("stats")
@click.option("--write", is_flag=True, help="Correct the numbers of the statistics block.")
@file_option
@pass_app
def stats(app: App, write: bool, file: str | None) -> None:
    """Count the cards; say where the statistics block states something else."""
    if write:
        opened = open_board(app, file)
        found = opened.statistics(write=True)
        tell(app, opened)
    else:
        found = statistics.report(read_document(app, file))
    app.emit("card_stats", found)
    app.table(
        ("STATUS", "CARDS"), [("total", str(found["total"])), *((k, str(v)) for k, v in found["by_status"].items())]
    )
    for entry in found["differs"]:
        app.say(f"line {entry['line']}: {entry['key']} says {entry['stated']}, there are {entry['computed']}")


@click.command("lint")
@file_option
@click.pass_context
def lint(context: click.Context, file: str | None) -> None:
    """Say what is wrong with the file; exit 1 when it is unhealthy, remarks alone are fine."""
    app = context.ensure_object(App)
    document: CardDocument = read_document(app, file)
    problems = linting.lint(document, _today(app))
    name = shown_file(app, file)
    for problem in problems:
        fault = problem.code in linting.FAULTS
        app.emit("problem", {"file": name, **problem.as_json(), "hint": problem.hint, "fault": fault})
    for line in printer.problem_lines(problems, name):
        app.say(plain(line))
    faults = sum(problem.code in linting.FAULTS for problem in problems)
    app.say(f"{faults} faults, {len(problems) - faults} remarks in {len(document.cards)} cards")
    if faults:
        context.exit(1)


def _today(app: App) -> date:
    from bluelabel.services.ledger.clock import SystemClock

    try:
        return local_date(app.workspace().clock.now())
    except NotFound:
        return local_date(SystemClock().now())
