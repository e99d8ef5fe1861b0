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

    def append(self, decide: Callable[[], Sequence[Draft]]) -> list[Event]:
        """Write what `decide` returns as one unit: all of it or nothing.

        `decide` is called while nobody else can append, so what it reads is still true when its drafts are
        written; it may return nothing. What it raises is passed on and nothing is written. The events may be lost
        together with the machine's memory until `confirm` has returned.

        Args:
            decide: looks at the present state and says what to add.

        Raises:
            MachineError: nothing was written.
            LockTimeout: another process holds the ledger for too long.
        """
        ...

    def confirm(self) -> None:
        """Return once everything that was appended through this object is durable.

        Raises:
            NotDurable: written, but not confirmed: nothing of it may be acknowledged.
        """
        ...

    def read(self, after: int = 0, expect: str | None = None) -> Iterator[Event]:
        """Yield the events with a sequence number above `after`, oldest first, up to the end as it is now.

        Args:
            after: the last sequence number that the caller knows.
            expect: the hash of that event.

        Raises:
            Conflict: there is no such event, or its hash is not `expect`: this is another ledger.
        """
        ...

    def head(self) -> Head:
        """Return where the ledger ends now."""
        ...

    def at_hand(self, known: Head) -> Sequence[Event] | None:
        """Return what was written after `known`, if that can be told without reading; else None.

        Args:
            known: where the ledger ended when the caller last looked.
        """
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
