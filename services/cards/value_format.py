"""How a value is written into a card: as the card had it before, as its file writes it, or as it was given."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from bluelabel.services.cards.apply_events import unpack
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.model import Card, CardDocument


def raw_value(card: Card, field: str) -> str | None:
    """Return what stands in a field now: "" for an empty line, None without a line."""
    if field == "title":
        return card.title
    found = card.fields.get(field)
    return found.raw if found else None


def named(document: CardDocument, card: Card) -> dict[str, Any]:
    """Return the id of a card, and which of them it is where several have it."""
    same = document.by_id[card.id]
    return {"id": card.id, "nth": same.index(card) + 1} if len(same) > 1 else {"id": card.id}


def written_value(
    place: str, document: CardDocument, card: Card, field: str, value: str, db: sqlite3.Connection
) -> str | None:
    """Return how a value is written here: taken back as it was, a bare status as this file writes it."""
    last = _last(place, card, field, db)
    before, after = (unpack(last.get("before")), unpack(last.get("after"))) if last else (None, None)
    taking_back = last is not None and after == raw_value(card, field)
    if not value:
        return None if taking_back and before is None else ""
    if field != "status" or (taking_back and before == value):
        return value
    word = value.upper().replace(" ", "_").replace("-", "_")
    if word not in CardStatus.__members__ or any(
        other.status_raw == value for other in document.cards if value != word
    ):
        return value
    if taking_back and before and document.vocabulary.status(before) is CardStatus(word):
        return before
    return edit.spelled(document, CardStatus(word))


def _last(place: str, card: Card, field: str, db: sqlite3.Connection) -> dict[str, Any] | None:
    query = (
        "SELECT data FROM card_events WHERE place = ? AND id = ? AND kind = 'card.changed' "
        "AND json_extract(data, '$.field') = ? ORDER BY seq DESC LIMIT 1"
    )
    row = db.execute(query, (place, card.id, field)).fetchone()
    return json.loads(row[0]) if row else None
