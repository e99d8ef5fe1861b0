"""Reads a card file: every card, wherever it stands and however it is written, in one pass and linear time."""

from __future__ import annotations

import re
from dataclasses import replace

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards import lines as grammar
from bluelabel.services.cards.faults import unknown_status, whole_file_problems
from bluelabel.services.cards.lines import KeyLine
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
from bluelabel.services.cards.statuses import BUILT_IN, Vocabulary, speaks_of_status
from bluelabel.services.cards.words import assignees_of, heading_name, is_card_section

__all__ = ["parse", "parse_text"]

_SECTION = re.compile(r"\b(archived?|statistics|backlog|tasks|dashboard|template for|task format|phase \d)\b")


def parse(data: bytes, vocabulary: Vocabulary = BUILT_IN) -> CardDocument:
    """Read the bytes of a card file. Nothing in them is an error: what is wrong becomes a `Problem`.

    Args:
        data: the file.
        vocabulary: names that count as assignees, and phrases that name a status, beside those that everybody uses.
    """
    return parse_text(to_text(data), vocabulary)


def parse_text(text: str, vocabulary: Vocabulary = BUILT_IN) -> CardDocument:
    """Read a card file from text as `to_text` gives it."""
    return _Scanner(text, vocabulary).run()


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
        self.flat = 0

    def closed(self, stop: int, vocabulary: Vocabulary) -> Card:
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
            status=vocabulary.status(status.raw) if status else None,
            assignees=assignees_of(owner.raw, vocabulary.agents) if owner else (),
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


class _Scanner:
    """Walks over the lines once, keeping the open card, the open fence and the document's section."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
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
        found = grammar.heading_metadata(line)
        if self.card and self.card.belongs(level, words, field=found is not None):
            self._grow(end)
            if found:
                self._field(found, line, number, start)
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
        found = grammar.metadata(line) if ":" in line else None
        if found:
            self._field(found, line, number, start)
        else:
            card.in_head = False

    def _field(self, found: KeyLine, line: str, number: int, start: int) -> None:
        """Keep the first line of each field; outside the head only the status and the assignee count when not bold."""
        card = self.card
        self.waiting = None
        sure = found.form in (FieldForm.BOLD_INSIDE, FieldForm.BOLD_OUTSIDE) or found.name in ("status", "assignee")
        if card is None or found.name in card.fields or not (card.in_head or sure):
            return
        raw = line[found.value :].rstrip()
        # The value of an empty line goes one blank after the colon; the blanks after that are not ours.
        at = start + (found.value if raw else min(len(line.rstrip()) + 1, len(line)))
        place = (start, start + len(line), at, at + len(raw), number)
        field = Field(found.name, found.key, raw, found.form, found.lead, *place)
        card.fields[found.name] = field
        if not raw:
            self.waiting = field

    def _below(self, line: str, start: int, end: int) -> bool:
        """Take the line under an empty key as its value, when it cannot be anything else."""
        card, field = self.card, self.waiting
        self.waiting = None
        if card is None or field is None or line[:1] in "-*+|>#`~[ \t" or grammar.metadata(line):
            return False
        if field.name == "status" and not (self.vocabulary.status(line) or speaks_of_status(line)):
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
        card = self.card.closed(at, self.vocabulary)
        self.card = None
        status = card.fields.get("status")
        if status and status.raw and card.status is None:
            self.problems.append(unknown_status(self.text, card))
        self.cards.append(card)

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
            vocabulary=self.vocabulary,
            problems=tuple(sorted(problems, key=lambda problem: problem.line or 0)),
        )
