"""What one line of a card file can be. Every pattern is linear: no input makes it slow."""

from __future__ import annotations

import re
from typing import Final

from bluelabel.services.cards.text.id_forms import ID

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
ID_ONLY: Final = re.compile(ID, re.ASCII)


def is_placeholder(name: str) -> bool:
    """Tell whether an id is a template's, never a card's."""
    return PLACEHOLDER.fullmatch(name) is not None
