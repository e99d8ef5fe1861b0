"""Reads what stands outside the cards: backlog lines, tables, checklists, dashboards, statistics, the footer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.fields import read
from bluelabel.services.cards.text.id_forms import canonical
from bluelabel.services.cards.text.model import Reference, Statistic

_MOVED = re.compile(r"[-*+] ([A-Z][A-Za-z0-9+_.-]*[0-9][A-Za-z0-9+_.-]*): (.*→.*)$", re.ASCII)


class LooseLines:
    """Collects the references and statistics of a file, line by line.

    Args:
        prefixes: what ids begin with in this project, besides ``TASK``.
    """

    def __init__(self, prefixes: Sequence[str] = ()) -> None:
        self._prefixes = prefixes
        self.references: list[Reference] = []
        self.statistics: list[Statistic] = []
        self.last_updated: Statistic | None = None

    def backlog(self, line: str, number: int, start: int, end: int) -> bool:
        """Take a bold backlog line, which ends the card above it; tell whether it was one."""
        match = grammar.BACKLOG.match(line)
        if match is None or grammar.is_placeholder(match[1]):
            return False
        self.references.append(Reference("backlog", match[1], match[2].strip(), number, start=start, end=end))
        return True

    def line(self, line: str, section: str, place: tuple[int, int, int]) -> None:
        """Take a line that belongs to no card.

        Args:
            line: the line.
            section: the document section it stands in.
            place: its number, its start and its end.
        """
        first = line.lstrip(" \t")[:1]
        if first == "|":
            self._row(line, place)
        elif first in "-*+":
            self._entry(line, section, place)
        if first in "*_Ll" and self.last_updated is None and (match := grammar.LAST_UPDATED.match(line)):
            self.last_updated = _statistic("Last Updated", match[1], place[0], place[1] + match.start(1))
        elif ":" in line:
            self._owner(line)

    def _row(self, line: str, place: tuple[int, int, int]) -> None:
        match = grammar.ROW.match(line)
        if match and not grammar.is_placeholder(match[1]):
            cells = [cell.strip() for cell in match[2].split("|")]
            owner = cells[1] if len(cells) > 2 else None
            number, start, end = place
            self.references.append(Reference("table", match[1], cells[0], number, owner, None, start, end))

    def _entry(self, line: str, section: str, place: tuple[int, int, int]) -> None:
        number, start, end = place
        if match := grammar.CHECK_REF.match(line):
            done = match[1] in "xX"
            self.references.append(Reference("checklist", match[2], match[3].strip(), number, None, done, start, end))
        elif match := grammar.LIST_REF.match(line):
            self.references.append(Reference("dashboard", match[1], match[2].strip(), number, None, None, start, end))
        elif "→" in line and (match := _MOVED.match(line)) and canonical(match[1], self._prefixes) == match[1]:
            # The line that archiving leaves for a card, whatever its id begins with.
            self.references.append(Reference("dashboard", match[1], match[2].strip(), number, None, None, start, end))
        elif "statistic" in section.casefold() and (match := grammar.STATISTIC.match(line)):
            self.statistics.append(_statistic(match[1], match[2], number, start + match.start(2)))

    def _owner(self, line: str) -> None:
        """A backlog line names its owner in one of the lines below it."""
        last = self.references[-1] if self.references else None
        if last and last.kind == "backlog" and last.owner is None:
            found = next((field for field in read(line) if field.name == "assignee"), None)
            if found:
                self.references[-1] = dataclasses.replace(last, owner=line[found.value : found.end])


def _statistic(key: str, value: str, number: int, at: int) -> Statistic:
    return Statistic(key.strip(), value.strip(), number, at, at + len(value.strip()))
