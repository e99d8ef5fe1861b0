"""Reads a card file: every card, wherever it stands and however it is written, in one pass and linear time."""

from __future__ import annotations

import re
from dataclasses import replace

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary, speaks_of_status
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.blocks import block_fields, items_below
from bluelabel.services.cards.text.conflicts import ConflictMarks
from bluelabel.services.cards.text.fields import KeyLine, key_like, read, read_heading
from bluelabel.services.cards.text.file_problems import quote_problems, unknown_status, whole_file_problems
from bluelabel.services.cards.text.headings import card_heading
from bluelabel.services.cards.text.model import (
    Card,
    CardDocument,
    Field,
    FieldForm,
    Heading,
    Template,
    to_text,
)
from bluelabel.services.cards.text.open_card import OpenCard
from bluelabel.services.cards.text.quotes import Quote, quotes
from bluelabel.services.cards.text.references import LooseLines
from bluelabel.services.cards.text.unread import Suspects, loose_heading, underlined
from bluelabel.services.cards.text.vocabulary import is_card_section

__all__ = ["parse", "parse_text"]


def parse(data: bytes, vocabulary: Vocabulary = BUILT_IN) -> CardDocument:
    """Read the bytes of a card file. Nothing in them is an error: what is wrong becomes a `Problem`.

    Args:
        data: the file.
        vocabulary: what the project's own words stand for: names that count as assignees, phrases that name a status,
            and what ids begin with, beside what everybody uses.
    """
    return parse_text(to_text(data), vocabulary)


def parse_text(text: str, vocabulary: Vocabulary = BUILT_IN) -> CardDocument:
    """Read a card file from text as `to_text` gives it."""
    return _Scanner(text, vocabulary).run()


_LOWER = re.compile(r"^ {0,3}##[^\r\n]*", re.MULTILINE)


def _read(line: str) -> tuple[KeyLine, ...]:
    return read(line) if ":" in line or "：" in line else ()


def _goes_on(line: str) -> bool:
    """Tell whether the head of a card goes on with a line that holds no field: one that is written like a field."""
    found = key_like(line)
    return found is not None and not is_card_section(found["key"]) and found.end() < len(line.rstrip())


class _Scanner:
    """Walks over the lines once, keeping the open card, what is quoted, and the document's section."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.prefixes = vocabulary.prefixes
        self.cards: list[Card] = []
        self.headings: list[Heading] = []
        self.templates: list[Template] = []
        self.problems: list[Problem] = []
        self.loose = LooseLines(self.prefixes)
        self.section = ""
        self.card: OpenCard | None = None
        self.lower: bool | None = None  # whether a heading below level 1 is a card's
        self.quotes = quotes(text, self._ends_quote)
        self.quoted = 0  # the first quote that does not lie above, and where it begins
        self.quoted_from = self.quotes[0].start if self.quotes else len(text) + 1
        self.underlined = underlined(text)
        self.template: Template | None = None
        self.waiting: Field | None = None  # a key whose value may stand on the next line
        self.conflicts = ConflictMarks()
        self.suspects = Suspects()

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
        return self._result()

    def _line(self, line: str, number: int, start: int, end: int) -> None:
        first = line.lstrip(" \t\r")[:1]
        if not first:
            return
        quote = self._quote_at(start) if start >= self.quoted_from else None
        if quote is None and first == "#" and self._card_heading(line, number, start, end):
            return
        if first in "<|=>" and self.conflicts.line(line, number):
            return
        if first in "|`~" and self.card and (quote is None or quote.start == start):
            self.card.begins_block(line, number, start)
        if quote is not None:
            self._quoted(quote, line, number, start, end)
        elif first != "#" or not self._heading(line, number, start, end):
            self._text(line, number, start, end)

    def _ends_quote(self, line: str) -> bool:
        """Tell whether a heading is so surely a card's that it ends an open fence; a comment of a script is not."""
        head = card_heading(line, self.prefixes)
        if head is None or not head.certain or grammar.is_placeholder(head.id):
            return False
        return head.level > 1 or not self._has_lower_cards()

    def _has_lower_cards(self) -> bool:
        if self.lower is None:
            found = (card_heading(match[0], self.prefixes) for match in _LOWER.finditer(self.text))
            self.lower = any(head is not None and head.certain for head in found)
        return self.lower

    def _quote_at(self, start: int) -> Quote | None:
        found = self.quotes
        while self.quoted < len(found) and found[self.quoted].end < start:
            self.quoted += 1
        quote = found[self.quoted] if self.quoted < len(found) else None
        self.quoted_from = quote.start if quote else len(self.text) + 1
        return quote if quote and quote.start <= start else None

    def _quoted(self, quote: Quote, line: str, number: int, start: int, end: int) -> None:
        """Take a quoted line: it is a part of the card it stands in, and says nothing of it."""
        head = card_heading(line, self.prefixes) if quote.doubtful or self.card is None else None
        if head and grammar.is_placeholder(head.id):
            if self.card is None:
                self._end_template(start)
                self.template = Template(start, start, number, head.level)
        elif head and head.certain and quote.doubtful:
            self.suspects.quoted(line, number)
        self._grow(end)
        if quote.closed and end >= quote.end:
            self._end_template(end)

    def _card_heading(self, line: str, number: int, start: int, end: int) -> bool:
        head = card_heading(line, self.prefixes)
        if head is None:
            return False
        if grammar.is_placeholder(head.id):
            self._close(start)
            self._end_template(start)
            self.template = Template(start, start, number, head.level)
            return True
        if not head.certain or (self.card and self.card.is_part(head, self.prefixes)):
            return False
        self._close(start)
        self._end_template(start)
        self.suspects.clear()
        self.card = OpenCard(head, number, start, end, self.section)
        return True

    def _heading(self, line: str, number: int, start: int, end: int) -> bool:
        match = grammar.HEADING.match(line)
        if match is None:
            return False
        level, words = len(match[1]), (match[2] or "").strip()
        found = read_heading(line)
        self.suspects.heading(words, level, number, card_heading(line, self.prefixes), self.card)
        if self.card and self.card.belongs(level, words, field=bool(found)):
            self._grow(end)
            self.card.in_entry = False
            if found:
                self.card.shut = 0 if level <= self.card.shut else self.card.shut
                self._fields(found, line, number, start)
            else:
                self.card.below(level, sure=is_card_section(words) and not self.suspects.told)
            return True
        self._close(start)
        self._end_template(start)
        self.headings.append(Heading(words, level, number, start, end))
        self.section = words
        return True

    def _loose(self, line: str, number: int, start: int, end: int) -> bool:
        """Take a line that looks like a card's heading without marks: what stands below it is of no card above."""
        head = loose_heading(line, self.underlined.get(start, 0), self.prefixes)
        if head is None or grammar.is_placeholder(head.id):
            return False
        words = line.strip(" \t*_")
        self.suspects.heading(words, head.level, number, head, self.card)
        if self.card and head.level > self.card.level:
            self._grow(end)
            self.card.below(head.level, sure=self.card.id == head.id)
            return True
        self._close(start)
        self._end_template(start)
        self.headings.append(Heading(words, head.level, number, start, end))
        self.section = words
        return True

    def _text(self, line: str, number: int, start: int, end: int) -> None:
        if line.startswith("**") and self.loose.backlog(line, number, start, end):
            self._close(start)
            self.suspects.clear()
            return
        if (start in self.underlined or line.startswith(("**", "__"))) and self._loose(line, number, start, end):
            return
        card = self.card
        if card is None:
            self.loose.line(line, self.section, (number, start, end))
            if not self.template and line[:1] != ">" and any(one.name == "status" for one in _read(line)):
                self.suspects.status()
            return
        if (self.waiting and self._below(line, start, end)) or grammar.RULE.match(line):
            return
        card.last = end
        found = _read(line)
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
        if card and card.shut and found.name == "status":
            self.suspects.status()
        if card is None or card.shut or not (card.in_head or (sure and found.name not in card.fields)):
            return
        field = found.field(start, line, number)
        if found.name not in card.fields and not field.raw and alone and field.cut is None:
            self.waiting = field
        card.keep(field, self.vocabulary)

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
                card.keep(replace(field, raw=", ".join(items), fixed=True), self.vocabulary)
        if line[:1] in "-*+|>#`~[ \t" or read(line):
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
        self._block(self.card, at)
        card, disputed = self.card.closed(at, self.vocabulary), self.card.disputed
        self.card = None
        status = card.fields.get("status")
        if status and status.raw and card.status is None:
            self.problems.append(unknown_status(self.text, card, disputed=disputed))
        self.cards.append(card)

    def _block(self, card: OpenCard, stop: int) -> None:
        """Take the fields of the table or the fence at the head of a card, unless they stand above it already."""
        if card.block:
            for field in block_fields(self.text, *card.block, stop, (card.id, card.heading.title)):
                card.keep(field, self.vocabulary)

    def _end_template(self, at: int) -> None:
        if self.template:
            self.templates.append(replace(self.template, end=at))
            self.template = None

    def _result(self) -> CardDocument:
        problems = [*self.problems, *self.suspects.problems, *self.conflicts.problems()]
        problems += [*quote_problems(self.text, self.quotes), *whole_file_problems(self.text, self.cards)]
        return CardDocument(
            text=self.text,
            cards=tuple(self.cards),
            headings=tuple(self.headings),
            references=tuple(self.loose.references),
            templates=tuple(self.templates),
            statistics=tuple(self.loose.statistics),
            last_updated=self.loose.last_updated,
            vocabulary=self.vocabulary,
            quotes=self.quotes,
            problems=tuple(sorted(problems, key=lambda problem: problem.line or 0)),
        )
