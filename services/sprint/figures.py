"""Collects what the figures of a sprint are made of: its events, its cards, and git's counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bluelabel.interfaces.events import Event
from bluelabel.services.cards.apply_events import unpack
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary
from bluelabel.services.cards.text.model import UNKNOWN
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.metrics import (
    AgentRow,
    CardRow,
    ClaimFact,
    Day,
    GitFacts,
    MailFacts,
    Number,
    Started,
    StatusFact,
    agent_rows,
    burndown,
    card_numbers,
    card_rows,
    git_numbers,
    ledger_numbers,
)
from bluelabel.services.sprint.projection import Sprint
from bluelabel.services.sprint.reconstruct import moment_of, status_history, statuses_at


@dataclass(frozen=True, slots=True)
class Measure:
    """The place at which a sprint is measured: commit and event, each card's status there, and who says so."""

    seq: int
    at: str
    commit: str | None
    statuses: dict[str, str | None]
    source: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a sprint at one place; `missing` says, a line each, which sources of figures are not here."""

    measure: Measure
    base: str | None
    numbers: tuple[Number, ...]
    cards: tuple[CardRow, ...]
    agents: tuple[AgentRow, ...]
    days: tuple[Day, ...]
    missing: tuple[str, ...] = ()

    @property
    def completed(self) -> int:
        """Return how many cards are completed."""
        return sum(card.status == "COMPLETED" for card in self.cards)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `sprint summary --json` prints for it."""
        return {
            "measured": {
                "seq": self.measure.seq,
                "at": self.measure.at,
                "commit": self.measure.commit,
                "base": self.base,
            },
            "numbers": [{"key": n.key, "label": n.label, "value": n.value, "source": n.source} for n in self.numbers],
            "cards": [
                {name: getattr(card, name) for name in CardRow.__dataclass_fields__} | {"hours": card.hours}
                for card in self.cards
            ],
            "agents": [{name: getattr(row, name) for name in AgentRow.__dataclass_fields__} for row in self.agents],
            "burndown": [{"day": day.day, "remaining": day.remaining} for day in self.days],
            "missing": list(self.missing),
        }


def here(desk: Desk) -> Measure:
    """Return the present place: the end of the ledger, HEAD, and the card file as it stands."""
    commit = desk.repository.resolve("HEAD") if desk.repository else None
    return Measure(desk.book.head().seq, desk.now(), commit, desk.statuses(), desk.cards_path)


def measured(desk: Desk, sprint: Sprint) -> Measure:
    """Return the place at which a closing sprint was measured, else the present one."""
    found = desk.notes(sprint.plan, "measured")
    if not found and sprint.state == "closed" and not sprint.recorded and sprint.closing:
        tag, commit = sprint.closing["tag"], sprint.closing["commit"]
        at = moment_of(desk.repository, commit) if desk.repository else desk.now()
        return Measure(0, at, commit, statuses_at(desk.papers, commit), f"{desk.cards_path} at {tag}")
    if not found:
        return here(desk)
    data = found[-1].data
    return Measure(
        int(data["upto"]), str(data["moment"]), data.get("commit"), dict(data["cards"]), "sprint.noted (measured)"
    )


def figures(desk: Desk, sprint: Sprint, measure: Measure | None = None) -> Figures:
    """Return the figures of a sprint at a place; where it was measured for its closing, or now, when None."""
    measure = measure or measured(desk, sprint)
    launched = sprint.launched if sprint.launched is not None else sprint.planned
    known = ({"id": card.id, "title": card.title, "agent": card.agent} for card in sprint.plan.cards)
    missing = "gone" if sprint.launched is not None else "not registered"
    begun = Started(sprint.began, tuple(sprint.launch.get("cards") or known), missing)
    events = [event for event in desk.book.read(launched) if event.seq <= measure.seq] if sprint.recorded else []
    statuses = [*_before(desk, sprint, measure), *status_facts(events, desk.vocabulary)]
    ours = {card["id"] for card in begun.cards}
    claims, mail = [claim for claim in claim_facts(events) if claim.card in ours], mail_facts(events)
    rows = card_rows(begun, measure.statuses, statuses, claims)
    base = sprint.launch.get("base")
    made = [*card_numbers(rows, sprint.told_by, measure.source, sprint.timed_by(desk.cards_path))]
    if sprint.recorded:
        runs = sum(event.kind == "run.created" for event in events)
        made += ledger_numbers(rows, claims, mail, runs, f"events {launched + 1} to {measure.seq}")
    if desk.repository and base and measure.commit:
        made += git_numbers(git_facts(desk.repository, base, measure.commit))
    days = _days(begun, statuses, measure, rows)
    return Figures(measure, base, tuple(made), rows, agent_rows(rows, mail), days, _missing(desk, sprint))


def _before(desk: Desk, sprint: Sprint, measure: Measure) -> list[StatusFact]:
    """Return what the commits of the card file tell of the time that this ledger did not see."""
    if "recollected" not in sprint.launch:
        return []
    until = sprint.launch.get("until", measure.commit)
    return status_history(desk.papers, sprint.launch.get("base"), until)


def _missing(desk: Desk, sprint: Sprint) -> tuple[str, ...]:
    """Say what cannot be told of a sprint that another ledger saw, in part or in whole."""
    recollection = sprint.launch.get("recollected")
    if recollection is None:
        return ()
    when = f" before its event {sprint.launched}" if sprint.recorded else ""
    lines = [f"this ledger saw nothing of the sprint{when}: no messages, runs and checks of claims to count"]
    if desk.repository is not None:
        lines.append(f"its beginning: taken from the commit that brought {recollection['from']}")
        lines.append(f"when cards changed{when}: taken from the commits of {desk.cards_path}")
    return tuple(lines)


def _days(begun: Started, statuses: list[StatusFact], measure: Measure, rows: Iterable[CardRow]) -> tuple[Day, ...]:
    """Return the burndown; its last day shows the cards as they are, hand edits that nobody saw included."""
    known = {card["id"]: card.get("status") for card in begun.cards}
    known |= {fact.card: fact.status for fact in statuses if fact.card in known}
    seen = [StatusFact(measure.at, row.id, measure.statuses.get(row.id)) for row in rows]
    late = [fact for fact in seen if fact.status != known.get(fact.card)]
    return burndown(begun, [*statuses, *late], measure.at)


def status_facts(events: Iterable[Event], vocabulary: Vocabulary = BUILT_IN) -> list[StatusFact]:
    """Return the changes of cards' statuses among events."""
    found: list[StatusFact] = []
    for event in events:
        data = event.data
        if event.kind == "card.changed" and data.get("field") == "status":
            after = unpack(data.get("after"))
            status = vocabulary.status(after)
            word = status.value if status else UNKNOWN if after else None
            found.append(StatusFact(event.at, str(data["id"]), word, "forced" in data))
    return found


def claim_facts(events: Iterable[Event]) -> list[ClaimFact]:
    """Return what the checks of claims among events found."""
    found: list[ClaimFact] = []
    for event in events:
        if event.kind == "card.verified":
            verdicts = Counter(claim.get("ok") for claim in event.data.get("claims", ()))
            found.append(ClaimFact(str(event.data["id"]), verdicts[True], verdicts[False], verdicts[None]))
    return found


def mail_facts(events: Iterable[Event]) -> MailFacts:
    """Return what went through the post office among events."""
    kinds: Counter[str] = Counter()
    senders: Counter[str] = Counter()
    for event in events:
        kinds[event.kind] += 1
        if event.kind == "message.sent":
            senders[event.by] += 1
    return MailFacts(kinds["message.sent"], kinds["message.acked"], kinds["message.dead"], dict(senders))


def git_facts(repository: GitRepository, base: str, commit: str) -> GitFacts | None:
    """Return git's counts between two commits, or None when one of them is not there."""
    if repository.resolve(base) is None or repository.resolve(commit) is None:
        return None
    found = repository.commits(base, commit)
    added = removed = files = 0
    for line in repository.numstat(base, commit):
        plus, minus, _ = line.split("\t", 2)
        files += 1
        added += int(plus) if plus != "-" else 0
        removed += int(minus) if minus != "-" else 0
    merges = sum(len(one.parents) > 1 for one in found)
    return GitFacts(base, commit, len(found), merges, len({one.author for one in found}), files, added, removed)
