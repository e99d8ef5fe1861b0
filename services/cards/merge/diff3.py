"""Comparison of sequences, two or three: which stretches they share, and what each side did between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

_DEEPEST: Final = 16
"""How often a stretch is divided at lines that stand once in it, before the lines are just counted off."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the three sequences, as ranges; `same` when all three agree on it, key by key."""

    same: bool
    base: range
    ours: range
    theirs: range


def chunks(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Chunk]:
    """Yield the chunks of three sequences of keys, in order: what agrees and what does not by turns."""
    b = o = t = 0
    for base_at, ours_at, theirs_at, length in _shared(base, ours, theirs):
        if base_at > b or ours_at > o or theirs_at > t:
            yield Chunk(same=False, base=range(b, base_at), ours=range(o, ours_at), theirs=range(t, theirs_at))
        b, o, t = base_at + length, ours_at + length, theirs_at + length
        if length:
            yield Chunk(same=True, base=range(base_at, b), ours=range(ours_at, o), theirs=range(theirs_at, t))


def _shared(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (base, ours, theirs, length) of what all three share, and last the three ends with length 0."""
    left, right = blocks(base, ours), blocks(base, theirs)
    i = j = 0
    while i < len(left) and j < len(right):
        (base_a, ours_at, length_a), (base_b, theirs_at, length_b) = left[i], right[j]
        start, end = max(base_a, base_b), min(base_a + length_a, base_b + length_b)
        if start < end:
            yield start, ours_at + start - base_a, theirs_at + start - base_b, end - start
        if base_a + length_a < base_b + length_b:
            i += 1
        else:
            j += 1
    yield len(base), len(ours), len(theirs), 0


def blocks(
    one: Sequence[str], two: Sequence[str], sure: Callable[[str], bool] | None = None
) -> list[tuple[int, int, int]]:
    """Return the blocks two sequences share, in order: (place in one, place in two, length).

    A stretch is divided at the keys that stand once in either; where none do, the first of a key meets the first, the
    second the second. So it takes nearly linear time whatever stands there, unlike a search for the longest block.

    Args:
        one: some keys.
        two: other keys.
        sure: which keys to divide at; the others are matched only next to what is shared already.
    """
    found: list[tuple[int, int, int]] = []
    todo = [(0, len(one), 0, len(two), 0)]
    while todo:
        a, a_end, b, b_end, depth = todo.pop()
        head = _common(one[a:a_end], two[b:b_end])
        tail = _common(one[a + head : a_end][::-1], two[b + head : b_end][::-1])
        found += [(a, b, head), (a_end - tail, b_end - tail, tail)]
        a, b, a_end, b_end = a + head, b + head, a_end - tail, b_end - tail
        left, right = one[a:a_end], two[b:b_end]
        anchors = _rising(_once(left, sure), _once(right, sure)) if depth < _DEEPEST else []
        matched = anchors if anchors or sure else _rising(_counted(left), _counted(right))
        found += [(a + x, b + y, 1) for x, y in matched]
        for x, y in anchors[::-1]:
            todo.append((a + x + 1, a_end, b + y + 1, b_end, depth + 1))
            a_end, b_end = a + x, b + y
        if anchors:
            todo.append((a, a_end, b, b_end, depth + 1))
    return _joined(sorted(block for block in found if block[2]))


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    """Return how many keys two sequences begin with together."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(two)))


def _once(keys: Sequence[str], sure: Callable[[str], bool] | None) -> dict[tuple[str, int], int]:
    counts = Counter(keys)
    return {(key, 0): place for place, key in enumerate(keys) if counts[key] == 1 and (not sure or sure(key))}


def _counted(keys: Sequence[str]) -> dict[tuple[str, int], int]:
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], int] = {}
    for place, key in enumerate(keys):
        found[key, seen[key]] = place
        seen[key] += 1
    return found


def _rising(one: Mapping[tuple[str, int], int], two: Mapping[tuple[str, int], int]) -> list[tuple[int, int]]:
    """Return the longest series of places with the same key that rises in both."""
    pairs = [(place, two[key]) for key, place in one.items() if key in two]
    lows: list[int] = []  # the lowest place in two with which a series of each length can end
    ends: list[int] = []  # its index in pairs
    before: list[int] = []
    for index, (_, place) in enumerate(pairs):
        at = bisect_left(lows, place)
        lows[at : at + 1] = [place]
        ends[at : at + 1] = [index]
        before.append(ends[at - 1] if at else -1)
    series: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        series.append(pairs[index])
        index = before[index]
    return series[::-1]


def _joined(blocks: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    joined: list[tuple[int, int, int]] = []
    for a, b, length in blocks:
        if joined and (joined[-1][0] + joined[-1][2], joined[-1][1] + joined[-1][2]) == (a, b):
            joined[-1] = (*joined[-1][:2], joined[-1][2] + length)
        else:
            joined.append((a, b, length))
    return joined


@dataclass(frozen=True, slots=True)
class Hunk:
    """One change of a side: base[start:stop] became side[begin:end].

    An addition or a removal may fit at several places, because it begins as what follows it does: `up` and `down` say
    by how much.
    """

    start: int
    stop: int
    begin: int
    end: int
    up: int = 0
    down: int = 0

    @property
    def adds(self) -> bool:
        """Tell whether nothing of the base went."""
        return self.start == self.stop

    @property
    def window(self) -> tuple[int, int]:
        """The first and the last place of the base at which it can begin."""
        return self.start - self.up, self.start + self.down

    def at(self, start: int) -> Hunk:
        """Return the same change at another place of its window."""
        by = start - self.start
        return Hunk(start, self.stop + by, self.begin + by, self.end + by, self.up + by, self.down - by)


def hunks(base: Sequence[str], side: Sequence[str], weight: Callable[[bool, int], int]) -> list[Hunk]:
    """Return what one side changed, in order; between two hunks at least one key is the same.

    What fits at several places counts as made at the last of those at which its first key weighs least.

    Args:
        base: the keys of the base.
        side: the keys of the side.
        weight: what a key weighs, by whether it is one of the side and its place there.
    """
    found: list[Hunk] = []
    a = b = 0
    for at, other, length in [*blocks(base, side), (len(base), len(side), 0)]:
        if at > a or other > b:
            found.append(Hunk(a, at, b, other))
        a, b = at + length, other + length
    settled: list[Hunk] = []
    for place, hunk in enumerate(found):
        low = settled[-1].stop + settled[-1].down + 1 if settled else 0
        high = found[place + 1].start - 1 if place + 1 < len(found) else len(base)
        settled.append(_settled(hunk, base, side, weight, low, high))
    return settled


def _settled(
    hunk: Hunk, base: Sequence[str], side: Sequence[str], weight: Callable[[bool, int], int], low: int, high: int
) -> Hunk:
    """Find the places at which an addition or a removal fits, and put it where it was most likely made."""
    if not hunk.adds and hunk.begin < hunk.end:
        return hunk
    keys, first, last = (side, hunk.begin, hunk.end) if hunk.adds else (base, hunk.start, hunk.stop)
    up = down = 0
    while hunk.start - up > low and keys[first - up - 1] == keys[last - up - 1]:
        up += 1
    while hunk.stop + down < high and keys[first + down] == keys[last + down]:
        down += 1
    shift = min(range(-up, down + 1), key=lambda by: (weight(hunk.adds, first + by), -by))
    return replace(hunk, up=up, down=down).at(hunk.start + shift)
