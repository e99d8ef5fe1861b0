"""Steps that wait: for their next attempt, or for slots that other runs hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bluelabel.services.workflow.engine.scheduler import Scheduler

Timer = Callable[[float, Callable[[], None]], Any]
"""Calls a function after a number of seconds."""

_ASK_AGAIN: Final = 0.2


class Resting:
    """The steps of one run that rest between two attempts; others may have their slots meanwhile.

    Args:
        scheduler: of the run.
        timer: wakes them.
        ring: called when the scheduler has something to give again.
    """

    def __init__(self, scheduler: Scheduler, timer: Timer, ring: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._timer = timer
        self._ring = ring
        self._at_rest: set[str] = set()
        self._rested: set[str] = set()
        self._asking = False

    def __len__(self) -> int:
        return len(self._at_rest)

    def begin(self, step_id: str, seconds: float) -> None:
        """Let a step rest for so long, and offer it again then."""
        self._at_rest.add(step_id)
        self._scheduler.pause(step_id)
        self._timer(seconds, lambda: self._wake(step_id))

    def is_over(self, step_id: str) -> bool:
        """Tell whether a step that is offered has rested, once."""
        over = step_id in self._rested
        self._rested.discard(step_id)
        return over

    def ask_again(self) -> None:
        """Look once more, in a while, for slots that other runs hold: nobody tells when one is free."""
        if not self._asking:
            self._asking = True
            self._timer(_ASK_AGAIN, self._asked)

    def _wake(self, step_id: str) -> None:
        self._at_rest.discard(step_id)
        self._rested.add(step_id)
        self._scheduler.resume(step_id)
        self._ring()

    def _asked(self) -> None:
        self._asking = False
        self._scheduler.try_again()
        self._ring()
