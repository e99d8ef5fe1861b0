"""What is wrong with a card file beyond what its reader meets: dependencies, dates, leftovers of merges, old lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.merge.card import OTHER_SIDE
from bluelabel.services.cards.queries.dependencies import cycles, dependencies
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.field_names import usual
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.statistics import report
from bluelabel.services.cards.text.unread_fields import Unread, twice, unread_fields

FAULTS: Final = frozenset(
    {
        "conflict-markers",
        "cycle",
        "duplicate-id",
        "nul-byte",
        "unclosed-comment",
        "unclosed-fence",
        "unknown-dependency",
        "unknown-status",
        "unresolved-clash",
    }
)
"""Problems that make a file unhealthy; the others are remarks."""

_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def lint(document: CardDocument, today: date) -> list[Problem]:
    """Return everything that is wrong with a file, in the order of its lines.

    Args:
        document: the file.
        today: for dates that lie ahead.
    """
    found = [*document.problems, *_waiting(document), *_dates(document, today), *_clashes(document)]
    found += [*_lists(document), *_statistics(document), *unread(document), *_twice(document)]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0))


def _waiting(document: CardDocument) -> Iterator[Problem]:
    known = {*document.by_id, *(reference.id for reference in document.references)}
    for card in document.cards:
        for name in dependencies(card, document.prefixes):
            if name not in known:
                line = card.fields["dependencies"].line
                yield Problem("unknown-dependency", f"{card.id} waits for {name}, which is not in this file", line, 1)
    for ring in cycles(document):
        line = document.by_id[ring[0]][0].line
        yield Problem("cycle", f"these cards wait for one another: {' -> '.join([*ring, ring[0]])}", line, 1)


def _dates(document: CardDocument, today: date) -> Iterator[Problem]:
    for card in document.cards:
        days = {name: _day(card.raw(name)) for name in ("created", "updated", "completed", "date")}
        for name, day in days.items():
            if day and day > today:
                yield Problem("date-ahead", f"{card.id}: {name} lies in the future", card.fields[name].line, 1)
        created, completed = days["created"], days["completed"]
        if created and completed and completed < created:
            line = card.fields["completed"].line
            yield Problem("date-order", f"{card.id} was completed before it was created", line, 1)
        if card.status is CardStatus.COMPLETED:
            left = [item for item in checklist(document, card) if not item.done]
            if left:
                message = f"{card.id} is completed, and {len(left)} entries of its checklist are open"
                yield Problem("open-checklist", message, left[0].line, 1)


def unread(document: CardDocument) -> Iterator[Problem]:
    """Yield the lines that look like fields and are not read; a key that is no field's is told once for all cards."""
    others: dict[str, tuple[Unread, int]] = {}
    for card in document.cards:
        for line in unread_fields(document, card):
            if line.guess:
                message = f"`{line.text}` looks like the {line.guess} of {card.id} and is not read as one"
                yield Problem("unread-field", message, line.line, line.column, f"write it as `{usual(line.guess)}: …`")
            else:
                first, count = others.get(line.key, (line, 0))
                others[line.key] = first, count + 1
    for line, count in others.values():
        more = f", in {count} cards" if count > 1 else ""
        message = f"`{line.text}` looks like a field; {line.key!r} is none that is known{more}"
        yield Problem("unread-field", message, line.line, line.column)


def _twice(document: CardDocument) -> Iterator[Problem]:
    for card in document.cards:
        for number, column, name in twice(document, card):
            counts = "neither counts" if name == "status" and card.status is None else "that one counts"
            message = f"{card.id} has another {name} in line {card.fields[name].line}; {counts}"
            yield Problem("field-twice", message, number, column, "keep one of them")


def _day(raw: str | None) -> date | None:
    match = _DATE.search(raw or "")
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def _clashes(document: CardDocument) -> Iterator[Problem]:
    line, last = 1, 0
    while (at := document.text.find(OTHER_SIDE, last)) >= 0:
        line += document.text.count("\n", last, at)
        last = at + len(OTHER_SIDE)
        yield Problem("unresolved-clash", "both sides of a merge are still here", line, 1, "keep one of the two lines")


def _lists(document: CardDocument) -> Iterator[Problem]:
    for reference in document.references:
        cards = document.by_id.get(reference.id, ())
        same = [card for card in cards if card.title.casefold() == reference.title.casefold()]
        done = any(card.status is CardStatus.COMPLETED for card in same)
        if done and (reference.kind in ("backlog", "table") or reference.done is False):
            message = f"{reference.id} is completed, and this list still has it open"
            yield Problem("stale-reference", message, reference.line, 1)


def _statistics(document: CardDocument) -> Iterator[Problem]:
    for entry in report(document)["differs"]:
        message = f"{entry['key']} says {entry['stated']}, there are {entry['computed']}"
        hint = "`bluelabel card stats --write` corrects it"
        yield Problem("wrong-statistics", message, entry["line"], 1, hint)
