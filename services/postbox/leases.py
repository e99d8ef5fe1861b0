"""How long a claim lasts, by a clock that cannot be set.

A lease is measured in the machine's uptime, so that a wall clock that jumps takes no message from a living holder
and keeps none from everybody for ever. After a restart, or for a holder on another machine, the wall clock decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bluelabel.interfaces.times import to_text


@dataclass(frozen=True, slots=True)
class Now:
    """One look at all clocks: wall clock, uptime in seconds, and the machine's start."""

    wall: datetime
    up: float
    boot: str

    @property
    def text(self) -> str:
        """The wall clock as text."""
        return to_text(self.wall)

    def after(self, seconds: float) -> str:
        """Return the wall clock `seconds` from now, as text."""
        return to_text(self.wall + timedelta(seconds=seconds))

    def lease(self, seconds: float) -> Mapping[str, Any]:
        """Return the fields of an event that grants `seconds` from now."""
        return {"lease_until": self.after(seconds), "lease_up": round(self.up + seconds, 3), "lease_boot": self.boot}

    def is_over(self, lease_until: str, lease_up: float | None, lease_boot: str | None) -> bool:
        """Tell whether a lease has lapsed."""
        if lease_boot == self.boot and lease_up is not None:
            return self.up >= lease_up
        return self.text >= lease_until
