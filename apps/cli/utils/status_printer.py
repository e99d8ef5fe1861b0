"""What `status` prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bluelabel.apps.cli.app import App
from bluelabel.runner.workspace import Workspace
from bluelabel.services.cards.queries.record import read_cards
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.boxes.quarantine import set_aside

_STATES = ("sent", "claimed", "acked", "dead", "expired", "withdrawn")


def show_status(app: App) -> None:
    """Print mailboxes, cards, runs and the ledger's length."""
    workspace = app.workspace()
    workspace.read_edits()
    with workspace.book.reading() as db:
        counts = queries.counts(db)
        runs = {str(row[0]): int(row[1]) for row in db.execute("SELECT status, COUNT(*) FROM dag_runs GROUP BY status")}
    mailboxes = {name: counts.get(name, {}) for name in workspace.settings.directory.mailboxes}
    cards = _cards(workspace)
    seq = workspace.book.head().seq
    answer = {"root": str(workspace.root), "home": str(workspace.home), "seq": seq, "mailboxes": mailboxes}
    aside = {name: count for name in mailboxes if (count := set_aside(workspace.root / "postbox", name))}
    app.emit("status", answer | {"cards": cards, "runs": runs, "quarantine": aside})
    app.say(f"workspace {workspace.root}, {seq:,} events in the ledger")
    rows = [[name, *(f"{states.get(state, 0):,}" for state in _STATES)] for name, states in mailboxes.items()]
    app.table(("Mailbox", "Waiting", "Claimed", "Acked", "Dead", "Expired", "Withdrawn"), rows)
    app.say(f"cards: {_listed(cards)}")
    app.say(f"runs:  {_listed(runs)}")
    for name, count in aside.items():
        texts = "1 text" if count == 1 else f"{count:,} texts"
        app.say(f"{texts} set aside as unreadable in postbox/{name}/quarantine/, each with its reason beside it")


def _cards(workspace: Workspace) -> dict[str, int]:
    path = Path(workspace.root, workspace.settings.cards)
    if not path.is_file():
        return {}
    cards, _ = read_cards(path.read_bytes(), workspace.vocabulary)
    found = (card["status"] or ("unknown" if card["status_raw"] else "no status") for card in cards)
    return dict(Counter(map(str, found)))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"
