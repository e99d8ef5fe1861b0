"""The post office's tables, computed from events alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.messages import Priority
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.write_batch import Writes

RANKS: Final[Mapping[str, int]] = {priority.value: priority.rank for priority in Priority}
_RANK_SPAN = 1 << 48

_DDL = """
CREATE TABLE mail_messages (
  id TEXT PRIMARY KEY, seq INTEGER NOT NULL, sender TEXT NOT NULL, thread TEXT NOT NULL, task_id TEXT, key TEXT,
  expires_at TEXT, created_at TEXT NOT NULL, via TEXT, body TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX mail_keys ON mail_messages (sender, key) WHERE key IS NOT NULL;
CREATE INDEX mail_senders ON mail_messages (sender, seq);
CREATE INDEX mail_threads ON mail_messages (thread, seq);
CREATE TABLE mail_deliveries (
  message_id TEXT NOT NULL, recipient TEXT NOT NULL, seq INTEGER NOT NULL, rank INTEGER NOT NULL,
  state TEXT NOT NULL, nb TEXT NOT NULL, sort INTEGER NOT NULL, attempt INTEGER NOT NULL, seen_at TEXT,
  claimed_by TEXT, token TEXT, lease_until TEXT, lease_up REAL, lease_boot TEXT, result TEXT, reason TEXT,
  escalated INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (message_id, recipient)) WITHOUT ROWID;
CREATE INDEX mail_order ON mail_deliveries (recipient, state, nb, sort);
CREATE TABLE mail_counts (
  recipient TEXT NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (recipient, state)) WITHOUT ROWID;
CREATE TABLE mail_homes (home TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TRIGGER mail_came AFTER INSERT ON mail_deliveries BEGIN
  INSERT INTO mail_counts VALUES (new.recipient, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER mail_moved AFTER UPDATE OF state ON mail_deliveries WHEN old.state <> new.state BEGIN
  UPDATE mail_counts SET n = n - 1 WHERE recipient = old.recipient AND state = old.state;
  INSERT INTO mail_counts VALUES (new.recipient, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1; END;
CREATE TRIGGER mail_went AFTER DELETE ON mail_deliveries BEGIN
  UPDATE mail_counts SET n = n - 1 WHERE recipient = old.recipient AND state = old.state; END;
"""


_INSERT = (
    "INSERT INTO mail_deliveries (message_id, recipient, seq, rank, state, nb, sort, attempt) "
    "VALUES (?, ?, ?, ?, 'sent', ?, ?, 0) ON CONFLICT DO NOTHING"
)


def place_of(message: Mapping[str, Any], seq: int) -> int:
    """Return the place of a message among those that wait: by urgency, then by the event that sent it."""
    return RANKS.get(message.get("priority", "MEDIUM"), 2) * _RANK_SPAN + seq


class PostboxProjection:
    """Tables ``mail_messages``, ``mail_deliveries``, ``mail_counts`` and ``mail_homes``.

    ``sort`` is the place of a delivery among those of its state: by urgency and age while it waits, by the time it
    was handled afterwards. ``nb`` is when a waiting delivery may be handed out, empty for at once.
    """

    name = "postbox"
    version = 5
    ddl = _DDL

    def __init__(self) -> None:
        self._rules: dict[str, Callable[[Writes, Event], None]] = {
            "message.sent": _sent,
            "message.addressed": _addressed,
            "message.seen": _seen,
            "message.claimed": _claimed,
            "message.renewed": _renewed,
            "message.acked": _handled("acked"),
            "message.dead": _handled("dead"),
            "message.expired": _handled("expired"),
            "message.withdrawn": _handled("withdrawn"),
            "message.purged": _handled("purged"),
            "message.nacked": _waiting_again,
            "message.retried": _waiting_again,
            "message.amended": _amended,
            "message.escalated": _escalated,
            "message.archived": _archived,
            "mail.adopted": _adopted,
        }

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event."""
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(writes, event)


def _sent(writes: Writes, event: Event) -> None:
    message: dict[str, Any] = event.data["message"]
    via = event.data.get("via")
    row = (
        message["id"], event.seq, message["sender"], message.get("thread") or message["id"], message.get("task_id"),
        message.get("key"), message.get("expires_at"), message["created_at"], dumps(via) if via else None,
        dumps(message),
    )  # fmt: skip
    writes.put(message["id"], "INSERT OR IGNORE INTO mail_messages VALUES (?,?,?,?,?,?,?,?,?,?)", row)
    _deliver(writes, event, message)


def _addressed(writes: Writes, event: Event) -> None:
    row = writes.db.execute("SELECT body FROM mail_messages WHERE id = ?", (event.data["id"],)).fetchone()
    if row is not None and row[0]:
        _deliver(writes, event, json.loads(row[0]))


def _adopted(writes: Writes, event: Event) -> None:
    writes.db.executemany("INSERT OR IGNORE INTO mail_homes VALUES (?)", [(home,) for home in event.data["homes"]])


def _deliver(writes: Writes, event: Event, message: Mapping[str, Any]) -> None:
    rank = RANKS.get(message.get("priority", "MEDIUM"), 2)
    place = (event.seq, rank, message.get("not_before") or "", place_of(message, event.seq))
    for recipient in event.data["to"]:
        writes.put(message["id"], _INSERT, (message["id"], recipient, *place))


def _seen(writes: Writes, event: Event) -> None:
    update = "UPDATE mail_deliveries SET seen_at = ? WHERE message_id = ? AND recipient = ? AND seen_at IS NULL"
    for name in event.data["ids"]:
        writes.put(name, update, (event.at, name, event.data["recipient"]))


def _claimed(writes: Writes, event: Event) -> None:
    data = event.data
    writes.put(
        data["id"],
        "UPDATE mail_deliveries SET state = 'claimed', nb = '', attempt = ?, claimed_by = ?, token = ?, "
        "lease_until = ?, lease_up = ?, lease_boot = ?, seen_at = COALESCE(seen_at, ?) "
        "WHERE message_id = ? AND recipient = ?",
        (data["attempt"], data["worker"], data["token"], data["lease_until"], data["lease_up"], data["lease_boot"],
         event.at, data["id"], data["recipient"]),
    )  # fmt: skip


def _renewed(writes: Writes, event: Event) -> None:
    data = event.data
    update = (
        "UPDATE mail_deliveries SET lease_until = ?, lease_up = ?, lease_boot = ? "
        "WHERE message_id = ? AND recipient = ? AND token = ?"
    )
    lease = (data["lease_until"], data["lease_up"], data["lease_boot"])
    writes.put(data["id"], update, (*lease, data["id"], data["recipient"], data["token"]))


def _handled(state: str) -> Callable[[Writes, Event], None]:
    def rule(writes: Writes, event: Event) -> None:
        data = event.data
        result = data.get("result")
        writes.put(
            data["id"],
            "UPDATE mail_deliveries SET state = ?, nb = '', sort = ?, result = COALESCE(?, result), "
            "reason = COALESCE(?, reason) WHERE message_id = ? AND recipient = ?",
            (
                state,
                event.seq,
                dumps(result) if result is not None else None,
                data.get("reason"),
                data["id"],
                data["recipient"],
            ),
        )

    return rule


def _waiting_again(writes: Writes, event: Event) -> None:
    data = event.data
    writes.put(
        data["id"],
        "UPDATE mail_deliveries SET state = 'sent', nb = ?, sort = rank * ? + seq, token = NULL, claimed_by = NULL, "
        "lease_until = NULL, lease_up = NULL, lease_boot = NULL, reason = ?, "
        "attempt = CASE WHEN ? THEN 0 ELSE attempt END WHERE message_id = ? AND recipient = ?",
        (
            data.get("not_before") or "",
            _RANK_SPAN,
            data.get("reason"),
            event.kind == "message.retried",
            data["id"],
            data["recipient"],
        ),
    )


def _amended(writes: Writes, event: Event) -> None:
    db = writes.db
    row = db.execute("SELECT body FROM mail_messages WHERE id = ?", (event.data["id"],)).fetchone()
    if row is None:
        return
    message = json.loads(row[0]) | dict(event.data["changes"])
    rank = RANKS.get(message.get("priority", "MEDIUM"), 2)
    update = "UPDATE mail_messages SET body = ?, task_id = ?, expires_at = ? WHERE id = ?"
    db.execute(update, (dumps(message), message.get("task_id"), message.get("expires_at"), message["id"]))
    move = (
        "UPDATE mail_deliveries SET rank = ?, sort = ? * ? + seq WHERE message_id = ? AND state IN ('sent', 'claimed')"
    )
    db.execute(move, (rank, rank, _RANK_SPAN, message["id"]))


def _escalated(writes: Writes, event: Event) -> None:
    update = "UPDATE mail_deliveries SET escalated = 1 WHERE message_id = ? AND recipient = ?"
    writes.put(event.data["id"], update, (event.data["id"], event.data["recipient"]))


def _archived(writes: Writes, event: Event) -> None:
    """Forget all but id, sender and key: a key stays used for ever."""
    db = writes.db
    for message_id in event.data["ids"]:
        db.execute("DELETE FROM mail_deliveries WHERE message_id = ?", (message_id,))
        db.execute("UPDATE mail_messages SET body = '', via = NULL WHERE id = ?", (message_id,))
