"""Which message comes next."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bluelabel.interfaces.events import Event, Head
from bluelabel.interfaces.messages import Delivery
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.postbox.leases import Now
from bluelabel.services.postbox.projection import place_of
from bluelabel.services.postbox.queries import COLUMNS, delivery

_FROM = "FROM mail_deliveries d JOIN mail_messages m ON m.id = d.message_id WHERE d.recipient = ? AND "
_READY = f"SELECT d.sort, d.message_id, {COLUMNS} {_FROM} d.state = 'sent' AND d.nb = '' ORDER BY d.sort LIMIT ?"
_DUE = (
    f"SELECT d.sort, d.message_id, {COLUMNS} {_FROM} d.state = 'sent' AND d.nb > '' AND d.nb <= ? "
    "ORDER BY d.sort LIMIT ?"
)
_HELD = (
    f"SELECT d.lease_until, d.lease_up, d.lease_boot, d.sort, d.message_id, {COLUMNS} {_FROM} d.state = 'claimed' "
    "ORDER BY d.sort"
)
_LATER = "SELECT MIN(nb) FROM mail_deliveries WHERE recipient = ? AND state = 'sent' AND nb > ?"

_SIZE: Final = 64
"""How many messages are taken from the index at once."""

_Row = tuple[int, tuple[Any, ...]]

_TAKES = frozenset({"message.claimed", "message.renewed", "message.acked", "message.dead", "message.expired",
                    "message.withdrawn", "message.purged"})  # fmt: skip
_APART = frozenset({"message.escalated", "message.archived"})  # nothing that waits changes with these


class Shelf:
    """What could be handed out to some mailboxes, most urgent first, then oldest first.

    That is what waits, what was put off until now, and what was handed out but whose lease is over. It is taken from
    the index, and stays right as long as `follow` says so: every event since could be followed, and no moment has
    come at which something is due or a lease ends.

    Args:
        db: the index, up to date.
        head: of the ledger.
        boxes: the mailboxes.
        now: the present.
    """

    def __init__(self, db: sqlite3.Connection, head: Head, boxes: Sequence[str], now: Now) -> None:
        self.known = head
        self._boxes = frozenset(boxes)
        self._from = now
        self._until_up = math.inf
        self._until_wall: str | None = None
        rows = [row for box in boxes for row in self._open(db, box, now)]
        rows.sort()
        self._rows: dict[tuple[str, str], _Row] = {(row[1], row[3]): (row[0], row[2:]) for row in rows[:_SIZE]}
        self._more = len(rows) > _SIZE

    def waiting(self) -> Iterator[Delivery]:
        """Yield what could be handed out, in order."""
        return (delivery(row) for _, row in self._rows.values())

    def follow(self, events: Sequence[Event] | None, now: Now) -> bool:
        """Take in what was written since `known`, None if that is unknown; False when a new shelf is needed."""
        if events is None:
            return False
        for event in events:
            if event.kind.startswith("message.") and not self._take_in(event):
                return False
        if events:
            self.known = Head(events[-1].seq, events[-1].h)
        return self._is_time(now) and bool(self._rows or not self._more)

    def _is_time(self, now: Now) -> bool:
        then = self._from
        in_order = then.boot == now.boot and then.up <= now.up and then.wall <= now.wall
        return in_order and now.up < self._until_up and (self._until_wall is None or now.text < self._until_wall)

    def _take_in(self, event: Event) -> bool:
        """Follow one event; False when what it does cannot be told from it."""
        data = event.data
        if event.kind == "message.sent":
            return all(self._add(event, box) for box in data["to"] if box in self._boxes)
        if event.kind in _TAKES:
            self._rows.pop((data["id"], data["recipient"]), None)
            if data["recipient"] in self._boxes and "lease_up" in data:
                self._until_up = min(self._until_up, data["lease_up"])
                return bool(data["lease_boot"] == self._from.boot)
            return True
        return event.kind in _APART

    def _add(self, event: Event, box: str) -> bool:
        """Put a new message behind the others, or leave it to the next shelf; False if it comes before one of them."""
        message = event.data["message"]
        place = place_of(message, event.seq)
        if self._rows and place < next(reversed(self._rows.values()))[0]:
            return False
        if self._more or len(self._rows) >= _SIZE or "not_before" in message:
            self._more = True
        else:
            row = (dumps(message), box, "sent", event.seq, 0, None, None, None, None, "", None, None)
            self._rows[message["id"], box] = place, row
        return True

    def _open(self, db: sqlite3.Connection, box: str, now: Now) -> Iterator[tuple[Any, ...]]:
        yield from db.execute(_READY, (box, _SIZE + 1))
        yield from db.execute(_DUE, (box, now.text, _SIZE + 1))
        moments = [moment for (moment,) in db.execute(_LATER, (box, now.text)) if moment is not None]
        for until, up, boot, *row in db.execute(_HELD, (box,)):
            if now.is_over(until, up, boot):
                yield tuple(row)
            elif boot == now.boot and up is not None:
                self._until_up = min(self._until_up, up)
            else:
                moments.append(until)
        self._until_wall = min(filter(None, (*moments, self._until_wall)), default=None)
