"""Fields that stand in a YAML fence at the head of a card: where each value is, and how another is written there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from bluelabel.services.cards.text.field_names import field_of
from bluelabel.services.cards.text.model import Field, FieldForm

_ENTRY: Final = re.compile(r"(?P<key>[^\W\d_](?:[^\n:#\"'{}\[\]]{0,38}[^\s:#\"'{}\[\]])?)[ \t]*:(?=[ \t]|$)[ \t]*")
_ITEM: Final = re.compile(r"[ \t]*-[ \t]+(.*)$")
_DOUBLE: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"[ \t]*(?:#.*)?$')
_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'[ \t]*(?:#.*)?$")
_LIST: Final = re.compile(r"\[[ \t]*([^\[\]{}#]*?)[ \t]*\][ \t]*(?:#.*)?$")
_NAMES: Final = frozenset(("id", "task", "task_id", "taskid", "task-id", "card", "card_id"))
_NOT_PLAIN: Final = re.compile(r"""[\[\]{}#&*!|>'"%@`,]|[-?:](?:\s|$)|.*(?::(?:\s|$)|\s\#)""", re.DOTALL)
_OTHERWISE: Final = frozenset(("null", "~", "true", "false", "yes", "no", "on", "off"))


class Line(NamedTuple):
    """A line of a file: its text without line ending, where it begins, its number."""

    text: str
    start: int
    number: int


class _Value(NamedTuple):
    raw: str
    start: int
    end: int
    fixed: bool = False


def yaml_fields(lines: Sequence[Line], card: str, *, known: bool) -> tuple[Field, ...]:
    """Return the fields of a fence when it is about its card: it names it, or nearly all in it are a card's fields.

    Args:
        lines: what stands between the marks.
        card: the card's id.
        known: the fence says that it holds YAML; else only the card's id makes it one.
    """
    found: list[Field] = []
    keys, named = 0, ""
    for place, line in enumerate(lines):
        match = _ENTRY.match(line.text)
        if match is None:
            continue
        keys += 1
        following = lines[place + 1].text if place + 1 < len(lines) else ""
        value = _value(line.text, match.end(), following, lines[place + 1 :])
        name = field_of(match["key"])
        if match["key"].casefold() in _NAMES:
            named = value.raw
        elif name and not any(field.name == name for field in found):
            found.append(_field(name, match, line, value))
    if named.casefold() != card.casefold() and (named or not known or len(found) * 2 < keys):
        return ()
    return tuple(found)


def yaml_text(old: str, value: str) -> str:
    """Return how a value is written in the place of `old`: quotes stay as they were, and come where YAML needs them."""
    if old.startswith('"'):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    needed = _needs_quotes(value)
    # Single quotes that the old value needed are ours to take away, so that a value set and set back is as it was.
    kept = old.startswith("'") and not _needs_quotes(old[1:-1].replace("''", "'"))
    return "'" + value.replace("'", "''") + "'" if value and (needed or kept) else value


def _needs_quotes(value: str) -> bool:
    return value != value.strip() or value.casefold() in _OTHERWISE or _NOT_PLAIN.match(value) is not None


def _value(line: str, at: int, following: str, rest: Sequence[Line]) -> _Value:
    text = line[at:].rstrip()
    if not text or text.startswith("#"):
        return _below(line, at, following, rest)
    if match := _DOUBLE.match(text):
        raw = re.sub(r"\\(.)", r"\1", match[1])
        return _Value(raw, at, at + match.end(1) + 1)
    if match := _SINGLE.match(text):
        return _Value(match[1].replace("''", "'"), at, at + match.end(1) + 1)
    if match := _LIST.match(text):
        return _Value(match[1], at + match.start(1), at + match.end(1))
    plain = re.split(r"(?<![ \t])[ \t]+#", text, maxsplit=1)[0]
    # Block text, anchors, tags, maps and what goes on in the next line is not edited.
    fixed = plain[0] in "\"'[{|>&*!%" or following.startswith((" ", "\t"))
    raw = "" if plain.casefold() in ("null", "~") else plain
    return _Value(raw, at, at + len(plain), fixed)


def _below(line: str, at: int, following: str, rest: Sequence[Line]) -> _Value:
    items: list[str] = []
    for entry in rest:
        match = _ITEM.match(entry.text)
        if match is None:
            break
        items.append(match[1].strip().strip("\"'"))
    if items or following.startswith((" ", "\t")):
        return _Value(", ".join(items), at, at, fixed=True)
    colon = len(line[:at].rstrip())
    return _Value("", colon, colon)


def _field(name: str, match: re.Match[str], line: Line, value: _Value) -> Field:
    return Field(
        name=name,
        key=match["key"],
        raw=value.raw,
        form=FieldForm.YAML,
        lead="",
        start=line.start,
        end=line.start + len(line.text),
        value_start=line.start + value.start,
        value_end=line.start + value.end,
        line=line.number,
        at=line.start,
        fixed=value.fixed,
    )
