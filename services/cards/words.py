"""The words of task cards: statuses, assignees and field names, and what people write for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from bluelabel.services.cards.field_names import field_of

__all__ = [
    "CardStatus",
    "assignees_of",
    "field_of",
    "heading_name",
    "is_card_section",
    "mentions_choice",
    "named",
    "status_of",
]


class CardStatus(StrEnum):
    """What a card may say of its progress; a card that says nothing has none of these."""

    NOT_STARTED = "NOT_STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    BLOCKED = "BLOCKED"
    CANCELLED = "CANCELLED"


_STATUS_WORDS: Final[Mapping[str, CardStatus]] = {
    **dict.fromkeys(("complete", "completed", "done", "finished", "closed"), CardStatus.COMPLETED),
    **dict.fromkeys(
        ("pending", "planned", "todo", "queued", "open", "backlog", "unstarted", "notstarted"), CardStatus.NOT_STARTED
    ),
    **dict.fromkeys(("progress", "inprogress", "started", "active", "wip", "doing", "ongoing"), CardStatus.IN_PROGRESS),
    # Half done is not done: the word before "completed" decides.
    **dict.fromkeys(("partial", "partially", "almost", "nearly", "mostly"), CardStatus.IN_PROGRESS),
    **dict.fromkeys(("blocked", "waiting"), CardStatus.BLOCKED),
    **dict.fromkeys(("cancelled", "canceled", "dropped", "abandoned"), CardStatus.CANCELLED),
}
_NEGATIONS: Final = frozenset({"not", "never", "un", "no", "isn", "wasn"})
_CARD_SECTIONS: Final = frozenset(
    re.split(
        r"\s*\|\s*",
        """description|objective|objectives|requirements|acceptance criteria|deliverables|deliverable|technical details|
    details|implementation|implementation details|files|file|files created|files modified|files created/modified|
    files created/updated|files modified/created|files updated|files added|files removed|files deleted|testing|
    tests|test results|test coverage|new test coverage|time spent|blockers|blockers/issues|blockers issues|issues|
    known issues|next steps|key features|features|key updates|key benefits|key achievements|key insights|usage|
    usage example|usage examples|output format|visual design|integration points|lessons learned|recommendations|
    resolution|outcome|actions taken|summary|findings|decision|notes|branches merged|commits|tag created|
    handoff notes|results|background|context|scope|improvement suggestions|success criteria|verification|evidence""",
    )
)
_NOBODY: Final = frozenset({"tbd", "tba", "none", "na", "unassigned", "todo", "nobody", "any", "anyone"})
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z]+", re.ASCII)
_ROUND: Final = re.compile(r"\([^()]*\)")


def status_of(raw: str | None) -> CardStatus | None:
    """Return the status that `raw` stands for: the word decides, never the emoji. None when it names none."""
    if not raw or mentions_choice(raw):
        return None
    words = _WORD.findall(_ROUND.sub(" ", raw).replace("_", " ").casefold())
    for place, word in enumerate(words):
        if word not in _STATUS_WORDS:
            continue
        status = _STATUS_WORDS[word]
        if place and words[place - 1] in _NEGATIONS:
            return CardStatus.NOT_STARTED if status is CardStatus.IN_PROGRESS else None
        return status
    return None


def mentions_choice(raw: str) -> bool:
    """Tell whether `raw` still holds a template's list of choices (``LOW | MEDIUM | HIGH``)."""
    return "|" in raw


def assignees_of(raw: str | None, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the agents that `raw` names, in order, each once.

    Remarks in parentheses do not count, nor does what is not one name (``FE Team``, ``GPT-4``), unless it is `known`.
    """
    if not raw or mentions_choice(raw):
        return ()
    names = {name.casefold(): name for name in known}
    found: dict[str, None] = {}
    for part in re.split(r"[,/&+;→]|\band\b|->", _ROUND.sub(" ", raw)):
        name = part.strip(" \t*`_@.")
        if name.casefold() in names:
            found[names[name.casefold()]] = None
        elif name.casefold() in _NOBODY or not _NAME.fullmatch(name):
            continue
        else:
            found[name] = None
    return tuple(found)


def named(raw: str | None) -> str | None:
    """Return `raw` unless it says that nobody is named yet."""
    first = re.match(r"[A-Za-z]*", raw or "", re.ASCII)
    return None if not raw or mentions_choice(raw) or (first and first[0].casefold() in _NOBODY) else raw


def heading_name(text: str) -> str:
    """Return a heading's words for comparing: no decoration, no final colon, one case."""
    words = re.sub(r"[^\w\s&/+.-]", " ", text.replace("*", ""), flags=re.ASCII)
    return " ".join(words.casefold().split()).strip(" -")


def is_card_section(text: str) -> bool:
    """Tell whether a heading of any level names a part of a card rather than of the document."""
    name = heading_name(text)
    return name in _CARD_SECTIONS or field_of(name) is not None or field_of(name.split(" ")[0]) == "status"
