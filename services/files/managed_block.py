"""A block of ours inside a file of somebody else: everything outside the two marks is kept, byte for byte.

A block that is not there yet is added at the end, so that the old text stays a prefix of the new one; one that is
there is rewritten where it stands, wherever a person has moved it to, and so is each copy that a merge has made of it.
A block that stands whole inside a code fence is an example of somebody's and none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(rb"[ \t]*(`{3,}|~{3,})")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Marks:
    """The two lines that enclose a block, without line endings. Blanks round them do not matter."""

    begin: bytes
    end: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """Where a block stands: from the first byte of its first mark to the end of its last line."""

    start: int
    body_start: int
    body_end: int
    end: int


def blocks(data: bytes, marks: Marks) -> list[Block]:
    """Return every complete block: a begin mark whose next mark is an end mark. A lone mark encloses nothing."""
    if marks.begin not in data:
        return []
    quoted = _fences(data)
    found = _marked(data, marks)
    return [block for block in found if not any(start < block.start and block.end <= end for start, end in quoted)]


def _fences(data: bytes) -> list[tuple[int, int]]:
    """Return where code fences begin and end; one that is never closed quotes nothing."""
    found: list[tuple[int, int]] = []
    opened: tuple[int, bytes] | None = None
    for at, line in _lines(data):
        match = _FENCE.match(line)
        if match and opened is None:
            opened = (at, match[1])
        elif match and opened is not None and match[1].startswith(opened[1]) and not line[match.end() :].strip():
            found.append((opened[0], at + len(line)))
            opened = None
    return found


def _marked(data: bytes, marks: Marks) -> list[Block]:
    found: list[Block] = []
    opened: tuple[int, int] | None = None
    for at, line in _lines(data):
        word = line.strip()
        if word == marks.begin:
            opened = (at, at + len(line))
        elif word == marks.end and opened is not None:
            found.append(Block(*opened, at, at + len(line)))
            opened = None
    return found


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line and where it begins; a byte order mark is no part of the first."""
    at = len(_BOM) if data.startswith(_BOM) else 0
    for line in data[at:].splitlines(keepends=True):
        yield at, line
        at += len(line)


def body(data: bytes, marks: Marks) -> bytes | None:
    """Return the text between the marks of the first block, or None without one."""
    found = blocks(data, marks)
    return data[found[0].body_start : found[0].body_end] if found else None


def put(data: bytes, marks: Marks, text: str, *, apart: bool = True) -> bytes:
    r"""Return `data` with the block saying `text`, in the line endings of the file.

    Args:
        data: the file.
        marks: what encloses the block.
        text: the new body, lines ended by ``\n``; the final one may be missing.
        apart: part a new block from the text before it by an empty line.
    """
    eol = line_ending(data)
    lines = [line.encode("utf-8", "surrogateescape") for line in text.rstrip("\n").split("\n")] if text else []
    inner = b"".join(line + eol for line in lines)
    found = blocks(data, marks)
    if found:
        for block in reversed(found):
            data = data[: block.body_start] + inner + data[block.body_end :]
        return data
    gap = b"" if not data.removeprefix(_BOM) else (b"" if data.endswith(b"\n") else eol) + (eol if apart else b"")
    return data + gap + marks.begin + eol + inner + marks.end + eol


def take(data: bytes, marks: Marks) -> bytes:
    """Return `data` without any of our blocks."""
    for block in reversed(blocks(data, marks)):
        data = data[: block.start] + data[block.end :]
    return data


def line_ending(data: bytes) -> bytes:
    """Return the line ending that a file uses first: CRLF or LF."""
    end = data.find(b"\n")
    return b"\r\n" if end > 0 and data[end - 1 : end] == b"\r" else b"\n"
