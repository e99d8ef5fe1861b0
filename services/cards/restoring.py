"""Takes cards out of the way and brings them back: archive, restore, undo."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import Conflict, NotFound, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.services.cards import edit, files, places
from bluelabel.services.cards.changes import pack, unpack
from bluelabel.services.cards.desk import Desk, Plan
from bluelabel.services.cards.document import parse
from bluelabel.services.cards.model import Card, CardDocument, to_bytes
from bluelabel.services.cards.paper import Recorded
from bluelabel.services.cards.statuses import CardStatus


def archiving(desk: Desk, names: Sequence[str], target: str) -> Plan:
    """Return a plan that moves cards to the archive: ``section``, or a path beside the card file."""
    to = "section" if target == "section" else _archive_path(desk, target)

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        chosen = [document.card(name) for name in names] or [
            card for card in document.cards if card.status is CardStatus.COMPLETED and not places.in_archive(card)
        ]
        cards = [card for card in chosen if not places.in_archive(card)]
        if to != "section":
            _copy(desk, to, document, cards)
        before = _before(document)
        return [_archived(desk, document, card, to, before[card.start]) for card in cards]

    return plan


def _archive_path(desk: Desk, target: str) -> str:
    path = Path(os.path.realpath(desk.path.parent / target))
    if not path.is_relative_to(desk.path.parent) or path == desk.path:
        raise UsageError("the archive must lie beside or below the card file", where=target[:80], hint="give a path")
    return path.relative_to(desk.path.parent).as_posix()


def _copy(desk: Desk, to: str, document: CardDocument, cards: Sequence[Card]) -> None:
    """Write the cards into the archive file before they leave this one: a kill between leaves both copies."""
    path = desk.path.parent / to
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = [edit.block(document, card) for card in cards]

    def compute(data: bytes) -> bytes:
        archive = parse(data or f"# Task Cards: archive{document.eol}{document.eol}".encode(), desk.vocabulary)
        there = {edit.block(archive, card) for card in archive.cards}
        new = [block for block in dict.fromkeys(blocks) if block not in there]
        return to_bytes(edit.inserted(archive, {len(archive.text): (archive.eol * 2).join(new)})) if new else data

    if blocks:
        files.publish(path, compute)


def _archived(desk: Desk, document: CardDocument, card: Card, to: str | None, follows: str) -> Draft:
    data = {
        "id": card.id,
        "to": to,
        "section": card.section,
        "follows": follows,
        "block": pack(edit.block(document, card)),
    }
    return desk.draft("card.archived", data)


def _before(document: CardDocument) -> dict[int, str]:
    """Return, for the beginning of each card, the id of the card before it in its section, "" for the first."""
    cards = document.cards
    pairs = zip((None, *cards), cards, strict=False)
    return {card.start: before.id if before and before.section == card.section else "" for before, card in pairs}


def restoring(desk: Desk, names: Sequence[str]) -> Plan:
    """Return a plan that brings cards back beside the text as it is now."""

    def plan(document: CardDocument, db: sqlite3.Connection) -> Sequence[Draft]:
        lost = _lost(desk)
        wanted = list(names) or [name for name in lost if name not in document.by_id]
        drafts: list[Draft] = []
        for name in wanted:
            here = document.by_id.get(name, ())
            if any(not places.in_archive(card) for card in here):
                continue
            data = _archived_where(desk, db, name) if here else lost.get(name) or _archived_where(desk, db, name)
            if data is None and not here:
                raise NotFound("nothing is known of this card", where=name[:80], hint="see `bluelabel log`")
            drafts.append(desk.draft("card.restored", {"id": name, **(data or {})}))
        return drafts

    return plan


def _lost(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return the cards that saves have lost, with their text and place, the latest loss first."""
    state = desk.memory.load()
    found: dict[str, dict[str, Any]] = {}
    for loss in reversed(state.losses if state else []):
        text = desk.memory.text(loss.text)
        before = parse(text or b"", desk.vocabulary)
        follows = _before(before)
        for name in loss.lost:
            if name in found or name not in before.by_id:
                continue
            card = before.by_id[name][-1]
            place = {"section": card.section, "follows": follows[card.start]}
            found[name] = {**place, "block": pack(edit.block(before, card)), "from": "lost"}
    order = {card.id: card.line for loss in (state.losses if state else []) for card in _cards(desk, loss.text)}
    return dict(sorted(found.items(), key=lambda entry: order.get(entry[0], 0)))


def _cards(desk: Desk, name: str) -> tuple[Card, ...]:
    text = desk.memory.text(name)
    return parse(text, desk.vocabulary).cards if text is not None else ()


def _archived_where(desk: Desk, db: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    query = (
        "SELECT data FROM card_events WHERE place = ? AND id = ? AND kind = 'card.archived' ORDER BY seq DESC LIMIT 1"
    )
    row = db.execute(query, (desk.memory.place, name)).fetchone()
    if row is None:
        return None
    data: dict[str, Any] = json.loads(row[0])
    return {**{key: data.get(key) for key in ("section", "follows", "block")}, "from": data.get("to")}


def undoing(desk: Desk) -> tuple[Plan, Mapping[str, bytes] | None]:
    """Return a plan that takes the last change back, and the exact text for where nobody touched the file since."""
    state = desk.memory.load()
    if state is None or not state.unit:
        raise NotFound("nothing to undo", where=desk.file, hint="only changes made with `bluelabel card` can be undone")
    events = desk.recorded(0, frozenset(state.unit))
    before = desk.memory.text(state.unit_before)
    exactly = {state.unit_after: before} if before is not None else None

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        follows = _before(document)
        return [draft for event in events for draft in _inverse(desk, document, event, follows)]

    return plan, exactly


def _inverse(desk: Desk, document: CardDocument, event: Recorded, follows: Mapping[int, str]) -> list[Draft]:
    data = dict(event.data)
    name = str(data.get("id"))
    card = document.by_id[name][-1] if name in document.by_id else None
    changed = {**data, "undoes": event.event}
    changed.pop("forced", None)
    if event.kind == "card.changed":
        changed["before"], changed["after"] = data.get("after"), data.get("before")
        field = str(data["field"])
        present = _present(document, data, field)
        if present != unpack(data.get("after")):
            raise Conflict(f"{field} of {name} was changed again since", where=desk.file, hint="set it by hand")
        return [desk.draft(event.kind, changed)]
    if event.kind == "card.checked":
        return [desk.draft(event.kind, {**changed, "done": not data.get("done")})]
    if event.kind == "card.archived":
        return [desk.draft("card.restored", {**changed, "from": data.get("to")})]
    if card is None:
        return []
    to = "section" if event.kind == "card.restored" and data.get("from") == "section" else None
    draft = _archived(desk, document, card, to, follows[card.start])
    return [Draft(draft.kind, draft.by, {**draft.data, "undoes": event.event})]


def _present(document: CardDocument, data: Mapping[str, Any], field: str) -> str | None:
    nth = data.get("nth")
    card = document.card(f"{data['id']}#{nth}" if nth else str(data["id"]))
    if field in ("title", "section"):
        return card.title if field == "title" else card.section
    found = card.fields.get(field)
    return found.raw if found else None
