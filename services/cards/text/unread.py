"""What a reader would take for a card and is not read as one: it is told, so that nothing vanishes without a word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.text.headings import CardHeading, card_heading
from bluelabel.services.cards.text.model import shown
from bluelabel.services.cards.text.open_card import OpenCard

LOOKS: Final = "looks-like-card"
"""The code of the problem that tells of such a heading."""

QUOTED: Final = "quoted-cards"
"""The code of the problem that tells of cards in a fence or comment that may be no example."""

UNREAD: Final = frozenset({LOOKS, QUOTED})
"""Both: what may be a card and is not read as one."""

_HINT: Final = "write `### TASK-7: title`, or name its prefix in `[cards] prefixes` of bluelabel.toml"
_PLAN: Final = re.compile(
    r"\b(phase|sprint|week|day|milestone|wave|release|version|archived?|statistics|summary|template|progress|status)\b",
    re.IGNORECASE,
)
_UNDERLINE: Final = re.compile(r"\n {0,3}(?:([=-])\1*)[ \t]*\r?(?=\n|$)")
_BOLD: Final = re.compile(r"(\*\*|__)(?=\S).*\1[ \t]*:?[ \t]*$")


class Suspects:
    """Notices headings that look like cards', and headings with a status of their own that are none."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.told = False
        self._last: tuple[str, int] | None = None

    def clear(self) -> None:
        """Forget the last heading: a card begins."""
        self._last, self.told = None, False

    def heading(self, words: str, level: int, line: int, head: CardHeading | None, card: OpenCard | None) -> None:
        """Take a heading that is not read as a card's.

        Args:
            words: its words.
            level: its level.
            line: its line.
            head: what it looks like, if like a card's.
            card: the card it stands in; a heading with the id of this very card is a part of it.
        """
        self.told = False
        self._last = (words, line) if level > 1 and not _PLAN.search(words) else None
        if head is not None and not (card and card.id == head.id):
            self._last = (words, line)
            self._tell(f"“{shown(words)[:60]}” looks like a card and is not read as one")

    def status(self) -> None:
        """Take a status that belongs to no card, below the last heading."""
        if self._last and not self.told:
            self._tell(f"“{shown(self._last[0])[:60]}” has a status and is not read as a card")

    def quoted(self, line: str, number: int) -> None:
        """Take the heading of a card that stands in a quote of which nobody can be sure that it is meant as one."""
        message = f"“{shown(line.strip(' #'))[:60]}” stands in a fence or comment that may be no example"
        hint = "close it above this heading where it is a card; else open it with ```markdown"
        self.problems.append(Problem(QUOTED, message, number, 1, hint))

    def _tell(self, message: str) -> None:
        if self._last:
            self.problems.append(Problem(LOOKS, message, self._last[1], 1, _HINT))
            self.told = True


def underlined(text: str) -> dict[int, int]:
    """Return where the lines of a file begin that are headings by the line below them, with their levels."""
    found: dict[int, int] = {}
    for match in _UNDERLINE.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        if text[start : match.start()].strip():
            found[start] = 1 if match[1] == "=" else 2
    return found


def loose_heading(line: str, level: int, prefixes: Sequence[str]) -> CardHeading | None:
    """Read a line without marks as a heading: underlined, or nothing but bold words; None when it is none of a card.

    Args:
        line: the line.
        level: its level where it is underlined, else 0.
        prefixes: what ids begin with in this project, besides ``TASK``.
    """
    if level:
        return card_heading(f"{'#' * level} {line.strip()}", prefixes)
    if _BOLD.match(line):
        head = card_heading(f"###### {line.rstrip().rstrip(':')}", prefixes)
        return head if head and head.id.startswith("TASK-") else None
    return None


def summary(problems: Iterable[Problem]) -> tuple[str, str] | None:
    """Return how many headings look like cards and are not read, in words, and what to do; None without any."""
    count = sum(problem.code in UNREAD for problem in problems)
    if not count:
        return None
    what = "1 heading looks like a card" if count == 1 else f"{count} headings look like cards"
    return what, "see `card lint`"
