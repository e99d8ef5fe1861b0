"""Writes the passages of a merge: line by line where both sides have one, as it stands where only one has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bluelabel.services.cards.merge.additions import Lines, Run
from bluelabel.services.cards.merge.diff3 import chunks
from bluelabel.services.cards.merge.passages import Passage, passages


@dataclass(frozen=True, slots=True)
class Entry:
    """A merged line: its key, its text, whose it is (``both``, ``ours``, ``theirs``), and how the base had it."""

    key: str
    text: str
    side: str
    before: str | None = None


Resolve = Callable[[str, str, str, str], tuple[list[str], bool]]
"""What to do where both sides changed one line: (key, base, ours, theirs) -> the lines, and whether it is a clash."""


class Place(NamedTuple):
    """A passage of the result by its places in base, ours and theirs; None where it is not."""

    base: int | None
    ours: int | None
    theirs: int | None


class Writer:
    """Writes passages; `clashes` are the keys of lines that both sides changed differently."""

    def __init__(self, base: Lines, ours: Lines, theirs: Lines, resolve: Resolve) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self.resolve = resolve
        self.clashes: list[str] = []

    def written(self, place: Place) -> Iterator[Entry]:
        """Yield the lines of a passage."""
        old, mine, other = (
            list(lines.of_passage(at)) if at is not None else []
            for lines, at in zip((self.base, self.ours, self.theirs), place, strict=True)
        )
        if not mine or not other:
            side = "ours" if mine else "theirs"
            yield from (Entry(key, text, side) for key, text in mine or other)
            return
        for at, ((key, ours), (_, theirs)) in enumerate(zip(mine, other, strict=True)):
            yield from self.line(key, old[at][1] if old else None, ours, theirs)

    def line(self, key: str, base: str | None, ours: str, theirs: str) -> list[Entry]:
        """Merge a line that both sides have."""
        clash = False
        if theirs in (ours, base):
            texts = [ours]
        elif ours == base:
            texts = [theirs]
        elif base is None and ours.rstrip() == theirs.rstrip():
            texts = [max(ours, theirs)]
        else:
            texts, clash = self.resolve(key, base or "", ours, theirs)
        if clash:
            self.clashes.append(key)
        return [Entry(key, text, "both", base) for text in texts]

    def together(self, old: Passage, mine: Passage, other: Passage) -> list[Entry] | None:
        """Merge one passage of which both sides changed other lines; None where they changed the same."""
        sides = ((self.base, old), (self.ours, mine), (self.theirs, other))
        keys = [lines.keys[part.start : part.stop] for lines, part in sides]
        texts = [lines.texts[part.start : part.stop] for lines, part in sides]
        entries: list[Entry] = []
        for chunk in chunks(*keys):
            spans = (chunk.base, chunk.ours, chunk.theirs)
            found = [key[span.start : span.stop] for key, span in zip(keys, spans, strict=True)]
            written = [text[span.start : span.stop] for text, span in zip(texts, spans, strict=True)]
            if chunk.same:
                for line in zip(found[0], *written, strict=True):
                    entries += self.line(*line)
            elif found[0] in found[1:]:
                side = 2 if found[0] == found[1] else 1
                name = ("both", "ours", "theirs")[side]
                entries += [Entry(key, text, name) for key, text in zip(found[side], written[side], strict=True)]
            else:
                return None
        return entries if len(passages([entry.text for entry in entries])) == 1 else None


def alone(run: Run, *, mine: bool) -> Iterator[Place]:
    """Yield the passages of a run that only one side has."""
    for at in run.span:
        yield Place(None, at, None) if mine else Place(None, None, at)


def side_by_side(one: Run, two: Run) -> Iterator[Place]:
    """Yield the passages of a run that both sides have: ours first, then theirs."""
    for at, other in zip(one.span, two.span, strict=True):
        yield Place(None, at, other)
