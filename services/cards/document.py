"""Reads a card file: every card, wherever it stands and however it is written, in one pass and linear time."""

from __future__ import annotations

import re
from dataclasses import replace

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards import lines as grammar
from bluelabel.services.cards.blocks import block_fields, items_below
from bluelabel.services.cards.faults import whole_file_problems
from bluelabel.services.cards.fields import KeyLine, key_like, read, read_heading
from bluelabel.services.cards.loose import LooseLines
from bluelabel.services.cards.model import (
    Card,
    CardDocument,
    Field,
    FieldForm,
    Heading,
    Template,
    to_text,
)
from bluelabel.services.cards.words import assignees_of, heading_name, is_card_section, mentions_choice, status_of

__all__ = ["parse", "parse_text"]

_SECTION = re.compile(r"\b(archived?|statistics|backlog|tasks|dashboard|template for|task format|phase \d)\b")


def parse(data: bytes, agents: tuple[str, ...] = ()) -> CardDocument:
    """Read the bytes of a card file. Nothing in them is an error: what is wrong becomes a `Problem`.

    Args:
        data: the file.
        agents: names of agents that count as assignees whatever they look like.
    """
    return parse_text(to_text(data), agents)


def parse_text(text: str, agents: tuple[str, ...] = ()) -> CardDocument:
    """Read a card file from text as `to_text` gives it."""
    return _Scanner(text, agents).run()


class _Open:
    """A card while its lines are read."""

    def __init__(self, heading: re.Match[str], line: int, start: int, section: str) -> None:
        self.level = len(heading[1])
        self.id = heading[2]
        self.agent: str | None = heading[3]
        self.title = (heading[5] or "").strip()
        self.line = line
        self.start = start
        self.heading_end = self.last = start + len(heading.string)
        self.section = section
        self.fields: dict[str, Field] = {}
        self.in_head = True
        self.block: tuple[int, int] | None = None  # where a table or a fence begins in the head, and its line
        self.disputed = False  # two lines of the head give it different statuses
        self.in_entry = False  # what is indented belongs to an entry of a list, not to the card
        self.flat = 0

    def keep(self, field: Field) -> None:
        """Keep the first field of each name. Two statuses that differ are noted: then neither is certain."""
        before = self.fields.get(field.name)
        if before is None or before.start > field.start:
            self.fields[field.name] = field
        if before is not None and field.name == "status" and before.raw and field.raw:
            self.disputed = self.disputed or status_of(before.raw) is not status_of(field.raw)

    def begins_block(self, line: str, number: int, start: int) -> None:
        """Keep where the first table or fence of the head begins: it may hold fields."""
        if self.in_head and not self.block and line.lstrip().startswith(("|", "```", "~~~")):
            self.block = start, number

    def closed(self, stop: int, agents: tuple[str, ...]) -> Card:
        status = self.fields.get("status")
        owner = self.fields.get("assignee")
        return Card(
            id=self.id,
            title=self.title,
            level=self.level,
            agent=self.agent,
            line=self.line,
            start=self.start,
            heading_end=self.heading_end,
            end=self.last,
            stop=stop,
            section=self.section,
            fields=self.fields,
            status=status_of(status.raw) if status and not self.disputed else None,
            assignees=assignees_of(owner.raw, agents) if owner else (),
        )

    def belongs(self, level: int, words: str, *, field: bool) -> bool:
        """Tell whether a heading inside this card's reach is a part of it; `field`: it reads as a metadata line."""
        if level > self.level or (self.flat and level >= self.flat):
            return level > self.level or not _SECTION.search(heading_name(words))
        # Some cards write their sections, one even its fields, as headings no lower than their own.
        own = (field or is_card_section(words)) and not _SECTION.search(heading_name(words))
        if own and level > 1 and (level == self.level or (self.in_head and not self.fields)):
            self.flat = level
            return True
        return False


def _goes_on(line: str) -> bool:
    """Tell whether the head of a card goes on with a line that holds no field: one that is written like a field."""
    found = key_like(line)
    return found is not None and not is_card_section(found["key"]) and found.end() < len(line.rstrip())


class _Scanner:
    """Walks over the lines once, keeping the open card, the open fence and the document's section."""

    def __init__(self, text: str, agents: tuple[str, ...]) -> None:
        self.text = text
        self.agents = agents
        self.cards: list[Card] = []
        self.headings: list[Heading] = []
        self.templates: list[Template] = []
        self.problems: list[Problem] = []
        self.loose = LooseLines()
        self.section = ""
        self.card: _Open | None = None
        self.fence: tuple[str, int] | None = None  # its marks, and the line that opens it
        self.template: Template | None = None
        self.waiting: Field | None = None  # a key whose value may stand on the next line
        self.conflicts: list[int] = []

    def run(self) -> CardDocument:
        """Read every line."""
        text, size, number = self.text, len(self.text), 0
        start = 1 if text.startswith("\ufeff") else 0
        while start < size:
            number += 1
            stop = text.find("\n", start)
            stop = size if stop < 0 else stop
            end = stop
            while end > start and text[end - 1] == "\r":
                end -= 1
            self._line(text[start:end], number, start, end)
            start = stop + 1
        self._close(size)
        self._end_template(size)
        if self.fence:
            hint = "`bluelabel doctor --fix` closes it"
            self._problem("unclosed-fence", "a code fence is never closed", self.fence[1], hint)
        for line in self.conflicts:
            self._problem("conflict-markers", "a merge conflict begins here and never ends", line)
        return self._result()

    def _line(self, line: str, number: int, start: int, end: int) -> None:
        first = line.lstrip(" \t\r")[:1]
        if not first:
            return
        if first == "#" and self._card_heading(line, number, start):
            return
        if first in "<|=>" and self._conflict(line, number):
            return
        if first in "|`~" and self.card and not self.fence:
            self.card.begins_block(line, number, start)
        if first in "`~-*+" and self._fence_line(line, number, end):
            return
        if self.fence:
            self._grow(end)
        elif first != "#" or not self._heading(line, number, start, end):
            self._text(line, number, start, end)

    def _card_heading(self, line: str, number: int, start: int) -> bool:
        match = grammar.CARD.match(line)
        if match is None:
            return False
        if grammar.is_placeholder(match[2]):
            self._close(start)
            self._end_template(start)
            self.template = Template(start, start, number, len(match[1]))
            return True
        # A card with a real id always ends the fence above it: a lost closing mark must not swallow cards.
        if self.fence:
            message = f"the code fence of line {self.fence[1]} is not closed before this card"
            self._problem("unclosed-fence", message, number, "`bluelabel doctor --fix` closes it")
            self.fence = None
        self._close(start)
        self._end_template(start)
        self.card = _Open(match, number, start, self.section)
        return True

    def _conflict(self, line: str, number: int) -> bool:
        match = grammar.CONFLICT.match(line)
        if match is None:
            return False
        if match[1] == "<<<<<<<":
            self.conflicts.append(number)
        elif match[1] == ">>>>>>>" and self.conflicts:
            opened = self.conflicts.pop()
            message = f"a merge conflict was saved, lines {opened} to {number}"
            self._problem("conflict-markers", message, opened, "`bluelabel doctor --fix` keeps both sides' cards")
        elif match[1] == ">>>>>>>" and line[7:8]:
            self._problem("conflict-markers", "a merge conflict ends here that never began", number)
        else:
            return bool(self.conflicts)
        return True

    def _fence_line(self, line: str, number: int, end: int) -> bool:
        match = grammar.FENCE.match(line)
        if match is None:
            return False
        marks = match[1]
        if self.fence is None:
            self.fence = (marks, number)
        elif marks[0] == self.fence[0][0] and len(marks) >= len(self.fence[0]) and not match[2].strip():
            self.fence = None
            self._end_template(end)
        self._grow(end)
        return True

    def _heading(self, line: str, number: int, start: int, end: int) -> bool:
        match = grammar.HEADING.match(line)
        if match is None:
            return False
        level, words = len(match[1]), (match[2] or "").strip()
        found = read_heading(line)
        if self.card and self.card.belongs(level, words, field=bool(found)):
            self._grow(end)
            self.card.in_entry = False
            if found:
                self._fields(found, line, number, start)
            else:
                self.card.in_head = False
            return True
        self._close(start)
        self._end_template(start)
        self.headings.append(Heading(words, level, number, start, end))
        self.section = words
        return True

    def _text(self, line: str, number: int, start: int, end: int) -> None:
        if line.startswith("**") and self.loose.backlog(line, number, start, end):
            self._close(start)
            return
        card = self.card
        if card is None:
            self.loose.line(line, self.section, (number, start, end))
            return
        if (self.waiting and self._below(line, start, end)) or grammar.RULE.match(line):
            return
        card.last = end
        found = read(line) if ":" in line or "：" in line else ()
        if line[:1] not in " \t":
            card.in_entry = line[:1] in "-*+" and not found
        elif card.in_entry and line.startswith(("  ", "\t")):
            return
        if found:
            self._fields(found, line, number, start)
        elif line.lstrip()[:1] != "|":
            card.in_head = card.in_head and _goes_on(line)

    def _fields(self, found: tuple[KeyLine, ...], line: str, number: int, start: int) -> None:
        """Keep the first value of each field; outside the head only the status and the assignee count when not bold."""
        self.waiting = None
        for one in found:
            self._field(one, line, number, start, alone=len(found) == 1)

    def _field(self, found: KeyLine, line: str, number: int, start: int, *, alone: bool) -> None:
        card = self.card
        sure = found.form in (FieldForm.BOLD_INSIDE, FieldForm.BOLD_OUTSIDE) or found.name in ("status", "assignee")
        sure = sure and not found.behind and ">" not in found.lead
        if card is None or not (card.in_head or (sure and found.name not in card.fields)):
            return
        field = found.field(start, line, number)
        if found.name not in card.fields and not field.raw and alone and field.cut is None:
            self.waiting = field
        card.keep(field)

    def _below(self, line: str, start: int, end: int) -> bool:
        """Take the line under an empty key as its value, when it cannot be anything else."""
        card, field = self.card, self.waiting
        self.waiting = None
        if card is None or field is None:
            return False
        if field.name != "status" and (items := items_below(self.text, start)):
            # An empty key above a list is the name of a section, but for the one field that may be a list.
            del card.fields[field.name]
            if field.name == "dependencies":
                card.keep(replace(field, raw=", ".join(items), fixed=True))
        if line[:1] in "-*+|>#`~[ \t" or read(line):
            return False
        if field.name == "status" and status_of(line) is None:
            return False
        raw = line.rstrip()
        card.fields[field.name] = replace(field, raw=raw, value_start=start, value_end=start + len(raw))
        card.last = end
        return True

    def _grow(self, end: int) -> None:
        self.waiting = None
        if self.card:
            self.card.last = end

    def _close(self, at: int) -> None:
        """End the open card: the next thing begins at `at`."""
        self.waiting = None
        if self.card is None:
            return
        self._block(self.card, at)
        card, disputed = self.card.closed(at, self.agents), self.card.disputed
        self.card = None
        status = card.fields.get("status")
        if status and status.raw and card.status is None:
            said = "is still the template's choice" if mentions_choice(status.raw) else "is none that is known"
            said = "is given twice, each time another" if disputed else said
            self._problem("unknown-status", f"the status of {card.id} {said}", status.line)
        self.cards.append(card)

    def _block(self, card: _Open, stop: int) -> None:
        """Take the fields of the table or the fence at the head of a card, unless they stand above it already."""
        if card.block:
            for field in block_fields(self.text, *card.block, stop, (card.id, card.title)):
                card.keep(field)

    def _end_template(self, at: int) -> None:
        if self.template:
            self.templates.append(replace(self.template, end=at))
            self.template = None

    def _problem(self, code: str, message: str, line: int, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, line, 1, hint))

    def _result(self) -> CardDocument:
        problems = [*self.problems, *whole_file_problems(self.text, self.cards)]
        return CardDocument(
            text=self.text,
            cards=tuple(self.cards),
            headings=tuple(self.headings),
            references=tuple(self.loose.references),
            templates=tuple(self.templates),
            statistics=tuple(self.loose.statistics),
            last_updated=self.loose.last_updated,
            problems=tuple(sorted(problems, key=lambda problem: problem.line or 0)),
        )
