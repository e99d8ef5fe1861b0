"""What `bluelabel read` says of a card file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.headings import card_heading
from bluelabel.services.cards.text.model import Card, FieldForm, shown, to_text
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.cards.text.vocabulary import named

_NO_YAML = frozenset({FieldForm.BOLD_INSIDE, FieldForm.BOLD_OUTSIDE, FieldForm.HEADING})
_TITLE = re.compile(r"\ufeff?\s*# [^\n]{0,40}Task Cards", re.IGNORECASE)


def looks_like_cards(data: bytes) -> bool:
    """Tell whether `data` is a card file: its title says so, a card with an id of the family, or one with a status."""
    text = to_text(data)
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return False
    if _TITLE.match(text):
        return True
    lines = (line.rstrip("\r") for line in text.split("\n") if line.lstrip(" ").startswith("##"))
    found = [head for line in lines if (head := card_heading(line)) and head.certain]
    # "Task 8" and "BUG-12" stand in many a guide and report; with a status of their own they are cards.
    sure = {head.id for head in found if grammar.ID_ONLY.fullmatch(head.id) and not head.family.endswith(" ")}
    cards = parse(data).cards if found or text.lstrip("\ufeff \t\r\n").startswith("#") else ()
    lower = [card for card in cards if card.level > 1]
    return any(card.id in sure or card.raw("status") is not None for card in lower) or _are_on_top(cards)


def _are_on_top(cards: Sequence[Card]) -> bool:
    """Tell whether headings of level 1 are cards, and no title of a report and no remark in a script or in YAML.

    Two with a status each that is known, or one whose status is bold or a heading, stand in nothing that is YAML.
    """
    found = [card for card in cards if card.level == 1 and card.status is not None and "status" in card.fields]
    return len(found) > 1 or any(card.fields["status"].form in _NO_YAML for card in found)


def card_record(card: Card) -> dict[str, Any]:
    """Return the object that stands for a card in `bluelabel.read/1`."""
    return {
        "id": card.id,
        "title": shown(card.title),
        "status": card.status.value if card.status else None,
        "status_raw": _shown(card.status_raw),
        "assignee": card.assignees[0] if card.assignees else _shown(named(card.assignee_raw)),
        "assignees": list(card.assignees),
        "line": card.line,
    }


def read_cards(data: bytes, vocabulary: Vocabulary = BUILT_IN) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Return the cards of a file as `bluelabel.read/1` lists them, and what is wrong with the file."""
    document = parse(data, vocabulary)
    return [card_record(card) for card in document.cards], list(document.problems)


def _shown(raw: str | None) -> str | None:
    return None if raw is None else shown(raw)
