"""Which headings are cards: every common form of one, where its title stands, and what only looks like one.

What a heading is depends on the heading alone (and on the prefixes of the project), never on the rest of the file: a
card must not come or go because another one was archived.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from bluelabel.services.cards.text.id_forms import FoundId, Needs, id_at


class CardHeading(NamedTuple):
    """A heading that is a card's, or looks like one.

    Args:
        level: the number of its marks.
        id: the id as commands take it: ``Task 8`` is ``TASK-8``.
        title: the title as written, between `start` and `end` of the line.
        gap: what goes before a title where there is none yet.
        agent: the code in parentheses after the id, if any.
        family: what the id begins with, by which headings of one kind are told.
        certain: it is a card's; else a reader would take it for one, and nobody can be sure.
        box: what stands in a box in front of the id: ``x``, a blank or another mark; None without one.
    """

    level: int
    id: str
    title: str
    start: int
    end: int
    gap: str
    agent: str | None
    family: str
    certain: bool
    box: str | None


_LEAD: Final = re.compile(r" {0,3}(#{1,6})[ \t]+")
# What may stand before an id, one token after the other; each is tried once at a place, so that it stays linear.
_TOKEN: Final = re.compile(
    r"[ \t]+|(?:[-*+][ \t]+)?\[(?P<box>[ xX~/>!?-]?)\](?=[ \t])|[0-9]{1,4}(?:\.[0-9]{1,4})*(?:[.):][ \t]*|[ \t]+)"
    r"|\([0-9]{1,4}\)|[0-9]\ufe0f?\u20e3|(?i:task|card|ticket)[ \t]*:?[ \t]+(?=[*`\[(]{0,3}(?:TASK|QUICK)-)"
    r"|(?P<tag>\[[A-Za-z][A-Za-z /_]{0,15}[0-9]?\](?=[ \t]))"
    r"|(?P<mark>\*{1,3}|_{1,3}|~~|`+|[|(\[\"])|[>!•·«»\u2139-]|(?![\x00-\x7f])[^\w\s]"
)
_AGENT: Final = re.compile(r"[ \t]*\(([A-Za-z][A-Za-z0-9_-]*)\)(?=[ \t]*(?:$|[:：—–]|-[ \t]))", re.ASCII)
# Signs such as a tick may stand before what parts id and title.
_SEPARATOR: Final = re.compile(
    r"[ \t]*(?:(?![\x00-\x7f：·•∙‧→⇒»›‒–—―−、。【（「《])[^\w\s]+[ \t]*)?"
    r"(?:[:：·•∙‧→⇒»›‒–—―−|、。]|=+>?|-+>|--?(?=[ \t]|$)|[.)/>\\](?=[ \t]|$)|(?=[【（「《]))[ \t]*"
)
_SPAN: Final = re.compile(
    r"[ \t]*(?:[/&+,~]|(?:and|to|und|bis|or|through|until)(?=[ \t]))[ \t]*(?:[A-Z]{1,12}-)?[0-9]", re.ASCII
)
_AFTER_WORDS: Final = re.compile(r"(?:[^\W\d]\w*:?[ \t]+){1,2}[*`\[(]{0,3}(?=(?:TASK|QUICK)-)")
_LINK: Final = re.compile(r"\](?:\([^()\n]*\)|\[[^\[\]\n]*\])?")
_ASIDE: Final = re.compile(r"[ \t]*(?:$|[^\w\s])")
_CLOSERS: Final = {"(": ")", "[": "]"}
_ENCLOSING: Final = frozenset({"[", "**", "~~"})
"""Marks round an id that part it from its title as a colon does."""

_DONE: Final = re.compile(r"(?<![ \t])[ \t]+(#+)[ \t]*$")


def card_heading(line: str, prefixes: Sequence[str] = ()) -> CardHeading | None:
    """Read a line as the heading of a card; None when it neither is one nor looks like one.

    Args:
        line: the line, without its line ending.
        prefixes: what ids begin with in this project, besides ``TASK``.
    """
    lead = _LEAD.match(line)
    if lead is None:
        return None
    line = _without_end(line, len(lead[1]))
    at, box, marks = lead.end(), None, list[str]()
    while (found := id_at(line, at, prefixes)) is None:
        token = _TOKEN.match(line, at)
        if token is None:
            return _after_words(line, at, len(lead[1]), prefixes)
        if token["tag"] and id_at(line, at + 1, prefixes):
            marks.append("[")
            at += 1
            continue
        box = token["box"] if token["box"] is not None else box
        marks += [token["mark"]] if token["mark"] else []
        at = token.end()
    return _read(line, len(lead[1]), found, marks, box)


def retitled(line: str, title: str, prefixes: Sequence[str] = ()) -> str | None:
    """Return the heading of a card with another title, all else as it was; None when it would be read otherwise.

    Args:
        line: the heading, without its line ending.
        title: the new title.
        prefixes: what ids begin with in this project, besides ``TASK``.
    """
    head = card_heading(line, prefixes)
    if head is None:
        return None
    new = line[: head.start] + (head.gap if title else "") + title + line[head.end :]
    after = card_heading(new, prefixes)
    read = (after.id, after.title, after.certain, after.box, after.agent) if after else None
    return new if read == (head.id, title, head.certain, head.box, head.agent) else None


def _without_end(line: str, level: int) -> str:
    """Take the blanks at the end away, and the marks that close a heading as it was opened."""
    line = line.rstrip()
    closing = _DONE.search(line)
    return line[: closing.start()] if closing and len(closing[1]) == level else line


def _after_words(line: str, at: int, level: int, prefixes: Sequence[str]) -> CardHeading | None:
    """``### Done: TASK-7: title`` may be a card, and may be words about one."""
    words = _AFTER_WORDS.match(line, at)
    found = id_at(line, words.end(), prefixes) if words else None
    if found is None or not (found.end == len(line) or _SEPARATOR.match(line, found.end)):
        return None
    return CardHeading(level, found.id, "", len(line), len(line), "", None, found.family, certain=False, box=None)


def _read(line: str, level: int, found: FoundId, marks: list[str], box: str | None) -> CardHeading | None:
    at, enclosed = found.end, False
    while marks and marks[-1] != "|" and (width := _closed(line, at, marks[-1])):
        enclosed = marks.pop() in _ENCLOSING or enclosed
        at += width
    agent = _AGENT.match(line, at)
    at = agent.end() if agent else at
    separator = _SEPARATOR.match(line, at)
    start = separator.end() if separator else at + len(line[at:]) - len(line[at:].lstrip(" \t"))
    end = _title_end(line, start, marks)
    if not separator and not any(char.isalnum() for char in line[at:end]):
        start = end = at  # nothing stands here, or only signs
    ended = start == at == end and not separator
    parted = bool(separator) or ended or line[at : at + 1] in (" ", "\t", "(", "[")
    certain = parted and not _SPAN.match(line, found.end) and _suffices(found.needs, bool(separator) or enclosed, ended)
    if not certain and found.needs is Needs.NEVER_SURE and not separator:
        return None
    gap = "" if start < end else ": " if not separator else "" if line[start - 1 : start] in (" ", "\t") else " "
    code = agent[1] if agent else None
    return CardHeading(level, found.id, line[start:end], start, end, gap, code, found.family, certain, box)


def _suffices(needs: Needs, separator: bool, ended: bool) -> bool:
    if needs is Needs.NOTHING:
        return True
    return (separator and needs <= Needs.SEPARATOR) or (ended and needs <= Needs.END_OR_SEPARATOR)


def _closed(line: str, at: int, mark: str) -> int:
    """Return how long the end of a mark is that stands at a place, 0 when none does."""
    if mark == "[":
        link = _LINK.match(line, at)
        return len(link[0]) if link else 0
    closer = _CLOSERS.get(mark, mark)
    return len(closer) if line.startswith(closer, at) else 0


def _title_end(line: str, start: int, marks: list[str]) -> int:
    """Return where the title ends: before the end of the marks round it, when only signs and remarks stand behind."""
    end = len(line)
    for mark in marks:
        at = line.rfind(_CLOSERS.get(mark, mark), start, end)
        if at >= 0 and _ASIDE.match(line[at + (_closed(line, at, mark)) : end]):
            end = at
    return start + len(line[start:end].rstrip()) if end > start else start
