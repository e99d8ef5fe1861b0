"""Takes cards out of the way and brings them back: archive, restore, undo."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import NotFound, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.services.cards.apply_events import pack, unpack
from bluelabel.services.cards.card_file import Recorded
from bluelabel.services.cards.card_store import Desk, Plan
from bluelabel.services.cards.editing import edit, sections
from bluelabel.services.cards.inverse import archived, changed_again, followed, inverse
from bluelabel.services.cards.save_detection import stands
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.model import Card, CardDocument, to_bytes
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap


def archiving(desk: Desk, names: Sequence[str], target: str) -> Plan:
    """Return a plan that moves cards to the archive: ``section``, or a path beside the card file."""
    to = "section" if target == "section" else _archive_path(desk, target)

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        chosen = [document.card(name) for name in names] or [
            card for card in document.cards if card.status is CardStatus.COMPLETED and not sections.in_archive(card)
        ]
        cards = [card for card in chosen if not sections.in_archive(card)]
        if to != "section":
            _copy(desk, to, document, cards)
        before = followed(document)
        return [archived(desk, document, card, to, before[card.start]) for card in cards]

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
        swap.publish(path, compute)


def restoring(desk: Desk, names: Sequence[str]) -> Plan:
    """Return a plan that brings cards back beside the text as it is now."""

    def plan(document: CardDocument, db: sqlite3.Connection) -> Sequence[Draft]:
        lost = _lost(desk)
        wanted = list(names) or [name for name in lost if name not in document.by_id]
        drafts: list[Draft] = []
        for name in wanted:
            here = document.by_id.get(name, ())
            if any(not sections.in_archive(card) for card in here):
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
        follows = followed(before)
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


def undoing(desk: Desk, name: str | None = None) -> tuple[Plan, Mapping[str, bytes] | None]:
    """Return a plan that takes a change back, and the exact text for where nobody touched the file since.

    Args:
        desk: the file.
        name: take back the last change of this card, whoever made it; without one the last command's.
    """
    state = desk.memory.load()
    unit = state.unit if state else []
    if state is None or (not unit and name is None):
        hint = "name a card with --id to take back what others recorded" if name is None else "see `bluelabel log`"
        raise NotFound("nothing to undo", where=desk.file, hint=hint)
    before = desk.memory.text(state.unit_before)
    exactly = {state.unit_after: before} if before is not None else None
    if name is not None:
        return _undoing_one(desk, name, exactly, unit)
    events = desk.recorded(0, frozenset(unit))

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        follows = followed(document)
        drafts = [draft for event in events for draft in inverse(desk, document, event, follows)]
        if not drafts and events:
            raise changed_again(desk, events[-1])
        return drafts

    return plan, exactly


def _undoing_one(
    desk: Desk, name: str, exactly: Mapping[str, bytes] | None, unit: Sequence[int]
) -> tuple[Plan, Mapping[str, bytes] | None]:
    """Return a plan that takes back the last recorded change of one card; see `undoing`."""
    text: dict[str, bytes] = {}

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        event = _last_of(desk, document, name)
        if not stands(document, event) or not _untouched(document, event):
            raise changed_again(desk, event)
        if exactly and list(unit) == [event.event]:
            text.update(exactly)
        return inverse(desk, document, event, followed(document))

    return plan, text


def _last_of(desk: Desk, document: CardDocument, name: str) -> Recorded:
    """Return the last change of a card; what another branch recorded counts where it has come into this file.

    What somebody has set by hand since, to something new, is theirs to take back.

    Raises:
        NotFound: nothing is recorded of it.
    """
    wanted, _, nth = name.partition("#")
    branch = desk.branch()
    for event in reversed(desk.recorded_of(wanted) or desk.recorded_of(wanted.upper())):
        is_meant = "overrides" not in event.data and (not nth or str(event.data.get("nth") or 1) == nth)
        if is_meant and (event.branch in (None, branch) or stands(document, event)):
            return event
    hint = "see `bluelabel card show`; a change by hand is taken back by hand"
    raise NotFound("no change of this card is recorded", where=name[:80], hint=hint)


def _untouched(document: CardDocument, event: Recorded) -> bool:
    """Tell whether taking a card out again would take nothing with it that was written since."""
    cards = document.by_id.get(str(event.data.get("id")), ())
    block = unpack(event.data.get("block"))
    return event.kind != "card.created" or any(edit.block(document, card) == block for card in cards)
