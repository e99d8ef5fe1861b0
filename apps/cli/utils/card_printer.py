"""How cards look: as JSON records, as table rows, as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.evidence.claims import claims
from bluelabel.services.cards.evidence.inspector import CardEvidence
from bluelabel.services.cards.queries.dependencies import dependencies, is_ready
from bluelabel.services.cards.queries.record import card_record
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.body import checklist, section_text, sections
from bluelabel.services.cards.text.file_problems import quoted
from bluelabel.services.cards.text.model import UNKNOWN, Card, CardDocument, shown

COLUMNS = ("ID", "STATUS", "ASSIGNEE", "PRIORITY", "TITLE")
_MARK = {"verified": "ok", "false": "FALSE", "unverifiable": "?"}


def record(document: CardDocument, card: Card) -> dict[str, Any]:
    """Return the object of `bluelabel.card/1`, as lists show it."""
    return {
        **card_record(card),
        "status_unknown": card.status_unknown,
        "priority": _shown(card.raw("priority")),
        "section": shown(card.section),
        "dependencies": list(dependencies(card, document.prefixes)),
        "ready": is_ready(document, card),
    }


def full_record(document: CardDocument, card: Card) -> dict[str, Any]:
    """Return the object of `bluelabel.card/1` with all that the card says."""
    return {
        **record(document, card),
        "fields": {name: shown(field.raw) for name, field in card.fields.items()},
        "sections": [
            {
                "name": part.name,
                "title": shown(part.title),
                "line": part.line,
                "text": shown(section_text(document, part)),
            }
            for part in sections(document, card)
        ],
        "checklist": [
            {"number": item.number, "done": item.done, "text": shown(item.text), "line": item.line}
            for item in checklist(document, card)
        ],
        "claims": [
            {"kind": claim.kind.value, "target": shown(claim.target), "text": claim.text, "line": claim.line}
            for claim in claims(document, card)
        ],
        "text": shown(document.text[card.start : card.end]),
    }


def rows(cards: Iterable[Card]) -> Iterator[Sequence[str]]:
    """Return the table rows of cards."""
    for card in cards:
        names = ", ".join(card.assignees) or card.assignee_raw or ""
        yield (card.id, status_shown(card), shown(names), shown(card.raw("priority") or ""), shown(card.title))


def status_shown(card: Card) -> str:
    """Return the status of a card; one that nobody can read as it is written, behind a question mark."""
    return f"? {shown(card.status_raw or '')}" if card.status_unknown else card.status_word or ""


def passed_over(cards: Sequence[Card]) -> str:
    """Return a sentence on cards that were passed over because nobody can read their status, with their own words."""
    named = ", ".join(f"{card.id} says {quoted(card.status_raw or '')}" for card in cards[:5])
    more = f", and {len(cards) - 5} more" if len(cards) > 5 else ""
    return f"passed over {len(cards)} {'card' if len(cards) == 1 else 'cards'} with unknown status: {named}{more}"


def lines(cards: Iterable[Card]) -> list[str]:
    """Return one line for each card of the board: its id and its title; what it says, where nobody can read it."""
    return [
        f"{card.id} {shown(card.title)}" + (f" ({status_shown(card)})" if card.status_unknown else "") for card in cards
    ]


def columns(document: CardDocument) -> dict[str, list[Card]]:
    """Return the cards by status, in the order of work; those without one and those with an unknown one first."""
    found: dict[str, list[Card]] = {"": [], UNKNOWN: [], **{status.value: [] for status in CardStatus}}
    for card in document.cards:
        found[card.status_word or ""].append(card)
    return {name: cards for name, cards in found.items() if cards or name not in ("", UNKNOWN)}


def evidence_lines(evidence: CardEvidence) -> Iterator[str]:
    """Return what people read of a check: the verdict, then each claim with its reason."""
    yield f"{evidence.id}: {evidence.verdict.value}"
    for judged in evidence.claims:
        what = judged.claim.target or judged.claim.text
        yield f"  {_MARK[judged.verdict.value]:<5} {judged.claim.kind.value:<13} {shown(what)}: {judged.evidence}"
    if not evidence.claims:
        yield "  it claims nothing that can be checked"


def problem_lines(problems: Iterable[Problem], file: str) -> Iterator[str]:
    """Return one line for each problem, and its hint."""
    for problem in problems:
        yield f"{problem.at(file)}: {problem.message} [{problem.code}]" + (f"; {problem.hint}" if problem.hint else "")


def _shown(text: str | None) -> str | None:
    return None if text is None else shown(text)
