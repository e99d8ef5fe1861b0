"""Three-way merge of lines by passages: whatever either side added stays whole, and what one side removed goes.

Where both sides changed one passage, or one removed what the other changed, nobody can tell what was meant: both
sides stand between conflict markers, as git writes them, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bluelabel.services.cards.merge import additions
from bluelabel.services.cards.merge.additions import Lines, Run
from bluelabel.services.cards.merge.diff3 import Hunk, blocks, hunks
from bluelabel.services.cards.merge.grouping import Group, groups, is_one, overlaps, settled
from bluelabel.services.cards.merge.merged_lines import Entry, Place, Resolve, Writer, alone, side_by_side
from bluelabel.services.cards.merge.passages import Kind, Passage
from bluelabel.services.cards.merge.seams import Piece, Seams, Unclear

MARKERS: Final = ("<<<<<<< ours", "=======", ">>>>>>> theirs")
"""The lines round a clash."""


@dataclass(frozen=True, slots=True)
class Union:
    """A merge of lines.

    Args:
        entries: the merged lines.
        clashes: the keys of lines that both sides changed differently, and that are both kept.
        conflicts: the keys of lines at which a person has to decide.
    """

    entries: list[Entry]
    clashes: list[str]
    conflicts: list[str]


def union(base: Lines, ours: Lines, theirs: Lines, resolve: Resolve) -> Union:
    """Merge three versions.

    Args:
        base: what both began with; where that is nothing, what both have counts as it.
        ours: one side.
        theirs: the other.
        resolve: decides on a line that both sides changed.
    """
    if base.keys:
        changes = [hunks(base.tokens, side.tokens, _weight(base, side)) for side in (ours, theirs)]
        left, right = settled((ours, theirs), changes[0], changes[1])
    else:
        base, left, right = _common(ours, theirs)
    return _Merger(base, ours, theirs, resolve).run(left, right)


def _weight(base: Lines, side: Lines) -> Callable[[bool, int], int]:
    return lambda added, at: (side if added else base).indents[at]


def _common(ours: Lines, theirs: Lines) -> tuple[Lines, list[Hunk], list[Hunk]]:
    """Return what two sides share that had no base, named things and what is equal next to them, and what each added.

    Anything else that is equal may well have been written twice.
    """
    base = Lines([], [], [])
    left, right = list[Hunk](), list[Hunk]()
    o = t = 0
    for at, other, length in [*blocks(ours.tokens, theirs.tokens, _named), (len(ours.tokens), len(theirs.tokens), 0)]:
        here = len(base.passages)
        left += [Hunk(here, here, o, at)] if at > o else []
        right += [Hunk(here, here, t, other)] if other > t else []
        o, t = at + length, other + length
        for part in ours.passages[at:o]:
            start = len(base.keys)
            base.keys.extend(ours.keys[part.start : part.stop])
            base.texts.extend("" for _ in range(part.start, part.stop))
            base.passages.append(Passage(part.kind, start, len(base.keys), part.indent, part.open))
    return base, left, right


def _named(token: str) -> bool:
    return token.startswith(("\0", "\1field", "\1heading", "\1row", "\1statistic", "\1updated", "=#", "=**"))


class _Merger:
    """One merge: each stretch on its own, then the seams between what different sides wrote."""

    def __init__(self, base: Lines, ours: Lines, theirs: Lines, resolve: Resolve) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self.writer = Writer(base, ours, theirs, resolve)
        self.conflicts: list[str] = []
        self.seams = Seams(ours, theirs)

    def run(self, left: list[Hunk], right: list[Hunk]) -> Union:
        """Merge, stretch by stretch."""
        pieces: list[Piece] = []
        at = (0, 0, 0)
        for group in groups(left, right):
            pieces += _kept(at, group.base.start)
            pieces += self._resolved(group, pieces[-1] if pieces else None)
            at = (group.base.stop, group.ours.stop, group.theirs.stop)
        pieces += _kept(at, len(self.base.passages))
        entries = [entry for piece in pieces for entry in self._written(piece)]
        return Union(entries, self.writer.clashes, self.conflicts)

    def _written(self, piece: Piece) -> Iterator[Entry] | list[Entry]:
        return self.writer.written(piece) if isinstance(piece, Place) else piece

    def _resolved(self, group: Group, before: Piece | None) -> list[Piece]:
        """Merge a stretch; where that cannot be done for certain, keep both sides and say so."""
        one, two = Run(self.ours, group.ours), Run(self.theirs, group.theirs)
        said = len(self.writer.clashes), len(self.conflicts)
        try:
            pieces = self._rewritten(group, one, two) if is_one(group) else self._walked(group)
            ends = Place(group.base.stop, group.ours.stop, group.theirs.stop)
            return self.seams.joined(before, pieces, ends if group.base.stop < len(self.base.passages) else None)
        except Unclear:
            del self.writer.clashes[said[0] :], self.conflicts[said[1] :]
            runs = (one, two, Run(self.base, group.base))
            cards = any(part.kind is Kind.CARD for run in runs for part in run)
            keys = [run.lines.keys[part.start] for run in runs for part in run.solid if part.kind is not Kind.CARD]
            if keys and (not cards or self._at_stake(group)):
                self.conflicts.append(keys[0])
            # Cards are never put between markers: they would stand there twice. Blank lines are nothing to decide on.
            return self._walked(group, loose=True) if cards or not keys else self._marked(one, two)

    def _walked(self, group: Group, *, loose: bool = False) -> list[Piece]:
        """Go through a stretch of the base: what was added before each passage, and the passage if it stays.

        Args:
            group: the stretch.
            loose: keep whatever either side added or changed, whether or not it can be told what was meant.
        """
        if not loose and any(mine.begin < mine.end or other.begin < other.end for mine, other in overlaps(group)):
            raise Unclear
        starts = [{hunk.start: hunk for hunk in side} for side in (group.mine, group.other)]
        gone = [{at for hunk in side for at in range(hunk.start, hunk.stop)} for side in (group.mine, group.other)]
        pieces: list[Piece] = []
        o, t = group.ours.start, group.theirs.start
        for at in range(group.base.start, group.base.stop + 1):
            mine, other = starts[0].get(at), starts[1].get(at)
            added = self._added(at, mine, other, loose=loose)
            o, t = mine.end if mine else o, other.end if other else t
            if at == group.base.stop:
                return pieces + added
            here = Place(at, None if at in gone[0] else o, None if at in gone[1] else t)
            if edited := self._edited(here):
                self.conflicts.append(edited)
                added = [list(self.writer.written(here)), *added]
            pieces += added if edited or None in here else [*added, here]
            o, t = o + (here.ours is not None), t + (here.theirs is not None)
        return pieces

    def _edited(self, here: Place) -> str:
        """Return the key of a line that one side changed in a passage that the other took out; "" if there is none."""
        if here.base is None or (here.ours is None) is (here.theirs is None):
            return ""
        side, at = (self.theirs, here.theirs) if here.ours is None else (self.ours, here.ours)
        old, new = self.base.of_passage(here.base), side.of_passage(at or 0)
        changed = (key for (key, was), (_, now) in zip(old, new, strict=True) if was.rstrip() != now.rstrip())
        return next((key for key in changed if not key.startswith(("\1number", "\1statistic", "\1updated"))), "")

    def _added(self, at: int, mine: Hunk | None, other: Hunk | None, *, loose: bool) -> list[Piece]:
        one = Run(self.ours, range(mine.begin, mine.end) if mine else range(0))
        two = Run(self.theirs, range(other.begin, other.end) if other else range(0))
        if not mine or not other or not one or not two:
            return self._in_turn(one, two)
        if mine.adds is not other.adds:
            # What one side put in front of a passage that the other wrote anew stays in front of it.
            return self._in_turn(one, two) if mine.adds else self._in_turn(two, one)
        return self._both(range(at, at), one, two, loose=loose)

    def _in_turn(self, *runs: Run) -> list[Piece]:
        return [place for run in runs for place in alone(run, mine=run.lines is self.ours)]

    def _both(self, span: range, one: Run, two: Run, *, loose: bool = False) -> list[Piece]:
        """Put what both sides wrote in place of a stretch of the base one after the other; what is equal, once."""
        if additions.same(one, two):
            return list(side_by_side(one, two))
        smaller, larger = sorted((one, two), key=lambda run: (len(run.words), run.words))
        if additions.holds(larger, smaller):
            return self._in_turn(larger)
        if (one.open or two.open) and not loose:
            raise Unclear
        before = self.base.passages[span.start - 1] if span.start else None
        after = self.base.passages[span.stop] if span.stop < len(self.base.passages) else None
        first, second = (one, two) if additions.in_order(one, two, before, after) else (two, one)
        if not additions.keyed(one) or not additions.keyed(two):
            return self._in_turn(first, second)
        places = dict(zip(second.tokens, second.span, strict=True))  # of named things, what both have is one
        pieces: list[Piece] = []
        for token, at in zip(first.tokens, first.span, strict=True):
            other = places.pop(token, None)
            pieces.append(Place(None, at, other) if first is one else Place(None, other, at))
        return [*pieces, *(Place(None, None, at) if first is one else Place(None, at, None) for at in places.values())]

    def _rewritten(self, group: Group, one: Run, two: Run) -> list[Piece]:
        """Merge what both sides made of one stretch of the base."""
        if not one or not two:
            raise Unclear
        old = Run(self.base, group.base)
        head, middle, tail = additions.apart(one, two, blanks=not old.solid)
        mine, other = middle
        solid = [run.solid for run in (old, mine, other)]
        pieces: list[Piece]
        if not mine or not other:
            pieces = self._in_turn(mine, other)
        elif not old.solid:
            pieces = self._both(group.base, mine, other)
        elif len(solid[0]) == 1 and solid[0][0].kind not in (Kind.FENCE, Kind.COMMENT, Kind.CARD):
            self.writer.clashes.append(self.base.keys[solid[0][0].start])
            pieces = self._both(group.base, mine, other)
            if all(sum(map(bool, run.words)) == 1 for run in middle):
                pieces = [[entry for piece in pieces for entry in self._written(piece)]]
        elif all(len(parts) == 1 for parts in solid) and len({parts[0].kind for parts in solid}) == 1:
            entries = self.writer.together(solid[0][0], solid[1][0], solid[2][0])
            if entries is None:
                raise Unclear
            pieces = [entries]
        else:
            raise Unclear
        return [*side_by_side(*head), *pieces, *side_by_side(*tail)]

    def _marked(self, one: Run, two: Run) -> list[Piece]:
        """Put both sides between conflict markers, but for blank lines that both begin or end with."""
        marks = [[Entry("", mark + self.seams.eol, "both")] for mark in MARKERS]
        head, (mine, other), tail = additions.apart(one, two, blanks=True)
        sides = [self._in_turn(run) for run in (mine, other)]
        return [*side_by_side(*head), marks[0], *sides[0], marks[1], *sides[1], marks[2], *side_by_side(*tail)]

    def _at_stake(self, group: Group) -> bool:
        """Tell whether both sides changed text, and not only moved cards about, where their changes overlap."""
        for mine, other in overlaps(group):
            runs = Run(self.ours, range(mine.begin, mine.end)), Run(self.theirs, range(other.begin, other.end))
            start, stop = max(mine.start, other.start), min(mine.stop, other.stop)
            wrote = [any(part.kind is not Kind.CARD for part in run.solid) for run in runs]
            if start < stop:
                shared = Run(self.base, range(start, stop)).solid
                if any(wrote) and any(part.kind is not Kind.CARD for part in shared):
                    return True
            elif wrote[0 if mine.adds else 1]:
                return True
        return False


def _kept(at: tuple[int, int, int], stop: int) -> Iterator[Place]:
    base, ours, theirs = at
    for by in range(stop - base):
        yield Place(base + by, ours + by, theirs + by)
