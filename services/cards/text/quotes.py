"""What a card file quotes: code fences and HTML comments. A card in a closed one is an example, and none of the file's.

A lost closing mark makes the next opening mark look like it, and all cards between look quoted. So the marks are paired
in the way that leaves the least damage over the whole file: a fence that is never closed is a heavy fault, a card that
stands in a fence a light one. Forty cards between two marks are no example; a card in a fence that is closed is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple


class Quote(NamedTuple):
    """Lines that are quoted, from the opening mark to the closing one.

    Args:
        start: where the line of the opening mark begins.
        end: where the last quoted line ends, before its line ending; of an open one, before what ended it.
        line: 1-based line of the opening mark.
        lead: what stands before the opening mark.
        marks: the opening mark: backticks, tildes, or ``<!--``.
        info: what stands behind the mark of a fence: ``yaml``.
        closed: its own mark ends it; else a card or the end of the file does.
        cards: how many headings of cards stand in it.
        doubtful: nobody can be sure that it is meant to quote what stands in it.
    """

    start: int
    end: int
    line: int
    lead: str
    marks: str
    info: str
    closed: bool
    cards: int
    doubtful: bool

    @property
    def comment(self) -> bool:
        """Tell whether it is a comment, not a fence."""
        return self.marks == COMMENT


COMMENT: Final = "<!--"
_TOKEN: Final = re.compile(
    r"^(?:(?P<lead>[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?)"
    r"(?:(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$|(?P<open><!--))"
    r"|(?P<head> {0,3}#{1,6}[ \t][^\n]*))",
    re.MULTILINE,
)
_TOKEN_OR_COMMENT: Final = re.compile(f"{_TOKEN.pattern}|(?P<inner><!--)|-->", re.MULTILINE)
_TEXTS: Final = frozenset({"markdown", "md", "mdx", "text", "txt", "plaintext"})
_BEGINNING: Final = re.compile(r"\r?\n[ \t]*(?:#|<!--|---|\*\*|>)")
_OPEN: Final = 40  # a fence or comment without an end
_SWALLOWED: Final = 4  # a card in it
_EXAMPLE: Final = 1  # a card in one that says that it quotes text
_INNER: Final = 40  # the mark of another fence in it, that its end belongs to
_NESTED: Final = 4  # a whole fence in it
_WORST: Final = 2 * _OPEN + 1
_SURE: Final = 5
"""So many cards may stand in one example without a doubt."""


class _Opened(NamedTuple):
    start: int
    lead: str
    marks: str
    info: str
    example: bool

    @property
    def indent(self) -> int:
        """How far a heading must be indented to stand inside; 0 where it always does."""
        width = len(self.lead.expandtabs(4)) if self.marks != COMMENT else 0
        return width if width > 3 or self.lead.strip() else 0


class _Chain(NamedTuple):
    quote: tuple[_Opened, int, bool, int, bool]  # opened, end, closed, cards, doubtful
    before: _Chain | None


class _Reading(NamedTuple):
    """One way to pair the marks up to a place: what it costs, what is open, how deep, and what was quoted."""

    cost: int
    opened: _Opened | None = None
    depth: int = 0
    cards: int = 0
    doubtful: bool = False
    done: _Chain | None = None

    @property
    def state(self) -> tuple[str, int]:
        return (self.opened.marks, self.depth) if self.opened else ("", 0)

    def ended(self, at: int, cost: int, *, closed: bool) -> _Reading:
        if self.opened is None:
            return self
        doubtful = (
            closed and self.cards > 0 and (self.doubtful or (self.cards > _SURE and self.opened.marks != COMMENT))
        )
        return _Reading(self.cost + cost, done=_Chain((self.opened, at, closed, self.cards, doubtful), self.done))


def quotes(text: str, is_card: Callable[[str], bool]) -> tuple[Quote, ...]:
    """Return what a card file quotes, in order.

    Args:
        text: the file.
        is_card: tells whether a heading is certainly a card's.
    """
    if "```" not in text and "~~~" not in text and COMMENT not in text:
        return ()
    readings = [_Reading(0)]
    for token in (_TOKEN_OR_COMMENT if COMMENT in text else _TOKEN).finditer(text):
        kept: dict[tuple[str, int], _Reading] = {}
        for reading in readings:
            for after in _after(reading, token, text, is_card):
                best = kept.get(after.state)
                if best is None or after.cost < best.cost:
                    kept[after.state] = after
        least = min(reading.cost for reading in kept.values())
        readings = [reading for reading in kept.values() if reading.cost <= least + _WORST]
    final = min(
        (reading.ended(len(text), _OPEN * reading.depth, closed=False) for reading in readings),
        key=lambda one: one.cost,
    )
    return tuple(_written(text, final.done))


def _after(reading: _Reading, token: re.Match[str], text: str, is_card: Callable[[str], bool]) -> Iterator[_Reading]:
    """Yield the ways in which a reading can go on over one token."""
    if reading.opened is None:
        marks = token["marks"] or token["open"]
        yield reading._replace(opened=_opened(token, marks, text), depth=1) if marks else reading
    elif token["head"] is not None:
        for after in _over_heading(reading, reading.opened, token, is_card):
            ends = after.opened is not None and after.opened.marks == COMMENT and "-->" in token["head"]
            yield after.ended(_line_end(text, token.end()), 0, closed=True) if ends else after
    elif reading.opened.marks == COMMENT:
        yield from _inside(
            reading, opens=token[0].endswith(COMMENT), closes=token[0] == "-->", end=_line_end(text, token.end())
        )
    else:
        same = bool(token["marks"]) and token["marks"].startswith(reading.opened.marks)
        closes = same and not token["info"].strip() and not token["lead"].strip()
        yield from _inside(reading, opens=same and not closes, closes=closes, end=_line_end(text, token.end()))


def _opened(token: re.Match[str], marks: str, text: str) -> _Opened:
    """Open a quote: an example where it says so, or begins at once as cards and their files do."""
    info = (token["info"] or "").strip()
    example = marks == COMMENT or info.partition(" ")[0].casefold() in _TEXTS
    example = example or _BEGINNING.match(text, token.end()) is not None
    return _Opened(token.start(), token["lead"], marks, info, example)


def _over_heading(
    reading: _Reading, opened: _Opened, token: re.Match[str], is_card: Callable[[str], bool]
) -> Iterator[_Reading]:
    head = token["head"].rstrip("\r")
    if not is_card(head):
        yield reading
        return
    yield reading.ended(token.start(), _OPEN * reading.depth, closed=False)
    if len(head) - len(head.lstrip(" ")) >= opened.indent:
        cost = _EXAMPLE if opened.example else _SWALLOWED
        yield reading._replace(cost=reading.cost + cost, cards=reading.cards + 1)


def _inside(reading: _Reading, *, opens: bool, closes: bool, end: int) -> Iterator[_Reading]:
    if opens:
        # The mark of another fence within one: the first lost its end, or quotes a text with fences of its own.
        yield reading._replace(cost=reading.cost + _INNER, doubtful=True)
        if reading.depth < 2:
            yield reading._replace(cost=reading.cost + _NESTED, depth=2, doubtful=True)
    elif closes and reading.depth > 1:
        yield reading._replace(depth=1)
    elif closes:
        yield reading.ended(end, 0, closed=True)
    else:
        yield reading


def _written(text: str, chain: _Chain | None) -> Iterator[Quote]:
    found: list[tuple[_Opened, int, bool, int, bool]] = []
    while chain is not None:
        found.append(chain.quote)
        chain = chain.before
    line, at = 1, 0
    for opened, end, closed, cards, doubtful in reversed(found):
        line += text.count("\n", at, opened.start)
        at = opened.start
        if opened.marks == COMMENT and closed and "\n" not in text[opened.start : end]:
            continue  # a remark within one line quotes nothing
        stop = end if closed else opened.start + len(text[opened.start : end].rstrip())
        # Code with a card below it is a sample of code whose closing mark was lost, or a sample of both.
        unsure = doubtful or (closed and cards > 0 and not opened.example)
        yield Quote(opened.start, stop, line, opened.lead, opened.marks, opened.info, closed, cards, unsure)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end
