"""Reading what an AgentInput carries: wrong kinds of values are told, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.names import nearest

TAGS = 64
"""How many tags count."""


def text_of(content: Mapping[str, Any], key: str) -> str:
    """Return the text under `key`.

    Raises:
        UsageError: there is none, or it is blank.
    """
    value = content.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{key} is missing", hint=f'give content {{"{key}": "…"}}')
    return value


def whole_number(content: Mapping[str, Any], key: str, default: int, most: int | None = None) -> int:
    """Return the number under `key`, or `default`.

    Raises:
        UsageError: not a whole number from 1 to `most`.
    """
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 or (most is not None and value > most):
        span = f"from 1 to {most}" if most is not None else "above 0"
        raise UsageError(f"{key} is not a whole number {span}", where=shown(value))
    return value


def words(value: object, key: str = "tags") -> list[str]:
    """Return a list of words, given as a list or as text with commas; None is an empty list.

    Raises:
        UsageError: anything else.
    """
    if isinstance(value, str):
        value = value.split(",")
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise UsageError(f"{key} is not a list of words", hint='write ["a", "b"]')
    found = (one_line(str(word), 64) for word in cast("Sequence[object]", value)[:TAGS])
    return list(dict.fromkeys(word for word in found if word))


def mapping(value: object, key: str) -> dict[str, Any]:
    """Return an object; None is an empty one.

    Raises:
        UsageError: anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"{key} is not an object", where=shown(value))
    return {str(name): each for name, each in cast("dict[object, Any]", value).items()}


def did_you_mean(given: str, known: Sequence[str]) -> str:
    """Return a hint: the nearest of `known`, else all of them."""
    close = nearest(given, known)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as an error shows it: quoted, short, ASCII."""
    return one_line(ascii(value), 60)
