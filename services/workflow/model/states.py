"""The states of a run and of a step, which may follow which, and the record of one move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from bluelabel.interfaces.errors import IllegalTransition
from bluelabel.interfaces.times import to_text


class DAGStepStatus(StrEnum):
    """How far a step has come."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    RETRY = "retry"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class DAGRunStatus(StrEnum):
    """How far a run has come. RETRY: it was reopened or stopped, and waits for a runner."""

    CREATED = "created"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    RETRY = "retry"
    CANCELLED = "cancelled"
    PARTIAL_SUCCESS = "partial_success"


_S = DAGStepStatus
_R = DAGRunStatus

STEP_MOVES: Final[Mapping[DAGStepStatus, frozenset[DAGStepStatus]]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.FAILED, _S.SKIPPED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.SUCCESS, _S.FAILED, _S.RETRY, _S.CANCELLED, _S.PENDING}),
    _S.RETRY: frozenset({_S.RUNNING, _S.FAILED, _S.SKIPPED, _S.CANCELLED, _S.PENDING}),
    _S.FAILED: frozenset({_S.RETRY, _S.PENDING}),
    _S.SUCCESS: frozenset({_S.PENDING}),
    _S.SKIPPED: frozenset({_S.PENDING}),
    _S.CANCELLED: frozenset({_S.PENDING}),
}
"""What may follow. The way back to PENDING is `DAGStepState.reset` alone, which demands a reason."""

RUN_MOVES: Final[Mapping[DAGRunStatus, frozenset[DAGRunStatus]]] = {
    _R.CREATED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED}),
    _R.RUNNING: frozenset({_R.SUCCESS, _R.FAILED, _R.PARTIAL_SUCCESS, _R.CANCELLED, _R.RETRY}),
    _R.RETRY: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED}),
    _R.SUCCESS: frozenset({_R.RETRY}),
    _R.FAILED: frozenset({_R.RETRY}),
    _R.PARTIAL_SUCCESS: frozenset({_R.RETRY}),
    _R.CANCELLED: frozenset({_R.RETRY}),
}
"""What may follow. A run that has ended comes back only through `DAGRun.reopen`."""

OPEN_STEP: Final = frozenset({_S.PENDING, _S.RUNNING, _S.RETRY})
"""Steps that still have something before them."""

OPEN_RUN: Final = frozenset({_R.CREATED, _R.RUNNING, _R.RETRY})
"""Runs that still have something before them."""


NOT_TWICE: Final = "cut off after it began; it must not run twice, so somebody has to look"
"""Why a step with `durable_start` fails whose runner died."""


class Transition(NamedTuple):
    """One entry of a history; nobody changes it afterwards.

    Args:
        at: when, UTC.
        was: the status before; None for the first entry.
        status: the status after.
        attempt: for a step, how many retries were behind it; 0 for a run.
        reason: why, where somebody said so; the error text of a failure.
    """

    at: datetime
    was: str | None
    status: str
    attempt: int = 0
    reason: str | None = None

    def cuts_off(self) -> bool:
        """Tell whether it ended an attempt from outside, so that nobody knows how far that had come."""
        return _cuts_off(self.was, self.status, self.reason)

    def as_json(self) -> dict[str, Any]:
        """Return the object that snapshots keep in `metadata.history`."""
        found: dict[str, Any] = {"timestamp": naive(self.at), "from": self.was, "to": self.status}
        if self.attempt:
            found["attempt"] = self.attempt
        if self.reason is not None:
            found["reason"] = self.reason
        return found


def attempts(moves: Iterable[tuple[str, str | None]]) -> Iterator[int]:
    """Yield for each move of a step, its new status and the reason, the number of the attempt that it is about."""
    number, was, cut = 1, "", False
    for status, reason in moves:
        yield number
        cut_before, cut = cut, _cuts_off(was, status, reason)
        if status == DAGStepStatus.RETRY:
            number += 1
        elif status == DAGStepStatus.PENDING:
            number = number + 1 if cut or cut_before else 1
        was = status


def _cuts_off(was: str | None, status: str, reason: str | None) -> bool:
    if status == DAGStepStatus.FAILED:
        return reason == NOT_TWICE
    return was == DAGStepStatus.RUNNING and status in (DAGStepStatus.CANCELLED, DAGStepStatus.PENDING)


def utc_now() -> datetime:
    """Return the wall clock; every tracker takes another clock where it is given one."""
    return datetime.now(UTC)


@lru_cache(maxsize=4096)  # as `to_text`: a snapshot writes each moment several times
def naive(moment: datetime | None) -> str | None:
    """Return `moment` as run files write it: ISO in UTC, without a zone, with microseconds."""
    return None if moment is None else to_text(moment)[:-1]


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return how long something took, in seconds, or None while it has no beginning or no end.

    A clock that was set back in between yields 0, never a negative duration.
    """
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())


def refuse_move(what: str, name: str, was: str, to: str) -> IllegalTransition:
    """Return the error for a move that `STEP_MOVES` or `RUN_MOVES` does not allow."""
    hint = "look at it with `bluelabel run dag --status RUN`"
    return IllegalTransition(f"{what} is {was.upper()} and cannot become {to.upper()}", where=name, hint=hint)
