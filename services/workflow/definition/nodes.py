"""YAML and JSON values that know their place.

They follow the core schema of YAML 1.2: ``on``, ``yes``, ``1:30`` and dates are texts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import Enum
from typing import Any, Final, cast

from bluelabel.interfaces.limits import JSON_DEPTH
from bluelabel.services.workflow.definition.diagnostics import Place

_INTEGER = re.compile(r"[-+]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\d{1,40}\.\d{0,40}|\.\d{1,40}|\d{1,40}(?=[eE]))(?:[eE][-+]?\d{1,3})?", re.ASCII)
_CONSTANTS: Final[dict[str, object]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class NodeKind(Enum):
    """The three shapes of YAML."""

    SCALAR = "scalar"
    LIST = "list"
    MAPPING = "mapping"


_NO_ITEMS: Final[list[Node]] = []
_NO_ENTRIES: Final[dict[str, tuple[Node, Node]]] = {}


class Node:
    """A value and where it stands (1-based).

    Args:
        kind: its shape.
        place: where its text begins; for a text in quotes, the quote.
        value: of a scalar.
        text: of a scalar, as it stands in the file.
        inset: how many characters before the text itself begins: 1 for quotes; None where places inside the text
            are not known (block texts, texts over several lines).
        items: of a list.
        entries: of a mapping: key, its node, the value's node.
    """

    __slots__ = ("entries", "inset", "items", "kind", "place", "text", "value")

    def __init__(
        self,
        kind: NodeKind,
        place: Place,
        value: Any = None,
        text: str = "",
        inset: int | None = 0,
        *,
        items: list[Node] | None = None,
        entries: dict[str, tuple[Node, Node]] | None = None,
    ) -> None:
        self.kind = kind
        self.place = place
        self.value = value
        self.text = text
        self.inset = inset
        # Most nodes are scalars: they share the empty ones, which nobody writes to.
        self.items = _NO_ITEMS if items is None else items
        self.entries = _NO_ENTRIES if entries is None else entries

    def get(self, key: str) -> Node | None:
        """Return the node under `key`, or None where there is none or this is no mapping."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]

    def plain(self) -> Any:
        """Return the value with everything below it as dicts, lists, texts, numbers, booleans and None."""
        if self.kind is NodeKind.MAPPING:
            return {key: value.plain() for key, (_, value) in self.entries.items()}
        if self.kind is NodeKind.LIST:
            return [item.plain() for item in self.items]
        return self.value

    def inside(self, column: int | None) -> Place:
        """Return the place of a column (1-based) of this text, or of the text where that is not known."""
        if column is None or self.inset is None or self.place.column is None:
            return self.place
        return Place(self.place.line, self.place.column + self.inset + column - 1)

    @property
    def shape(self) -> str:
        """What it is, for a person."""
        if self.kind is not NodeKind.SCALAR:
            return "a list" if self.kind is NodeKind.LIST else "a mapping"
        if self.value is None:
            return "empty"
        if isinstance(self.value, bool):
            return "a boolean"
        return "a number" if isinstance(self.value, int | float) else "a text"


def from_plain(value: object, depth: int = 0) -> Node:
    """Return the node of a value whose places are not known."""
    top = Place(1, 1)
    if depth > JSON_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value)
        entries = {key: (_scalar(key, top), from_plain(item, depth + 1)) for key, item in pairs.items()}
        return Node(NodeKind.MAPPING, top, entries=entries)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return Node(NodeKind.LIST, top, items=[from_plain(item, depth + 1) for item in items])
    return Node(NodeKind.SCALAR, top, value, str(value), None)


def _scalar(text: str, place: Place) -> Node:
    return Node(NodeKind.SCALAR, place, text, text)


class Lines:
    """Where the lines of a text begin, as editors count them."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]

    def place(self, index: int) -> Place:
        """Return line and column of the character at `index`."""
        line = bisect_right(self.starts, index) - 1
        return Place(line + 1, index - self.starts[line] + 1)


def resolve(text: str) -> object:
    """Return what a plain scalar means: null, a boolean, a number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
