"""The ledger in memory: the same promises but durability, for tests and dry runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from bluelabel.interfaces.errors import Conflict
from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import to_text
from bluelabel.services.ledger.codec import GENESIS, encode


class MemoryLedger:
    """A list of events that threads may share.

    Args:
        clock: stamps the events.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._changed = threading.Condition()

    def append(self, decide: Callable[[], Sequence[Draft]]) -> list[Event]:
        """Add what `decide` returns. See `bluelabel.interfaces.ports.Ledger.append`."""
        with self._changed:
            drafts = decide()
            if not drafts:
                return []
            head = self.head()
            _, events = encode(drafts, head.seq, head.h, to_text(self._clock.now()))
            self._events.extend(events)
            self._changed.notify_all()
            return events

    def confirm(self) -> None:
        """Do nothing: memory is as durable as it gets."""

    def read(self, after: int = 0, expect: str | None = None) -> Iterator[Event]:
        """Yield the events above `after`. See `bluelabel.interfaces.ports.Ledger.read`."""
        known = self._events[after - 1].h if 0 < after <= len(self._events) else GENESIS if after == 0 else None
        if known is None or expect not in (None, known):
            raise Conflict(f"event {after} is not in this ledger", hint="read it from the start")
        yield from self._events[after:]

    def head(self) -> Head:
        """Return where the ledger ends."""
        return Head(len(self._events), self._events[-1].h if self._events else GENESIS)

    def at_hand(self, known: Head) -> Sequence[Event] | None:
        """Return what follows `known`. See `bluelabel.interfaces.ports.Ledger.at_hand`."""
        there = (
            Head(known.seq, self._events[known.seq - 1].h) if 0 < known.seq <= len(self._events) else Head(0, GENESIS)
        )
        return self._events[known.seq :] if known == there else None

    def wait(self, after: int, timeout: float | None = None) -> bool:
        """Wait for an event above `after`. See `bluelabel.interfaces.ports.Ledger.wait`."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._events) > after, timeout)

    def close(self) -> None:
        """Do nothing."""
