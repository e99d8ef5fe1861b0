"""What one line of a card file can be. Every pattern is linear: no input makes it slow."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bluelabel.services.cards.id_forms import ID
from bluelabel.services.cards.model import FieldForm
from bluelabel.services.cards.words import field_of

PLACEHOLDER: Final = re.compile(r"TASK-(?:X{2,}|N{2,}|ID|NNN|000X)", re.ASCII | re.IGNORECASE)
HEADING: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
FENCE: Final = re.compile(r"[ \t]*(?:[-*+][ \t]+)?(`{3,}|~{3,})([^`]*)$")
BACKLOG: Final = re.compile(rf"\*\*({ID})[ \t]*(?::|[—–])[ \t]*([^*]+)\*\*[ \t]*$", re.ASCII)
ROW: Final = re.compile(rf"[ \t]*\|[ \t]*({ID})[ \t]*\|(.*)$", re.ASCII)
CHECK_REF: Final = re.compile(rf"[-*+][ \t]+\[([ xX])\][ \t]+\**({ID})\**[ \t]*(?::|[—–-])[ \t]*(.*)$", re.ASCII)
LIST_REF: Final = re.compile(
    rf"[ \t]*[-*+][ \t]+(?:[^\w\s\[]+[ \t]+)?\**({ID})\**[ \t]*(?::|[—–-])[ \t]*(.*)$", re.ASCII
)
STATISTIC: Final = re.compile(r"[ \t]*[-*+][ \t]+\**([A-Za-z][A-Za-z ]{0,30})\**[ \t]*:\**[ \t]*(.*)$", re.ASCII)
LAST_UPDATED: Final = re.compile(
    r"[*_]{0,2}Last Updated[*_]{0,2}:[*_]{0,2}[ \t]*([^*_]*)[*_]{0,2}[ \t]*$", re.IGNORECASE
)
RULE: Final = re.compile(r" {0,3}(?:-[ \t]*){3,}$| {0,3}(?:\*[ \t]*){3,}$| {0,3}(?:_[ \t]*){3,}$")
CONFLICT: Final = re.compile(r"(<<<<<<<|\|\|\|\|\|\|\||=======|>>>>>>>)(?:[ \t].*)?$")
_FIELD: Final = re.compile(
    r"( {0,3}(?:[-*+][ \t]+)?)(\*\*|__)?([A-Za-z][A-Za-z ]{0,23})(?:(\*\*|__)[ \t]*:|:(\*\*|__)|:)[ \t]*", re.ASCII
)
_FIELD_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+\**([A-Za-z][A-Za-z ]{0,23})\**[ \t]*(:?)\**[ \t]*", re.ASCII)
ID_ONLY: Final = re.compile(ID, re.ASCII)


def is_placeholder(name: str) -> bool:
    """Tell whether an id is a template's, never a card's."""
    return PLACEHOLDER.fullmatch(name) is not None


class KeyLine(NamedTuple):
    """A metadata line: its field, the key as written, its form, what stands before the key, where the value begins."""

    name: str
    key: str
    form: FieldForm
    lead: str
    value: int


def metadata(line: str) -> KeyLine | None:
    """Read a metadata line; None when it is none."""
    match = _FIELD.match(line)
    if match is None:
        return None
    lead, opened, key, outside, inside = match.groups()
    name = field_of(key)
    if name is None or (opened or None) != (outside or inside or None):
        return None
    form = FieldForm.BOLD_OUTSIDE if outside else FieldForm.BOLD_INSIDE if inside else FieldForm.PLAIN
    return KeyLine(name, key, form, lead + (opened or ""), match.end())


def heading_metadata(line: str) -> KeyLine | None:
    """Read a heading that is a metadata line (``### Status: done``, or ``## Status`` above its value)."""
    match = _FIELD_HEADING.match(line)
    if match is None:
        return None
    name = field_of(match[1])
    if name is None or (not match[2] and match.end() < len(line.rstrip())):
        return None
    return KeyLine(name, match[1].rstrip(), FieldForm.HEADING, line[: match.start(1)], match.end())
