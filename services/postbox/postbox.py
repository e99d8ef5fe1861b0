"""The post office: every way in which a message moves. Each public method is one decision and one append."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bluelabel.interfaces.errors import StaleToken
from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.limits import LEASE_SECONDS, MAX_ATTEMPTS
from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.interfaces.ports import Clock, Ids
from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.leases import Now
from bluelabel.services.postbox.ready_queue import Shelf
from bluelabel.services.postbox.sending import Also, Mailroom

_Settlement = Callable[[Delivery], Sequence[Draft]]


_CLAIMS: Final = 64
"""How many of the messages that were claimed here are kept at hand."""


class Postbox(Mailroom):
    """Hands out and settles messages, as well as accepting them. Arguments as for `Mailroom`."""

    def __init__(
        self, book: Book, directory: Directory, clock: Clock, ids: Ids, *, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        super().__init__(book, directory, clock, ids, max_attempts=max_attempts)
        self._claims: dict[str, tuple[Delivery, Head]] = {}
        self._shelves: dict[Sequence[str], Shelf] = {}

    def claim(
        self,
        agent: str,
        *,
        lease: float = LEASE_SECONDS,
        wait: float = 0.0,
        worker: str | None = None,
        durable: bool = True,
    ) -> Delivery | None:
        """Hand out the most urgent message that waits for `agent`, or None.

        Args:
            agent: whose mailbox, with the queues it serves.
            lease: seconds until the message is handed out again unless settled or renewed.
            wait: seconds to wait for one.
            worker: who holds it; the agent itself unless told.
            durable: False spares a sync; the claim then rides with the next one. Losing it costs one more delivery.

        Raises:
            UnknownAgent: there is no such agent.
        """
        boxes = self.directory.boxes_of(agent)
        found = self._claim_once(boxes, worker or agent, lease, durable)
        end = self._clock.uptime() + wait
        while found is None and (left := end - self._clock.uptime()) > 0:
            head = self.book.head().seq
            found = self._claim_once(boxes, worker or agent, lease, durable)
            if found is None:
                self.book.wait(head, min(left, 1.0))  # at most a second: a delay or lease may end without an event
        return found

    def renew(self, message_id: str, token: str, *, lease: float = LEASE_SECONDS) -> Delivery:
        """Let a claim last `lease` seconds from now.

        Raises:
            NotFound, StaleToken: as for `ack`.
        """

        def draft(held: Delivery) -> Sequence[Draft]:
            data = {"id": message_id, "recipient": held.recipient, "token": token, **self.now().lease(lease)}
            return [Draft("message.renewed", held.claimed_by or held.recipient, data)]

        return self._settle(message_id, token, draft)

    def ack(
        self,
        message_id: str,
        token: str,
        *,
        result: Mapping[str, Any] | None = None,
        also: Also | Callable[[sqlite3.Connection], Also] = (),
    ) -> Delivery:
        """Finish a claimed message; durable when this returns. Acking twice with one token is acking once.

        Args:
            result: what came of it.
            also: further events of the same decision, or a function that makes them.

        Raises:
            NotFound: no such message.
            StaleToken: the claim is over.
        """

        def draft(held: Delivery) -> Sequence[Draft]:
            data: dict[str, Any] = {"id": message_id, "recipient": held.recipient, "token": token}
            if result is not None:
                data["result"] = dict(result)
            more = also(self.book.look()) if callable(also) else also
            return [Draft("message.acked", held.claimed_by or held.recipient, data), *more]

        return self._settle(message_id, token, draft, again=DeliveryState.ACKED)

    def nack(
        self, message_id: str, token: str, *, reason: str = "", delay: float = 0.0, final: bool = False
    ) -> Delivery:
        """Give a claimed message back, to be handed out again after `delay` seconds.

        Args:
            final: do not try again: it becomes a dead letter at once.

        Raises:
            NotFound, StaleToken: as for `ack`.
        """

        def draft(held: Delivery) -> Sequence[Draft]:
            by = held.claimed_by or held.recipient
            if final or held.attempt >= self.max_attempts:
                return self.death(self.book.look(), held, by, reason or "given back too often")
            data: dict[str, Any] = {"id": message_id, "recipient": held.recipient, "token": token, "reason": reason}
            if delay > 0:
                data["not_before"] = self.now().after(delay)
            return [Draft("message.nacked", by, data)]

        return self._settle(message_id, token, draft)

    def death(self, db: sqlite3.Connection, held: Delivery, by: str, reason: str) -> list[Draft]:
        """Return the events that make a delivery a dead letter and tell the human."""
        data = {"id": held.message.id, "recipient": held.recipient, "reason": reason}
        drafts = [Draft("message.dead", by, data)]
        human = self.directory.human
        if held.recipient != human:
            told = self.alarm(held, f"{held.recipient} could not handle it: {reason}")
            drafts += [Draft("message.escalated", by, data | {"to": human}), *self.drafts(db, [told])[0]]
        return drafts

    def _claim_once(self, boxes: Sequence[str], worker: str, lease: float, durable: bool) -> Delivery | None:
        claimed: list[Delivery] = []

        def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
            now = self.now()
            drafts: list[Draft] = []
            for found in self._waiting(boxes, now):
                key = {"id": found.message.id, "recipient": found.recipient}
                if found.message.expires_at is not None and found.message.expires_at <= now.text:
                    drafts.append(Draft("message.expired", worker, key))
                elif found.attempt >= self.max_attempts:
                    reason = f"handed out {found.attempt} times without an answer"
                    drafts += self.death(self.book.look(), found, worker, reason)
                else:
                    grant = {
                        "token": self._ids.token(),
                        "attempt": found.attempt + 1,
                        "worker": worker,
                        **now.lease(lease),
                    }
                    drafts.append(Draft("message.claimed", worker, key | grant))
                    claimed.append(_as_claimed(found, grant))
                    break
            return drafts

        while True:
            events = self.book.append(decide, durable=durable, looks=False)
            if claimed:
                self._keep(claimed[0], events[-1])
                return claimed[0]
            if not events:
                return None

    def _waiting(self, boxes: Sequence[str], now: Now) -> Iterator[Delivery]:
        """Yield what comes next, in a decision; where it ends after some, there may be more in the next one."""
        shelf = self._shelves.get(boxes)
        if shelf is None or not shelf.follow(self.book.since(shelf.known), now):
            db = self.book.look()
            shelf = self._shelves[boxes] = Shelf(db, self.book.head(), boxes, now)
        return shelf.waiting()

    def _settle(self, message_id: str, token: str, draft: _Settlement, again: DeliveryState | None = None) -> Delivery:
        settled: list[Delivery] = []

        def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
            held = self._in_hand(message_id, token)
            known = [held] if held is not None else self.known(self.book.look(), message_id)
            for each in known:
                if each.token == token and each.state in (DeliveryState.CLAIMED, again):
                    drafts = draft(each) if each.state == DeliveryState.CLAIMED else ()
                    settled.append(_as_settled(each, drafts))
                    return drafts
            now = ", ".join(f"{d.recipient}: {d.state.value}" for d in known)
            hint = "claim again; somebody else may have it"
            raise StaleToken(f"the claim is over ({now})", where=message_id, hint=hint)

        events = self.book.append(decide, looks=False)
        self._claims.pop(token, None)
        if settled[0].state == DeliveryState.CLAIMED:
            self._keep(settled[0], events[-1])
        return settled[0]

    def _keep(self, held: Delivery, event: Event) -> None:
        """Keep at hand what was claimed here."""
        self._claims[held.token or ""] = held, Head(event.seq, event.h)
        if len(self._claims) > _CLAIMS:
            del self._claims[next(iter(self._claims))]

    def _in_hand(self, message_id: str, token: str) -> Delivery | None:
        """Return what was claimed here, if nothing has happened to it since: the index need not be asked."""
        held, known = self._claims.get(token, (None, None))
        if held is None or known is None or held.message.id != message_id:
            return None
        events = self.book.since(known)
        touched = events is None or any(event.data.get("id") == message_id for event in events)
        return None if touched else held


_AFTER = {
    "message.acked": DeliveryState.ACKED,
    "message.nacked": DeliveryState.SENT,
    "message.dead": DeliveryState.DEAD,
    "message.renewed": DeliveryState.CLAIMED,
}


def _as_settled(held: Delivery, drafts: Sequence[Draft]) -> Delivery:
    """Return the delivery as the first of `drafts` leaves it."""
    if not drafts:
        return held
    data = drafts[0].data
    fields = {key: data[key] for key in ("result", "reason", "lease_until", "not_before") if key in data}
    return held.after(state=_AFTER[drafts[0].kind], **fields)


def _as_claimed(found: Delivery, grant: Mapping[str, Any]) -> Delivery:
    attempt = int(grant["attempt"])
    message = replace(found.message, attempt=attempt)
    return found.after(
        message=message, state=DeliveryState.CLAIMED, attempt=attempt, token=grant["token"],
        claimed_by=grant["worker"], lease_until=grant["lease_until"], not_before=None,
    )  # fmt: skip
