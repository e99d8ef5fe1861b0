"""Reads one card again after it was changed, without reading the whole file."""

from __future__ import annotations

from dataclasses import replace

from bluelabel.services.cards.text.model import Card, CardDocument
from bluelabel.services.cards.text.parser import parse_text


def reread(document: CardDocument, card: Card, text: str) -> Card | None:
    """Return a card as it stands in a later text of its file, in which nothing but this card was changed.

    Returns:
        the card, or None when the text before or after it is another one, or it is no longer one card.
    """
    stop = card.stop + len(text) - len(document.text)
    if any(problem.code == "conflict-markers" for problem in document.problems):
        return None  # what a line of `=======` means depends on what stands above the card
    if stop < card.heading_end or text[: card.start] != document.text[: card.start]:
        return None
    found = (
        parse_text(text[card.start : stop], document.vocabulary) if text[stop:] == document.text[card.stop :] else None
    )
    if found is None or len(found.cards) != 1 or found.cards[0].start or found.cards[0].id != card.id:
        return None
    new = found.cards[0]
    fields = {name: field.moved(card.start, card.line - 1) for name, field in new.fields.items()}
    return replace(
        new,
        line=card.line,
        start=card.start,
        heading_end=new.heading_end + card.start,
        end=new.end + card.start,
        stop=stop,
        section=card.section,
        fields=fields,
    )
