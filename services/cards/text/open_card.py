"""A card while its lines are read: what belongs to it, and what it is when it is closed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bluelabel.services.cards.status.statuses import CardStatus, Vocabulary
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.headings import CardHeading
from bluelabel.services.cards.text.model import Card, Field
from bluelabel.services.cards.text.vocabulary import assignees_of, heading_name, is_card_section

_SECTION = re.compile(r"\b(archived?|statistics|backlog|tasks|dashboard|template for|task format|phase \d)\b")
_BOXES: Final[Mapping[str | None, CardStatus]] = {
    **dict.fromkeys(("x", "X"), CardStatus.COMPLETED),
    **dict.fromkeys((" ", ""), CardStatus.NOT_STARTED),
}


class OpenCard:
    """A card while its lines are read."""

    def __init__(self, heading: CardHeading, line: int, start: int, end: int, section: str) -> None:
        self.heading = heading
        self.level = heading.level
        self.id = heading.id
        self.line = line
        self.start = start
        self.heading_end = self.last = end
        self.section = section
        self.fields: dict[str, Field] = {}
        self.in_head = True
        self.block: tuple[int, int] | None = None  # where a table or a fence begins in the head, and its line
        self.disputed = False  # two lines of the head give it different statuses
        self.in_entry = False  # what is indented belongs to an entry of a list, not to the card
        self.flat = 0
        self.shut = 0  # the level of a heading below which nothing is said of this card for certain

    def is_part(self, heading: CardHeading, prefixes: Sequence[str]) -> bool:
        """Tell whether a lower heading with an id is perhaps no card: the plan of this one, ``AC-1``, ``Task 2``."""
        if heading.level <= self.level:
            return False
        own_kind = heading.family == self.heading.family
        strict = heading.family in prefixes or grammar.ID_ONLY.fullmatch(heading.id) is not None
        return heading.id == self.id or not (own_kind or (strict and not heading.family.endswith(" ")))

    def keep(self, field: Field, vocabulary: Vocabulary) -> None:
        """Keep the first field of each name. Two statuses that differ are noted: then neither is certain."""
        before = self.fields.get(field.name)
        if before is None or before.start > field.start:
            self.fields[field.name] = field
        if before is not None and field.name == "status" and before.raw and field.raw:
            self.disputed = self.disputed or vocabulary.status(before.raw) is not vocabulary.status(field.raw)

    def begins_block(self, line: str, number: int, start: int) -> None:
        """Keep where the first table or fence of the head begins: it may hold fields."""
        if self.in_head and not self.shut and not self.block and line.lstrip().startswith(("|", "```", "~~~")):
            self.block = start, number

    def closed(self, stop: int, vocabulary: Vocabulary) -> Card:
        """Return the card, which ends before `stop`; `vocabulary` says what its words stand for."""
        status = self.fields.get("status")
        owner = self.fields.get("assignee")
        return Card(
            id=self.id,
            title=self.heading.title.strip(),
            level=self.level,
            agent=self.heading.agent,
            line=self.line,
            start=self.start,
            heading_end=self.heading_end,
            end=self.last,
            stop=stop,
            section=self.section,
            fields=self.fields,
            # A ticked box in front of the id says so where no line does; a line that cannot be read says nothing.
            status=self._status(status, vocabulary) if status else _BOXES.get(self.heading.box),
            assignees=assignees_of(owner.raw, vocabulary.agents) if owner else (),
        )

    def _status(self, field: Field, vocabulary: Vocabulary) -> CardStatus | None:
        return None if self.disputed else vocabulary.status(field.raw)

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

    def below(self, level: int, *, sure: bool) -> None:
        """Go on below a heading inside the card; unless it is `sure` to be a part, what it says is nobody's."""
        self.in_head = False
        if not self.shut or level <= self.shut:
            self.shut = 0 if sure else level
