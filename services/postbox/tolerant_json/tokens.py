"""The smallest pieces of damaged JSON: places, strings, numbers, expressions; each is read as far as it goes."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple, NoReturn

BLANK = re.compile(r"[\s\ufeff\x00]*+")
WORD = re.compile(r"[A-Za-z_$][\w$-]*+")
NUMBER = re.compile(r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?(?![\w.])")
# Possessive quantifiers: a match that fails must not try again, or a hostile text costs quadratic time.
_LINE_STRING = {
    '"': re.compile(r'"[^"\\\r\n]*+(?:\\[^\r\n][^"\\\r\n]*+)*+"'),
    "'": re.compile(r"'[^'\\\r\n]*+(?:\\[^\r\n][^'\\\r\n]*+)*+'"),
}
_LONG_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_REST_OF_LINE = re.compile(r"[^\r\n]*+")
_AFTER_STRING = re.compile(r"[\s\x00]*+(?:[,:}\]]|\Z)")
_PIECE = re.compile(
    r'"[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+"'
    r"|'[^'\\\r\n]*+(?:\\.[^'\\\r\n]*+)*+'"
    r"|`[^`\\]*+(?:\\.[^`\\]*+)*+`"
    r"|\\.|[^\s\"'`\\()\[\]{},]++|[ \t\f\v]++|.",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "/": "/", "`": "`"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_EXPRESSION_CHARS = 20_000
_DIGITS = 4300
"""Python's own limit on the digits of an integer read from text."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(word: str) -> float:
    value = float(word)
    if value - value != 0:
        raise ValueError(f"{word[:40]} is beyond what a number can hold")
    return value


DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
"""Refuses what two readers could take differently: a key twice, NaN, numbers beyond a double."""


class Places:
    """Turns offsets of a text into lines and columns; cheapest when asked for them in rising order.

    Args:
        text: the text that the offsets are of.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._offset, self._line = 0, 1

    def at(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of `offset`."""
        if offset < self._offset:
            self._offset, self._line = 0, 1
        self._line += self._text.count("\n", self._offset, offset)
        self._offset = offset
        return self._line, offset - self._text.rfind("\n", 0, offset)


class Token(NamedTuple):
    """One value read from damaged text: the value, where it ends, and what was wrong with it (code, message)."""

    value: Any
    end: int
    fault: tuple[str, str] | None = None


def string(text: str, start: int) -> Token:
    """Read the string that opens at `start` with a double or a single quote.

    A string without a closing quote on its line is taken to the next quote if a comma, colon or bracket follows
    that one, otherwise to the end of its line.
    """
    quote = text[start]
    if match := _LINE_STRING[quote].match(text, start):
        value, clean = _unescaped(match[0][1:-1])
        if quote == "'":
            return Token(value, match.end(), ("single-quotes", "a text in single quotes"))
        return Token(value, match.end(), None if clean else ("bad-escape", "an escape that stands for no character"))
    long = _LONG_STRING.match(text, start) if quote == '"' else None
    if long and _AFTER_STRING.match(text, long.end()):
        fault = ("line-break-in-string", "a line break inside a text; write \\n")
        return Token(_unescaped(long[0][1:-1])[0], long.end(), fault)
    line = _REST_OF_LINE.match(text, start + 1)
    body = (line[0] if line else "").rstrip()
    end = start + 1 + len(body)
    if body.endswith(","):
        body, end = body[:-1], end - 1
    return Token(_unescaped(body)[0], end, ("unterminated-string", "a text without its closing quote"))


def number(text: str, start: int) -> Token | None:
    """Read the number at `start`; None when there is none. What JSON cannot hold is kept as text."""
    match = NUMBER.match(text, start)
    if match is None:
        return None
    word = match[0]
    try:
        value = json.loads(word)
    except ValueError:
        fault = ("number-too-long", "a number with too many digits") if len(word) > _DIGITS else None
        return Token(word, match.end(), fault or ("not-a-number", f"{word[:40]!r} is not a JSON number"))
    if isinstance(value, float) and value - value != 0:
        return Token(word, match.end(), ("number-too-large", f"{word[:40]} is beyond what a number can hold"))
    return Token(value, match.end())


def expression_end(text: str, start: int, *, over_lines: bool = True) -> tuple[int, bool]:
    """Return where the program expression at `start` ends, and whether its brackets closed.

    It ends before the comma or bracket that closes its place, or with its line. Brackets inside are skipped in pairs;
    when one never closes, the expression ends with its first line.

    Args:
        text: where it stands.
        start: where it begins.
        over_lines: False to look no further than its first line.
    """
    open_brackets: list[str] = []
    first_line = -1
    position = start
    while match := _PIECE.match(text, position, start + _EXPRESSION_CHARS):
        piece = match[0]
        if piece in "\r\n":
            first_line = position if first_line < 0 else first_line
            if not over_lines or not (open_brackets or _continues(text, start, position)):
                break
        elif piece in ",]}" and not open_brackets:
            return position, True
        elif piece in _CLOSER:
            open_brackets.append(_CLOSER[piece])
        elif piece in ")]}" and open_brackets and open_brackets.pop() != piece:
            open_brackets.append(piece)
            break
        position = match.end()
    if open_brackets and first_line >= 0:
        return first_line, False
    return position, not open_brackets


def without_surrogates(value: str) -> str:
    """Return `value` with each half of a surrogate pair replaced, so that it can be written as UTF-8."""
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)


def _continues(text: str, start: int, newline: int) -> bool:
    """Tell whether an expression goes on after a line break: an operator stands on either side of it."""
    before = text[max(start, newline - 200) : newline].rstrip()
    following = BLANK.match(text, newline, newline + 200)
    after = text[following.end() : following.end() + 2] if following else ""
    return before.endswith(("+", "?", ":", "&&", "||", ".", "=>", "-", "*")) or after.startswith(
        ("+", "?", "&&", "||", ".", "-", "*")
    )


def _unescaped(body: str) -> tuple[str, bool]:
    """Return the text that `body` stands for, and whether every escape in it was one of JSON's."""
    if "\\" not in body:
        return without_surrogates(body), True
    try:
        value = json.loads(f'"{body}"', strict=False)
        clean = without_surrogates(value)
        return clean, clean == value
    except ValueError:
        return without_surrogates(_ESCAPE.sub(_lenient, body)), False


def _lenient(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _ESCAPED.get(match[2], match[0])
