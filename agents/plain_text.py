"""Text from outside made safe to show: without control characters, on one line, cut to length. Pure."""

from __future__ import annotations

import re
from typing import Final

LINE_CHARS: Final = 500
"""How long a line for a person may get."""

# Sequences that drive a terminal: CSI, OSC (to BEL or ST), and two-character escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[ -~])|\x9b[0-?]{0,64}[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Characters that reorder or hide what stands beside them.
_BIDI = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_BLANKS = re.compile(r"\s+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` without terminal escapes, control and direction-changing characters; line ends are unified."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\u2028", "\n")
    text = _ESCAPES.sub("", text)
    return _SURROGATES.sub("\ufffd", _BIDI.sub("", _CONTROLS.sub("", text)))


def bare(text: str) -> str:
    """Return `text` for a machine to read: without terminal escapes, control characters and byte order marks.

    All else stays: JSON may hold any other character inside a text.
    """
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROLS.sub("", text).replace("\ufeff", "")


def last_lines(text: str, count: int = 3) -> str:
    """Return the last lines of `text` that say anything, on one clean line of at most `LINE_CHARS` characters."""
    lines = [line for line in clean(text[-16 * LINE_CHARS :]).split("\n") if line.strip()]
    return one_line(" | ".join(one_line(line, LINE_CHARS // count - 3) for line in lines[-count:]))


def one_line(text: str, limit: int = LINE_CHARS) -> str:
    """Return `text` on one clean line of at most `limit` characters; a cut shows as ``…``."""
    # Cutting first keeps a text of many megabytes cheap; the margin is for blanks and escapes that go away.
    line = _BLANKS.sub(" ", clean(text[: 16 * limit])).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
