"""Repairs a damaged card file when asked to: encoding, open fences, conflict markers, blocks that stand twice.

Nothing is repaired on the way: reading works on the damaged file too. Each repair says what it did, so that a person
can look at the difference before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.encoding import repair_encoding
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.model import Card, shown, to_bytes, to_text
from bluelabel.services.cards.text.parser import parse_text

KINDS: Final = ("conflicts", "encoding", "duplicates", "fences")
"""What can be repaired, in the order in which it is."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The repaired bytes, and what was done, place by place."""

    content: bytes
    done: tuple[Problem, ...] = ()


def repair(data: bytes, kinds: tuple[str, ...] = KINDS, vocabulary: Vocabulary = BUILT_IN) -> Repair:
    """Repair a card file.

    Args:
        data: the file.
        kinds: which of `KINDS` to repair.
        vocabulary: what the project's own words stand for, where two sides are merged.
    """
    text, done = to_text(data), list[Problem]()
    steps: dict[str, Callable[[str, Vocabulary], tuple[str, list[Problem]]]] = {
        "conflicts": resolve_conflicts,
        "encoding": _encoding,
        "duplicates": drop_duplicates,
        "fences": close_fences,
    }
    for kind in KINDS:
        if kind in kinds:
            fixed, said = steps[kind](text, vocabulary)
            ids = [parse_text(found, vocabulary).by_id.keys() for found in (fixed, text)]
            if ids[0] == ids[1]:  # else a repair would cost a card
                text, done = fixed, [*done, *said]
    return Repair(to_bytes(text), tuple(done))


def _encoding(text: str, _vocabulary: Vocabulary) -> tuple[str, list[Problem]]:
    fixed, changes = repair_encoding(text)
    return fixed, [
        Problem("encoding-repaired", f"{shown(old)!r} is {new!r} again, here and wherever it stands", line)
        for line, old, new in changes
    ]


def resolve_conflicts(text: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, list[Problem]]:
    """Take saved conflict markers out and keep both sides: their cards are merged as a merge would have done it."""
    sides = _sides(text)
    if sides is None:
        return text, []
    base, ours, theirs, places = sides
    result = merge(to_bytes(base), to_bytes(ours), to_bytes(theirs), vocabulary)
    if not result.decided:
        return text, []  # it would only write other markers round what a person has to decide
    done = [
        Problem("conflict-resolved", f"the conflict of lines {first} to {last} is resolved, both sides are kept", first)
        for first, last in places
    ]
    return to_text(result.content), [*done, *result.problems]


def _sides(text: str) -> tuple[str, str, str, list[tuple[int, int]]] | None:
    """Return what was common, our file and theirs, as they were before the markers; None without whole conflicts."""
    files: tuple[list[str], list[str], list[str]] = ([], [], [])
    places: list[tuple[int, int]] = []
    state, opened = "both", 0
    for number, line in enumerate(text.split("\n"), 1):
        match = grammar.CONFLICT.match(line.removesuffix("\r"))
        mark = match[1] if match else ""
        if mark == "<<<<<<<" and state == "both":
            state, opened = "ours", number
        elif mark == "|||||||" and state == "ours":
            state = "base"
        elif mark == "=======" and state in ("ours", "base"):
            state = "theirs"
        elif mark == ">>>>>>>" and state == "theirs":
            state = "both"
            places.append((opened, number))
        else:
            for name, lines in zip(("base", "ours", "theirs"), files, strict=True):
                if state in ("both", name):
                    lines.append(line)
    if not places or state != "both":
        return None
    base, ours, theirs = ("\n".join(lines) for lines in files)
    return base, ours, theirs, places


def drop_duplicates(text: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, list[Problem]]:
    """Take out each card that stands a second time word for word."""
    document, done = parse_text(text, vocabulary), list[Problem]()
    seen: dict[str, Card] = {}
    twice: list[Card] = []
    for card in document.cards:
        first = seen.setdefault(edit.block(document, card).rstrip(), card)
        if first is not card:
            twice.append(card)
            message = f"{card.id} stood twice, word for word; line {first.line} is kept"
            done.append(Problem("duplicate-removed", message, card.line))
    return edit.without(document, *twice), done


def close_fences(text: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, list[Problem]]:
    """Close each code fence that is left open where the next card, or the end of the file, ends it; no other."""
    document, done = parse_text(text, vocabulary), list[Problem]()
    parts, at = list[str](), 0
    for quote in document.quotes:
        if quote.closed or quote.comment:
            continue
        blanks = re.sub(r"[^ \t]", " ", quote.lead)
        parts += [text[at : quote.end], document.eol, blanks, quote.marks]
        at = quote.end
        owner = next((card.id for card in document.cards if card.start <= quote.start < card.stop), None)
        what = f"the code fence of {owner} is closed" if owner else "the code fence is closed"
        done.append(Problem("fence-closed", what, quote.line))
    return "".join([*parts, text[at:]]), done
