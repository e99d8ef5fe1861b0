"""JSON with its own text beside the values, so that a merge can carry over people's bytes instead of rewriting them.

A container is taken apart one level at a time; its members keep the blanks that stand before and after them.
Put together again without a change, the text is the same to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NoReturn, cast

_BLANK = re.compile(r"[ \t\r\n]*")
_SIGN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|,(?=[ \t\r\n]*[\]}])', re.DOTALL)


class Kind(StrEnum):
    """How the members of a container stand together."""

    ARRAY = "array"
    OBJECT = "object"
    STREAM = "stream"
    """Values one after another without brackets: not JSON, but what some agents write."""


class Unreadable(Exception):
    """The text is not what JSON, or a row of JSON values, may be."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: its own text, what it stands for, and a normal form to compare by."""

    raw: str
    value: Any

    @property
    def fields(self) -> dict[str, Any] | None:
        """Return the value if it is an object."""
        value: object = self.value
        return cast("dict[str, Any]", value) if isinstance(value, dict) else None

    @property
    def items(self) -> list[object] | None:
        """Return the value if it is an array."""
        value: object = self.value
        return cast("list[object]", value) if isinstance(value, list) else None

    @property
    def canonical(self) -> str:
        """Return the value in one spelling: keys sorted, no blanks."""
        return json.dumps(self.value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a container.

    Args:
        node: the value.
        lead: the blanks before it.
        label: key, colon and blanks as written, in an object.
        key: the key.
        trail: the blanks between it and the comma.
    """

    node: Node
    lead: str = ""
    label: str = ""
    key: str | None = None
    trail: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A value taken apart: `head` and `tail` are the blanks around all of it, `close` those before the last bracket."""

    kind: Kind
    members: tuple[Member, ...]
    close: str = ""
    head: str = ""
    tail: str = ""

    def text(
        self, members: Iterable[Member] | None = None, *, kind: Kind | None = None, close: str | None = None
    ) -> str:
        """Return the text of it, or of other members put into its place."""
        kind = kind or self.kind
        chosen = list(self.members if members is None else members)
        parts = [m.lead + m.label + m.node.raw + m.trail for m in chosen]
        close = self.close if close is None else close
        if kind is Kind.STREAM:
            return self.head + "".join(parts) + self.tail
        opening, closing = "[]" if kind is Kind.ARRAY else "{}"
        return self.head + opening + ",".join(parts) + close + closing + self.tail


def read(text: str) -> Container:
    """Take a whole file apart: an array, an object, or a row of values. A comma before a closing bracket is let pass.

    Raises:
        Unreadable: it is none of these, or an object names a key twice.
    """
    start = len(text) - len(text.lstrip("\ufeff"))
    begin = _skip(text, start)
    if begin == len(text):
        return Container(Kind.STREAM, (), head=text)
    if text[begin] in "[{":
        try:
            found, end = _container(text, begin)
        except Unreadable:
            return _stream(text, start)
        if _skip(text, end) == len(text):
            return replace(found, head=text[:begin], tail=text[end:])
    return _stream(text, start)


def expand(node: Node) -> Container:
    """Take an array or object apart.

    Raises:
        Unreadable: it is neither.
    """
    if not node.raw or node.raw[0] not in "[{":
        raise Unreadable("not a container")
    return _container(node.raw, 0)[0]


def _container(text: str, begin: int) -> tuple[Container, int]:
    kind, closing = (Kind.ARRAY, "]") if text[begin] == "[" else (Kind.OBJECT, "}")
    members: list[Member] = []
    at = begin + 1
    while True:
        place = _skip(text, at)
        if text[place : place + 1] == closing:
            return _closed(Container(kind, tuple(members), text[at:place])), place + 1
        member, after = _member(text, at, place, keyed=kind is Kind.OBJECT)
        sign = text[after : after + 1]
        if sign == closing:
            close, last = member.trail, Member(member.node, member.lead, member.label, member.key)
            return _closed(Container(kind, (*members, last), close)), after + 1
        if sign != ",":
            raise Unreadable("no comma between two members")
        members.append(member)
        at = after + 1


def _closed(found: Container) -> Container:
    keys = {member.key for member in found.members}
    if found.kind is Kind.OBJECT and len(keys) != len(found.members):
        raise Unreadable("a key stands twice in one object")
    return found


def _member(text: str, start: int, place: int, *, keyed: bool) -> tuple[Member, int]:
    key, label_end = None, place
    if keyed:
        key, end = _value(text, place)
        colon = _skip(text, end)
        if not isinstance(key, str) or text[colon : colon + 1] != ":":
            raise Unreadable("no key")
        label_end = _skip(text, colon + 1)
    value, end = _value(text, label_end)
    after = _skip(text, end)
    node = Node(text[label_end:end], value)
    return Member(node, text[start:place], text[place:label_end], key, text[end:after]), after


def _stream(text: str, start: int) -> Container:
    members: list[Member] = []
    at = start
    while (place := _skip(text, at)) < len(text):
        value, end = _value(text, place)
        if not isinstance(value, dict | list):
            raise Unreadable("a bare value outside of any object")
        members.append(Member(Node(text[place:end], value), text[at:place]))
        at = end
    return Container(Kind.STREAM, tuple(members), head=text[:start], tail=text[at:])


def node_of(raw: str) -> Node:
    """Read one value.

    Raises:
        Unreadable: it is none.
    """
    return Node(raw, _value(raw, 0)[0])


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        mended, end = _mended(text, at)
        if mended is None:
            raise Unreadable(str(error)) from None
        try:
            return _DECODER.decode(mended), end
        except (ValueError, RecursionError):
            raise Unreadable(str(error)) from None


def _mended(text: str, at: int) -> tuple[str | None, int]:
    """Return a value without the commas before its closing brackets, and where it ends; None when it has none."""
    parts, last, depth = list[str](), at, 0
    for match in _SIGN.finditer(text, at):
        sign = match[0]
        if sign == ",":
            parts.append(text[last : match.start()])
            last = match.end()
        depth += (sign in ("[", "{")) - (sign in ("]", "}"))
        if depth <= 0:
            return ("".join([*parts, text[last : match.end()]]) if parts else None), match.end()
    return None, at


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def is_json(data: bytes) -> bool:
    """Tell whether the bytes of a file are JSON."""
    try:
        read(data.decode("utf-8"))
    except (Unreadable, UnicodeDecodeError):
        return False
    return True
