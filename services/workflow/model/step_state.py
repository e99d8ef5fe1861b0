"""One step of a run: its moves, its times, its errors. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from bluelabel.services.workflow.model.codec import history_of, step_fields, with_history
from bluelabel.services.workflow.model.states import STEP_MOVES, DAGStepStatus, Transition, naive, utc_now
from bluelabel.services.workflow.model.tracked import Tracked

_S = DAGStepStatus

REMEMBERED: Final = ("error_history", "interruptions")
"""What the metadata of a step says of its past, whatever its definition says."""


def _forget(_change: dict[str, Any], _retries: int) -> None:
    """Stand in for the run while a step belongs to none."""


class DAGStepState(Tracked[DAGStepStatus]):
    """The state of one step.

    Args:
        step_id: unique in its run.
        status: where it stands.
        start_time: when its first attempt began; kept over retries and interruptions.
        end_time: when it ended.
        retry_count: how many retries were made.
        max_retries: how many may be made.
        error: the last error, one line; cleared by a retry and kept in `metadata["error_history"]`.
        result: a JSON value, once it succeeded.
        metadata: retry_delay, retry_backoff, critical, dependencies, error_history, skip_reason and more.
    """

    __slots__ = ("_note", "_now", "max_retries", "metadata", "result", "retry_count", "step_id")

    _MOVES = STEP_MOVES
    _WHAT = "the step"

    def __init__(
        self,
        step_id: str,
        status: DAGStepStatus | str = DAGStepStatus.PENDING,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        retry_count: int = 0,
        max_retries: int = 3,
        error: str | None = None,
        result: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(DAGStepStatus(status), start_time, end_time, error)
        self.step_id = step_id
        self.retry_count = retry_count
        self.max_retries = max_retries
        self.result = result
        self.metadata: dict[str, Any] = dict(metadata or {})
        self._now: Callable[[], datetime] = utc_now
        self._note: Callable[[dict[str, Any], int], None] = _forget

    def attach(self, now: Callable[[], datetime], note: Callable[[dict[str, Any], int], None]) -> Self:
        """Belong to a run: take its clock, tell it every move. For `DAGRun` only."""
        self._now = now
        self._note = note
        return self

    @property
    def critical(self) -> bool:
        """Whether its failure fails the run."""
        return bool(self.metadata.get("critical", True))

    @property
    def attempt(self) -> int:
        """The number of the present attempt, or of the next where none is under way: those cut off count as well.

        A retry by hand of a step that had ended by itself counts from 1 again.
        """
        interruptions = self.metadata.get("interruptions", 0)
        return self.retry_count + 1 + (interruptions if isinstance(interruptions, int) else 0)

    def start(self) -> None:
        """Begin an attempt."""
        number = self.attempt
        at = self._move(_S.RUNNING, attempt=number if number > 1 else None)
        if self.start_time is None:
            self.start_time = at
        self.end_time = None

    def complete(self, result: Any = None) -> None:
        """End well, with a JSON value."""
        self.end_time = self._move(_S.SUCCESS, result=result)
        self.result = result
        self.error = None

    def fail(self, error: str | BaseException, *, trace: str | None = None, error_type: str | None = None) -> None:
        """End badly. `retry` may still make another attempt of it."""
        kind = error_type or (type(error).__name__ if isinstance(error, BaseException) else "Error")
        text = _text(error)
        self.end_time = self._move(_S.FAILED, text, error_type=kind, trace=trace)
        self.error = text
        self._remember(text, kind, trace)

    def retry(
        self,
        error: str | BaseException | None = None,
        *,
        delay: float | None = None,
        trace: str | None = None,
        error_type: str | None = None,
    ) -> bool:
        """Take another attempt, if one is left; return whether one was.

        Args:
            error: what went wrong, when the step is still RUNNING; a FAILED one has it on record.
            delay: seconds until the attempt should begin, for the record.
            trace: the stack trace of `error`.
            error_type: the name of the error's class.
        """
        if self.retry_count >= self.max_retries:
            return False
        text = None if error is None else _text(error)
        kind = error_type or (type(error).__name__ if isinstance(error, BaseException) else "Error")
        count = self.retry_count + 1
        self._move(_S.RETRY, text, count, error_type=kind if text else None, trace=trace, delay=delay)
        self.end_time = None
        self.error = None
        if text is not None:
            self._remember(text, kind, trace, attempt=self.attempt - 1)
        return True

    def skip(self, reason: str) -> None:
        """End without having run, and say why."""
        self.end_time = self._move(_S.SKIPPED, reason)
        self.metadata["skip_reason"] = reason

    def cancel(self, reason: str | None = None) -> None:
        """End because somebody said so."""
        self.end_time = self._move(_S.CANCELLED, reason)

    def reset(self, reason: str, *, interrupted: bool = False) -> None:
        """Go back to PENDING.

        Args:
            reason: why; it stays in the history.
            interrupted: the attempt was cut off and is made again: start time, retries and errors stay.
        """
        before = self._history[-1:]
        self._move(_S.PENDING, reason, None if interrupted else 0, interrupted=interrupted or None)
        self.end_time = None
        count_interruption(self.metadata, before, self._history[-1], interrupted=interrupted)
        if not interrupted:
            self.start_time = self.error = self.result = None
            self.metadata.pop("skip_reason", None)

    def restore(self, history: Iterable[Transition]) -> None:
        """Set the past that a store knows. For stores only."""
        self._history = list(history)

    def to_dict(self) -> dict[str, Any]:
        """Return the step as run files keep it: ten keys, lower-case status, naive UTC times."""
        return {
            "step_id": self.step_id,
            "status": self._status.value,
            "start_time": naive(self.start_time),
            "end_time": naive(self.end_time),
            "retry_count": self.retry_count,
            "max_retries": self.max_retries,
            "error": self.error,
            "result": self.result,
            "metadata": with_history(self.metadata, self._history),
            "duration_seconds": self.duration_seconds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DAGStepState:
        """Return the step that `to_dict`, or another program of the family, wrote.

        Raises:
            UnreadableInput: a value is not what the key stands for.
        """
        step = cls(**step_fields(data))
        step.restore(history_of(data))
        return step

    def _move(self, to: DAGStepStatus, reason: str | None = None, count: int | None = None, **facts: Any) -> datetime:
        """Change the status, and with it the number of retries to `count`; a refused move changes nothing."""
        self._require(self.step_id, to)
        at = self._now()
        retries = 0 if count is None else count - self.retry_count
        self.retry_count += retries
        change = {"step": self.step_id, **self._record(to, at, self.retry_count, reason)}
        if self.retry_count or retries:
            change["n"] = self.retry_count
        for name, value in facts.items():
            if value is not None:
                change[name] = value
        self._note(change, retries)
        return at

    def _remember(self, text: str, kind: str, trace: str | None, attempt: int | None = None) -> None:
        entry = {
            "timestamp": naive(self._history[-1].at),
            "attempt": self.attempt if attempt is None else attempt,
            "error": text,
            "error_type": kind,
        }
        if trace:
            entry["traceback"] = trace
        self.metadata.setdefault("error_history", []).append(entry)


def count_interruption(
    metadata: dict[str, Any], before: Sequence[Transition], move: Transition, *, interrupted: bool
) -> None:
    """Keep count in `metadata` of the attempts that were cut off, after a move back to PENDING.

    Args:
        metadata: of the step.
        before: the last move before that, if there was one.
        move: the move.
        interrupted: it makes the attempt again; otherwise somebody has asked for the step to run again.
    """
    count = metadata.get("interruptions", 0) + 1
    if interrupted:
        metadata["interruptions"] = count
    elif any(last.cuts_off() for last in [*before, move]):  # the retries before it are forgotten, but not that it began
        metadata["interruptions"] = count + sum(last.attempt for last in before)
    else:
        metadata.pop("interruptions", None)


def _text(error: str | BaseException) -> str:
    return error if isinstance(error, str) else str(error) or type(error).__name__
