"""Finding JSON in what a program printed: between warnings and log lines, one value a line or one over many. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import UnreadableInput

# What begins an object or an array. A line such as "[warn] {old} settings" begins none.
_OPEN: Final = r"(?P<open>\{(?=[ \t]*(?:[\"'}]|$))|\[(?=[ \t]*(?:[{\]]|$)))"
_AT_LINE: Final = re.compile(rf"^[ \t]*{_OPEN}", re.MULTILINE)
_ANYWHERE: Final = re.compile(_OPEN, re.MULTILINE)
_MARKS: Final = " \t>*`-"
_AGAIN: Final = re.compile(rf"[ \t,]*{_OPEN}", re.MULTILINE)
_TRIES: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A place where JSON begins.

    Args:
        start: where.
        end: where it ends.
        value: what it is.
        torn: whether it cannot be read: it breaks off, or two readers could disagree on it.
        inline: whether words stand before it on its line.
    """

    start: int
    end: int
    value: object = None
    torn: bool = False
    inline: bool = False


def json_values(text: str, *, prose: bool = False) -> Iterator[Found]:
    """Yield every value that begins a line of `text`, and every place where one begins that cannot be read.

    Values inside another value are not yielded, nor what looks like one inside a value that breaks off.

    Args:
        text: what was printed.
        prose: also take values behind words, and behind the marks of a list, a quotation or code.
    """
    opener = _ANYWHERE if prose else _AT_LINE
    position, tries = 0, 0
    while match := _AGAIN.match(text, position) or opener.search(text, position):
        start = match.start("open")
        is_inline = prose and bool(text[text.rfind("\n", 0, start) + 1 : start].strip(_MARKS))
        try:
            value, position = strict_json.loads_at(text, start, "stdout")
        except UnreadableInput:
            tries += 1
            # Each try may read to the end: a text made of nothing but beginnings would take for ever.
            if is_inline and tries < _TRIES:
                position = start + 1
                continue
            position = _end_of_torn(text, start) if tries < _TRIES else len(text)
            yield Found(start, position, torn=True)
        else:
            yield Found(start, position, value, inline=is_inline)


def _end_of_torn(text: str, start: int) -> int:
    """Return the end of a line that cannot be read; of a value over many lines, the line that closes it.

    What is inside such a value must not pass for an answer, so one that is never closed reaches to the end.
    """
    line_end = text.find("\n", start)
    if line_end < 0:
        return len(text)
    if text[start:line_end].strip() not in {"{", "["}:
        return line_end
    indent = re.escape(text[text.rfind("\n", 0, start) + 1 : start])
    closed = re.compile(rf"^{indent}[}}\]]", re.MULTILINE).search(text, line_end)
    return closed.end() if closed else len(text)
