"""Merges three versions of one card: field by field, checklist entry by entry, the other words line by line."""

from __future__ import annotations

import re
from typing import Final

from bluelabel.services.cards.body import checklist
from bluelabel.services.cards.diff3 import Lines, union
from bluelabel.services.cards.document import parse_text
from bluelabel.services.cards.model import shown

OTHER_SIDE: Final = "(other side)"
"""Stands in the key of a metadata line that a merge kept beside ours: `Status (other side): …`."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_VALUE = re.compile(r"([^:]*:(?:\*\*|__)?[ \t]*)(.*)$", re.DOTALL)


def merge_card(base: str | None, ours: str, theirs: str) -> tuple[str, list[str]]:
    """Merge the text of one card.

    Args:
        base: the card both sides began with, None when both added it.
        ours: our card, from its heading to its last line.
        theirs: theirs.

    Returns:
        the merged card, and what both sides changed differently, as words for a person.
    """
    if theirs in (ours, base):
        return ours, []
    if ours == base:
        return theirs, []
    start = _lines(base) if base is not None else Lines([], [])
    entries, clashes = union(start, _lines(ours), _lines(theirs), _resolve)
    return "\n".join(entry.text for entry in entries), [_words(key) for key in clashes]


def merge_value(ours: str, theirs: str) -> str | None:
    """Return the value that both changes of a date agree on, the later one; None when there is no such rule."""
    dates = [_ISO.search(text) for text in (ours, theirs)]
    if dates[0] and dates[1]:
        return ours if dates[0][0] >= dates[1][0] else theirs
    return None


def _lines(text: str) -> Lines:
    """Key the lines of a card: a field's line by the field, an entry by its words, a blank line by what follows."""
    document = parse_text(text)
    texts = text.split("\n")
    keys = [f"={bare}" if (bare := line.rstrip()) else "" for line in texts]
    if document.cards:
        card = document.cards[0]
        for item in checklist(document, card):
            keys[item.line - 1] = f"\1item\1{item.text}"
        for field in card.fields.values():
            keys[field.line - 1] = f"\1field\1{field.name}"
            if field.below:
                keys[text.count("\n", 0, field.value_start)] = f"\1value\1{field.name}"
        keys[card.line - 1] = "\1heading\1"
    following = ""
    for place in range(len(keys) - 1, -1, -1):
        following = keys[place] or following
        keys[place] = keys[place] or f"\2{following}"
    return Lines(keys, texts)


def _resolve(key: str, base: str, ours: str, theirs: str) -> tuple[list[str], bool]:
    _, kind, name = key.split("\1", 2) if key.startswith("\1") else ("", "", "")
    if kind == "field" and name == "updated" and (later := merge_value(ours, theirs)):
        return [later], False
    if kind == "field" and (found := _VALUE.match(theirs)):
        marks = re.match(r"(.*?[A-Za-z])((?:\*\*|__)?[ \t]*:.*)$", theirs, re.DOTALL)
        second = f"{marks[1]} {OTHER_SIDE}{marks[2]}" if marks else f"{found[1]}{OTHER_SIDE} {found[2]}"
        return [ours, second.lstrip("# ") if theirs.startswith("#") else second], True
    if kind == "item":
        # Ticked on one side and only moved or spaced on the other: a tick is never taken back by a merge.
        return [theirs if base == ours or len(theirs) < len(ours) else ours], False
    if kind == "heading":
        return [ours, f"<!-- title {OTHER_SIDE}: {theirs.strip('# ').rstrip()} -->"], True
    return ([ours], False) if ours.rstrip() == theirs.rstrip() else ([ours, theirs], True)


def _words(key: str) -> str:
    if key.startswith("\1"):
        _, kind, name = key.split("\1", 2)
        return {"field": name, "value": name, "item": f"the entry “{shown(name[:40])}”", "heading": "the title"}[kind]
    return f"the line “{shown(key.strip('= ')[:40])}”"
