"""A card file as a merge sees it: lines of text, and cards, each one entry whatever stands in it."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.editing.sections import is_archive
from bluelabel.services.cards.merge.additions import Lines
from bluelabel.services.cards.merge.card import blanks_keyed
from bluelabel.services.cards.merge.passages import Kind, Passage
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.model import Card, CardDocument


class Frame:
    """A file as entries: lines of text, and cards, each card with the blank lines and the rule after it."""

    def __init__(self, document: CardDocument, twice: frozenset[str]) -> None:
        self.document = document
        self.lines = Lines([], [], [])
        self.cards: dict[str, Card] = {}
        self.tails: dict[str, str] = {}
        self.last: str | None = None  # the card with which the file ends
        seen: Counter[str] = Counter()
        at = 0
        for card in document.cards:
            self._add(document.text[at : card.start])
            name = f"{card.id}\0{card.title}" if card.id in twice else card.id
            key = f"\0{name}\0{seen[name]}"
            seen[name] += 1
            at = self._tail_end(card)
            self.cards[key] = card
            self.tails[key] = document.text[card.end : at]
            self.last = key if at >= len(document.text) else None
            self._extend(Lines([key], [key], [Passage(Kind.CARD, 0, 1)]))
        self._add(document.text[at:])

    def block(self, key: str) -> str:
        """Return the text of a card."""
        return edit.block(self.document, self.cards[key])

    @cached_property
    def gave_up(self) -> frozenset[str]:
        """The ids of which this side says where the card went: a line below the archive heading names it."""
        start = next((heading.start for heading in self.document.headings if is_archive(heading.text)), None)
        found = self.document.references if start is not None else ()
        return frozenset(reference.id for reference in found if reference.start > (start or 0))

    def tail(self, key: str, *, final: bool) -> str:
        """Return what stands between a card and what follows it, fit for a place in the middle or at the end."""
        document = self.document
        if final == (key == self.last):
            return self.tails[key]
        if final:
            return self.tails[key].rstrip() + (document.eol if document.text.endswith("\n") else "")
        if rule := self.tails[key].rstrip():
            return rule + document.eol * 2
        return document.eol * 2 + (f"---{document.eol * 2}" if edit.uses_rules(document) else "")

    def _tail_end(self, card: Card) -> int:
        text = self.document.text
        at = edit.rule_after(self.document, card) or edit.line_end(text, card.end)
        while at < card.stop:
            stop = edit.line_end(text, at)
            if text[at:stop].strip():
                break
            at = stop
        return at

    def _add(self, text: str) -> None:
        lines = [line + "\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        lines = lines if lines[-1] else lines[:-1]
        self._extend(Lines.of(blanks_keyed([_line_key(line) for line in lines]), lines))

    def _extend(self, more: Lines) -> None:
        at = len(self.lines.keys)
        self.lines.keys.extend(more.keys)
        self.lines.texts.extend(more.texts)
        self.lines.passages.extend(
            Passage(part.kind, at + part.start, at + part.stop, part.indent, part.open) for part in more.passages
        )


def _line_key(line: str) -> str:
    bare = line.rstrip()
    if match := grammar.ROW.match(bare) or grammar.CHECK_REF.match(bare):
        return f"\1row\1{next(group for group in match.groups() if grammar.ID_ONLY.fullmatch(group))}"
    if match := grammar.STATISTIC.match(bare):
        return f"\1statistic\1{match[1]}"
    if grammar.LAST_UPDATED.match(bare):
        return "\1updated"
    return f"={bare}" if bare else ""
