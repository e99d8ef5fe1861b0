"""Reads what a card says of its progress: the whole of a value is a known phrase, or nobody knows what it means.

No word is looked for inside a sentence: "not yet done" and "done, tests pending" hold the word of a success and are
none. What stands round a phrase (emoji, emphasis, dates, names, remarks in brackets) does not count, unless it says
the contrary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bluelabel.interfaces.names import nearest
from bluelabel.services.cards.status.decoration import fold, spoken, unmarked
from bluelabel.services.cards.status.grammar import Grammar
from bluelabel.services.cards.status.phrases import NAMES, PHRASES, CardStatus

__all__ = ["BUILT_IN", "CardStatus", "Vocabulary", "is_name", "mentions_choice", "near_phrases", "speaks_of_status"]

_LONGEST: Final = 600


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is known to whoever reads a card file, beside the words that everybody uses.

    Args:
        agents: names that count as people whatever they look like.
        phrases: a project's own phrases for a status, folded; they win over the built-in ones.
        prefixes: what ids begin with in a project, besides ``TASK``.
    """

    agents: tuple[str, ...] = ()
    phrases: tuple[tuple[str, CardStatus], ...] = ()
    prefixes: tuple[str, ...] = ()

    @staticmethod
    def of(
        agents: Iterable[str] = (), statuses: Mapping[str, object] | None = None, prefixes: Iterable[str] = ()
    ) -> Vocabulary:
        """Return a vocabulary from names, ``[cards.statuses]`` and ``prefixes``; what names no status is left out."""
        words = list(CardStatus)
        known = {fold(phrase): CardStatus(str(to)) for phrase, to in (statuses or {}).items() if to in words}
        return Vocabulary(tuple(agents), tuple(known.items()), tuple(prefixes))

    def status(self, raw: str | None) -> CardStatus | None:
        """Return the status that `raw` stands for; None when there is none, or nobody can tell which."""
        return _read(raw, self) if raw else None


BUILT_IN: Final = Vocabulary()
"""The words that everybody uses."""


def mentions_choice(raw: str) -> bool:
    """Tell whether `raw` still holds a template's list of choices (``LOW | MEDIUM | HIGH``)."""
    return "|" in raw


def is_name(raw: str | None, status: CardStatus) -> bool:
    """Tell whether `raw` says `status` and no more: ``✅ Done`` says COMPLETED, ``Merged`` says more."""
    return fold(spoken(unmarked(raw or ""))) in NAMES[status]


def speaks_of_status(raw: str) -> bool:
    """Tell whether words are about progress, known or not; for a line of which it is unsure whether it is a status."""
    words = fold(spoken(unmarked(raw))).split()
    return len(words) <= 8 and any(word in phrases for phrases in NAMES.values() for word in words)


def near_phrases(raw: str, vocabulary: Vocabulary = BUILT_IN) -> list[str]:
    """Return known phrases that look like `raw`, for hints."""
    names = [phrase for phrases in NAMES.values() for phrase in phrases]
    return nearest(fold(raw), [*names, *(phrase for phrase, _ in vocabulary.phrases)])


@lru_cache(maxsize=4096)
def _read(raw: str, vocabulary: Vocabulary) -> CardStatus | None:
    """Return what a value says. A file has few different ones: each is read once."""
    return None if len(raw) > _LONGEST or mentions_choice(raw) else _grammar(vocabulary).value(unmarked(raw))


@lru_cache(maxsize=16)
def _grammar(vocabulary: Vocabulary) -> Grammar:
    return Grammar({**PHRASES, **dict(vocabulary.phrases)}, vocabulary.agents)
