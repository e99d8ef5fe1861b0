"""The base of all records: their JSON object, in the order in which the fields stand.

Plain dataclasses: every command makes one, and importing pydantic would cost it 50 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, cast

LEFT_OUT: Final = "left_out"
"""Marks a field whose key is left out of the JSON object while its value is None."""

KEY: Final = "key"
"""Marks a field whose key in the JSON object is a word that no Python name can be."""


def left_out() -> Any:
    """Return a field that has no key in the JSON object while it is None."""
    return field(default=None, metadata={LEFT_OUT: True})


def called(key: str) -> Any:
    """Return a field whose key in the JSON object is `key`."""
    return field(metadata={KEY: key})


@dataclass(frozen=True, slots=True)
class Record:
    """What one operation answers. The JSON of every door is made from it.

    Attributes:
        noun: what it is called in its key ``schema``: ``bluelabel.<noun>/1``.
        schema: name of its JSON Schema where that is not the noun.
    """

    noun: ClassVar[str]
    schema: ClassVar[str] = ""

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object without the key ``schema``."""
        found: dict[str, Any] = {}
        for about in fields(self):
            value = getattr(self, about.name)
            if value is not None or LEFT_OUT not in about.metadata:
                found[about.metadata.get(KEY, about.name)] = _plain(value)
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.as_json()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    return value
