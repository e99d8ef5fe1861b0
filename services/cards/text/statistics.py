"""The statistics block: what it states, what is true, and the block corrected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.model import CardDocument, Statistic, to_bytes
from bluelabel.services.cards.text.vocabulary import heading_name

_TOTAL: Final = frozenset({"total", "total tasks", "total cards", "tasks", "cards"})
_COUNTED: Final = re.compile(r"\b(?:total|number of|tasks?|cards?)\b", re.IGNORECASE)


def computed(document: CardDocument) -> Iterator[tuple[Statistic, int]]:
    """Yield the lines of the statistics block whose true number anyone can compute, and that number.

    Where two lines stand for one status ("In progress", "In review"), nobody knows how they share its cards.
    """
    counts = document.counts()
    keys = [_counted(document, line.key) for line in document.statistics]
    often = Counter(keys)
    for line, key in zip(document.statistics, keys, strict=True):
        if key is not None and often[key] == 1:
            yield line, counts[key]


def _counted(document: CardDocument, key: str) -> str | None:
    """Return what of `CardDocument.counts` a line of the block counts."""
    name = heading_name(key)
    if name in _TOTAL:
        return "total"
    status = document.vocabulary.status(_COUNTED.sub(" ", name).strip())
    return "unknown" if name == "unknown" else status and status.value


def report(document: CardDocument) -> dict[str, Any]:
    """Return the computed numbers, and each line of the statistics block that states another."""
    counts = document.counts()
    by_status = {status.value: counts[status] for status in CardStatus}
    return {
        "total": counts["total"],
        "by_status": by_status | {"none": counts["none"], "unknown": counts["unknown"]},
        "by_assignee": _by_assignee(document),
        "stated": {line.key: line.value for line in document.statistics},
        "differs": [
            {"key": line.key, "stated": line.value, "computed": number, "line": line.line}
            for line, number in computed(document)
            if line.value != str(number)
        ],
    }


def with_statistics(document: CardDocument) -> bytes:
    """Return the file with the numbers of its statistics block made true; without a block nothing changes."""
    parts, at = list[str](), 0
    for line, number in computed(document):
        parts += [document.text[at : line.start], str(number)]
        at = line.end
    return to_bytes("".join(parts) + document.text[at:])


def _by_assignee(document: CardDocument) -> dict[str, int]:
    counts: dict[str, int] = {}
    for card in document.cards:
        for name in card.assignees or ("",):
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
