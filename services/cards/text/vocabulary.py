"""The words of task cards: assignees, field names and section names, and what people write for them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bluelabel.services.cards.status.statuses import mentions_choice
from bluelabel.services.cards.text.field_names import field_of

__all__ = ["assignees_of", "field_of", "heading_name", "is_card_section", "named"]

_CARD_SECTIONS: Final = frozenset(
    re.split(
        r"\s*\|\s*",
        """description|metadata|meta|task details|task info|assignment|
    objective|objectives|requirements|acceptance criteria|deliverables|deliverable|technical details|
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
_ROUND: Final = re.compile(r"\([^()]*\)")


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
