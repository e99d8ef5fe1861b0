"""Which message comes next."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from bluelabel.interfaces.messages import Delivery
from bluelabel.services.postbox.leases import Now
from bluelabel.services.postbox.queries import COLUMNS, delivery

_FROM = "FROM mail_deliveries d JOIN mail_messages m ON m.id = d.message_id WHERE d.recipient = ? AND "
_READY = f"SELECT d.sort, {COLUMNS} {_FROM} d.state = 'sent' AND d.nb = '' ORDER BY d.sort"
_DUE = f"SELECT d.sort, {COLUMNS} {_FROM} d.state = 'sent' AND d.nb > '' AND d.nb <= ? ORDER BY d.sort"
_HELD = f"SELECT d.sort, {COLUMNS}, d.lease_up, d.lease_boot {_FROM} d.state = 'claimed' ORDER BY d.sort"


def pick(db: sqlite3.Connection, boxes: Sequence[str], now: Now) -> Iterator[Delivery]:
    """Yield what could be handed out, most urgent first, then oldest first.

    That is what waits, what was put off until now, and what was handed out but whose lease is over.
    """
    rows: list[Iterator[tuple[Any, ...]]] = []
    for box in boxes:
        rows.append(db.execute(_READY, (box,)))
        rows.append(db.execute(_DUE, (box, now.text)))
        rows.append(row for row in db.execute(_HELD, (box,)) if now.is_over(row[9], row[13], row[14]))
    for row in heapq.merge(*rows, key=lambda row: row[0]):
        yield delivery(row[1:13])
