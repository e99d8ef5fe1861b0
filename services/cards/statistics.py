"""The statistics block: what it states, what is true, and the block corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluelabel.services.cards.model import CardDocument, to_bytes
from bluelabel.services.cards.words import CardStatus, heading_name, status_of

_TOTAL = frozenset({"total", "total tasks", "total cards", "tasks", "cards"})


def computed(counts: Mapping[str, int], key: str) -> int | None:
    """Return the true number for a line of the block, None when nobody can compute it.

    Args:
        counts: what `CardDocument.counts` gives.
        key: what the line counts, as written.
    """
    if heading_name(key) in _TOTAL:
        return counts["total"]
    status = status_of(key)
    return None if status is None else counts[status]


def report(document: CardDocument) -> dict[str, Any]:
    """Return the computed numbers, and each line of the statistics block that states another."""
    counts = document.counts()
    return {
        "total": counts["total"],
        "by_status": {status.value: counts[status] for status in CardStatus} | {"none": counts["none"]},
        "by_assignee": _by_assignee(document),
        "stated": {line.key: line.value for line in document.statistics},
        "differs": [
            {"key": line.key, "stated": line.value, "computed": number, "line": line.line}
            for line in document.statistics
            if (number := computed(counts, line.key)) is not None and line.value != str(number)
        ],
    }


def with_statistics(document: CardDocument) -> bytes:
    """Return the file with the numbers of its statistics block made true; without a block nothing changes."""
    counts, parts, at = document.counts(), list[str](), 0
    for line in document.statistics:
        number = computed(counts, line.key)
        if number is not None:
            parts += [document.text[at : line.start], str(number)]
            at = line.end
    return to_bytes("".join(parts) + document.text[at:])


def _by_assignee(document: CardDocument) -> dict[str, int]:
    counts: dict[str, int] = {}
    for card in document.cards:
        for name in card.assignees or ("",):
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
