"""Cuts lines into passages, the smallest pieces of text that a merge puts in or takes out whole.

A code fence and a comment are a passage each, and so is any other line: people write what they did one line below the
other, with and without blank lines between.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.fields import read


class Kind(StrEnum):
    """What a passage is."""

    BLANK = "blank"
    BULLET = "bullet"
    CARD = "card"
    COMMENT = "comment"
    FENCE = "fence"
    HEADING = "heading"
    LABEL = "label"
    NUMBER = "number"
    QUOTE = "quote"
    ROW = "row"
    RULE = "rule"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of lines, from `start` to before `stop`.

    Args:
        indent: how far its first line is indented.
        open: it is a fence or a comment that never ends.
    """

    kind: Kind
    start: int
    stop: int
    indent: int = 0
    open: bool = False

    def goes_on(self, before: Passage) -> bool:
        """Tell whether it is text that goes on with the passage before it: the same paragraph, entry or quotation."""
        return self.kind in _GOING_ON and before.kind in _GOING_ON[self.kind]


_GOING_ON: Final = {
    Kind.TEXT: (Kind.TEXT, Kind.BULLET, Kind.NUMBER, Kind.QUOTE),
    Kind.QUOTE: (Kind.QUOTE,),
}
_FENCE: Final = re.compile(r"[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_BULLET: Final = re.compile(r"[ \t]*[-*+](?:[ \t]|$)")
_NUMBER: Final = re.compile(r"[ \t]*[0-9]{1,9}[.)](?:[ \t]|$)")
_LABEL: Final = re.compile(r"[ \t]*(?:\*\*[^*]+\*\*|__[^_]+__)")


def passages(lines: Sequence[str], alone: Collection[int] = ()) -> list[Passage]:
    """Cut lines into passages, which cover them without a gap.

    Args:
        lines: the lines, with or without their endings.
        alone: the places of lines that are a passage each, whatever follows.
    """
    return _Cutter([line.rstrip() for line in lines], frozenset(alone)).run()


def heads_table(line: str) -> bool:
    """Tell whether a line is the one below the header of a table."""
    return "|" in line and "-" in line and not line.strip(" \t\r\n|:-")


class _Cutter:
    def __init__(self, lines: list[str], alone: frozenset[int]) -> None:
        self.lines = lines
        self.alone = alone
        self.last_comment = max((at for at, line in enumerate(lines) if "-->" in line), default=-1)

    def run(self) -> list[Passage]:
        found: list[Passage] = []
        at = 0
        while at < len(self.lines):
            found.append(self._one(at, found[-1] if found else None))
            at = found[-1].stop
        return found

    def _one(self, at: int, before: Passage | None) -> Passage:
        line = self.lines[at]
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        kind = self._kind(at, in_table=before is not None and before.kind is Kind.ROW)
        stop, open_ = at + 1, False
        if kind is Kind.FENCE:
            stop, open_ = self._fence_end(at)
        elif kind is Kind.COMMENT:
            stop, open_ = self._comment_end(at)
        if kind not in (Kind.FENCE, Kind.COMMENT) and self._begins_comment(stop - 1):
            end, left_open = self._comment_end(stop - 1)
            stop = stop if left_open else end
        return Passage(kind, at, stop, indent, open_)

    def _kind(self, at: int, *, in_table: bool = False) -> Kind:
        line = self.lines[at]
        bare = line.lstrip()
        following = self.lines[at + 1] if at + 1 < len(self.lines) else ""
        if not bare:
            return Kind.BLANK
        if _FENCE.match(line):
            return Kind.FENCE
        if bare.startswith("<!--"):
            return Kind.COMMENT
        if bare.startswith("|") or ("|" in line and (in_table or heads_table(line) or heads_table(following))):
            return Kind.ROW
        if grammar.HEADING.match(line):
            return Kind.HEADING
        if grammar.RULE.match(line):
            return Kind.RULE
        if bare.startswith(">"):
            return Kind.QUOTE
        if _BULLET.match(line):
            return Kind.BULLET
        if _NUMBER.match(line):
            return Kind.NUMBER
        return Kind.LABEL if at in self.alone or _LABEL.match(line) or read(line) else Kind.TEXT

    def _fence_end(self, at: int) -> tuple[int, bool]:
        opened = _FENCE.match(self.lines[at])
        marks = opened[1] if opened else ""
        for place in range(at + 1, len(self.lines)):
            bare = self.lines[place].lstrip()
            if bare.startswith(marks) and not bare.strip(marks[:1]):
                return place + 1, False
        return len(self.lines), True

    def _begins_comment(self, at: int) -> bool:
        return "<!--" in self.lines[at] and "-->" not in self.lines[at].rsplit("<!--", 1)[1]

    def _comment_end(self, at: int) -> tuple[int, bool]:
        if not self._begins_comment(at):
            return at + 1, False
        for place in range(at + 1, self.last_comment + 1):
            if "-->" in self.lines[place]:
                return place + 1, False
        return len(self.lines), True
