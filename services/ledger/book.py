"""The book: ledger and index together, the one way in which a service changes or asks anything."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.ports import Clock, Ledger
from bluelabel.services.ledger.clock import SystemClock
from bluelabel.services.ledger.file_ledger import FileLedger
from bluelabel.services.ledger.index import Index, Projection
from bluelabel.services.ledger.memory_ledger import MemoryLedger
from bluelabel.services.ledger.readers import Readers

_BEHIND: Final = 256
"""How many events of its own a book writes before it takes them into the index."""

_TOGETHER: Final = 1000
"""How many events a follower is handed at once, at most."""

_TURN: Final = 0.5
"""Seconds after which somebody who follows the ledger looks whether to stop."""


class Book:
    """Ties a ledger to the tables computed from it. Threads may share one; processes open their own.

    Args:
        ledger: where the facts are.
        index: where the answers are.
    """

    def __init__(self, ledger: Ledger, index: Index) -> None:
        self.ledger = ledger
        self.index = index
        self._lock = threading.RLock()
        self._readers = Readers()
        self._behind = 0

    @classmethod
    def open(
        cls,
        home: Path,
        projections: Sequence[Projection],
        *,
        clock: Clock | None = None,
        told: Callable[[str], None] = lambda _text: None,
    ) -> Book:
        """Open the book in a state directory; its files are made by the first append. `told` is for its ledger."""
        clock = clock or SystemClock()
        path = home / "index.db" if home.is_dir() else None
        return cls(FileLedger(home, clock, told=told), Index(path, projections, clock.boot()))

    @classmethod
    def in_memory(cls, projections: Sequence[Projection], *, clock: Clock | None = None) -> Book:
        """Make an empty book that ends with the process."""
        clock = clock or SystemClock()
        return cls(MemoryLedger(clock), Index(None, projections, clock.boot()))

    def append(
        self,
        decide: Callable[[sqlite3.Connection], Sequence[Draft]],
        *,
        durable: bool = True,
        looks: bool = True,
    ) -> list[Event]:
        """Decide on the present state and write what follows, as one unit.

        Args:
            decide: gets the index, up to date, while nobody else can append; returns what to write, perhaps
                nothing; what it raises is passed on and nothing is written.
            durable: return only when the disk has confirmed it. False for facts that may be lost together with
                the machine's memory; they ride with the next durable append.
            looks: False when `decide` can do without the index, which then is not brought up to date. It may still
                find out that it cannot, and call `look`.

        Raises:
            MachineError: nothing was written.
            NotDurable: written but not confirmed; nothing may be acknowledged.
            LockTimeout: another process holds the ledger for too long.
        """

        def decided() -> Sequence[Draft]:
            if looks or self._behind >= _BEHIND:
                self.look()
            return decide(self.index.db)

        with self._lock:
            try:
                events = self.ledger.append(decided)
            except sqlite3.OperationalError as error:
                raise self.index.unusable(error) from error
            self._behind += len(events)
        if durable:  # even without events: a repeated send must not vouch for an earlier one that failed to sync
            self.ledger.confirm()
        return events

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Lend the index, up to date, for questions.

        Where the index is a file, a long question holds up no other thread, neither its sends nor its questions.
        """
        with self._lock:
            db = self.look()
            generation, reader = self.index.generation, self._reader()
            if reader is None:
                with self.index.usable():
                    yield db
                return
        try:
            with self.index.usable():
                yield reader
        finally:
            self._readers.give_back(reader, generation)

    def _reader(self) -> sqlite3.Connection | None:
        """Return a connection of the caller's own; None where the common one will do.

        In a process of one thread there is nobody to hold up: a command that asks once opens no second connection.
        """
        index = self.index
        if index.file is None or threading.active_count() == 1:
            return None
        return self._readers.take(index.file, index.generation, index.made_by, index.position()[0])

    def look(self) -> sqlite3.Connection:
        """Bring the index up to date and return it, in a decision; elsewhere use `reading`."""
        self.index.catch_up(self.ledger)
        self._behind = 0
        return self.index.db

    def since(self, known: Head) -> Sequence[Event] | None:
        """Return what was written after `known`, by whomever, for a decision that would rather not ask the index.

        Returns:
            The events; None if they are no longer at hand, so that only the index can tell.
        """
        return self.ledger.at_hand(known)

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the events above `after`, oldest first."""
        return self.ledger.read(after)

    def head(self) -> Head:
        """Return where the ledger ends."""
        return self.ledger.head()

    def wait(self, after: int, timeout: float | None = None) -> bool:
        """Wait until there is an event above `after`; False when `timeout` seconds passed without one."""
        return self.ledger.wait(after, timeout)

    def follow(
        self, after: int, stop: Callable[[], bool] | None = None, *, every: float | None = None
    ) -> Iterator[list[Event]]:
        """Yield what is written after event `after`, as it comes, until `stop` says so; for ever without it.

        Args:
            after: the last sequence number that the caller knows.
            stop: asked before each wait and at least twice a second.
            every: yield an empty list when so many seconds have passed without an event; never unless given.
        """
        stop = stop or _never
        while not stop():
            events = list(islice(self.read(after), _TOGETHER))
            if events:
                after = events[-1].seq
                yield events
            elif not self._came(after, stop, every) and not stop():
                yield []

    def _came(self, after: int, stop: Callable[[], bool], every: float | None) -> bool:
        """Wait for an event above `after`, at most `every` seconds or until `stop` says so; tell whether it came."""
        left = math.inf if every is None else every
        while left > 0 and not stop():
            if self.wait(after, min(_TURN, left)):
                return True
            left -= _TURN
        return False

    def close(self) -> None:
        """Close ledger and index."""
        with self._lock:
            self._readers.close()
            self.index.close()
            self.ledger.close()


def _never() -> bool:
    return False
