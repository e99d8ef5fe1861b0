"""The grammar of the tiny expression language: text in, a tree out, every fault with its column.

    expression  = and ("or" and)*
    and         = not ("and" not)*
    not         = "not" not | comparison
    comparison  = value (("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in") value)?
    value       = text | number | true | false | null | "[" list "]" | "(" expression ")" | path
    path        = name ("?")? ( "." name | "[" number or text "]" ) ("?")? …

A path looks up keys of mappings and places of lists, never attributes; there are no calls and no arithmetic.
``?`` after a name gives null where the name is missing. What follows a null is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn

from bluelabel.interfaces.problems import Problem

EXPRESSION_CHARS: Final = 4096
EXPRESSION_DEPTH: Final = 32

_BLANK = re.compile(r"\s*")
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][\w-]*")
_SEGMENT = re.compile(r"\w[\w-]*")
_COMPARISON = re.compile(r"==|!=|<=|>=|<|>|(?:not\s+in|in)\b")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORDS: Final[Mapping[str, object]] = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name or a place in a list, where it stands, and whether it may be missing."""

    key: str | int
    column: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the expression itself."""

    value: object


@dataclass(frozen=True, slots=True)
class Path:
    """A name and what is looked up below it."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A sign between two values; for ``not`` both sides are the same."""

    sign: str
    column: int
    left: Node
    right: Node


Node = Literal | Path | Items | Operation


class Fault(Exception):
    """Stops the reading of one expression; never leaves the expression modules."""

    def __init__(self, message: str, column: int | None, hint: str | None = None, code: str = "expression") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, column=column, hint=hint)


@lru_cache(maxsize=4096)
def parse(expr: str) -> Node:
    """Return the tree of `expr`, or raise `Fault`."""
    reader = _Reader(expr)
    node = reader.expression(0)
    if reader.place < len(expr):
        reader.stop("this does not belong to the expression")
    return node


@lru_cache(maxsize=4096)
def split(text: str) -> tuple[str | Node, ...]:
    """Return the plain parts and the templates of `text` in order, or raise `Fault`."""
    parts: list[str | Node] = []
    place = 0
    while (start := text.find("{{", place)) >= 0:
        if start > place:
            parts.append(text[place:start])
        reader = _Reader(text, start + 2)
        parts.append(reader.expression(0))
        if not text.startswith("}}", reader.place):
            reader.stop("the template is not closed" if reader.place >= len(text) else "expected }} here")
        place = reader.place + 2
    if place < len(text) or not parts:
        parts.append(text[place:])
    return tuple(parts)


class _Reader:
    def __init__(self, text: str, place: int = 0) -> None:
        self.text = text
        self.place = place
        self.end = place + EXPRESSION_CHARS
        self.skip()

    def stop(self, message: str, place: int | None = None, hint: str | None = None) -> NoReturn:
        raise Fault(message, (self.place if place is None else place) + 1, hint)

    def skip(self) -> None:
        match = _BLANK.match(self.text, self.place)
        self.place = match.end() if match else self.place
        if self.place > self.end:
            self.stop(f"longer than {EXPRESSION_CHARS} characters")

    def take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.place)
        if match is None:
            return None
        self.place = match.end()
        self.skip()
        return match[0]

    def take_word(self, word: str) -> bool:
        match = _NAME.match(self.text, self.place)
        if match is None or match[0] != word:
            return False
        self.take(_NAME)
        return True

    def take_sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.place):
            return False
        self.place += len(sign)
        self.skip()
        return True

    def expression(self, depth: int) -> Node:
        return self._chain("or", depth, lambda: self._chain("and", depth, lambda: self._negation(depth)))

    def _chain(self, word: str, depth: int, part: Callable[[], Node]) -> Node:
        if depth > EXPRESSION_DEPTH:
            self.stop(f"nested deeper than {EXPRESSION_DEPTH}")
        # Folded to the right by halves, so that a long chain is not a deep tree.
        parts = [part()]
        while self.take_word(word):
            parts.append(part())
        return _balanced(word, parts)

    def _negation(self, depth: int) -> Node:
        if depth > EXPRESSION_DEPTH:
            self.stop(f"nested deeper than {EXPRESSION_DEPTH}")
        start = self.place
        if not self.take_word("not"):
            return self._comparison(depth)
        node = self._negation(depth + 1)
        return Operation("not", start + 1, node, node)

    def _comparison(self, depth: int) -> Node:
        left = self._value(depth)
        start = self.place
        sign = self.take(_COMPARISON)
        if sign is None:
            if self.text.startswith("=", start):
                self.stop("a single = compares nothing", hint="write ==")
            return left
        right = self._value(depth)
        place = self.place
        if self.take(_COMPARISON):
            self.stop("comparisons are not chained", place, "join two comparisons with `and`")
        return Operation(" ".join(sign.split()), start + 1, left, right)

    def _value(self, depth: int) -> Node:
        if depth > EXPRESSION_DEPTH:
            self.stop(f"nested deeper than {EXPRESSION_DEPTH}")
        if (text := self.take(_TEXT)) is not None:
            return Literal(_ESCAPE.sub(r"\1", text[1:-1]))
        if (number := self.take(_NUMBER)) is not None:
            return Literal(int(number) if number.lstrip("-").isdigit() else float(number))
        if self.take_sign("("):
            node = self.expression(depth + 1)
            if not self.take_sign(")"):
                self.stop("a ) is missing")
            return node
        if self.take_sign("["):
            return self._items(depth)
        return self._name()

    def _items(self, depth: int) -> Node:
        items: list[Node] = []
        while not self.take_sign("]"):
            items.append(self.expression(depth + 1))
            if not self.take_sign(",") and not self.text.startswith("]", self.place):
                self.stop("a ] is missing")
        return Items(tuple(items))

    def _name(self) -> Node:
        match = _NAME.match(self.text, self.place)
        if match is None:
            shown = self.text[self.place : self.place + 1]
            if shown in {"'", '"'}:
                self.stop("the text is not closed")
            self.stop(f"{shown!r} cannot stand here" if shown else "a value is missing")
        if match[0] in {"and", "or", "not", "in"}:
            self.stop(f"a value is missing before {match[0]!r}")
        if match[0] in _WORDS:
            self.take(_NAME)
            return Literal(_WORDS[match[0]])
        return self._path(match)

    def _path(self, match: re.Match[str]) -> Node:
        segments = [self._segment(match[0], match.end())]
        while True:
            start = self.place
            if self.text.startswith("(", start):
                self.stop("nothing can be called here", hint="use a `call` step to compute something")
            if self.text.startswith("|", start):
                self.stop("there are no filters", hint="use `or` for a default: inputs.title or 'Untitled'")
            if self.take_sign("."):
                found = _SEGMENT.match(self.text, self.place)
                if found is None:
                    self.stop("a name is missing after the dot")
                segments.append(self._segment(found[0], found.end()))
            elif self.take_sign("["):
                segments.append(self._subscript())
            else:
                return Path(tuple(segments))

    def _segment(self, key: str, end: int) -> Segment:
        column = self.place + 1
        self.place = end
        self.skip()
        return Segment(key, column, self.take_sign("?"))

    def _subscript(self) -> Segment:
        column = self.place + 1
        text, number = self.take(_TEXT), None
        if text is None:
            number = self.take(_NUMBER)
        if (text is None and number is None) or (number and not number.lstrip("-").isdigit()):
            self.stop("expected a whole number or a text in quotes", column - 1)
        if not self.take_sign("]"):
            self.stop("a ] is missing")
        key = int(number) if number is not None else _ESCAPE.sub(r"\1", (text or "''")[1:-1])
        return Segment(key, column, self.take_sign("?"))


def _balanced(word: str, parts: list[Node]) -> Node:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return Operation(word, 0, _balanced(word, parts[:half]), _balanced(word, parts[half:]))


def paths(node: Node) -> Iterator[tuple[Segment, ...]]:
    """Yield every path that a tree looks up, from left to right."""
    if isinstance(node, Path):
        yield node.segments
    elif isinstance(node, Items):
        for item in node.items:
            yield from paths(item)
    elif isinstance(node, Operation):
        yield from paths(node.left)
        if node.sign != "not":
            yield from paths(node.right)
