"""What the boxes of an agent show now: bounded, most urgent first, then what was handled last."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.limits import VIEW_HANDLED, VIEW_WAITING
from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.boxes.view_format import Box, Header, render

_OPEN = (DeliveryState.SENT, DeliveryState.CLAIMED)
_OF_DELIVERY = ("attempt", "claimed_by", "lease_until", "result", "reason")


def view(db: sqlite3.Connection, agent: str, box: Box, home: str, seq: int) -> str:
    """Return the text of a box as it should be now.

    Args:
        db: the index, up to date.
        agent: whose box.
        box: which.
        home: id of this post office.
        seq: where the ledger ends.
    """
    if box == "inbox":
        entries, more = _inbox(db, agent)
    else:
        entries, more = _outbox(db, agent)
    return render(Header(agent, box, home, more=more), seq, entries)


def touched_by(db: sqlite3.Connection, event: Event) -> set[str]:
    """Return the mailboxes whose views an event changes.

    Args:
        db: the index, with the event applied.
        event: any event.
    """
    if event.kind == "message.sent":
        return {event.data["message"]["sender"], *event.data["to"]}
    if event.kind == "message.seen" or not event.kind.startswith("message."):
        return set()
    found = queries.of_message(db, event.data["id"])
    return {name for delivery in found for name in (delivery.message.sender, delivery.recipient)}


def _inbox(db: sqlite3.Connection, agent: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    waiting = queries.waiting(db, agent, VIEW_WAITING)
    handled = queries.handled(db, agent, VIEW_HANDLED)
    counts = queries.counts_of(db, agent)
    left = sum(counts.get(state.value, 0) for state in _OPEN) - len(waiting)
    past = sum(n for state, n in counts.items() if state not in _OPEN) - len(handled)
    more = {key: n for key, n in (("waiting", left), ("handled", past)) if n > 0}
    return [_line(delivery) for delivery in (*waiting, *handled)], more


def _outbox(db: sqlite3.Connection, agent: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The last messages that `agent` sent: those that somebody still has to handle, then the others.

    How many it ever sent is not counted: that would cost more with every message.
    """
    limit = VIEW_WAITING + VIEW_HANDLED
    messages: dict[str, list[Delivery]] = {}
    for delivery in queries.sent_by(db, agent, limit + 1):
        messages.setdefault(delivery.message.id, []).append(delivery)
    more = {"older": 1} if len(messages) > limit else {}
    sent = list(messages.values())[-limit:]
    waiting = [deliveries for deliveries in sent if any(d.state in _OPEN for d in deliveries)]
    handled = [deliveries for deliveries in sent if not any(d.state in _OPEN for d in deliveries)]
    waiting.sort(key=lambda deliveries: (deliveries[0].message.priority.rank, deliveries[0].seq))
    shown = [*waiting[:VIEW_WAITING], *handled[-VIEW_HANDLED:]]
    left = {"waiting": len(waiting[VIEW_WAITING:]), "handled": len(handled[:-VIEW_HANDLED])}
    return [_sent_line(deliveries) for deliveries in shown], {key: n for key, n in left.items() if n} | more


def _line(delivery: Delivery) -> dict[str, Any]:
    return _message(delivery, delivery.state.value) | {
        key: value for key in _OF_DELIVERY if (value := getattr(delivery, key))
    }


def _sent_line(deliveries: Iterable[Delivery]) -> dict[str, Any]:
    """One message that may have gone to several: ``state`` is a word, or one word for each recipient."""
    known = list(deliveries)
    if len(known) == 1:
        return _line(known[0])
    return _message(known[0], {d.recipient: d.state.value for d in known})


def _message(delivery: Delivery, state: str | dict[str, str]) -> dict[str, Any]:
    line = delivery.message.as_json() | {"state": state}
    line.pop("attempt", None)
    if str(line.get("key", "")).startswith("import:"):  # ours, and of no use to a reader
        del line["key"]
    return line
