"""Questions to the post office's tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from bluelabel.interfaces.messages import Delivery, DeliveryState, Message

COLUMNS = (
    "m.body, d.recipient, d.state, d.seq, d.attempt, d.seen_at, d.claimed_by, d.token, d.lease_until, d.nb, d.result, "
    "d.reason"
)
_JOIN = f"SELECT {COLUMNS} FROM mail_deliveries d JOIN mail_messages m ON m.id = d.message_id "
HANDLED = (
    DeliveryState.ACKED,
    DeliveryState.DEAD,
    DeliveryState.EXPIRED,
    DeliveryState.WITHDRAWN,
    DeliveryState.PURGED,
)


def delivery(row: Sequence[Any]) -> Delivery:
    """Turn a row of `COLUMNS` into a Delivery."""
    message = Message.from_json(json.loads(row[0]) | {"attempt": row[4]})
    return Delivery(
        message=message, recipient=row[1], state=DeliveryState(row[2]), seq=row[3], attempt=row[4], seen_at=row[5],
        claimed_by=row[6], token=row[7], lease_until=row[8], not_before=row[9] or None,
        result=json.loads(row[10]) if row[10] else None, reason=row[11],
    )  # fmt: skip


def waiting(db: sqlite3.Connection, recipient: str, limit: int) -> list[Delivery]:
    """Return up to `limit` deliveries that wait or are being worked on, most urgent first, then oldest first."""
    found: list[tuple[Any, ...]] = []
    for state in ("sent", "claimed"):
        query = _JOIN + "WHERE d.recipient = ? AND d.state = ? ORDER BY d.nb, d.sort LIMIT ?"
        found += db.execute(query, (recipient, state, limit)).fetchall()
    ordered = sorted((delivery(row) for row in found), key=lambda d: (d.message.priority.rank, d.seq))
    return ordered[:limit]


def handled(db: sqlite3.Connection, recipient: str, limit: int) -> list[Delivery]:
    """Return the last `limit` deliveries that were settled, newest last."""
    found: list[tuple[int, Delivery]] = []
    for state in HANDLED:
        query = _JOIN.replace("SELECT", "SELECT d.sort,", 1)
        query += "WHERE d.recipient = ? AND d.state = ? AND d.nb = '' ORDER BY d.sort DESC LIMIT ?"
        found += [(row[0], delivery(row[1:])) for row in db.execute(query, (recipient, state.value, limit))]
    return [item for _, item in sorted(found, key=lambda pair: pair[0])[-limit:]] if limit else []


def of_message(db: sqlite3.Connection, message_id: str) -> list[Delivery]:
    """Return every delivery of one message."""
    rows = db.execute(_JOIN + "WHERE d.message_id = ? ORDER BY d.recipient", (message_id,))
    return [delivery(row) for row in rows]


def sent_by(db: sqlite3.Connection, sender: str, limit: int) -> list[Delivery]:
    """Return the deliveries of the last `limit` messages that `sender` sent, oldest first."""
    inner = "SELECT id FROM mail_messages WHERE sender = ? ORDER BY seq DESC LIMIT ?"
    rows = db.execute(_JOIN + f"WHERE m.id IN ({inner}) ORDER BY d.seq, d.recipient", (sender, limit))
    return [delivery(row) for row in rows]


def in_thread(db: sqlite3.Connection, thread: str) -> list[Delivery]:
    """Return every delivery of a conversation, oldest message first."""
    rows = db.execute(_JOIN + "WHERE m.thread = ? ORDER BY m.seq, d.recipient", (thread,))
    return [delivery(row) for row in rows]


def in_state(db: sqlite3.Connection, recipient: str, state: DeliveryState, limit: int) -> list[Delivery]:
    """Return up to `limit` deliveries of a mailbox in one state, in their order."""
    query = _JOIN + "WHERE d.recipient = ? AND d.state = ? ORDER BY d.nb, d.sort LIMIT ?"
    return [delivery(row) for row in db.execute(query, (recipient, state.value, limit))]


def message(db: sqlite3.Connection, message_id: str) -> Message | None:
    """Return one message as it stands now, or None."""
    row = db.execute("SELECT body FROM mail_messages WHERE id = ?", (message_id,)).fetchone()
    return Message.from_json(json.loads(row[0])) if row is not None and row[0] else None


def archived_from(db: sqlite3.Connection, message_id: str) -> str | None:
    """Return who sent a message that was archived; None for any other."""
    row = db.execute("SELECT sender FROM mail_messages WHERE id = ? AND body = ''", (message_id,)).fetchone()
    return str(row[0]) if row is not None else None


def counts(db: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """Return how many deliveries each mailbox has in each state."""
    found: dict[str, dict[str, int]] = {}
    for recipient, state, n in db.execute("SELECT recipient, state, n FROM mail_counts WHERE n > 0"):
        found.setdefault(recipient, {})[state] = n
    return found


def counts_of(db: sqlite3.Connection, recipient: str) -> dict[str, int]:
    """Return how many deliveries one mailbox has in each state."""
    return dict(db.execute("SELECT state, n FROM mail_counts WHERE recipient = ? AND n > 0", (recipient,)).fetchall())


def ids_like(db: sqlite3.Connection, prefix: str, limit: int = 20) -> list[str]:
    """Return message ids that begin with `prefix`, newest first; for completion and abbreviations."""
    query = "SELECT id FROM mail_messages WHERE id >= ? AND id < ? AND body <> '' ORDER BY seq DESC LIMIT ?"
    return [row[0] for row in db.execute(query, (prefix, prefix + "\U0010ffff", limit))]
