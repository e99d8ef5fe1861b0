"""The seams of a merge, where what one side wrote follows what the other wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bluelabel.services.cards.merge import additions
from bluelabel.services.cards.merge.additions import Lines
from bluelabel.services.cards.merge.merged_lines import Entry, Place
from bluelabel.services.cards.merge.passages import Kind

Piece = Place | list[Entry]
"""A part of the result: a passage, or lines that are merged already."""


class Unclear(Exception):
    """Both sides cannot be had."""


class _There(NamedTuple):
    """A passage in one of the versions that have it."""

    theirs: bool
    lines: Lines
    at: int


class Seams:
    """Joins the pieces of a merge of two versions."""

    def __init__(self, ours: Lines, theirs: Lines) -> None:
        self.ours, self.theirs = ours, theirs
        first = next((side.texts[0] for side in (ours, theirs) if side.texts), "")
        self.eol = first[len(first.rstrip("\r\n")) :]

    def joined(self, before: Piece | None, pieces: Sequence[Piece], after: Piece | None) -> list[Piece]:
        """Part what two sides wrote by a blank line.

        Args:
            before: what stands before the pieces.
            pieces: what is to be joined.
            after: what stands after them.

        Raises:
            Unclear: a part would come to go on with another side's text or entry.
        """
        found: list[Piece] = [] if before is None else [before]
        for piece in [*pieces, *([] if after is None else [after])]:
            last = found[-1] if found else None
            if isinstance(last, Place) and isinstance(piece, Place) and self._apart(found, last, piece):
                found.append([Entry("", self.eol, "both")])
            found.append(piece)
        return found[before is not None : len(found) - (after is not None)]

    def _apart(self, found: Sequence[Piece], left: Place, right: Place) -> bool:
        """Tell whether a blank line is needed between two passages."""
        lefts, rights = self._there(left), self._there(right)
        if any(one.theirs is two.theirs and one.at + 1 == two.at for one in lefts for two in rights):
            return False
        if any(there.lines.passages[there.at].kind is Kind.CARD for there in (*lefts, *rights)):
            return False
        if all(self._torn(found, there) for there in rights):
            raise Unclear
        if rights[0].lines.indents[rights[0].at] > min(there.lines.above(there.at) for there in lefts):
            raise Unclear
        return all(additions.gap(one.lines, one.at, two.lines, two.at) for one in lefts for two in rights)

    def _torn(self, found: Sequence[Piece], there: _There) -> bool:
        """Tell whether text would not go on with what it went on with: only such text may stand between."""
        if not there.lines.goes_on(there.at):
            return False
        kind = there.lines.passages[there.at].kind
        for piece in reversed(found):
            if not isinstance(piece, Place):
                return True
            if (piece.theirs if there.theirs else piece.ours) == there.at - 1:
                return False
            if any(other.lines.passages[other.at].kind is not kind for other in self._there(piece)):
                return True
        return True

    def _there(self, place: Place) -> list[_There]:
        sides = ((False, self.ours, place.ours), (True, self.theirs, place.theirs))
        return [_There(theirs, lines, at) for theirs, lines, at in sides if at is not None]
