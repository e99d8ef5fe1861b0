"""The tracker of a run: what each step did, when, how often, and what came of it. Pure: no disk, no own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from bluelabel.interfaces.errors import AlreadyExists, IllegalTransition, NotFound
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.times import to_text
from bluelabel.services.workflow.model.codec import history_of, run_fields, steps_of, with_history
from bluelabel.services.workflow.model.states import (
    OPEN_RUN,
    OPEN_STEP,
    RUN_MOVES,
    DAGRunStatus,
    DAGStepStatus,
    Transition,
    naive,
    utc_now,
)
from bluelabel.services.workflow.model.step_state import REMEMBERED, DAGStepState
from bluelabel.services.workflow.model.tracked import Tracked

__all__ = ["DAGRun", "DAGRunStatus", "DAGStepState", "DAGStepStatus", "Transition"]


class DAGRun(Tracked[DAGRunStatus]):
    """One run of a workflow.

    Every move is checked, kept in a history that only grows, and put on a list of changes which
    `DAGRunStore.update` writes to the ledger, so that storing a run costs what changed and not what it holds.

    Args:
        dag_id: the workflow's name.
        run_id: the run's name, unique for ever.
        status: where it stands.
        steps: its steps by id, in their order.
        start_time: when it first ran.
        end_time: when it ended.
        total_retries: how many retries its steps have behind them.
        error: one line for a person when it failed.
        metadata: inputs, workflow_version, description, workflow_def, errors, step_failures and more.
        now: where time comes from.
    """

    _MOVES = RUN_MOVES
    _WHAT = "the run"

    def __init__(
        self,
        dag_id: str,
        run_id: str,
        status: DAGRunStatus | str = DAGRunStatus.CREATED,
        steps: Mapping[str, DAGStepState] | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        total_retries: int = 0,
        error: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(DAGRunStatus(status), start_time, end_time, error)
        self.dag_id = dag_id
        self.run_id = run_id
        self.steps: dict[str, DAGStepState] = {}
        self.total_retries = total_retries
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.now = now
        self.epoch = 0
        """Which owner this object belongs to; the store refuses the changes of an owner that was replaced."""
        self.revision = 0
        """The ledger's sequence number of the last change this object knows of."""
        self._changes: list[dict[str, Any]] = []
        self._known = dict(self.metadata)
        for step in (steps or {}).values():
            self.steps[step.step_id] = step.attach(self._clock, self._note_step)

    @property
    def is_running(self) -> bool:
        """Whether a runner has begun and nothing has ended it."""
        return self._status is DAGRunStatus.RUNNING

    @property
    def is_complete(self) -> bool:
        """Whether it has ended, well or not."""
        return self._status not in OPEN_RUN

    def get_step(self, step_id: str) -> DAGStepState:
        """Return a step.

        Raises:
            NotFound: there is none of that name; the hint names the nearest.
        """
        found = self.steps.get(step_id)
        if found is None:
            close = nearest(step_id, self.steps)
            hint = f"did you mean {', '.join(close)}?" if close else "look at the steps with `--status`"
            raise NotFound(f"no step of run {self.run_id}", where=step_id, hint=hint)
        return found

    def steps_in(self, *statuses: DAGStepStatus) -> list[DAGStepState]:
        """Return the steps that are in one of `statuses`, in their order."""
        return [step for step in self.steps.values() if step.status in statuses]

    def get_execution_summary(self) -> dict[str, Any]:
        """Return the run in numbers: steps by status, retries, duration, and every error that is on record."""
        counts = {status.value: 0 for status in DAGStepStatus}
        errors: list[dict[str, Any]] = []
        for step in self.steps.values():
            counts[step.status.value] += 1
            errors.extend({"step_id": step.step_id, **entry} for entry in step.metadata.get("error_history", ()))
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "status": self._status.value,
            "total_steps": len(self.steps),
            "completed_steps": counts["success"],
            "failed_steps": counts["failed"],
            "steps_by_status": counts,
            "total_retries": self.total_retries,
            "duration_seconds": self.duration_seconds,
            "error": self.error,
            "errors": errors,
        }

    def add_step(self, step_id: str, max_retries: int = 3, **metadata: Any) -> DAGStepState:
        """Add a step that has not begun.

        Raises:
            AlreadyExists: the run has a step of this name.
            IllegalTransition: the run has ended.
        """
        if step_id in self.steps:
            raise AlreadyExists(f"a step of run {self.run_id}", where=step_id, hint="give it another id")
        if self.is_complete:
            raise IllegalTransition("the run has ended and takes no more steps", where=self.run_id)
        step = DAGStepState(step_id, max_retries=max_retries, metadata=metadata).attach(self._clock, self._note_step)
        self.steps[step_id] = step
        self._changes.append(
            {
                "step": step_id,
                "was": None,
                "status": "pending",
                "t": to_text(self.now()),
                "max": max_retries,
                "meta": metadata,
            }
        )
        return step

    def start(self, reason: str | None = None) -> None:
        """Begin, or go on after it was reopened or stopped."""
        at = self._move(DAGRunStatus.RUNNING, reason)
        self.start_time = self.start_time or at
        self.end_time = None

    def complete(self) -> DAGRunStatus:
        """End the run as its steps ended: any failure beside a success is PARTIAL_SUCCESS, only failures are FAILED.

        Raises:
            IllegalTransition: a step has not ended.
        """
        waiting = self.steps_in(*OPEN_STEP)
        if waiting:
            named = f"{waiting[0].step_id} is {waiting[0].status.name}"
            raise IllegalTransition(f"the run cannot complete while {named}", where=self.run_id)
        ended = {step.status for step in self.steps.values()}
        if DAGStepStatus.FAILED not in ended:
            self._end(DAGRunStatus.SUCCESS, None)
        elif DAGStepStatus.SUCCESS in ended:
            self._end(DAGRunStatus.PARTIAL_SUCCESS, None)
        else:
            self._end(DAGRunStatus.FAILED, "every step that ran failed")
        return self._status

    def fail(self, error: str) -> None:
        """End the run as FAILED; steps that had not begun are skipped."""
        for step in self.steps_in(DAGStepStatus.PENDING, DAGStepStatus.RETRY):
            step.skip(f"the run failed: {error}")
        self._end(DAGRunStatus.FAILED, error)

    def cancel(self, reason: str | None = None) -> None:
        """End the run as CANCELLED, with every step that had not ended."""
        self._require(self.run_id, DAGRunStatus.CANCELLED)
        for step in self.steps_in(*OPEN_STEP):
            step.cancel(reason)
        self._end(DAGRunStatus.CANCELLED, reason)

    def reopen(self, reason: str) -> None:
        """Let an ended run, or one that was stopped, be taken up again: status RETRY, end and error cleared."""
        self._move(DAGRunStatus.RETRY, reason)
        self.end_time = None
        self.error = None

    def note(self, **metadata: Any) -> None:
        """Add facts to the metadata without a move."""
        self.metadata.update(metadata)
        self._known = dict(self.metadata)
        status = self._status.value
        self._changes.append({"was": status, "status": status, "t": to_text(self.now()), "meta": metadata})

    def redefine(self, steps: Iterable[tuple[str, int, Mapping[str, Any]]], metadata: Mapping[str, Any]) -> None:
        """Take over what another definition says: steps that have not ended are as it says, and new ones are added.

        Args:
            steps: for each step of it, in its order, id, number of retries and metadata.
            metadata: facts to add to the run's.
        """
        ordered: dict[str, DAGStepState] = {}
        told: list[dict[str, Any]] = []
        for step_id, most, facts in steps:
            known = self.steps.get(step_id)
            step = known or DAGStepState(step_id).attach(self._clock, self._note_step)
            ordered[step_id] = step
            if known is not None and known.status not in OPEN_STEP:
                told.append({"id": step_id})
                continue
            remembered: dict[str, Any] = {key: step.metadata[key] for key in REMEMBERED if key in step.metadata}
            step.max_retries, step.metadata = most, {**facts, **remembered}
            told.append({"id": step_id, "max": most, "meta": dict(facts)})
        self.steps = {**ordered, **self.steps}
        self.note(**metadata)
        self._changes[-1]["steps"] = told

    def update_retry_count(self) -> int:
        """Count the retries of all steps again, keep the sum, and return it."""
        self.total_retries = sum(step.retry_count for step in self.steps.values())
        return self.total_retries

    def take_changes(self) -> list[dict[str, Any]]:
        """Return the changes that nobody has stored yet, oldest first, and forget them."""
        if self.metadata != self._known:
            self.note(**{key: value for key, value in self.metadata.items() if self._known.get(key, self) != value})
        changes, self._changes = self._changes, []
        return changes

    def count_changes(self) -> int:
        """Return how many changes wait to be stored."""
        return len(self._changes)

    def put_back(self, changes: Iterable[dict[str, Any]]) -> None:
        """Keep changes for the next time because they could not be stored. For stores only."""
        self._changes[:0] = changes

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._changes) or self.metadata != self._known

    def restore(self, history: Iterable[Transition], *, epoch: int = 0, revision: int = 0) -> None:
        """Set what a store knows of the past. For stores only."""
        self._history = list(history)
        self.epoch = epoch
        self.revision = revision

    def to_dict(self) -> dict[str, Any]:
        """Return the run as run files keep it: ten keys, lower-case statuses, naive UTC times."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "status": self._status.value,
            "steps": {step_id: step.to_dict() for step_id, step in self.steps.items()},
            "start_time": naive(self.start_time),
            "end_time": naive(self.end_time),
            "total_retries": self.total_retries,
            "error": self.error,
            "metadata": with_history({**self.metadata, **self._failures()}, self._history),
            "duration_seconds": self.duration_seconds,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DAGRun:
        """Return the run that `to_dict`, or another program of the family, wrote; UnreadableInput if it cannot be."""
        steps = {step.step_id: step for step in map(DAGStepState.from_dict, steps_of(data))}
        run = cls(steps=steps, **run_fields(data))
        run.restore(history_of(data))
        return run

    def _failures(self) -> dict[str, Any]:
        failed = self.steps_in(DAGStepStatus.FAILED)
        if not failed:
            return {}
        return {
            "step_failures": [
                {
                    "step_id": step.step_id,
                    "timestamp": naive(step.end_time),
                    "attempts": step.attempt,
                    "final_error": step.error,
                    "critical": step.critical,
                }
                for step in failed
            ],
        }

    def _end(self, status: DAGRunStatus, error: str | None) -> None:
        self.end_time = self._move(status, error)
        self.error = error
        if self.start_time is None:
            self.start_time = self.end_time

    def _move(self, to: DAGRunStatus, reason: str | None = None) -> datetime:
        self._require(self.run_id, to)
        at = self.now()
        self._changes.append(self._record(to, at, 0, reason))
        return at

    def _clock(self) -> datetime:
        return self.now()

    def _note_step(self, change: dict[str, Any], retries: int) -> None:
        self._changes.append(change)
        self.total_retries += retries
