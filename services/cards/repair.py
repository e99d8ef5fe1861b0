"""Repairs a damaged card file when asked to: encoding, open fences, conflict markers, blocks that stand twice.

Nothing is repaired on the way: reading works on the damaged file too. Each repair says what it did, so that a person
can look at the difference before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards import edit
from bluelabel.services.cards import lines as grammar
from bluelabel.services.cards.body import card_lines
from bluelabel.services.cards.document import parse_text
from bluelabel.services.cards.encoding import repair_encoding
from bluelabel.services.cards.merge import merge
from bluelabel.services.cards.model import Card, CardDocument, shown, to_bytes, to_text

KINDS: Final = ("conflicts", "encoding", "duplicates", "fences")
"""What can be repaired, in the order in which it is."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The repaired bytes, and what was done, place by place."""

    content: bytes
    done: tuple[Problem, ...] = ()


def repair(data: bytes, kinds: tuple[str, ...] = KINDS) -> Repair:
    """Repair a card file.

    Args:
        data: the file.
        kinds: which of `KINDS` to repair.
    """
    text, done = to_text(data), list[Problem]()
    steps = {
        "conflicts": resolve_conflicts,
        "encoding": _encoding,
        "duplicates": drop_duplicates,
        "fences": close_fences,
    }
    for kind in KINDS:
        if kind in kinds:
            fixed, said = steps[kind](text)
            if parse_text(fixed).by_id.keys() == parse_text(text).by_id.keys():  # else a repair would cost a card
                text, done = fixed, [*done, *said]
    return Repair(to_bytes(text), tuple(done))


def _encoding(text: str) -> tuple[str, list[Problem]]:
    fixed, changes = repair_encoding(text)
    return fixed, [
        Problem("encoding-repaired", f"{shown(old)!r} is {new!r} again, here and wherever it stands", line)
        for line, old, new in changes
    ]


def resolve_conflicts(text: str) -> tuple[str, list[Problem]]:
    """Take saved conflict markers out and keep both sides: their cards are merged as a merge would have done it."""
    sides = _sides(text)
    if sides is None:
        return text, []
    base, ours, theirs, places = sides
    result = merge(to_bytes(base), to_bytes(ours), to_bytes(theirs))
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


def drop_duplicates(text: str) -> tuple[str, list[Problem]]:
    """Take out each card that stands a second time word for word."""
    document, done = parse_text(text), list[Problem]()
    seen: dict[str, Card] = {}
    twice: list[Card] = []
    for card in document.cards:
        first = seen.setdefault(edit.block(document, card).rstrip(), card)
        if first is not card:
            twice.append(card)
            message = f"{card.id} stood twice, word for word; line {first.line} is kept"
            done.append(Problem("duplicate-removed", message, card.line))
    return edit.without(document, *twice), done


def close_fences(text: str) -> tuple[str, list[Problem]]:
    """Close each code fence that a card leaves open, at the end of that card."""
    document, done = parse_text(text), list[Problem]()
    parts, at = list[str](), 0
    for card in document.cards:
        opened = _open_fence(document, card)
        if opened is not None:
            line, marks = opened
            parts += [text[at : card.end], document.eol, marks]
            at = card.end
            done.append(Problem("fence-closed", f"the code fence of {card.id} is closed", line))
    text = "".join([*parts, text[at:]])
    document = parse_text(text)
    left = next((problem for problem in document.problems if problem.code == "unclosed-fence"), None)
    if left is not None:
        # What is still open was opened outside the cards.
        first = next((card for card in document.cards if card.line >= (left.line or 1)), None)
        end = len((text[: first.start] if first else text).rstrip())
        text = f"{text[:end]}{document.eol}```{text[end:]}"
        done.insert(0, Problem("fence-closed", "the code fence is closed", left.line))
    return text, done


def _open_fence(document: CardDocument, card: Card) -> tuple[int, str] | None:
    opened: tuple[int, str] | None = None
    for number, _, line, inside in card_lines(document, card):
        match = grammar.FENCE.match(line)
        if match and not opened:
            opened = (number, line[: line.index(match[1])].replace("-", " ") + match[1])
        elif match and opened and inside and _closes(match[1], opened[1].strip()) and not match[2].strip():
            opened = None
    return opened


def _closes(marks: str, opened: str) -> bool:
    return marks[0] == opened[0] and len(marks) >= len(opened)
