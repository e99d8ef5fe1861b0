"""Faults of a card file that only the whole shows: ids used twice, bytes that are not UTF-8, encoding damage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.status.statuses import mentions_choice
from bluelabel.services.cards.text.model import Card, shown
from bluelabel.services.cards.text.quotes import Quote

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
# The first bytes of emoji and dashes, read as cp1252: these pairs stand in no natural text.
_MOJIBAKE = re.compile("â[œ€†”•–š]|ðŸ|Ã[©¨¤¶¼±]|ï¸")


def whole_file_problems(text: str, cards: Sequence[Card]) -> list[Problem]:
    """Return the problems of the file as a whole."""
    problems = _duplicates(cards)
    for pattern, code, message in (
        (_NOT_UTF8, "not-utf8", "a byte is not UTF-8; it is kept as it is"),
        (_MOJIBAKE, "mojibake", "text was saved in a wrong encoding"),
    ):
        if not text.isascii() and (match := pattern.search(text)):
            problems.append(_at(text, match.start(), code, message, "`bluelabel doctor --fix` repairs it"))
    if "\0" in text:
        problems.append(_at(text, text.index("\0"), "nul-byte", "a NUL byte stands in the text", None))
    return problems


def unknown_status(text: str, card: Card, *, disputed: bool = False) -> Problem:
    """Return the problem of a card whose status nobody can read, at the place of its value.

    Args:
        text: the file.
        card: one of its cards.
        disputed: it has two statuses that differ.
    """
    field = card.fields["status"]
    line = field.line + text.count("\n", field.start, field.value_start)
    column = field.value_start - text.rfind("\n", 0, field.value_start)
    said = "is still the template's choice" if mentions_choice(field.raw) else "is none that is known"
    said = "is given twice, each time another" if disputed else said
    taught = "write one that is, or teach this one in [cards.statuses] of bluelabel.toml"
    hint = "leave one of them" if disputed else taught
    return Problem("unknown-status", f"the status of {card.id} {said}: {quoted(field.raw)}", line, column, hint)


def quoted(raw: str) -> str:
    """Return what a card says, in one short piece, for a message."""
    return f"“{shown(raw[:60])}{'…' if len(raw) > 60 else ''}”"


def quote_problems(text: str, quotes: Sequence[Quote]) -> Iterator[Problem]:
    """Yield what is wrong with fences and comments: those that are never closed."""
    for quote in quotes:
        what = "comment" if quote.comment else "code fence"
        if not quote.closed:
            rest = text[quote.end :]
            below = quote.line + text.count("\n", quote.start, len(text) - len(rest.lstrip()))
            hint = "close it with `-->`" if quote.comment else "`bluelabel doctor --fix` closes it"
            code = "unclosed-comment" if quote.comment else "unclosed-fence"
            if rest.strip():
                message = f"the {what} of line {quote.line} is not closed before this card"
                yield Problem(code, message, below, 1, hint)
            else:
                yield Problem(code, f"a {what} is never closed", quote.line, 1, hint)


def _duplicates(cards: Sequence[Card]) -> list[Problem]:
    first: dict[str, Card] = {}
    problems: list[Problem] = []
    for card in cards:
        before = first.setdefault(card.id, card)
        if before is not card:
            same = "the same" if before.title == card.title else "another"
            message = f"{card.id} stands already in line {before.line}, with {same} title"
            hint = f"give one of them a new id, or name this one {card.id}#2"
            problems.append(Problem("duplicate-id", message, card.line, 1, hint))
    return problems


def _at(text: str, place: int, code: str, message: str, hint: str | None) -> Problem:
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    return Problem(code, message, line, column, hint)
