"""What the services need from outside, as small protocols. Each has an adapter for real work and one for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from bluelabel.interfaces.events import Draft, Event, Head


class Ledger(Protocol):
    """The append-only record of all facts.

    One contract-test module (`tests/contract/test_ledger_contract.py`) runs against every adapter.
    """

    def append(self, decide: Callable[[], Sequence[Draft]], *, durable: bool = True) -> list[Event]:
        """Write what `decide` returns as one unit: all of it or nothing.

        `decide` is called while nobody else can append, so what it reads is still true when its drafts are
        written; it may return nothing. What it raises is passed on and nothing is written.

        Args:
            decide: looks at the present state and says what to add.
            durable: return only after the disk has confirmed it. False for facts that may be lost together with
                the machine's memory, such as a claim; they ride with the next durable append.

        Raises:
            MachineError: nothing was written.
            NotDurable: written, but not confirmed: nothing may be acknowledged.
            LockTimeout: another process holds the ledger for too long.
        """
        ...

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the events with a sequence number above `after`, oldest first, up to the end as it is now."""
        ...

    def head(self) -> Head:
        """Return where the ledger ends now."""
        ...

    def wait(self, after: int, timeout: float | None = None) -> bool:
        """Wait until there is an event above `after`; return False when `timeout` seconds passed without one."""
        ...

    def close(self) -> None:
        """Let go of files and watches. Using the ledger afterwards is an error."""
        ...


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        ...

    def uptime(self) -> float:
        """Return seconds that never jump: since the machine started, counting sleep."""
        ...

    def boot(self) -> str:
        """Return an id of this start of the machine: `uptime` values compare only within one."""
        ...


class Ids(Protocol):
    """Where new names come from."""

    def new(self) -> str:
        """Return a new id, later ones sorting after earlier ones (UUID version 7, RFC 9562)."""
        ...

    def token(self) -> str:
        """Return 16 random hex digits."""
        ...
