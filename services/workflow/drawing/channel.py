"""The lines between two layers of a graph on a character grid: which column each line uses, and which row.

Three kinds of columns keep lines of different steps apart: lines leave boxes at columns divisible by three, enter them
one column further right, and pass between boxes at the third. So two vertical lines never share a piece of a column,
but for lines into one box that has more of them than room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

UP: Final = 1
DOWN: Final = 2
LEFT: Final = 4
RIGHT: Final = 8

SHAPES: Final = " │││─┘┐┤─└┌├─┴┬┼"
"""The character for each sum of directions."""


@dataclass(slots=True)
class Bundle:
    """All lines that leave one box or bend: the column above, the columns below, and the row they turn in."""

    top: int
    bottoms: list[int]
    track: int = 0

    @property
    def first(self) -> int:
        """The column furthest to the left."""
        return min(self.top, *self.bottoms)

    @property
    def last(self) -> int:
        """The column furthest to the right."""
        return max(self.top, *self.bottoms)


def assign_tracks(bundles: Sequence[Bundle]) -> int:
    """Give each bundle that turns a row of its own where it meets others; return how many rows there are."""
    turning = [bundle for bundle in bundles if bundle.first != bundle.last]
    straight = {bundle.top for bundle in bundles if bundle.first == bundle.last}
    tops = {bundle.top: place for place, bundle in enumerate(turning)}
    rows: list[list[tuple[int, int]]] = []
    # Where one bundle comes down in the column in which another ends, the first has to turn above the second.
    order = sorted(turning, key=lambda bundle: (sum(b in tops or b in straight for b in bundle.bottoms), bundle.first))
    for bundle in order:
        above = [turning[tops[b]].track + 1 for b in bundle.bottoms if b in tops and turning[tops[b]] is not bundle]
        row = max(above, default=0)
        while row < len(rows) and any(a <= bundle.last + 1 and bundle.first - 1 <= b for a, b in rows[row]):
            row += 1
        while len(rows) <= row:
            rows.append([])
        rows[row].append((bundle.first, bundle.last))
        bundle.track = row
    return len(rows)


def column(middle: float, kind: int, low: int, high: int) -> int:
    """Return the column of a kind (0 leaving, 1 entering, 2 passing) nearest to `middle` from `low` to `high`."""
    start = round(middle)
    near = sorted(range(start - 2, start + 3), key=lambda at: (abs(at - middle), at))
    found = [at for at in near if at % 3 == kind and low <= at <= high]
    if found:
        return found[0]
    inside = [at for at in range(max(low, 0), high + 1) if at % 3 == kind]
    return min(inside, key=lambda at: abs(at - middle)) if inside else min(max(start, low), high)


def entering(count: int, left: int, width: int) -> list[int]:
    """Return the columns at which `count` lines enter a box, from left to right; some may be the same."""
    free = [at for at in range(left + 1, left + width - 1) if at % 3 == 1] or [left + width // 2]
    if count >= len(free):
        return [free[place * len(free) // count] for place in range(count)]
    start = (len(free) - count) // 2
    return free[start : start + count]
