"""The last events of a ledger, for those who would read them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bluelabel.interfaces.events import Event, Head
from bluelabel.services.ledger.codec import GENESIS

COUNT: Final = 1024
BYTES: Final = 1 << 20


class Recent:
    """Events without gap, not many. Threads may add at the same time: what does not fit together is not given out."""

    def __init__(self) -> None:
        self._base = Head(0, GENESIS)
        self._events: list[Event] = []
        self._bytes = 0

    def add(self, before: Head, events: Sequence[Event], size: int) -> None:
        """Keep `events`, which follow right behind `before` and have `size` bytes; forget older ones if need be."""
        if self._end() != before or len(self._events) > COUNT or self._bytes + size > BYTES:
            self._base, self._events, self._bytes = before, [], 0
        self._events.extend(events)
        self._bytes += size

    def after(self, seq: int, h: str | None, end: Head) -> Sequence[Event] | None:
        """Return the events behind event `seq`, of hash `h` if that matters, up to `end`; None if some are gone."""
        count, events = end.seq - seq, self._events
        if not 0 <= count <= len(events) or self._end() != end:
            return None
        before = self._base if count == len(events) else _head(events[-count - 1])
        return events[len(events) - count :] if before.seq == seq and h in (None, before.h) else None

    def _end(self) -> Head:
        return _head(self._events[-1]) if self._events else self._base


def _head(event: Event) -> Head:
    return Head(event.seq, event.h)
