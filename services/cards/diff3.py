"""Three-way comparison of sequences: which stretches all three share, and what each side did between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

_LONG: Final = 3000
"""Above this length common lines are not used as anchors: they make the comparison quadratic."""


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
    left, right = _blocks(base, ours), _blocks(base, theirs)
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


def _blocks(one: Sequence[str], two: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the blocks two sequences share: their common ends are taken off first, which is most of it."""
    size = min(len(one), len(two))
    head = 0
    while head < size and one[head] == two[head]:
        head += 1
    tail = 0
    while tail < size - head and one[-1 - tail] == two[-1 - tail]:
        tail += 1
    found = [(0, 0, head)] if head else []
    middle_one, middle_two = one[head : len(one) - tail], two[head : len(two) - tail]
    if middle_one and middle_two:
        long = max(len(middle_one), len(middle_two)) > _LONG
        matcher = SequenceMatcher(None, middle_one, middle_two, autojunk=long)
        found += [(a + head, b + head, length) for a, b, length in matcher.get_matching_blocks() if length]
    if tail:
        found.append((len(one) - tail, len(two) - tail, tail))
    return found


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
        matches = [*_blocks(ours.keys, theirs.keys), (len(ours.keys), len(theirs.keys), 0)]
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
