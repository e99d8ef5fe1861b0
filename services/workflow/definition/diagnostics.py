"""What a reader of workflow files has found wrong so far, and how it is shown to a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.problems import Problem

MOST: Final = 200
"""So many problems are kept; a file with more is of no use to read through."""

_MOST_HINTS: Final = 20
_MOST_NAMES: Final = 400


class Place(NamedTuple):
    """A line and a column, both 1-based; None where not known."""

    line: int | None = None
    column: int | None = None


@dataclass(slots=True)
class Findings:
    """Problems in the order of their discovery.

    Args:
        fatal: whether any of them keeps the definition from being used.
        syntax: whether the text is not YAML.
        refused: whether a limit or a construct that is never read was met.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    fatal: bool = False
    syntax: bool = False
    refused: bool = False

    def error(
        self,
        code: str,
        message: str,
        place: Place | None = None,
        hint: str | None = None,
        *,
        syntax: bool = False,
        refused: bool = False,
    ) -> None:
        """Note something that keeps the definition from being used."""
        self.warn(code, message, place, hint)
        self.fatal = True
        self.syntax |= syntax
        self.refused |= refused

    def warn(self, code: str, message: str, place: Place | None = None, hint: str | None = None) -> None:
        """Note something that a person should know, and go on."""
        at = place or Place()
        problem = Problem(code, message, at.line, at.column, hint)
        if len(self.problems) < MOST and problem not in self.problems:
            self.problems.append(problem)

    def meant(self, name: str, known: Collection[str]) -> str | None:
        """Return the name of `known` that `name` looks most like, or None.

        Comparing names takes time; after so many problems, and past so many names, nobody is helped by it.
        """
        if len(self.problems) >= _MOST_HINTS:
            return None
        close = nearest(name[:100], islice(known, _MOST_NAMES), 1)
        return close[0] if close else None

    def merge(self, other: Findings) -> None:
        """Take over what another reading has found."""
        self.problems.extend(other.problems)
        self.fatal |= other.fatal

    def sorted(self) -> tuple[Problem, ...]:
        """Return the problems from the top of the file to its end."""
        return tuple(sorted(self.problems, key=lambda p: (p.line or 0, p.column or 0)))


def report(problems: Iterable[Problem], file: str, data: bytes) -> str:
    """Return the problems as a person reads them: place, message, the line with a caret under it, hint.

    Args:
        problems: what was found.
        file: what to call the file.
        data: its bytes, for the lines to show.
    """
    lines = re.split(r"\r\n|\n|\r", data.decode("utf-8-sig", "replace"))
    return "\n\n".join("\n".join(_block(problem, file, lines)) for problem in problems)


def _block(problem: Problem, file: str, lines: list[str]) -> list[str]:
    block = [f"{problem.at(file)}: {problem.message} [{problem.code}]"]
    if problem.line is not None and problem.line <= len(lines):
        block += _excerpt(lines[problem.line - 1], problem.line, problem.column or 1)
    if problem.hint:
        block.append(f"  hint: {problem.hint}")
    return block


def _excerpt(line: str, number: int, column: int) -> list[str]:
    start = max(0, column - 60)
    shown = "".join(char if char.isprintable() else " " for char in line[start : start + 100])
    margin = f"{number:>5} | "
    return [f"{margin}{shown}", " " * (len(margin) - 2) + "| " + " " * (column - 1 - start) + "^"]
