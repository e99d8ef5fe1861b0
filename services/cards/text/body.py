"""The inside of one card: its sections and its checklist."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.field_names import field_of
from bluelabel.services.cards.text.model import Card, CardDocument
from bluelabel.services.cards.text.vocabulary import heading_name, is_card_section

_BOLD: Final = re.compile(r"\*\*([^*\n]{1,80}?):?\*\*[ \t]*:?[ \t]*(.*)$")
_LISTED: Final = re.compile(r"[-*+][ \t]+([A-Za-z][A-Za-z /&]{1,40}):[ \t]*(.*)$", re.ASCII)
_BOXES: Final = r"☐|☑\ufe0f?|☒|⬜\ufe0f?|◻\ufe0f?|▢|□|🔲"
# The last two are the check mark and the cross after they were saved in a wrong encoding.
_SIGNS: Final = r"✅|✔\ufe0f?|✓|❌|✗|✘|⚠\ufe0f?|⏳|🔄|🚧|âœ…|â\u008dŒ|âŒ"
# In brackets stands a sign, or a letter that ticks; other letters and digits are notes (`[1]`) and names.
_BRACKETS: Final = r"\[(?:[^\w\[\]\r\n]\ufe0f?|[xXvVoO_])\]"
_ITEM: Final = re.compile(
    r"((?: {0,3}>)*[ \t]*)(?:"
    rf"(?:[-*+•◦‣–]|[0-9]{{1,4}}[.)])(?:[ \t]+(?P<listed>{_BRACKETS}|{_BOXES}|{_SIGNS})|(?P<tight>\[[ xX]\]))"
    rf"|(?P<bare>\[[ xX]\]|{_BOXES})"
    r")[ \t]+(?P<text>.*)$"
)
_DONE_SIGNS: Final = ("✅", "✔", "✔\ufe0f", "✓", "☑", "☑\ufe0f")
DONE_MARKS: Final = frozenset({"[x]", "[X]", "[√]", "âœ…", *_DONE_SIGNS, *(f"[{sign}]" for sign in _DONE_SIGNS)})
OPEN_MARKS: Final = frozenset({"[ ]", "☐", "⬜", "⬜\ufe0f", "◻", "◻\ufe0f", "▢", "□", "🔲"})
"""Marks that say no more than that an entry is open: one that is cleared gets one of them."""

_MARKS: Final = ("listed", "tight", "bare")
TICKED: Final[Mapping[str, str]] = {**dict.fromkeys(OPEN_MARKS - {"[ ]", "☐"}, "✅"), "☐": "☑"}
"""What each becomes when it is ticked, where that is not a box in brackets."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a card: its name for comparing, its title as written, and the span of its text.

    `text_start` lies after the marker, so that the words beside a bold marker belong to the text.
    """

    name: str
    title: str
    line: int
    start: int
    text_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a card's checklist. `number` counts from 1 through the whole card."""

    number: int
    text: str
    done: bool
    mark: str
    line: int
    mark_start: int


def card_lines(document: CardDocument, card: Card) -> Iterator[tuple[int, int, str, bool]]:
    """Yield the lines of a card after its heading: number, start, text without line ending, whether quoted."""
    text, number = document.text, card.line
    at = _next(text, card.heading_end)
    quoted = bisect_left(document.quotes, at, key=lambda quote: quote.end)
    while at <= card.end and at < len(text):
        number += 1
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        while quoted < len(document.quotes) and document.quotes[quoted].end < at:
            quoted += 1
        inside = quoted < len(document.quotes) and document.quotes[quoted].start <= at
        yield number, at, text[at:stop].removesuffix("\r"), inside
        at = stop + 1


def sections(document: CardDocument, card: Card) -> tuple[Section, ...]:
    """Return the sections of a card in order: headings, bold lines, or list entries that name a section."""
    found: list[Section] = []
    metadata = {field.start for field in card.fields.values()}
    for number, at, line, fenced in card_lines(document, card):
        if fenced or at in metadata:
            continue
        marker = _marker(line)
        if marker is None:
            continue
        if found:
            found[-1] = _ended(found[-1], at)
        title, offset = marker
        found.append(Section(heading_name(title), title, number, at, at + offset, card.end))
    return tuple(found)


def checklist(document: CardDocument, card: Card) -> tuple[Item, ...]:
    """Return the checklist of a card: boxes of every kind, and entries that begin with a check mark, cross or warning.

    Only what is ticked is done: an entry in work (``[~]``), put off (``[>]``) or dropped (``[-]``) is not.
    """
    items: list[Item] = []
    for number, at, line, fenced in card_lines(document, card):
        match = None if fenced else _ITEM.match(line)
        if match:
            group = next(name for name in _MARKS if match[name])
            mark, text = match[group], match["text"].strip()
            items.append(Item(len(items) + 1, text, mark in DONE_MARKS, mark, number, at + match.start(group)))
    return tuple(items)


def section_text(document: CardDocument, section: Section) -> str:
    """Return the words of a section, without blank lines round them."""
    return document.text[section.text_start : section.end].strip()


def _marker(line: str) -> tuple[str, int] | None:
    first = line[:1]
    if first == "#" and (match := grammar.HEADING.match(line)):
        return (match[2] or "").strip(), len(line)
    if first == "*" and (match := _BOLD.match(line)):
        return match[1].strip(), match.start(2)
    if first in ("-", "*", "+") and (match := _LISTED.match(line)) and _names_section(match[1]):
        return match[1].strip(), match.start(2)
    return None


def _names_section(words: str) -> bool:
    return is_card_section(words) and field_of(words) is None


def _ended(section: Section, at: int) -> Section:
    return Section(section.name, section.title, section.line, section.start, section.text_start, at)


def _next(text: str, at: int) -> int:
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop + 1
