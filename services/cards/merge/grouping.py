"""Which changes of two sides belong together, and where an addition that fits at several places was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bluelabel.services.cards.merge import additions
from bluelabel.services.cards.merge.additions import Lines, Run
from bluelabel.services.cards.merge.diff3 import Hunk

_TRIED: Final = 64
"""At how many places two additions are compared before they count as different."""


class Group(NamedTuple):
    """A stretch of the base, perhaps empty, that a side changed: what stands there, and the changes of each side."""

    base: range
    ours: range
    theirs: range
    mine: list[Hunk]
    other: list[Hunk]


def settled(sides: tuple[Lines, Lines], left: Sequence[Hunk], right: Sequence[Hunk]) -> tuple[list[Hunk], list[Hunk]]:
    """Put additions that fit at several places where both sides' stay whole, wherever each was made.

    Two notes that end with the same line as the note above them can be told from one another in two ways: an addition
    that is put in the middle of such a stretch would cut the other one in two.
    """
    mine, other = list(left), list(right)
    first = 0
    for place, one in enumerate(mine):
        if not one.adds:
            continue
        while first < len(other) and other[first].stop + other[first].down < one.window[0]:
            first += 1
        for at in range(first, len(other)):
            two = other[at]
            if two.window[0] > one.window[1]:
                break
            if two.adds:
                mine[place], other[at] = _apart(sides, mine[place], two)
    return mine, other


def _apart(sides: tuple[Lines, Lines], one: Hunk, two: Hunk) -> tuple[Hunk, Hunk]:
    (low, high), (below, above) = one.window, two.window
    for at in range(max(low, below), min(high, above, max(low, below) + _TRIED) + 1):
        runs = [_run(side, hunk.at(at)) for side, hunk in zip(sides, (one, two), strict=True)]
        if additions.same(*runs) or additions.holds(*runs) or additions.holds(runs[1], runs[0]):
            return one.at(at), two.at(at)
    if (low < below and above < high) or (below < low and high < above):
        return one, two  # one lies within the other: no place serves both, and the likeliest is as good as any
    words = [_run(side, hunk).words for side, hunk in zip(sides, (one.at(low), two.at(below)), strict=True)]
    if (low, high, words[0]) <= (below, above, words[1]):
        return one.at(low), two.at(above)
    return one.at(high), two.at(below)


def _run(side: Lines, hunk: Hunk) -> Run:
    return Run(side, range(hunk.begin, hunk.end))


def groups(left: Sequence[Hunk], right: Sequence[Hunk]) -> Iterator[Group]:
    """Bring the changes of both sides together where they touch."""
    todo = sorted(
        [(hunk.start, hunk.stop, 0, hunk) for hunk in left] + [(hunk.start, hunk.stop, 1, hunk) for hunk in right]
    )
    shift = [0, 0]
    while todo:
        start, stop = todo[0][:2]
        found: tuple[list[Hunk], list[Hunk]] = ([], [])
        while todo and todo[0][0] <= stop:
            _, end, side, hunk = todo.pop(0)
            found[side].append(hunk)
            stop = max(stop, end)
        spans: list[range] = []
        for side, hunks_ in enumerate(found):
            begin = start + shift[side]
            shift[side] += sum(hunk.end - hunk.begin - hunk.stop + hunk.start for hunk in hunks_)
            spans.append(range(begin, stop + shift[side]))
        yield Group(range(start, stop), spans[0], spans[1], found[0], found[1])


def overlaps(group: Group) -> Iterator[tuple[Hunk, Hunk]]:
    """Yield the changes that touch one passage, or of which one puts something into what the other changed."""
    first = 0
    for mine in group.mine:
        while first < len(group.other) and group.other[first].stop < mine.start:
            first += 1
        for other in group.other[first:]:
            if other.start > mine.stop:
                break
            start, stop = max(mine.start, other.start), min(mine.stop, other.stop)
            inner = mine if mine.adds else other
            if start < stop or (inner.adds and mine.start < other.stop and other.start < mine.stop):
                yield mine, other


def is_one(group: Group) -> bool:
    """Tell whether both sides wrote one and the same stretch of the base anew."""
    if len(group.mine) != 1 or len(group.other) != 1:
        return False
    mine, other = group.mine[0], group.other[0]
    same = (mine.start, mine.stop) == (other.start, other.stop) and not mine.adds
    return same and (mine.begin < mine.end or other.begin < other.end)
