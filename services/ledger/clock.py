"""The real clock and the real ids."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._boot: str | None = None

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Return seconds since the machine started, sleep included where the system can tell."""
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        return time.clock_gettime(boottime) if boottime is not None else time.monotonic()

    def boot(self) -> str:
        """Return the kernel's id of this start; elsewhere one made from the start time."""
        if self._boot is None:
            try:
                self._boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            except OSError:
                self._boot = f"started-{round((time.time() - self.uptime()) / 60)}"
        return self._boot


class SystemIds:
    """UUIDs of version 7 (RFC 9562), and random tokens."""

    def new(self) -> str:
        """Return a new id; later ones sort after earlier ones."""
        from uuid_utils import uuid7

        return str(uuid7())

    def token(self) -> str:
        """Return 16 random hex digits."""
        return os.urandom(8).hex()
