"""The burndown, drawn: as bars for a terminal, and as SVG for a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final
from xml.sax.saxutils import escape

from bluelabel.services.sprint.metrics import Day
from bluelabel.services.sprint.model import one_line

_WIDTH: Final = 720
_HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 40, 48
_LABEL: Final = 72
"""How wide a day is, written out."""

_LETTERS: Final = 88
"""How many letters of a title fit."""


def bars(days: Sequence[Day], total: int, *, width: int = 40) -> list[str]:
    """Return one line for each day: the day, a bar of what was left, and the number."""
    scale = max(total, 1)
    lines: list[str] = []
    for day in days:
        eighths = round(day.remaining / scale * width * 8)
        bar = "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")
        lines.append(f"{day.day}  {bar:<{width}}  {day.remaining}")
    return lines


def svg(days: Sequence[Day], total: int, end: str, title: str) -> str:
    """Return the chart as an SVG document: what was left day by day, and the straight line to the planned end.

    Args:
        days: the remaining cards at the end of each day, without gaps.
        total: how many cards the sprint began with.
        end: its planned last day, ``YYYY-MM-DD``.
        title: what stands above the chart.
    """
    first = date.fromisoformat(days[0].day)
    span = max((date.fromisoformat(end) - first).days, len(days) - 1, 0) + 1
    height = max(total, *(day.remaining for day in days), 1)

    def x(number: float) -> str:
        return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * number / span:.1f}"

    def y(value: float) -> str:
        return f"{_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / height):.1f}"

    steps = [f"M {x(0)} {y(total)}"] + [f"H {x(n + 1)} V {y(day.remaining)}" for n, day in enumerate(days)]
    planned = max((date.fromisoformat(end) - first).days + 1, 1)
    words, shown = (escape(text, {'"': "&quot;"}) for text in (one_line(title), _shortened(one_line(title))))
    middle = len(days) // 2
    named = [(0, days[0].day), (len(days) - 1, days[-1].day), (planned - 1, end), (middle, days[middle].day)]
    ticks = sorted({0, height // 2, height})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{words}"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{words}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="14" fill="#111827">{shown}</text>',
        *(f'<path d="M {_LEFT} {y(n)} H {_WIDTH - _RIGHT}" stroke="#e5e7eb" fill="none"/>' for n in ticks),
        *(f'<text x="{_LEFT - 8}" y="{y(n)}" text-anchor="end" dy="4" fill="#374151">{n}</text>' for n in ticks),
        *_labels(x, named),
        f'<path d="M {x(0)} {y(total)} L {x(planned)} {y(0)}" stroke="#9ca3af" stroke-dasharray="6 4" fill="none"/>',
        f'<path d="{" ".join(steps)}" stroke="#2563eb" stroke-width="2.5" fill="none"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _shortened(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1].rstrip()}…"


def _labels(x: Callable[[float], str], days: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Yield the labels of days, each at the end of its stretch; one that would lie over an earlier one is left out.

    The first day stands at its beginning instead, lest it leave the picture.
    """
    taken: list[float] = []
    for number, day in days:
        end = float(x(number + 1)) if number else _LEFT + _LABEL
        if all(abs(end - other) >= _LABEL + 8 for other in taken):
            taken.append(end)
            yield f'<text x="{end:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="end" fill="#374151">{day}</text>'
