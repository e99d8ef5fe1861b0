"""Reads every JSON value out of a text that may be damaged: several documents, lost commas, program code, cut-off ends.

A text that is JSON is read by the JSON decoder alone. In a damaged one the decoder still reads whatever is whole, and
only the broken spine between is walked here, so that the time stays proportional to the length.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import TooLarge, UnreadableInput
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.services.postbox.tolerant_json.tokens import DECODER, Places
from bluelabel.services.postbox.tolerant_json.walker import PROBLEMS, Walker

_MARKER = re.compile(r"^(<{7}|\|{7}|={7}|>{7})(?:[ \t][^\n]*)?\r?$", re.MULTILINE)
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True)
class Document:
    """One value of a text and the offset it starts at; `other_side` if it stands only on the far side of a conflict."""

    value: Any
    offset: int
    other_side: bool = False


@dataclass(frozen=True, slots=True)
class Documents:
    """All values of a text.

    Attributes:
        values, problems: in the order of the text.
        strict: it is exactly one JSON value (RFC 8259, no key twice, within the limits).
        cut: the arrays and objects, by identity, that the text ends inside of.
    """

    values: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    strict: bool = False
    cut: tuple[object, ...] = ()


def read_documents(data: bytes, file: str, *, max_bytes: int = MESSAGE_BYTES) -> Documents:
    """Read every array and object that stands in `data`, whole or damaged. Never raises.

    Args:
        data: the bytes of the file.
        file: what to call it in problems.
        max_bytes: a longer text is not read at all.
    """
    if len(data) > max_bytes:
        message = f"{len(data):,} bytes are over the limit of {max_bytes:,}"
        return Documents(problems=(Problem("too-large", message, hint="split it, or send a reference"),))
    text, problems = _decode(data)
    try:
        value = _strict(text, file)
    except (UnreadableInput, ValueError, RecursionError) as error:
        return _read_damaged(text, problems, error)
    return Documents((Document(value, 0),), tuple(problems), strict=not problems)


def _decode(data: bytes) -> tuple[str, list[Problem]]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            problem = Problem("not-utf-8", "saved as UTF-16", 1, 1, "save it as UTF-8")
            return data.decode(encoding, "replace"), [problem]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        text = data.decode("utf-8-sig", "replace")
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        return text, [Problem("not-utf-8", "bytes that are not UTF-8", line, column, "save it as UTF-8")]


def _strict(text: str, file: str) -> Any:
    value = DECODER.decode(text)
    strict_json.check(value, file)
    return value


def _read_damaged(text: str, problems: list[Problem], error: Exception) -> Documents:
    markers = list(_MARKER.finditer(text))
    if not any(marker[1][0] == "<" for marker in markers):
        walker = Walker(text)
        whole = tuple(Document(value, offset) for value, offset in walker.documents())
        if not walker.problems and not problems:
            problems = [_as_problem(error)]
        return Documents(whole, tuple(problems + walker.problems), cut=tuple(walker.cut))
    places = Places(text)
    for marker in markers[:PROBLEMS]:
        line, column = places.at(marker.start())
        message = f"a merge left {marker[1]!r} behind"
        problems.append(Problem("conflict-marker", message, line, column, "resolve the merge"))
    near, far = (Walker(_one_side(text, markers, far=far)) for far in (False, True))
    values = [Document(value, offset) for value, offset in near.documents()]
    values += [Document(value, offset, other_side=True) for value, offset in far.documents()]
    other = [problem for problem in far.problems if problem not in near.problems]
    return Documents(tuple(values), tuple(problems + near.problems + other), cut=(*near.cut, *far.cut))


def _one_side(text: str, markers: list[re.Match[str]], *, far: bool) -> str:
    """Return the text as one side of its conflicts has it; what is taken out leaves blanks, so that places stay."""
    parts: list[str] = []
    position, keep = 0, True
    for marker in markers:
        part = text[position : marker.start()]
        parts.append(part if keep else re.sub(r"[^\n]", " ", part))
        parts.append(" " * len(marker[0]))
        position = marker.end()
        keep = {"<": not far, "|": False, "=": far, ">": True}[marker[1][0]]
    parts.append(text[position:])
    return "".join(parts)


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, json.JSONDecodeError):
        return Problem("not-json", f"not JSON ({error.msg})", error.lineno, error.colno)
    message = error.what if isinstance(error, UnreadableInput) else str(error) or "nested too deep"
    return Problem("too-deep" if isinstance(error, TooLarge | RecursionError) else "not-json", message)
