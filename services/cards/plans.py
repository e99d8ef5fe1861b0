"""Plans for changes of one card: new, set, ticked, moved. Each decides on the present file what is recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.times import local_date
from bluelabel.services.cards.apply_events import SECTION_FIELD, pack
from bluelabel.services.cards.card_store import Desk, Plan
from bluelabel.services.cards.editing import edit, ids, sections, template
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.value_format import named, raw_value, written_value


def creating(
    desk: Desk,
    title: str,
    values: Mapping[str, str],
    parts: Mapping[str, Sequence[str]],
    *,
    name: str | None,
    series: str | None,
    section: str | None,
) -> Plan:
    """Return a plan that adds a card; see `Board.new`.

    Raises:
        UsageError: a value is not allowed.
    """
    title = edit.check_value("title", title)
    fields = {"created": local_date(desk.clock.now()).isoformat()}
    for key, value in values.items():
        known = edit.field_name(key)
        fields[known] = edit.check_value(known, value, desk.vocabulary)
    elsewhere = ids.ids_elsewhere(desk.repository, desk.file, desk.home)

    def plan(document: CardDocument, db: sqlite3.Connection) -> Sequence[Draft]:
        taken = elsewhere | {str(row[0]) for row in db.execute("SELECT id FROM card_ids")}
        made = ids.checked(name, document, taken) if name else ids.next_id(document, taken, series)
        heading = sections.section(document, section) if section else sections.active_section(document)
        block = template.filled(document, made, title, fields, parts)
        data = {"id": made, "title": title, "section": heading.text if heading else "", "block": pack(block)}
        return [desk.draft("card.created", data)]

    return plan


def setting(
    desk: Desk, name: str, field: str, value: str, told: Mapping[str, Any], evidence: Sequence[Draft] = ()
) -> Plan:
    """Return a plan that sets a field; `told` says why, and the `evidence` for it is recorded with the change.

    Raises, when it is carried out:
        Refused: the field cannot be set without a doubt; nothing is recorded.
    """

    def plan(document: CardDocument, db: sqlite3.Connection) -> Sequence[Draft]:
        card = document.card(name)
        before = raw_value(card, field)
        after = written_value(desk.memory.place, document, card, field, value, db)
        if before == after or (before is None and after == ""):
            return []
        try:
            edit.set_field(document, card, field, after)
        except Refused as error:
            raise Refused(error.what, where=f"{desk.file}:{error.where}", hint=error.hint) from None
        data = {"field": field, "before": pack(before), "after": pack(after), **told}
        return [*evidence, desk.draft("card.changed", named(document, card) | data)]

    return plan


def checking(desk: Desk, name: str, number: int, *, done: bool) -> Plan:
    """Return a plan that ticks or clears an entry of a checklist."""

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        card = document.card(name)
        edit.check(document, card, number, done=done)
        item = checklist(document, card)[number - 1]
        if item.done is done:
            return []
        data = {"number": number, "text": pack(item.text), "done": done}
        return [desk.draft("card.checked", named(document, card) | data)]

    return plan


def moving(desk: Desk, name: str, section: str) -> Plan:
    """Return a plan that moves a card to the end of a section."""

    def plan(document: CardDocument, _db: sqlite3.Connection) -> Sequence[Draft]:
        card = document.card(name)
        target = sections.section(document, section).text
        if target == card.section:
            return []
        data = {"field": SECTION_FIELD, "before": pack(card.section), "after": pack(target)}
        return [desk.draft("card.changed", named(document, card) | data)]

    return plan
