"""What is found in a card file: cards, fields, references, sections, each with its exact place in the text.

All places are offsets in characters of `CardDocument.text`, in which bytes that are not UTF-8 stand as lone
surrogates, so that every slice can be written back as the very bytes it was read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus, Vocabulary
from bluelabel.services.cards.text.id_forms import canonical
from bluelabel.services.cards.text.quotes import Quote

UNKNOWN: Final = "UNKNOWN"
"""Stands where a status would, for a card whose status nobody can read."""


class FieldForm(StrEnum):
    """How a metadata line is written."""

    PLAIN = "plain"
    BOLD_OUTSIDE = "bold-outside"
    BOLD_INSIDE = "bold-inside"
    BOLD = "bold"
    HEADING = "heading"
    ROW = "row"
    COLUMN = "column"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Field:
    """One metadata line of a card.

    Args:
        name: the field, whatever the key (``assignee`` for ``Owner``).
        key: the key as written.
        raw: the value as written, without blanks round it.
        form: how the line is written; `lead` is what stands before the key (``- ``, ``### ``, ``**``) where the field
            has a line of its own, `colon` what stands between the key and the value's blank.
        start: where the line begins; `end` is where it ends, before its line ending.
        value_start: where the value begins, perhaps on a later line; `value_end` is its end.
        line: 1-based line of the key.
        at: where the key begins.
        cut: what goes when the field is taken out of a line that holds more than it; None when the line goes.
        fixed: the value is written in a way that is not edited: a list over several lines, say.
    """

    name: str
    key: str
    raw: str
    form: FieldForm
    lead: str
    start: int
    end: int
    value_start: int
    value_end: int
    line: int
    at: int
    colon: str = ":"
    cut: tuple[int, int] | None = None
    fixed: bool = False

    @property
    def below(self) -> bool:
        """Tell whether the value stands on a line of its own, under the key."""
        return self.value_start > self.end

    def moved(self, by: int, lines: int) -> Field:
        """Return the field as it is where so many characters and lines more stand before it."""
        return replace(
            self,
            start=self.start + by,
            end=self.end + by,
            value_start=self.value_start + by,
            value_end=self.value_end + by,
            line=self.line + lines,
            at=self.at + by,
            cut=(self.cut[0] + by, self.cut[1] + by) if self.cut else None,
        )


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `start` to `end` is its own text, without the blank lines and rules after it.

    Args:
        heading_end: end of the heading line, before its line ending.
        stop: where the next thing (card, section, backlog line) begins.
        agent: the code in parentheses after the id, if any.
        section: the document section it stands in, "" before the first.
    """

    id: str
    title: str
    level: int
    agent: str | None
    line: int
    start: int
    heading_end: int
    end: int
    stop: int
    section: str
    fields: Mapping[str, Field]
    status: CardStatus | None
    assignees: tuple[str, ...]

    @property
    def status_raw(self) -> str | None:
        """The status as written, None when there is none."""
        return self.raw("status")

    @property
    def status_unknown(self) -> bool:
        """Tell whether a status is written that nobody can read; it is no success, and not "nothing written" either."""
        return self.status is None and self.status_raw is not None

    @property
    def status_word(self) -> str | None:
        """The status in one word, `UNKNOWN` for one that nobody can read, None when none is written."""
        return UNKNOWN if self.status_unknown else self.status and self.status.value

    @property
    def assignee_raw(self) -> str | None:
        """The assignee as written, None when there is none."""
        return self.raw("assignee")

    def raw(self, name: str) -> str | None:
        """Return a field's value as written, or None when the card has no value for it."""
        found = self.fields.get(name)
        return (found.raw or None) if found else None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the document itself, which is neither a card nor a part of one."""

    text: str
    level: int
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A task that the file mentions without a card: a backlog line, a table row, a checklist or dashboard entry."""

    kind: str
    id: str
    title: str
    line: int
    owner: str | None = None
    done: bool | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Template:
    """The model that the file gives for new cards: the text from its heading to the end of its fence."""

    start: int
    end: int
    line: int
    level: int


@dataclass(frozen=True, slots=True)
class Statistic:
    """One line of the statistics block, as stated; nobody promises that it is true."""

    key: str
    value: str
    line: int
    start: int
    end: int


@dataclass(frozen=True)
class CardDocument:
    """A card file, read. `text` written back gives the very bytes that were read.

    Args:
        quotes: what stands in fences and comments.
    """

    text: str
    cards: tuple[Card, ...] = ()
    headings: tuple[Heading, ...] = ()
    references: tuple[Reference, ...] = ()
    templates: tuple[Template, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    last_updated: Statistic | None = None
    problems: tuple[Problem, ...] = ()
    vocabulary: Vocabulary = BUILT_IN
    quotes: tuple[Quote, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What ids begin with in this project, besides ``TASK``."""
        return self.vocabulary.prefixes

    def to_bytes(self) -> bytes:
        """Return the bytes of the file."""
        return to_bytes(self.text)

    @cached_property
    def eol(self) -> str:
        """The line ending that the file uses first: CRLF or LF."""
        end = self.text.find("\n")
        return "\r\n" if end > 0 and self.text[end - 1] == "\r" else "\n"

    @cached_property
    def by_id(self) -> Mapping[str, tuple[Card, ...]]:
        """Every card of each id, in file order."""
        found: dict[str, list[Card]] = {}
        for card in self.cards:
            found.setdefault(card.id, []).append(card)
        return {key: tuple(cards) for key, cards in found.items()}

    @cached_property
    def moved(self) -> frozenset[str]:
        """The ids of which a line says where their card went (``- TASK-7: Title → archive.md``)."""
        return frozenset(reference.id for reference in self.references if "→" in reference.title)

    def card(self, name: str) -> Card:
        """Return the card called `name`: an id, or ``ID#2`` for the second card of that id.

        Raises:
            NotFound: there is none.
        """
        if named := self.by_id.get(canonical(name.strip(), self.prefixes)):
            return named[0]
        wanted, _, nth = name.partition("#")
        meant = canonical(wanted.strip(), self.prefixes)
        cards = self.by_id.get(wanted) or self.by_id.get(wanted.upper()) or self.by_id.get(meant, ())
        place = int(nth) if nth.isascii() and nth.isdigit() else 1
        if 1 <= place <= len(cards) and (not nth or nth.isdigit()):
            return cards[place - 1]
        close = nearest(wanted, self.by_id)
        hint = f"did you mean {', '.join(close)}?" if close else "see `bluelabel card list`"
        raise NotFound("no such card", where=name[:80], hint=hint)

    def counts(self) -> dict[str, int]:
        """Return how many cards there are in all, of each status, without one, and with one that nobody can read."""
        counts = {"total": len(self.cards), **{status.value: 0 for status in CardStatus}, "none": 0, "unknown": 0}
        for card in self.cards:
            counts[card.status.value if card.status else "unknown" if card.status_unknown else "none"] += 1
        return counts


def to_text(data: bytes) -> str:
    """Return `data` as text in which every byte that is not UTF-8 is a lone surrogate."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes that `to_text` read `text` from."""
    return text.encode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """Return `text` fit for JSON and terminals: a byte that was not UTF-8 becomes U+FFFD."""
    return text if text.isascii() else to_bytes(text).decode("utf-8", "replace")
