"""The ports of `bluelabel.interfaces.ports` for tests: time and names that come only as they are told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count


class ManualClock:
    """A `Clock` that stands still until it is moved.

    Args:
        wall: what the wall clock shows.
        up: seconds since the machine started.

    Attributes:
        start: id of this start of the machine.
    """

    def __init__(self, wall: datetime = datetime(2026, 1, 31, 9, 30, tzinfo=UTC), up: float = 1000.0) -> None:
        self.wall = wall
        self.up = up
        self.start = "start-1"

    def now(self) -> datetime:
        """Return the wall clock."""
        return self.wall

    def uptime(self) -> float:
        """Return the seconds since the start."""
        return self.up

    def boot(self) -> str:
        """Return the id of this start."""
        return self.start

    def advance(self, seconds: float) -> None:
        """Let time pass: both the wall clock and the uptime."""
        self.wall += timedelta(seconds=seconds)
        self.up += seconds

    def set_back(self, seconds: float) -> None:
        """Move the wall clock alone, as a correction of the time does."""
        self.wall -= timedelta(seconds=seconds)

    def restart(self) -> None:
        """Start the machine anew."""
        self.start = f"start-{int(self.start.removeprefix('start-')) + 1}"
        self.up = 0.0


class CountingIds:
    """`Ids` in order: ``m0001``, ``m0002`` and so on; tokens come from the same count."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        """Return the next id."""
        return f"m{next(self._numbers):04d}"

    def token(self) -> str:
        """Return the next token, 16 characters long."""
        return f"t{next(self._numbers):015d}"
