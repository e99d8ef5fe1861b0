"""A post office in memory, with clocks that a test moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection


class HandClock:
    """Wall clock and uptime that move only when told, apart from one another if wanted."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.up = 1000.0
        self.start = "start-1"

    def now(self) -> datetime:
        return self.wall

    def uptime(self) -> float:
        return self.up

    def boot(self) -> str:
        return self.start

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.up += seconds

    def set_wall(self, hours: float) -> None:
        self.wall += timedelta(hours=hours)


class CountingIds:
    """Ids and tokens in order."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        return f"m{next(self._numbers):04d}"

    def token(self) -> str:
        return f"t{next(self._numbers):015d}"


class Office:
    """A post office with its clock."""

    def __init__(self, **names: object) -> None:
        self.clock = HandClock()
        self.directory = Directory(("CC", "CA", "WA", "ARCH"), {"builders": ("CC", "CA")}, {"review": ("CA", "WA")})
        self.book = Book.in_memory((PostboxProjection(),), clock=self.clock)
        self.box = Postbox(self.book, self.directory, self.clock, CountingIds(), **names)  # type: ignore[arg-type]

    def send(self, to: str = "CC", sender: str = "ARCH", **fields: object) -> str:
        outgoing = OutgoingMessage(sender, tuple(to.split(",")), **fields)  # type: ignore[arg-type]
        return self.box.send(outgoing).id
