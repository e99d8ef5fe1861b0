"""The mailroom: messages come in, and everybody can see how far they have come."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from bluelabel.interfaces.errors import AlreadyExists, IllegalTransition, NotFound, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.limits import MAX_ATTEMPTS
from bluelabel.interfaces.messages import Delivery, DeliveryState, MessageType, Priority
from bluelabel.interfaces.ports import Clock, Ids
from bluelabel.interfaces.records.mail import Sent
from bluelabel.interfaces.times import to_text
from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.leases import Now
from bluelabel.services.postbox.outgoing import OutgoingMessage

Also = Sequence[Draft]
"""Further events that belong to the same decision: a result message, a card's move."""


class Mailroom:
    """Accepts messages and answers questions about them.

    Args:
        book: where all of it is kept.
        directory: who can be written to.
        clock, ids: where time and names come from.
        max_attempts: deliveries of one message before it is a dead letter.
    """

    def __init__(
        self, book: Book, directory: Directory, clock: Clock, ids: Ids, *, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        self.book = book
        self.directory = directory
        self.max_attempts = max_attempts
        self._clock = clock
        self._ids = ids

    def now(self) -> Now:
        """Look at all clocks at once."""
        return Now(self._clock.now(), self._clock.uptime(), self._clock.boot())

    def send(self, outgoing: OutgoingMessage) -> Sent:
        """Accept a message; it is durable when this returns.

        Raises:
            UnknownAgent: the sender or a recipient has no mailbox.
            UsageError: a field is not what it should be.
            AlreadyExists: another message has this id.
            MachineError: it could not be stored; nothing was accepted.
        """
        return self.send_all([outgoing])[0]

    def send_all(
        self, batch: Sequence[OutgoingMessage], *, via: Mapping[str, Any] | None = None, also: Also = ()
    ) -> list[Sent]:
        """Accept several messages as one unit: all of them or none.

        Args:
            batch: what to send; a key that was used before, here or earlier, is not sent again.
            via: the file an import read them from.
            also: further events of the same decision.
        """
        answers: list[Sent] = []

        def decide(db: sqlite3.Connection) -> Sequence[Draft]:
            drafts, found = self.drafts(db, batch, via=via)
            answers.extend(found)
            return [*drafts, *also]

        looks = any(outgoing.key is not None or outgoing.id is not None for outgoing in batch)
        events = self.book.append(decide, looks=looks)
        seqs = {event.data["message"]["id"]: event.seq for event in events if event.kind == "message.sent"}
        return [a if a.seq else Sent(a.id, a.state, seqs[a.id], a.to, a.duplicate) for a in answers]

    def drafts(
        self, db: sqlite3.Connection, batch: Sequence[OutgoingMessage], *, via: Mapping[str, Any] | None = None
    ) -> tuple[list[Draft], list[Sent]]:
        """Return the events that would accept `batch`, for a decision of which it is a part.

        Args:
            db: the index, as a decision of `Book.append` gets it.
        """
        created_at = to_text(self._clock.now())
        drafts: list[Draft] = []
        answers: list[Sent] = []
        keys: dict[tuple[str, str | None], Sent] = {}
        for outgoing in batch:
            earlier = keys.get((outgoing.sender, outgoing.key)) if outgoing.key else None
            earlier = earlier or _earlier(db, outgoing)
            if earlier is not None:
                answers.append(earlier)
                continue
            to = self._addressed(outgoing)
            message = outgoing.stamped(self._ids.new(), created_at)
            data: dict[str, Any] = {"message": message.as_json(), "to": list(to)}
            drafts.append(Draft("message.sent", message.sender, data | ({"via": dict(via)} if via else {})))
            answers.append(Sent(message.id, "sent", 0, to, duplicate=False))
            if message.key is not None:
                keys[message.sender, message.key] = Sent(message.id, "sent", 0, to, duplicate=True)
        return drafts, answers

    def withdraw(self, message_id: str, by: str) -> list[Delivery]:
        """Take back a message wherever it still waits.

        Raises:
            NotFound: no such message.
            UsageError: `by` did not send it.
            IllegalTransition: nobody has it waiting any more.
        """

        def decide(db: sqlite3.Connection) -> Sequence[Draft]:
            known = self.known(db, message_id)
            if known[0].message.sender not in (by, self.directory.human) and by != self.directory.human:
                raise UsageError(
                    f"{by} did not send this message", where=message_id, hint=f"its sender is {known[0].message.sender}"
                )
            waiting = [d for d in known if d.state == DeliveryState.SENT]
            if not waiting:
                states = ", ".join(sorted({d.state.value for d in known}))
                raise IllegalTransition(
                    f"it waits for nobody any more ({states})", where=message_id, hint="see `bluelabel thread`"
                )
            return [Draft("message.withdrawn", by, {"id": message_id, "recipient": d.recipient}) for d in waiting]

        self.book.append(decide)
        return self.deliveries(message_id)

    def reply(
        self,
        message_id: str,
        sender: str,
        content: Mapping[str, Any],
        *,
        type_: str = "message",
        subject: str | None = None,
    ) -> Sent:
        """Answer a message: to its sender, in its thread.

        Raises:
            NotFound: no such message.
        """
        with self.book.reading() as db:
            first = self.known(db, message_id)[0].message
        title = subject if subject is not None else (f"Re: {first.subject}"[:500] if first.subject else "")
        outgoing = OutgoingMessage(
            sender,
            (first.sender,),
            type_,
            title,
            content,
            first.task_id,
            first.thread or first.id,
            first.id,
            first.priority,
        )
        return self.send(outgoing)

    def mark_seen(self, recipient: str, ids: Sequence[str]) -> None:
        """Record that `recipient` has looked at messages; those it had seen before are left out."""

        def decide(db: sqlite3.Connection) -> Sequence[Draft]:
            query = "SELECT seen_at FROM mail_deliveries WHERE message_id = ? AND recipient = ?"
            new = [i for i in ids if db.execute(query, (i, recipient)).fetchone() == (None,)]
            return [Draft("message.seen", recipient, {"ids": new, "recipient": recipient})] if new else []

        self.book.append(decide, durable=False)

    def wait_for(self, message_id: str, state: str, timeout: float) -> bool:
        """Wait until every recipient has seen (``seen``) or settled (``acked``) a message; False when time ran out."""
        end = self._clock.uptime() + timeout
        while True:
            head = self.book.head().seq
            found = self.deliveries(message_id)
            waiting = (DeliveryState.SENT, DeliveryState.CLAIMED)
            if all(d.seen_at if state == "seen" else d.state not in waiting for d in found):
                return True
            left = end - self._clock.uptime()
            if left <= 0:
                return False
            self.book.wait(head, left)

    def deliveries(self, message_id: str) -> list[Delivery]:
        """Return how far a message has come with each recipient.

        Raises:
            NotFound: no such message.
        """
        with self.book.reading() as db:
            return self.known(db, message_id)

    def alarm(self, held: Delivery, text: str) -> OutgoingMessage:
        """Return the message that tells the human about a delivery in trouble; told once for each."""
        subject = f"{held.recipient}: {held.message.subject or held.message.type}"[:500]
        content = {"body": text, "message": held.message.id, "recipient": held.recipient, "sender": held.message.sender}
        human, about = self.directory.human, held.message
        key = f"alarm:{about.id}:{held.recipient}:{held.token or held.attempt}"
        error = MessageType.ERROR.value
        return OutgoingMessage(
            human, (human,), error, subject, content, about.task_id, about.thread, about.id, Priority.HIGH, key=key
        )

    def _addressed(self, outgoing: OutgoingMessage) -> tuple[str, ...]:
        self.directory.check(outgoing.sender)
        to = self.directory.expand(outgoing.recipients, outgoing.sender)
        if not to:
            raise UsageError("the message goes to nobody", hint="name at least one recipient")
        return to

    def known(self, db: sqlite3.Connection, message_id: str) -> list[Delivery]:
        """Return every delivery of a message, in a decision or a question. Raises NotFound."""
        found = queries.of_message(db, message_id)
        if not found:
            if sender := queries.archived_from(db, message_id):
                hint = f"it stands in postbox/{sender}/archive/, and in the ledger: see `bluelabel log`"
                raise NotFound("the message was archived", where=message_id, hint=hint)
            near = queries.ids_like(db, message_id[:8], 3)
            hint = f"did you mean {', '.join(near)}?" if near else "list them with `bluelabel inbox AGENT`"
            raise NotFound("no message has this id", where=ascii(message_id[:80]), hint=hint)
        return found


def _earlier(db: sqlite3.Connection, outgoing: OutgoingMessage) -> Sent | None:
    """Return what became of an earlier message with the same key.

    Raises:
        AlreadyExists: the id is taken by a message with another key.
    """
    if outgoing.key is not None:
        query = "SELECT id, seq FROM mail_messages WHERE sender = ? AND key = ?"
        row = db.execute(query, (outgoing.sender, outgoing.key)).fetchone()
        if row is not None:
            states = db.execute(
                "SELECT recipient, state FROM mail_deliveries WHERE message_id = ?", (row[0],)
            ).fetchall()
            return Sent(
                row[0], states[0][1] if states else "archived", row[1], tuple(r for r, _ in states), duplicate=True
            )
    if outgoing.id is not None and db.execute("SELECT 1 FROM mail_messages WHERE id = ?", (outgoing.id,)).fetchone():
        raise AlreadyExists("another message has this id", where=outgoing.id, hint="leave the id out to get a new one")
    return None
