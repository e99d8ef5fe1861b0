"""Why a run ends before all its steps have."""

from __future__ import annotations

from enum import IntEnum


class Ending(IntEnum):
    """Why a run begins nothing more; a weightier reason replaces a lighter one."""

    FAILING = 1
    """A critical step failed: what is under way may end, what only waits is given up."""
    STOP = 2
    """The runner has to go: everything under way is ended, and made again by the next runner."""
    CANCEL = 3
    """Somebody cancelled it: everything under way is ended, for good."""
