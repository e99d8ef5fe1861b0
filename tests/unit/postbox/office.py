"""A post office in memory, with clocks that a test moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from bluelabel.interfaces.fakes import CountingIds, ManualClock
from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection


class Office:
    """A post office with its clock."""

    def __init__(self, **names: object) -> None:
        self.clock = ManualClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        self.directory = Directory(("CC", "CA", "WA", "ARCH"), {"builders": ("CC", "CA")}, {"review": ("CA", "WA")})
        self.book = Book.in_memory((PostboxProjection(),), clock=self.clock)
        self.box = Postbox(self.book, self.directory, self.clock, CountingIds(), **names)  # type: ignore[arg-type]

    def send(self, to: str = "CC", sender: str = "ARCH", **fields: object) -> str:
        outgoing = OutgoingMessage(sender, tuple(to.split(",")), **fields)  # type: ignore[arg-type]
        return self.box.send(outgoing).id
