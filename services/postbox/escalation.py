"""Messages that nobody has settled in time are brought to a person's notice, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery
from bluelabel.interfaces.times import to_text
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.queries import COLUMNS, delivery

_OVERDUE = (
    f"SELECT {COLUMNS} FROM mail_deliveries d JOIN mail_messages m ON m.id = d.message_id "
    "WHERE d.recipient = ? AND d.state = ? AND d.escalated = 0 AND m.created_at <= ? AND d.nb <= ?"
)


def escalate_overdue(postbox: Postbox, deadline: float) -> list[Delivery]:
    """Tell the human about every message that has waited, or been held, for longer than `deadline` seconds.

    The message itself stays where it is. Returns the deliveries that were escalated.
    """
    human = postbox.directory.human
    found: list[Delivery] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        now = postbox.now()
        since = to_text(now.wall - timedelta(seconds=deadline))
        drafts: list[Draft] = []
        for box in postbox.directory.mailboxes:
            for state in ("sent", "claimed") if box != human else ():
                found.extend(delivery(row) for row in db.execute(_OVERDUE, (box, state, since, now.text)))
        for item in found:
            about = {"id": item.message.id, "recipient": item.recipient, "reason": "deadline passed", "to": human}
            told = postbox.alarm(item, f"{item.recipient} has not settled it since {item.message.created_at}")
            drafts += [Draft("message.escalated", "bluelabel", about), *postbox.drafts(db, [told])[0]]
        return drafts

    postbox.book.append(decide)
    return found
