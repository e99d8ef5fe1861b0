"""What the facts say about every message, and whether each step of it was allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reliability.disk import Fact

OPEN = ("sent", "claimed")
_BEFORE = {
    "message.claimed": OPEN,  # a claimed one whose lease has ended may be claimed again
    "message.renewed": ("claimed",),
    "message.acked": ("claimed",),
    "message.nacked": ("claimed",),
    "message.dead": OPEN,
    "message.expired": OPEN,
    "message.withdrawn": ("sent",),
    "message.retried": ("dead",),
    "message.purged": ("dead",),
    "message.escalated": ("sent", "claimed", "dead"),
}
_AFTER = {
    "message.claimed": "claimed",
    "message.acked": "acked",
    "message.nacked": "sent",
    "message.dead": "dead",
    "message.expired": "expired",
    "message.withdrawn": "withdrawn",
    "message.retried": "sent",
    "message.purged": "purged",
}


@dataclass(slots=True)
class Course:
    """One message with one recipient: its state, how often it was handed out, and to whom last."""

    id: str
    recipient: str
    state: str = "sent"
    attempt: int = 0
    claims: int = 0
    token: str | None = None
    tokens: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class History:
    """All messages.

    Attributes:
        messages: by id, as sent, amendments applied.
        courses: by (id, recipient).
        order: ids in the order in which they were sent.
        faults: steps that were not allowed.
    """

    messages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    courses: dict[tuple[str, str], Course] = field(default_factory=dict[tuple[str, str], Course])
    order: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])

    def waiting(self, recipient: str) -> list[str]:
        """Return the ids that are open for a recipient, in the order in which they were sent."""
        return [i for i in self.order if (c := self.courses.get((i, recipient))) is not None and c.state in OPEN]

    def states(self, message: str) -> list[str]:
        """Return the states of a message with all its recipients."""
        return [course.state for (i, _), course in self.courses.items() if i == message]


def history(facts: Iterable[Fact]) -> History:
    """Follow every message through the facts."""
    told = History()
    keys: set[tuple[str, str]] = set()
    for fact in facts:
        if fact.kind == "message.sent":
            _sent(told, fact, keys)
        elif fact.kind == "message.addressed":
            _addressed(told, fact)
        elif fact.kind == "message.amended":
            if fact.data["id"] in told.messages:
                told.messages[fact.data["id"]] |= fact.data["changes"]
        elif fact.kind in _BEFORE:
            _step(told, fact)
    return told


def _sent(told: History, fact: Fact, keys: set[tuple[str, str]]) -> None:
    message = dict(fact.data["message"])
    if message["id"] in told.messages:
        told.faults.append(f"event {fact.seq}: {message['id']} was sent twice")
    key = message.get("key")
    if key is not None and (message["sender"], key) in keys:
        told.faults.append(f"event {fact.seq}: the key {key!r} of {message['sender']} was used twice")
    if key is not None:
        keys.add((message["sender"], key))
    told.messages[message["id"]] = message
    told.order.append(message["id"])
    _addressed(told, fact)


def _addressed(told: History, fact: Fact) -> None:
    name = fact.data["message"]["id"] if "message" in fact.data else fact.data["id"]
    if name not in told.messages:
        told.faults.append(f"event {fact.seq}: {fact.kind} of a message that was never sent: {name}")
    for recipient in fact.data["to"]:
        if (name, recipient) in told.courses:
            told.faults.append(f"event {fact.seq}: {name} comes to {recipient} a second time")
        told.courses[name, recipient] = Course(name, recipient)


def _step(told: History, fact: Fact) -> None:
    data = fact.data
    course = told.courses.get((data["id"], data["recipient"]))
    if course is None:
        told.faults.append(f"event {fact.seq}: {fact.kind} of a message that was never sent: {data['id']}")
        return
    outside = bool(data.get("by_hand") or data.get("elsewhere"))  # settled in a box, where there are no tokens
    if course.state not in ((*OPEN, *_BEFORE[fact.kind]) if outside else _BEFORE[fact.kind]):
        told.faults.append(f"event {fact.seq}: {fact.kind} of {data['id']}, which was {course.state}")
    needs_token = fact.kind in ("message.acked", "message.nacked", "message.renewed") and not outside
    if needs_token and data.get("token") != course.token:
        told.faults.append(f"event {fact.seq}: {fact.kind} with a token that is not the present one")
    if fact.kind == "message.claimed":
        if data["attempt"] != course.attempt + 1:
            told.faults.append(f"event {fact.seq}: attempt {data['attempt']} after {course.attempt}")
        if data["token"] in course.tokens:
            told.faults.append(f"event {fact.seq}: the token was given out before")
        course.attempt = data["attempt"]
        course.claims += 1
        course.token = data["token"]
        course.tokens.append(data["token"])
    elif fact.kind == "message.retried":
        course.attempt = 0
    course.state = _AFTER.get(fact.kind, course.state)
