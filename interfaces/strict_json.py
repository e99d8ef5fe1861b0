"""JSON from outside, read strictly: one door for every message, setting and command-line value.

RFC 8259 leaves duplicate keys, depth and numbers to the reader; here duplicates, NaN, lone surrogates and
nesting past the limit are refused, because two readers that disagree on them can be played against each other.
"""

from __future__ import annotations

import json
import re
from json import encoder
from typing import Any, NoReturn

from bluelabel.interfaces.errors import TooLarge, UnreadableInput
from bluelabel.interfaces.limits import JSON_DEPTH, MESSAGE_BYTES

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[{\]}]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
# Kept, because `encode` makes one for each value, which takes as long as to write a short one.
_in_c: Any = getattr(encoder, "c_make_encoder", None)
_SETTINGS = (None, _ENCODER.default, encoder.encode_basestring, None, ":", ",", False, False, False)
_pieces = _in_c and _in_c(*_SETTINGS)


def loads(text: str | bytes, where: str, *, max_bytes: int = MESSAGE_BYTES, max_depth: int = JSON_DEPTH) -> Any:
    """Return the value of one JSON text.

    Args:
        text: the text; bytes are read as UTF-8 (a byte order mark is skipped).
        where: what to name in an error, a path or an option.
        max_bytes: refuse longer texts before parsing.
        max_depth: refuse deeper nesting.

    Raises:
        TooLarge: longer or deeper than allowed.
        UnreadableInput: anything else that is wrong, with ``where:line:col``.
    """
    if len(text) > max_bytes:
        raise TooLarge(f"{len(text):,} bytes are over the limit of {max_bytes:,}", where=where, hint="send a reference")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        check(value, where, max_depth=max_depth)
        return value
    except json.JSONDecodeError as error:
        # How deep the parser goes before it gives up differs between versions of Python; what is told must not.
        if _deepest(error.doc[: error.pos]) > max_depth:
            raise TooLarge(f"nested deeper than {max_depth}", where=where, hint="flatten it") from None
        place = f"{where}:{error.lineno}:{error.colno}"
        raise UnreadableInput(f"not JSON ({error.msg})", where=place, hint="check it with `bluelabel read`") from None
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"not UTF-8 at byte {error.start}", where=where, hint="save it as UTF-8") from None
    except RecursionError:
        raise TooLarge(f"nested deeper than {max_depth}", where=where, hint="flatten it") from None
    except ValueError as error:
        raise UnreadableInput(str(error), where=where, hint="correct the value") from None


def loads_at(text: str, start: int, where: str) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and where it ends; what follows it is not looked at.

    Its depth and its texts are not checked; `check` does.

    Raises:
        UnreadableInput: no whole value begins there, or a reader cannot be sure of it.
    """
    try:
        return _AT.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise UnreadableInput("not JSON", where=where) from None


def check(value: object, where: str, *, max_depth: int = JSON_DEPTH) -> int:
    """Check a value that is already parsed: depth, and text that can be written as UTF-8.

    Returns:
        More bytes than its JSON can have; for a quick look at its size.

    Raises:
        TooLarge: nested deeper than `max_depth`.
        UnreadableInput: a lone surrogate in a text.
    """
    layer: list[object] = [value]
    most = 0
    for _ in range(max_depth + 1):
        below: list[object] = []
        most += 32 * len(layer)
        for item in layer:
            if isinstance(item, str):
                most += 6 * len(item)  # a control character is written as six
                if not item.isascii() and not _encodable(item):
                    raise UnreadableInput("a text holds half of a surrogate pair", where=where, hint="remove it")
            elif isinstance(item, dict):
                below.extend(item.keys())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
                below.extend(item.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            elif isinstance(item, list):
                below.extend(item)  # pyright: ignore[reportUnknownArgumentType]
            elif isinstance(item, int):
                most += item.bit_length()
        if not below:
            return most
        layer = below
    raise TooLarge(f"nested deeper than {max_depth}", where=where, hint="flatten it")


def dumps(value: object) -> str:
    """Return `value` as one line of JSON, as the ledger and `--json` write it: no blanks, UTF-8 kept readable."""
    return "".join(_pieces(value, 0)) if _pieces else _ENCODER.encode(value)


def _deepest(text: str) -> int:
    """Return how many brackets are open at once, at most, in the beginning of a JSON text."""
    deepest = depth = 0
    for sign in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if sign in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:40]!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(word: str) -> float:
    value = float(word)
    if value in (float("inf"), float("-inf")):  # 1e999: it could be read, but never written again
        raise ValueError(f"{word[:40]} is beyond what a number can hold")
    return value


_AT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
