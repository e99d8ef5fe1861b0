"""Dead letters: listed, put back, or given up on purpose."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from bluelabel.interfaces.errors import IllegalTransition, NotFound
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.postbox import Postbox


def dead_letters(postbox: Postbox, agent: str | None = None) -> list[Delivery]:
    """Return the dead letters of one mailbox, or of all.

    Raises:
        UnknownAgent: there is no such mailbox.
    """
    boxes = [postbox.directory.check(agent)] if agent is not None else postbox.directory.mailboxes
    with postbox.book.reading() as db:
        return [item for box in boxes for item in queries.in_state(db, box, DeliveryState.DEAD, 1_000_000)]


def retry(postbox: Postbox, message_id: str, by: str) -> list[Delivery]:
    """Put a dead letter back into every mailbox where it died; its attempts start anew.

    Raises:
        NotFound: no such message.
        IllegalTransition: it is dead nowhere.
    """

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        found = queries.of_message(db, message_id)
        if not found:
            raise NotFound("no message has this id", where=ascii(message_id[:80]), hint="see `bluelabel dead list`")
        dead = [item for item in found if item.state == DeliveryState.DEAD]
        if not dead:
            states = ", ".join(sorted({item.state.value for item in found}))
            raise IllegalTransition(f"it is not dead ({states})", where=message_id, hint="see `bluelabel dead list`")
        return [Draft("message.retried", by, {"id": message_id, "recipient": item.recipient}) for item in dead]

    postbox.book.append(decide)
    return postbox.deliveries(message_id)


def purge(postbox: Postbox, by: str, agent: str | None = None) -> int:
    """Give up every dead letter, of one mailbox or of all; they stay in the ledger. Return how many there were."""
    boxes = [postbox.directory.check(agent)] if agent is not None else postbox.directory.mailboxes

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        found = [item for box in boxes for item in queries.in_state(db, box, DeliveryState.DEAD, 1_000_000)]
        return [Draft("message.purged", by, {"id": d.message.id, "recipient": d.recipient}) for d in found]

    return len(postbox.book.append(decide))
