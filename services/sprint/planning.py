"""Planning and launching: a sprint is written down, then its cards are registered and its work is handed out."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bluelabel.interfaces.errors import IllegalTransition, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import MessageType, Priority
from bluelabel.services.cards.editing.edit import check_value
from bluelabel.services.cards.editing.ids import checked
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.documents.action_items import items
from bluelabel.services.sprint.documents.writers import write_plan, write_state, write_template
from bluelabel.services.sprint.ledger_tag import tag_fault
from bluelabel.services.sprint.metrics import ENDED
from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.projection import Sprint, key_of, sprints

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*", re.ASCII)
"""A branch name that a card may show as it is; others stand in the plan alone."""


@dataclass(frozen=True, slots=True)
class Launched:
    """What a launch did: the sprint, the cards that were added, who got how many assignments, documents changed.

    `again`: it was launched before; `taken_over`: by another ledger, and this one knows it from now on.
    """

    sprint: Sprint
    registered: tuple[str, ...]
    assigned: dict[str, int]
    documents: tuple[str, ...]
    again: bool
    taken_over: bool = False


def plan(desk: Desk, wanted: Plan) -> tuple[Sprint, list[str]]:
    """Write a sprint down, or plan it anew while it is not launched; return it and the documents that changed.

    Titles, agents, branches and priorities that are not given are taken from the card file.

    Raises:
        UsageError: the plan does not hold together, or a title or a new id cannot stand in a card.
        UnknownAgent: a card is for nobody with a mailbox.
        IllegalTransition: the sprint is launched already.
        Refused: nobody can read the status of a card: whether it is done already, or to be handed out.
    """
    open_items = tuple(item.id for item in items(desk) if not item.done and item.sprint != key_of(wanted))
    whole = replace(wanted, cards=_completed(desk, wanted), carried=open_items).checked()
    for agent in whole.agents:
        desk.postbox.directory.check(agent)
    document = desk.cards()
    for card in whole.cards:
        check_value("title", card.title)
        if card.id not in document.by_id:
            checked(card.id, document, ())
    desk.require_known(card.id for card in whole.cards)

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        known = {sprint.key: sprint for sprint in sprints(db)}.get(key_of(whole))
        if known is not None and known.state != "planned":
            hint = "plan the next one; this one keeps its cards"
            raise IllegalTransition(f"sprint {whole.number} of phase {whole.phase} is {known.state}", hint=hint)
        if known is not None and known.plan == whole:
            return []
        return [Draft("sprint.planned", desk.actor, {"sprint": key_of(whole), "plan": whole.as_json()})]

    desk.book.append(decide)
    sprint = desk.sprint(whole.number, whole.phase)
    return sprint, write_plan(desk, sprint)


def remarks(desk: Desk, planned: Plan) -> Iterator[str]:
    """Yield what may be a slip in a plan that holds together: a line each for whoever planned it."""
    now = desk.statuses()
    told = {
        f"not in {desk.cards_path} yet, and added at the launch": [c.id for c in planned.cards if c.id not in now],
        "done already": [card.id for card in planned.cards if now.get(card.id) in ENDED],
        "assigned to nobody": [c.id for c in planned.cards if not c.agent and now.get(c.id) not in ENDED],
    }
    yield from (f"{words}: {', '.join(names)}" for words, names in told.items() if names)
    if not planned.cards:
        yield "it has no cards, and cannot be launched without"
    if desk.repository is None:
        return
    if desk.repository.ref(f"refs/heads/{planned.branch}") is None:
        yield f"there is no branch called {planned.branch!a} to end on"
    if fault := tag_fault(desk.repository, planned):
        yield fault


def launch(desk: Desk, sprint: Sprint) -> Launched:
    """Start a sprint. Doing it again finishes what an interrupted launch has left, and sends nothing twice.

    Raises:
        UsageError: it has no cards.
        IllegalTransition: it is closed, or another one is under way.
        UnknownAgent: a card is for nobody with a mailbox.
        Refused: nobody can read the status of a card.
    """
    whole = sprint.plan
    _allow(desk.sprints(), sprint)
    if not whole.cards:
        raise UsageError(f"{whole.name} has no cards", hint="plan it again with --card ID")
    for agent in whole.agents:
        desk.postbox.directory.check(agent)
    desk.require_known(card.id for card in whole.cards)
    elsewhere = not sprint.recorded
    sprint = take_over(desk, sprint)
    registered = _register(desk, whole)
    again = sprint.state == "launched"
    if not again:
        _start(desk, sprint)
    elif elsewhere:  # nobody has a mailbox with the assignments here
        desk.book.append(lambda db: desk.postbox.drafts(db, _messages(desk, whole, _open(desk, whole)))[0])
    current = desk.fresh(sprint)
    assigned = Counter(str(card.agent) for card in _open(desk, whole))
    changed = (*write_state(desk, current), *write_template(desk))
    return Launched(current, tuple(registered), dict(assigned), changed, again, elsewhere and again)


def _allow(known: Sequence[Sprint], sprint: Sprint) -> None:
    state = next((one.state for one in known if one.key == sprint.key), sprint.state)
    if state == "closed":
        raise IllegalTransition(f"sprint {sprint.plan.number} is closed", hint="plan the next one")
    other = next((one for one in known if one.state == "launched" and one.key != sprint.key), None)
    if other is not None:
        raise IllegalTransition(f"{other.plan.name} is under way", hint="close it with `bluelabel sprint closeout`")


def take_over(desk: Desk, sprint: Sprint) -> Sprint:
    """Record a sprint that only documents tell of, as far as it has come; nobody is sent anything."""
    if sprint.recorded:
        return sprint
    until = desk.repository.resolve("HEAD") if desk.repository else None

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        if any(one.key == sprint.key for one in sprints(db)):
            return []  # another process was quicker
        planned = Draft("sprint.planned", desk.actor, {"sprint": sprint.key, "plan": sprint.plan.as_json()})
        launched = {"sprint": sprint.key, **sprint.launch, "until": until}
        return [planned, Draft("sprint.launched", desk.actor, launched)] if sprint.launch else [planned]

    desk.book.append(decide)
    return desk.fresh(sprint)


def _start(desk: Desk, sprint: Sprint) -> None:
    """Record the launch and send everything that goes with it, as one unit."""
    whole = sprint.plan
    now, todo = desk.cards().by_id, _open(desk, whole)
    statuses = [_entry(card, now[card.id][0].status_word if card.id in now else None) for card in whole.cards]
    base = None
    if desk.repository is not None:
        base = desk.repository.resolve(f"refs/heads/{whole.branch}") or desk.repository.resolve("HEAD")

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        known = sprints(db)
        _allow(known, sprint)
        if any(one.key == sprint.key and one.state == "launched" for one in known):
            return []
        mail, _ = desk.postbox.drafts(db, _messages(desk, whole, todo))
        data = {"sprint": sprint.key, "base": base, "branch": whole.branch, "cards": statuses}
        return [Draft("sprint.launched", desk.actor, data), *mail]

    desk.book.append(decide)


def _entry(card: PlannedCard, status: str | None) -> dict[str, Any]:
    return {"id": card.id, "title": card.title, "agent": card.agent, "status": status}


def _open(desk: Desk, whole: Plan) -> list[PlannedCard]:
    """Return the cards that somebody is to work on: those that are done already are nobody's assignment."""
    now = desk.statuses()
    return [card for card in whole.cards if card.agent and now.get(card.id) not in ENDED]


def _messages(desk: Desk, whole: Plan, todo: Sequence[PlannedCard]) -> list[OutgoingMessage]:
    key = key_of(whole)
    found = [
        OutgoingMessage(
            desk.actor,
            (str(card.agent),),
            type=MessageType.TASK_ASSIGNMENT.value,
            subject=f"{card.id}: {card.title}"[:500],
            content={
                "task_id": card.id, "title": card.title, "sprint": whole.name, "plan": whole.plan_path,
                "due": whole.end, **({"branch": card.branch} if card.branch else {}),
            },
            task_id=card.id,
            priority=_priority(card.priority),
            key=f"sprint:{key}:{card.id}",
        )
        for card in todo
    ]  # fmt: skip
    told = {"sprint": whole.name, "plan": whole.plan_path, "cards": [card.id for card in whole.cards]}
    log = OutgoingMessage(
        desk.actor, (desk.coordinator,), type=MessageType.TASK_STATUS.value,
        subject=f"Launched {whole.name}"[:500], content=told | {"status": "launched"}, key=f"sprint:{key}:launched",
    )  # fmt: skip
    return [*found, log]


def _priority(word: str | None) -> Priority:
    return Priority(word) if word in list(Priority) else Priority.MEDIUM


def _register(desk: Desk, whole: Plan) -> list[str]:
    desk.board.recover()  # a killed launch may have recorded a card that is not in the file yet
    known = desk.cards().by_id
    missing = [card for card in whole.cards if card.id not in known]
    for card in missing:
        branch = card.branch if card.branch and _PLAIN.fullmatch(card.branch) else None
        values = {"status": "NOT_STARTED", "assignee": card.agent, "priority": card.priority, "branch": branch}
        desk.board.new(card.title, {name: value for name, value in values.items() if value}, name=card.id)
    return [card.id for card in missing]


def _completed(desk: Desk, wanted: Plan) -> tuple[PlannedCard, ...]:
    known = desk.cards().by_id
    people = desk.postbox.directory.people
    done: list[PlannedCard] = []
    for card in wanted.cards:
        found = known[card.id][0] if card.id in known else None
        if found is None:
            done.append(card if card.title else replace(card, title=card.id))
            continue
        agent = card.agent or next((name for name in found.assignees if name in people), None)
        branch = card.branch or _branch(found.raw("branch"))
        priority = card.priority or (found.raw("priority") or "").upper() or None
        done.append(replace(card, title=card.title or found.title, agent=agent, branch=branch, priority=priority))
    return tuple(done)


def _branch(raw: str | None) -> str | None:
    """Return the branch that a card's field names: the first word, without the marks round it."""
    words = (raw or "").replace("`", " ").split()
    return words[0] if words else None
