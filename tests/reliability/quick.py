"""The quick set: every command at a sample of its points, with the faults that disks really show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reliability.catalogue import scenario
from reliability.crash import crash_sweep
from reliability.fault import QUICK, fault_sweep, order_check
from reliability.report import Report
from reliability.sandbox import Bench

CRASHES = 6
FAULTS = 6


@contextmanager
def bench(name: str, base: Path, bug: str | None = None) -> Iterator[Bench]:
    """Make a scenario ready to be swept; its servers end with the block."""
    made = scenario(name, bug=bug)
    try:
        yield Bench(made, base)
    finally:
        if made.servers is not None:
            made.servers.close()


def sample(name: str, base: Path) -> list[Report]:
    """Sweep a sample of one scenario."""
    with bench(name, base) as ready:
        return [
            *([order_check(ready, base)] if ready.scenario.truth is not None else []),
            crash_sweep(ready, base, limit=CRASHES),
            fault_sweep(ready, base, limit=FAULTS, errors=QUICK),
        ]
