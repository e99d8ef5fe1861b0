"""Tables and plots of one run, as Markdown and SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.measure import Losses, Speed
from bench.rows import Row
from bench.stores import note_of

INK, PAPER, GRID = "#1d2433", "#ffffff", "#d5dae3"
OURS, THEIRS = "#2f6fde", "#9aa4b5"
WIDTH, BAR, LEFT, RIGHT = 720, 22, 150, 110


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def budgets(rows: Iterable[Row]) -> str:
    """Return the table of budgets, and below it what the time of each missed one goes to."""
    words = {True: "kept", False: "**missed**", None: "-"}
    all_ = list(rows)
    head = ("what", "measured", "beside", "ratio", "budget", "", "command")
    reasons = [f"* **{row.what}**: {row.why or 'see its command'}" for row in all_ if row.kept is False]
    return "\n".join(
        [table(head, (_budget(row, words) for row in all_)), *(["", "Missed:", "", *reasons] if reasons else [])]
    )


def _budget(row: Row, words: dict[bool | None, str]) -> tuple[str, ...]:
    budget = f"{row.budget:g} x" if row.budget else "-"
    return row.what, row.value, row.beside, f"{row.ratio:.2f} x", budget, words[row.kept], f"`{row.command}`"


def comparison(found: Iterable[tuple[Speed, Losses, Losses | None]]) -> str:
    """Return the table of peers: speed beside losses."""
    rows = [
        (
            speed.name,
            note_of(speed.name),
            f"{speed.put:,.0f} us ({speed.put_ratio:.2f} x)",
            f"{speed.take:,.0f} us ({speed.take_ratio:.2f} x)",
            _lost(killed),
            _lost(dark) if dark is not None else "not measured",
        )
        for speed, killed, dark in found
    ]
    head = ("store", "how it keeps", "put", "take + done", "lost by kill -9", "lost by power cuts")
    return table(head, rows)


def _lost(losses: Losses) -> str:
    again = f", {losses.doubled} twice" if losses.doubled else ""
    return f"{losses.lost:,} of {losses.told:,} in {losses.stops} stops{again}"


def bars(title: str, values: Sequence[tuple[str, float]], unit: str, ours: str = "bluelabel") -> str:
    """Return a horizontal bar chart as SVG, on a logarithmic scale from 0.01."""
    height = 50 + len(values) * (BAR + 10)
    low, high = -2.0, math.ceil(math.log10(max(value for _, value in values) * 1.01))
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="13" fill="{INK}"><title>{title}</title><rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        f'<text x="12" y="22" font-weight="bold">{title}</text>',
    ]
    for power in range(int(low), int(high) + 1):
        x = LEFT + (power - low) * scale
        parts.append(f'<path d="M{x:.1f} 34V{height - 8}" stroke="{GRID}"/>')
    for number, (name, value) in enumerate(values):
        y = 40 + number * (BAR + 10)
        length = max(1.0, (math.log10(max(value, 0.01)) - low) * scale)
        colour = OURS if name.startswith(ours) else THEIRS
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{name}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}" rx="2"/>'
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 16}">{value:.2f}{unit}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
