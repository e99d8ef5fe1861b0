"""Where cards go in a file: sections, the archive, the end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bluelabel.interfaces.errors import NotFound, Refused
from bluelabel.interfaces.names import nearest
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.text.model import Card, CardDocument, Heading
from bluelabel.services.cards.text.parser import parse_text
from bluelabel.services.cards.text.vocabulary import heading_name

_ACTIVE = re.compile(r"\b(active|current|in progress|recent|open) (tasks|cards)\b|^(active|in progress|tasks|cards)$")
_ARCHIVE = re.compile(r"\barchived?\b")
ARCHIVE_TITLE = "Archive"


class Block(NamedTuple):
    """The text of a card that is put back: the section it stood in, and the card that it followed there."""

    id: str
    text: str
    section: str
    follows: str


def section(document: CardDocument, name: str) -> Heading:
    """Return the section that `name` means: its words, or a part of them.

    Raises:
        NotFound: there is none.
    """
    wanted = heading_name(name)
    named = [(heading_name(heading.text), heading) for heading in document.headings if heading.text]
    for test in (str.__eq__, str.startswith, str.__contains__):
        for words, heading in named:
            if wanted and test(words, wanted):
                return heading
    titles = [heading.text for heading in document.headings if heading.text]
    there = ", ".join(nearest(name, titles) or titles[:5]) or "none, the file has no headings"
    raise NotFound("no such section", where=name[:60], hint=f"there is: {there}")


def active_section(document: CardDocument) -> Heading | None:
    """Return the section where work in hand stands, or None."""
    return _first(document, _ACTIVE)


def archive_section(document: CardDocument) -> Heading | None:
    """Return the archive section, or None."""
    return _first(document, _ARCHIVE)


def in_archive(card: Card) -> bool:
    """Tell whether a card stands in the archive section."""
    return is_archive(card.section)


def is_archive(heading: str) -> bool:
    """Tell whether a heading names an archive."""
    return _ARCHIVE.search(heading_name(heading)) is not None


def add(document: CardDocument, text: str, heading: Heading | None = None) -> bytes:
    """Put a block of `text` into a section, after its last card; without one where new cards belong.

    Raises:
        Refused: an open fence would swallow what comes after it.
    """
    rules = edit.uses_rules(document)
    at = _end_of(document, heading or active_section(document), rules)
    return _inserted(document, {at: [text]}, rules).to_bytes()


def put_back(document: CardDocument, blocks: Iterable[Block]) -> CardDocument:
    """Put cards back after the card that each followed, else at the end of its section, else where new cards belong.

    Raises:
        Refused: an open fence would swallow what comes after it.
    """
    rules = edit.uses_rules(document)
    sections = {heading.text: heading for heading in reversed(document.headings)}
    ends: dict[str, int] = {}
    gaps: dict[int, list[Block]] = {}
    put: dict[tuple[str, str], int] = {}
    for block in blocks:
        standing = document.by_id.get(block.follows, ())
        before = next((card for card in standing if card.section == block.section), None)
        if before is not None:
            at = _past(document, before, rules)
            gaps.setdefault(at, []).insert(0, block)
        elif (block.follows, block.section) in put:
            at = put[block.follows, block.section]
            gap = gaps[at]
            behind = next(place for place in range(len(gap), 0, -1) if gap[place - 1].id == block.follows)
            gap.insert(behind, block)
        else:
            if block.section not in ends:
                heading = sections.get(block.section) or active_section(document)
                ends[block.section] = _end_of(document, heading, rules)
            at = ends[block.section]
            gaps.setdefault(at, []).append(block)
        put[block.id, block.section] = at
    return _inserted(document, {at: [block.text for block in gap] for at, gap in gaps.items()}, rules)


def noted(document: CardDocument, lines: Sequence[str]) -> CardDocument:
    """Put lines into the archive section that say where cards went; the section is made when there is none."""
    document, heading = _with_archive(document)
    starts = [*(other.start for other in document.headings), *(card.start for card in document.cards)]
    stop = min((at for at in starts if at > heading.start), default=len(document.text))
    at = edit.line_end(document.text, heading.start + len(document.text[heading.start : stop].rstrip()) - 1)
    start, end, eol = document.text[:at], document.text[at:], document.eol
    if not start.endswith("\n"):
        start += eol
    last = start.rstrip("\r\n").rsplit("\n", 1)[-1]
    return parse_text(
        start + ("" if last.startswith("- ") else eol) + "".join(line + eol for line in lines) + end,
        document.vocabulary,
    )


def unnoted(document: CardDocument, names: Iterable[str]) -> CardDocument:
    """Take out the line of the archive section, one for each name, that says where a card went."""
    wanted, parts, done = Counter(names), list[str](), 0
    for reference in document.references:
        if wanted[reference.id] > 0 and reference.kind == "dashboard" and "→" in reference.title:
            wanted[reference.id] -= 1
            parts.append(document.text[done : reference.start])
            done = edit.line_end(document.text, reference.end)
    return parse_text("".join(parts) + document.text[done:], document.vocabulary) if done else document


def removed(document: CardDocument, *cards: Card) -> CardDocument:
    """Return the file without some cards.

    Raises:
        Refused: an open fence or a saved conflict would change what the other cards are.
    """
    taken = {card.start for card in cards}
    rest = parse_text(edit.without(document, *sorted(cards, key=lambda card: card.start)), document.vocabulary)
    blocks = Counter(edit.block(document, other) for other in document.cards if other.start not in taken)
    if blocks != Counter(edit.block(rest, other) for other in rest.cards):
        raise _entangled()
    return rest


def move(document: CardDocument, card: Card, name: str) -> bytes:
    """Move a card, byte for byte, to the end of a section.

    Raises:
        NotFound: there is no such section.
        Refused: an open fence or a saved conflict is in the way.
    """
    rest = removed(document, card)
    return add(rest, edit.block(document, card), section(rest, name))


def archive(document: CardDocument, *cards: Card) -> bytes:
    """Move cards, byte for byte, to the archive section, which is made at the end of the file when there is none.

    Raises:
        Refused: an open fence or a saved conflict is in the way.
    """
    rules = edit.uses_rules(document)
    rest, heading = _with_archive(removed(document, *cards))
    texts = [edit.block(document, card) for card in cards]
    return _inserted(rest, {_end_of(rest, heading, rules): texts}, rules).to_bytes()


def _with_archive(document: CardDocument) -> tuple[CardDocument, Heading]:
    heading = archive_section(document)
    if heading is not None:
        return document, heading
    made = parse_text(edit.inserted(document, {len(document.text): f"## {ARCHIVE_TITLE}"}), document.vocabulary)
    _check(document, made, (), headings=1)
    return made, section(made, ARCHIVE_TITLE)


def _inserted(document: CardDocument, texts: Mapping[int, Sequence[str]], rules: bool) -> CardDocument:
    """Put cards in at the beginnings of lines; with `rules` each has one below it, as the cards of this file have."""
    gap = document.eol * 2
    rule = f"{gap}---" if rules else ""
    blocks = {at: gap.join(text + rule for text in texts[at]) for at in texts}
    found = parse_text(edit.inserted(document, blocks), document.vocabulary)
    _check(document, found, [text for many in texts.values() for text in many])
    return found


def _check(before: CardDocument, after: CardDocument, texts: Iterable[str], *, headings: int = 0) -> None:
    """See to it that an insertion changed nothing else: a fence left open by a card would swallow what follows."""
    blocks = Counter(edit.block(before, card) for card in before.cards)
    new = (parse_text(text, before.vocabulary) for text in texts)
    blocks.update(edit.block(found, card) for found in new for card in found.cards)
    same = blocks == Counter(edit.block(after, card) for card in after.cards)
    if not same or len(after.headings) != len(before.headings) + headings:
        raise _entangled()


def _entangled() -> Refused:
    what = "a code fence that is never closed, or a saved conflict, would change other cards"
    return Refused(what, hint="repair it with `bluelabel doctor --fix`, then try again")


def _first(document: CardDocument, pattern: re.Pattern[str]) -> Heading | None:
    return next((heading for heading in document.headings if pattern.search(heading_name(heading.text))), None)


def _end_of(document: CardDocument, heading: Heading | None, rules: bool) -> int:
    """Return where a card is put in at the end of a section."""
    if heading is None:
        return _loose_end(document, rules)
    following = next((other for other in document.headings if other.start > heading.start), None)
    stop = following.start if following else len(document.text)
    inside = [card for card in document.cards if heading.start < card.start < stop]
    if inside:
        return _past(document, inside[-1], rules)
    return edit.line_end(document.text, heading.start + len(document.text[heading.start : stop].rstrip()) - 1)


def _loose_end(document: CardDocument, rules: bool) -> int:
    """Without sections: on top where the newest card stands first, else after the last card."""
    cards = document.cards
    if not cards:
        return len(document.text)
    first, last = (
        card.raw("created") or card.raw("date") or card.raw("completed") or "" for card in (cards[0], cards[-1])
    )
    if first > last > "" and not document.headings:
        return cards[0].start
    return _past(document, cards[-1], rules)


def _past(document: CardDocument, card: Card, rules: bool) -> int:
    at = edit.line_end(document.text, card.end)
    return (edit.rule_after(document, card) or at) if rules else at
