"""Which names are allowed. Names become file names on every platform, so the rules are strict."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from bluelabel.interfaces.errors import InvalidName
from bluelabel.interfaces.limits import ID_CHARS, NAME_CHARS

_AGENT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=-]*", re.ASCII)
# Device names of Windows: a file of this name cannot be made there, whatever its ending.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))})


def agent_name(text: str) -> str:
    """Return `text` if it may name an agent, group or queue.

    Allowed: an ASCII letter, then letters, digits, ``_`` and ``-``; at most 32 characters; no device name.

    Raises:
        InvalidName: otherwise.
    """
    if len(text) > NAME_CHARS or not _AGENT.fullmatch(text) or text.casefold() in _DEVICES:
        hint = f"use a letter, then letters, digits, _ or -, at most {NAME_CHARS} characters"
        raise InvalidName("not a name for an agent", where=_shown(text), hint=hint)
    return text


def identifier(text: str, what: str = "an id") -> str:
    """Return `text` if it may be a message, task, run or step id.

    Allowed: an ASCII letter or digit, then letters, digits and ``. _ + @ = -``; at most 128 characters; no ``..``,
    no final dot, no device name.

    Raises:
        InvalidName: otherwise.
    """
    stem = text.split(".", 1)[0].casefold()
    if len(text) > ID_CHARS or not _ID.fullmatch(text) or ".." in text or text.endswith(".") or stem in _DEVICES:
        hint = f"use letters, digits and . _ + @ = -, at most {ID_CHARS} characters"
        raise InvalidName(f"not {what}", where=_shown(text), hint=hint)
    return text


def nearest(text: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of `names` that look most like `text`, best first, ignoring case."""
    by_fold = {name.casefold(): name for name in names}
    close = get_close_matches(text.casefold(), by_fold, count, 0.3)
    return [by_fold[name] for name in close]


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
