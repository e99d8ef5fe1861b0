"""Saved conflict markers of a card file, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.text import grammar


class ConflictMarks:
    """Pairs the marks of merges that were saved unresolved."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._open: list[int] = []

    def line(self, line: str, number: int) -> bool:
        """Take a line; tell whether it is a mark, which is no text of any card."""
        match = grammar.CONFLICT.match(line)
        if match is None:
            return False
        if match[1] == "<<<<<<<":
            self._open.append(number)
        elif match[1] == ">>>>>>>" and self._open:
            opened = self._open.pop()
            message = f"a merge conflict was saved, lines {opened} to {number}"
            hint = "`bluelabel doctor --fix` keeps both sides' cards"
            self._found.append(Problem("conflict-markers", message, opened, 1, hint))
        elif match[1] == ">>>>>>>" and line[7:8]:
            message = "a merge conflict ends here that never began"
            self._found.append(Problem("conflict-markers", message, number, 1))
        else:
            return bool(self._open)
        return True

    def problems(self) -> Iterator[Problem]:
        """Yield what was found, and the conflicts that never end."""
        yield from self._found
        for line in self._open:
            yield Problem("conflict-markers", "a merge conflict begins here and never ends", line, 1)
