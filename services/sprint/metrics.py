"""The figures of a sprint: arithmetic over events and facts of git, so that anyone can do it again and get the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from bluelabel.interfaces.times import end_of_day, from_text, local_date, to_text
from bluelabel.services.cards.text.model import UNKNOWN

ENDED: Final = frozenset({"COMPLETED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class StatusFact:
    """A card got a status at a moment; `forced` when it was completed against its evidence."""

    at: str
    card: str
    status: str | None
    forced: bool = False


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """What the last check of a card's claims found."""

    card: str
    true: int
    false: int
    unverifiable: int


@dataclass(frozen=True, slots=True)
class GitFacts:
    """What git says of the commits of a sprint: those reachable from `commit` and not from `base`."""

    base: str
    commit: str
    commits: int = 0
    merges: int = 0
    authors: int = 0
    files: int = 0
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What went through the post office: messages sent, settled and dead, and who sent how many."""

    sent: int = 0
    acked: int = 0
    dead: int = 0
    by: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Number:
    """One figure: a stable key, words for it, the value, and where anyone finds it."""

    key: str
    label: str
    value: int | float
    source: str


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card of the sprint as the summary shows it; `seconds` from its start (or the launch) to its completion."""

    id: str
    title: str
    agent: str | None
    status: str
    started: str | None = None
    completed: str | None = None
    seconds: float | None = None
    forced: bool = False
    claims: str = "-"

    @property
    def hours(self) -> float | None:
        """Return `seconds` in hours, to two places."""
        return None if self.seconds is None else round(self.seconds / 3600, 2)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent's part: cards, how many of them are completed, messages sent, median hours to complete one."""

    agent: str
    cards: int
    completed: int
    sent: int
    hours: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """How many cards were left at the end of a day (UTC)."""

    day: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Started:
    """How a sprint began: when, with which cards in which state; what a card is called that is in no file."""

    at: str
    cards: tuple[Mapping[str, Any], ...]
    missing: str = "gone"


def card_rows(
    begun: Started, now: Mapping[str, str | None], facts: Iterable[StatusFact], claims: Iterable[ClaimFact]
) -> tuple[CardRow, ...]:
    """Return the story of every card.

    Args:
        begun: the launch: per card ``id``, ``title``, ``agent``, ``status``.
        now: each card's status at the end; a card that is missing there is gone.
        facts: every change of a status since, oldest first.
        claims: what the checks found; the last one of a card counts.
    """
    by_card: dict[str, list[StatusFact]] = {}
    for fact in facts:
        by_card.setdefault(fact.card, []).append(fact)
    found = {claim.card: claim for claim in claims}
    return tuple(_row(begun, card, now, by_card.get(card["id"], []), found.get(card["id"])) for card in begun.cards)


def _row(
    begun: Started,
    card: Mapping[str, Any],
    now: Mapping[str, str | None],
    facts: Sequence[StatusFact],
    claim: ClaimFact | None,
) -> CardRow:
    name = card["id"]
    started = begun.at if card.get("status") == "IN_PROGRESS" else None
    started = started or next((fact.at for fact in facts if fact.status == "IN_PROGRESS"), None)
    status = (now[name] or "no status") if name in now else begun.missing
    last = next((fact for fact in reversed(facts) if fact.status == "COMPLETED"), None)
    completed = last.at if last is not None and status == "COMPLETED" else None
    seconds = None if completed is None else _seconds(min(started or begun.at, completed), completed)
    shown = f"{claim.true} / {claim.false} / {claim.unverifiable}" if claim else "-"
    forced = bool(completed and last and last.forced)
    return CardRow(name, card.get("title") or "", card.get("agent"), status, started, completed, seconds, forced, shown)


def agent_rows(cards: Sequence[CardRow], mail: MailFacts) -> tuple[AgentRow, ...]:
    """Return the part of every agent that has cards."""
    rows: list[AgentRow] = []
    for agent in sorted({card.agent for card in cards if card.agent}):
        own = [card for card in cards if card.agent == agent]
        done = sum(card.status == "COMPLETED" for card in own)
        rows.append(AgentRow(agent, len(own), done, mail.by.get(agent, 0), _median_hours(own)))
    return tuple(rows)


def burndown(begun: Started, facts: Iterable[StatusFact], until: str) -> tuple[Day, ...]:
    """Return how many cards were left at the end of each day, from the launch to the day of `until`."""
    state = {card["id"]: card.get("status") for card in begun.cards}
    ordered = sorted((fact for fact in facts if fact.card in state and fact.at <= until), key=lambda fact: fact.at)
    first, last = local_date(from_text(begun.at)), local_date(from_text(until))
    days: list[Day] = []
    place = 0
    for day in _days(first, max(first, last)):
        end = to_text(end_of_day(day))
        while place < len(ordered) and ordered[place].at < end:
            state[ordered[place].card] = ordered[place].status
            place += 1
        days.append(Day(day.isoformat(), sum(status not in ENDED for status in state.values())))
    return tuple(days)


def card_numbers(cards: Sequence[CardRow], plan: str, seen: str, timed: str) -> Iterator[Number]:
    """Yield the figures of the cards.

    Args:
        cards: their stories.
        plan: where it stands which cards there are.
        seen: where their statuses come from.
        timed: where it stands when they changed.
    """
    count = Counter(card.status for card in cards)
    yield Number("cards.planned", "Cards planned", len(cards), plan)
    yield Number("cards.completed", "Cards completed", count["COMPLETED"], seen)
    yield Number("cards.cancelled", "Cards cancelled", count["CANCELLED"], seen)
    still = sum(card.status not in {*ENDED, UNKNOWN} for card in cards)
    yield Number("cards.open", "Cards left open", still, seen)
    if count[UNKNOWN]:
        yield Number("cards.unknown", "Cards whose status nobody can read", count[UNKNOWN], seen)
    hours = _median_hours(cards)
    if hours is not None:
        yield Number("hours.median", "Median hours from start to completion", hours, timed)


def ledger_numbers(
    cards: Sequence[CardRow], claims: Iterable[ClaimFact], mail: MailFacts, runs: int, window: str
) -> Iterator[Number]:
    """Yield the figures that only the ledger has.

    Args:
        cards: the stories of the cards.
        claims: what the checks found; the last one of a card counts.
        mail: what went through the post office.
        runs: how many workflow runs were made.
        window: the events counted, in words: ``events 12 to 96``.
    """
    found = {claim.card: claim for claim in claims}.values()
    checked = f"card.verified, {window}"
    yield Number("cards.forced", "Cards completed against their evidence", sum(c.forced for c in cards), "card.changed")
    yield Number("claims.true", "Claims found true", sum(c.true for c in found), checked)
    yield Number("claims.false", "Claims found false", sum(c.false for c in found), checked)
    yield Number("claims.unverifiable", "Claims not checkable", sum(c.unverifiable for c in found), checked)
    yield Number("messages.sent", "Messages sent", mail.sent, f"message.sent, {window}")
    yield Number("messages.acked", "Messages handled", mail.acked, f"message.acked, {window}")
    yield Number("messages.dead", "Messages dead", mail.dead, f"message.dead, {window}")
    yield Number("runs.made", "Workflow runs made", runs, f"run.created, {window}")


def git_numbers(git: GitFacts | None) -> Iterator[Number]:
    """Yield the figures that git has; none when it does not know the commits."""
    if git is None:
        return
    span = f"{git.base[:12]}..{git.commit[:12]}"
    counted = f"git diff --no-renames --numstat {span}"
    yield Number("git.commits", "Commits", git.commits, f"git rev-list --count {span}")
    yield Number("git.merges", "Merges", git.merges, f"git rev-list --count --merges {span}")
    yield Number("git.authors", "Authors", git.authors, f"distinct names of git log --format=%an {span}")
    yield Number("git.files", "Files changed", git.files, counted)
    yield Number("git.added", "Lines added", git.added, counted)
    yield Number("git.removed", "Lines removed", git.removed, counted)


def _seconds(start: str, end: str) -> float:
    return (from_text(end) - from_text(start)).total_seconds()


def _median_hours(cards: Iterable[CardRow]) -> float | None:
    """Return the median of the exact times, in hours to two places; None where no card has one."""
    found = [card.seconds for card in cards if card.seconds is not None]
    return round(median(found) / 3600, 2) if found else None


def _days(first: date, last: date) -> Iterable[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
