"""How a status looks, wherever it is drawn: a glyph, so that no meaning hangs on colour alone, and a colour."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Look:
    """A glyph for terminals, a line and a fill colour for pictures, and the number of a terminal's colour."""

    glyph: str
    line: str
    fill: str
    ansi: int


PLAIN: Final = Look("", "#475569", "#f8fafc", 39)

LOOKS: Final[Mapping[str, Look]] = {
    "pending": Look("○", "#64748b", "#f1f5f9", 90),
    "created": Look("○", "#64748b", "#f1f5f9", 90),
    "running": Look("◐", "#2563eb", "#dbeafe", 34),
    "success": Look("✓", "#15803d", "#dcfce7", 32),
    "failed": Look("✗", "#b91c1c", "#fee2e2", 31),
    "retry": Look("↻", "#b45309", "#fef3c7", 33),
    "skipped": Look("»", "#64748b", "#e2e8f0", 90),
    "cancelled": Look("■", "#57534e", "#e7e5e4", 35),
    "partial_success": Look("◑", "#b45309", "#fef3c7", 33),
}


def look(status: str | None) -> Look:
    """Return how `status` looks; an unknown word or None looks plain."""
    return LOOKS.get(status or "", PLAIN)


def clean(text: str, limit: int = 60) -> str:
    """Return `text` on one line, without control characters, at most `limit` characters long.

    Escape sequences in a name must not reach the terminal, nor characters that turn the reading direction.
    """
    shown = "".join(" " if char in "\n\r\t" else char for char in text[: limit * 4])
    shown = "".join(char for char in shown if unicodedata.category(char)[0] != "C").strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(cell(char) for char in text)


def cell(char: str) -> int:
    """Return how many columns one character takes: 0, 1 or 2."""
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
