"""Merges three versions of one card: field by field, checklist entry by entry, the other words passage by passage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from bluelabel.services.cards.merge.additions import Lines
from bluelabel.services.cards.merge.merged_lines import Entry
from bluelabel.services.cards.merge.union import union
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary
from bluelabel.services.cards.text.body import DONE_MARKS, checklist
from bluelabel.services.cards.text.fields import read, read_heading
from bluelabel.services.cards.text.model import shown
from bluelabel.services.cards.text.parser import parse_text

OTHER_SIDE: Final = "(other side)"
"""Stands in the key of a metadata line that a merge kept beside ours: `Status (other side): …`."""

_NUMBERED = re.compile(r"([ \t]*)(\d{1,4})([.)][ \t].*)$", re.DOTALL)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_VALUE = re.compile(r"([^:]*:(?:\*\*|__)?[ \t]*)(.*)$", re.DOTALL)


class Undecided(str):
    """Words for what both sides changed so that a person has to decide: both stand between conflict markers."""

    __slots__ = ()


def merge_card(base: str | None, ours: str, theirs: str, vocabulary: Vocabulary = BUILT_IN) -> tuple[str, list[str]]:
    """Merge the text of one card.

    Args:
        base: the card both sides began with, None when both added it.
        ours: our card, from its heading to its last line.
        theirs: theirs.
        vocabulary: what the project's own words stand for.

    Returns:
        the merged card, and what both sides changed differently, as words for a person.
    """
    if theirs in (ours, base):
        return ours, []
    if ours == base:
        return theirs, []
    found = union(_lines(base or "", vocabulary), _lines(ours, vocabulary), _lines(theirs, vocabulary), _resolve)
    words = [*(_words(key) for key in found.clashes), *(Undecided(_words(key)) for key in found.conflicts)]
    return "\n".join(_counted(found.entries)).rstrip("\r"), words


def merge_value(ours: str, theirs: str) -> str | None:
    """Return the value that both changes of a date agree on, the later one; None when there is no such rule."""
    dates = [_ISO.search(text) for text in (ours, theirs)]
    if dates[0] and dates[1]:
        return ours if dates[0][0] >= dates[1][0] else theirs
    return None


def _lines(text: str, vocabulary: Vocabulary) -> Lines:
    """Key the lines of a card: a field's line by the field, an entry by its words, a blank line by what follows."""
    if not text:
        return Lines([], [], [])
    document = parse_text(text, vocabulary)
    texts = text.split("\n")
    keys = [_key(line.rstrip()) for line in texts]
    if document.cards:
        card = document.cards[0]
        for item in checklist(document, card):
            keys[item.line - 1] = f"\1item\1{item.text}"
        # A line that holds several fields is known by its first.
        for field in sorted(card.fields.values(), key=lambda found: found.at, reverse=True):
            keys[field.line - 1] = f"\1field\1{field.name}"
            if field.below:
                keys[text.count("\n", 0, field.value_start)] = f"\1value\1{field.name}"
        keys[card.line - 1] = "\1heading\1"
    if "\r\n" in text:
        texts[-1] += "\r"  # the ending of a card's last line is none of its own, and it may not stay the last
    return Lines.of(blanks_keyed(keys), texts)


def blanks_keyed(keys: list[str]) -> list[str]:
    """Key each blank line, which has no key yet, by what follows it."""
    following = ""
    for place in range(len(keys) - 1, -1, -1):
        following = keys[place] or following
        keys[place] = keys[place] or f"\2{following}"
    return keys


def _key(bare: str) -> str:
    """A numbered entry is known by its words: one that is put in above it must not make it another."""
    entry = _NUMBERED.match(bare)
    return f"\1number\1{entry[1]}{entry[3]}" if entry else f"={bare}" if bare else ""


def _counted(entries: list[Entry]) -> Iterator[str]:
    """Yield the merged lines; a list is counted anew where a side has done so and its numbers no longer count up."""
    for is_list, group in groupby(entries, key=lambda entry: entry.key.startswith("\1number")):
        found = list(group)
        matches = [match for entry in found if is_list and (match := _NUMBERED.match(entry.text))]
        numbers = [int(match[2]) for match in matches]
        before = [_NUMBERED.match(entry.before or "") for entry in found] if is_list else []
        moved = any(was and was[2] != now[2] for was, now in zip(before, matches, strict=True))
        if not moved or numbers == [*range(numbers[0], numbers[0] + len(numbers))] or len(set(numbers)) == 1:
            yield from (entry.text for entry in found)
        else:
            yield from (f"{match[1]}{number}{match[3]}" for number, match in enumerate(matches, numbers[0]))


def _field(base: str, ours: str, theirs: str) -> str | None:
    """Merge a metadata line by how it is written and by its values; None when both sides set one differently."""
    parts = [_parted(line) for line in (base, ours, theirs)]
    if len({len(part) for part in parts}) > 1:
        return None
    names = [field.name for field in read(ours)]
    merged: list[str] = []
    for place, (old, mine, other) in enumerate(zip(*parts, strict=True)):
        value = other if mine == old else mine
        if place % 2 and other not in (old, mine) and mine != old:
            later = merge_value(mine, other) if names[place // 2 :][:1] == ["updated"] else None
            if later is None:
                return None
            value = later
        merged.append(value)
    return "".join(merged)


def _parted(line: str) -> list[str]:
    """Return the parts of a metadata line: what stands before a value, the value, and so on, and what is behind all."""
    parts, at = list[str](), 0
    for field in read(line) or read_heading(line):
        parts += line[at : field.value], line[field.value : field.end]
        at = field.end
    return [*parts, line[at:]] if parts else ["", line.rstrip(), line[len(line.rstrip()) :]]


def _resolve(key: str, base: str, ours: str, theirs: str) -> tuple[list[str], bool]:
    _, kind, name = key.split("\1", 2) if key.startswith("\1") else ("", "", "")
    alone = kind == "field" and len(read(ours)) == len(read(theirs)) == 1
    if alone and name == "updated" and (later := merge_value(ours, theirs)):
        return [later], False
    if kind == "field" and (merged := _field(base, ours, theirs)) is not None:
        return [merged], False
    if kind == "field" and (found := _VALUE.match(theirs)):
        marks = re.match(r"(.*?[A-Za-z])((?:\*\*|__)?[ \t]*:.*)$", theirs, re.DOTALL)
        second = f"{marks[1]} {OTHER_SIDE}{marks[2]}" if marks else f"{found[1]}{OTHER_SIDE} {found[2]}"
        return [ours, second.lstrip("# ") if theirs.startswith("#") else second], True
    if kind == "item":
        # Ticked on one side and only moved or spaced on the other: a tick is never taken back by a merge.
        changed = [text for text in (ours, theirs) if text.rstrip() != base.rstrip()] or [ours]
        return [max(changed, key=lambda text: (_ticked(text), -len(text.rstrip()), text))], False
    if kind == "number":
        return [ours], False
    if kind == "heading":
        return [ours, f"<!-- title {OTHER_SIDE}: {theirs.strip('# ').rstrip()} -->"], True
    return ([ours], False) if ours.rstrip() == theirs.rstrip() else ([ours, theirs], True)


def _ticked(text: str) -> bool:
    return any(f" {mark} " in f" {text.lstrip()} " for mark in DONE_MARKS)


def _words(key: str) -> str:
    if key.startswith("\1"):
        _, kind, name = key.split("\1", 2)
        return {"field": name, "value": name, "item": f"the entry “{shown(name[:40])}”", "heading": "the title"}.get(
            kind, f"the entry “{shown(name[:40])}”"
        )
    return f"the line “{shown(key.strip('= ')[:40])}”"
