"""Checking what cards claim."""

from __future__ import annotations

from pathlib import Path

import click

from bluelabel.apps.cli.app import App, plain
from bluelabel.apps.cli.utils.card_files import file_option, open_board, read_document, tell
from bluelabel.apps.cli.utils.card_printer import evidence_lines
from bluelabel.interfaces.errors import NotFound
from bluelabel.services.cards.evidence.inspector import CardEvidence, Inspector, Verdict
from bluelabel.services.cards.status.statuses import CardStatus


@click.command("verify")
@click.argument("card_ids", metavar="[ID]...", nargs=-1)
@click.option("--rev", help="Look at this revision instead of the working tree.")
@file_option
@click.pass_context
def verify(context: click.Context, card_ids: tuple[str, ...], rev: str | None, file: str | None) -> None:
    """Check the files, branches, merges, tags, commits and tests that cards name; exit 1 when one is not there.

    Without an ID every card that calls itself completed is checked. What was found is kept in the ledger.
    """
    app = context.ensure_object(App)
    try:
        board = open_board(app, file)
    except NotFound:
        if file is None:
            raise
        found = _unrecorded(app, card_ids, rev, file)
    else:
        found = board.verify(card_ids, rev)
        tell(app, board)
    counts = dict.fromkeys(Verdict, 0)
    for evidence in found:
        counts[evidence.verdict] += 1
        app.emit("verify", evidence.as_json())
        for line in evidence_lines(evidence):
            app.say(plain(line))
    app.say(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))
    if counts[Verdict.FALSE]:
        context.exit(1)


def _unrecorded(app: App, card_ids: tuple[str, ...], rev: str | None, file: str) -> list[CardEvidence]:
    """Outside a workspace there is nowhere to keep what is found; it is shown all the same."""
    from bluelabel.services.git.repository import GitRepository

    document = read_document(app, file)
    cards = [document.card(name) for name in card_ids]
    cards = cards or [card for card in document.cards if card.status is CardStatus.COMPLETED]
    inspector = Inspector(GitRepository.find(app.root or Path.cwd()), rev)
    return [inspector.card(document, card) for card in cards]
