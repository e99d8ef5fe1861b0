"""Three-way comparison of sequences: which stretches all three share, and what each side did between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def blocks(one: Sequence[str], two: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the blocks two sequences share, in order: (place in one, place in two, length).

    A stretch is divided at the keys that stand once in either; where none do, the first of a key meets the first, the
    second the second. So it takes nearly linear time whatever stands there, unlike a search for the longest block.
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
        anchors = _rising(_once(left), _once(right)) if depth < _DEEPEST else []
        found += [(a + x, b + y, 1) for x, y in anchors or _rising(_counted(left), _counted(right))]
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


def _once(keys: Sequence[str]) -> dict[tuple[str, int], int]:
    counts = Counter(keys)
    return {(key, 0): place for place, key in enumerate(keys) if counts[key] == 1}


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
class Lines:
    """A text as lines: what each is (its key, by which versions are compared) and how it is written."""

    keys: list[str]
    texts: list[str]

    def part(self, stretch: range) -> Lines:
        """Return a stretch of the lines."""
        return Lines(self.keys[stretch.start : stretch.stop], self.texts[stretch.start : stretch.stop])


@dataclass(frozen=True, slots=True)
class Entry:
    """A merged line: its key, its text, and whose it is: ``both``, ``ours`` or ``theirs``."""

    key: str
    text: str
    side: str


Resolve = Callable[[str, str, str, str], tuple[list[str], bool]]
"""What to do where both sides changed one line: (key, base, ours, theirs) -> the lines, and whether it is a clash."""


def union(base: Lines, ours: Lines, theirs: Lines, resolve: Resolve) -> tuple[list[Entry], list[str]]:
    """Merge three versions so that whatever either side added stays, and what one side removed goes.

    Returns:
        the merged lines, and the keys of lines that both sides changed differently.
    """
    merger = _Union(resolve)
    for chunk in chunks(base.keys, ours.keys, theirs.keys):
        parts = base.part(chunk.base), ours.part(chunk.ours), theirs.part(chunk.theirs)
        if chunk.same:
            for key, *texts in zip(parts[0].keys, *(part.texts for part in parts), strict=True):
                merger.line(key, *texts)
        else:
            merger.hunk(*parts)
    return merger.entries, merger.clashes


class _Union:
    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve
        self.entries: list[Entry] = []
        self.clashes: list[str] = []

    def line(self, key: str, base: str | None, ours: str, theirs: str) -> None:
        """Merge one line that both sides have."""
        if theirs in (ours, base):
            texts, clash = [ours], False
        elif ours == base:
            texts, clash = [theirs], False
        else:
            texts, clash = self.resolve(key, base or "", ours, theirs)
        self.entries += [Entry(key, text, "both") for text in texts]
        if clash:
            self.clashes.append(key)

    def hunk(self, base: Lines, ours: Lines, theirs: Lines) -> None:
        """Merge a stretch on which the three do not agree."""
        before = dict(zip(base.keys, base.texts, strict=True))
        had = Counter(base.keys)
        in_ours, in_theirs = Counter(ours.keys), Counter(theirs.keys)
        o = t = 0
        news: set[str] = set()
        matches = [*blocks(ours.keys, theirs.keys), (len(ours.keys), len(theirs.keys), 0)]
        for ours_at, theirs_at, length in matches:
            for key, text in zip(ours.keys[o:ours_at], ours.texts[o:ours_at], strict=True):
                self._one_sided(key, text, before, had[key] - in_theirs[key], "ours", news)
            for key, text in zip(theirs.keys[t:theirs_at], theirs.texts[t:theirs_at], strict=True):
                self._one_sided(key, text, before, had[key] - in_ours[key], "theirs", news)
            o, t = ours_at + length, theirs_at + length
            for i in range(length):
                key = ours.keys[ours_at + i]
                self.line(key, before.get(key), ours.texts[ours_at + i], theirs.texts[theirs_at + i])
        rewritten = any(key.strip() and key not in in_ours and key not in in_theirs for key in had)
        if rewritten and news == {"ours", "theirs"}:
            self.clashes.append(next(key for key in had if key.strip() and key not in in_ours and key not in in_theirs))

    def _one_sided(
        self, key: str, text: str, before: Mapping[str, str], removed: int, side: str, news: set[str]
    ) -> None:
        """A line that only one side has: new, or removed by the other (then it goes, unless it was changed too)."""
        if key in before and removed > 0:
            if text == before[key]:
                return
            self.clashes.append(key)
        elif key not in before and text.strip():
            news.add(side)
        self.entries.append(Entry(key, text, side))
