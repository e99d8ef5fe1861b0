"""What two sides added at one place: both whole, one after the other, and in the same order whoever merges.

Lines that are equal on both sides stay with their own addition. A merge that matched them up once put two notes into
one fence and lost the line both ended with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bluelabel.services.cards.merge.passages import Kind, Passage, heads_table, passages

_DATE: Final = re.compile(r"\W*([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)", re.ASCII)
_FIRST: Final = re.compile(r"[ \t]*0*1[.)]")
_TELLING: Final = 2
"""How many lines with words make an addition that is known again as a part of another one."""


@dataclass(frozen=True)
class Lines:
    """A text as lines: what each is (its key, by which versions are compared), how it is written, how it is cut."""

    keys: list[str]
    texts: list[str]
    passages: list[Passage]

    @classmethod
    def of(cls, keys: list[str], texts: list[str]) -> Lines:
        """Cut lines into passages; what has a key of its own kind is known by it, and stands alone."""
        return cls(keys, texts, passages(texts, [at for at, key in enumerate(keys) if key.startswith("\1")]))

    @cached_property
    def tokens(self) -> list[str]:
        """The keys of the passages."""
        return ["\n".join(self.keys[part.start : part.stop]) for part in self.passages]

    def of_passage(self, at: int) -> Iterator[tuple[str, str]]:
        """Yield the key and the text of each line of a passage."""
        part = self.passages[at]
        for place in range(part.start, part.stop):
            yield self.keys[place], self.texts[place]

    def goes_on(self, at: int) -> bool:
        """Tell whether a passage is text that goes on with the one before it."""
        return at > 0 and self.passages[at].goes_on(self.passages[at - 1])

    def entry(self, at: int) -> int:
        """Return the place of the passage that a passage goes on with, at the last itself."""
        while self.goes_on(at):
            at -= 1
        return at

    def above(self, at: int) -> int:
        """Return how far the last passage with words, up to a place, is indented."""
        while at > 0 and self.passages[at].kind is Kind.BLANK:
            at -= 1
        return self.indents[at]

    @cached_property
    def indents(self) -> list[int]:
        """How far each passage is indented; a blank line as far as what follows it."""
        found: list[int] = []
        for part in reversed(self.passages):
            found.append(part.indent if part.kind is not Kind.BLANK else found[-1] if found else 0)
        return found[::-1]


@dataclass(frozen=True)
class Run:
    """A run of passages of one version."""

    lines: Lines
    span: range

    def __iter__(self) -> Iterator[Passage]:
        return iter(self.lines.passages[self.span.start : self.span.stop])

    def __bool__(self) -> bool:
        return bool(self.span)

    @cached_property
    def tokens(self) -> list[str]:
        """The keys of its passages; blank lines are all the same."""
        tokens = self.lines.tokens[self.span.start : self.span.stop]
        return ["" if part.kind is Kind.BLANK else token for part, token in zip(self, tokens, strict=True)]

    @cached_property
    def texts(self) -> list[list[str]]:
        """The lines of each of its passages, without blanks at their ends."""
        return [[line.rstrip() for line in self.lines.texts[part.start : part.stop]] for part in self]

    @cached_property
    def words(self) -> list[str]:
        """Its lines, without blanks at their ends."""
        return [line for lines in self.texts for line in lines]

    @property
    def open(self) -> bool:
        """Tell whether a fence or a comment in it never ends."""
        return any(part.open for part in self)

    @property
    def solid(self) -> list[Passage]:
        """Its passages that are no blank lines."""
        return [part for part in self if part.kind is not Kind.BLANK]

    def part(self, at: int) -> Passage:
        """Return a passage by its place."""
        return self.lines.passages[self.span[at]]


def in_order(one: Run, two: Run, before: Passage | None, after: Passage | None) -> bool:
    """Tell whether `one` comes first: what goes on with the entry or the table above, then by date, else by words."""
    keys = [_place(run, before, after) for run in (one, two)]
    if keys[0] != keys[1]:
        return keys[0] < keys[1]
    dates = [_date(run) for run in (one, two)]
    if dates[0] != dates[1] and all(dates):
        return dates[0] < dates[1]
    return one.words <= two.words


def _place(run: Run, before: Passage | None, after: Passage | None) -> tuple[int, int, bool]:
    """Return the rank by which a run stays with the paragraph, list or table that it belongs to."""
    parts = run.solid
    if not parts:
        return 0, 0, False
    rank = 2
    if before is not None and run.part(0).goes_on(before):
        rank = 0
    elif before is not None and joins(before, run.part(0)):
        rank = 1
    elif after is not None and joins(run.part(-1), after):
        rank = 3
    return -parts[0].indent, rank, parts[0].kind not in (Kind.BULLET, Kind.NUMBER, Kind.ROW)


def _date(run: Run) -> str:
    first = next((line for line in run.words if line), "")
    match = _DATE.match(first)
    return match[1].replace("T", " ") if match else ""


def joins(one: Passage, two: Passage) -> bool:
    """Tell whether two passages are entries of one list, rows of one table or metadata lines."""
    return one.kind is two.kind and one.kind in (Kind.BULLET, Kind.NUMBER, Kind.ROW, Kind.LABEL)


def gap(above: Lines, last: int, lines: Lines, at: int) -> bool:
    """Tell whether a blank line has to part two passages that no side has one after the other.

    Args:
        above: the lines of the first one.
        last: its place there.
        lines: the lines of the one that follows it.
        at: its place there.
    """
    left, right = above.passages[last], lines.passages[at]
    if Kind.BLANK in (left.kind, right.kind):
        return False
    if right.goes_on(left):
        return not lines.goes_on(at)  # what began a paragraph may not go on with another
    if right.kind is Kind.NUMBER and _FIRST.match(lines.texts[right.start]):
        return True
    below = lines.texts[right.stop] if right.stop < len(lines.texts) else ""
    if right.kind is Kind.ROW and heads_table(below):
        return True
    return not joins(above.passages[above.entry(last)], right)


def same(one: Run, two: Run) -> bool:
    """Tell whether two additions are one: word for word, but for the mark of an entry and the value of a field."""
    if one.tokens != two.tokens:
        return False
    keys = (key for part in one for key in one.lines.keys[part.start : part.stop])
    return all(
        mine == other or key.startswith(("\1item", "\1field", "\1value"))
        for key, mine, other in zip(keys, one.words, two.words, strict=True)
    )


def holds(larger: Run, smaller: Run) -> bool:
    """Tell whether one addition has the other in it, as a note of its own: merged, or picked, before it went on.

    It must begin with words and have two lines: a lone entry or fence may well be written twice.
    """
    wanted, lines = _stripped(smaller.words), _stripped(larger.words)
    told = smaller.solid[0].kind in (Kind.TEXT, Kind.LABEL, Kind.HEADING) if smaller.solid else False
    if not told or sum(map(bool, wanted)) < _TELLING:
        return False
    ends = {-1, len(lines), *(at for at, line in enumerate(lines) if not line)}
    return any(
        lines[at] == wanted[0]
        and at - 1 in ends
        and at + len(wanted) in ends
        and lines[at : at + len(wanted)] == wanted
        for at in range(len(lines) - len(wanted) + 1)
    )


def _stripped(words: list[str]) -> list[str]:
    places = [at for at, line in enumerate(words) if line]
    return words[places[0] : places[-1] + 1] if places else []


def apart(one: Run, two: Run, *, blanks: bool) -> tuple[tuple[Run, Run], tuple[Run, Run], tuple[Run, Run]]:
    """Cut two runs into what they begin with together, what differs, and what they end with together.

    Args:
        one: a run.
        two: another.
        blanks: only blank lines count as had together.
    """
    pairs = list(zip(one.texts, two.texts, strict=False)), list(zip(one.texts[::-1], two.texts[::-1], strict=False))
    most = min(len(one.span), len(two.span))
    head = next((at for at, (left, right) in enumerate(pairs[0]) if left != right or (blanks and any(left))), most)
    last = next((at for at, (left, right) in enumerate(pairs[1]) if left != right or (blanks and any(left))), most)
    tail = min(last, most - head)
    cuts = [
        (run.lines, (run.span[:head], run.span[head : len(run.span) - tail], run.span[len(run.span) - tail :]))
        for run in (one, two)
    ]
    (mine, left), (other, right) = cuts
    parts = [(Run(mine, span), Run(other, space)) for span, space in zip(left, right, strict=True)]
    return parts[0], parts[1], parts[2]


def keyed(run: Run) -> bool:
    """Tell whether all passages of an addition are known by a name: cards, metadata lines, rows."""
    known = ("\0", "\1field", "\1value", "\1row", "\1statistic", "\1updated")
    return all(token.startswith(known) for token in run.tokens)
