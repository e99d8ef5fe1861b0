"""Taking a run up again: after a kill, after a stop, after a failure, or from a chosen step. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bluelabel.interfaces.errors import Conflict
from bluelabel.interfaces.times import to_text
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.engine.scheduler import Outcome, downstream
from bluelabel.services.workflow.model.states import NOT_TWICE, DAGRunStatus, DAGStepStatus

CHILD = "@"
"""Between the id of a `map` step and the number of an item."""

_S = DAGStepStatus


def graph_of(run: DAGRun) -> dict[str, tuple[str, ...]]:
    """Return which steps each step of a run depends on; the items of a `map` depend on what it depends on."""
    known = run.steps
    return {
        step_id: tuple(name for name in step.metadata.get("dependencies", ()) if name in known)
        for step_id, step in known.items()
    }


def children_of(run: DAGRun, step_id: str) -> list[DAGStepState]:
    """Return the item steps of a `map` step."""
    prefix = step_id + CHILD
    return [step for name, step in run.steps.items() if name.startswith(prefix) and "index" in step.metadata]


def take_up(run: DAGRun) -> None:
    """Make a run that has not ended ready to go on, whoever ran it before and however that ended.

    Finished steps stay finished. What was cut off is made again, as the next attempt but without cost of a retry; a
    step that must not run twice (`durable_start`) is failed instead, because nobody knows whether it did.
    """
    began_before = run.start_time is not None
    if run.status is not DAGRunStatus.RUNNING:
        run.start("taken up again" if began_before else None)
    if began_before:
        count = run.metadata.get("resume_count", 0)
        resumed = to_text(run.now())
        run.note(resumed_at=resumed, resume_count=count + 1 if isinstance(count, int) else 1)
    settle_cut_off(run)


def settle_cut_off(run: DAGRun) -> None:
    """Take the steps that were under way when their runner ended back to before their attempt, or fail them."""
    for step in run.steps_in(_S.RUNNING):
        if step.metadata.get("durable_start"):
            step.fail(NOT_TWICE, error_type="Interrupted")
        else:
            step.reset("cut off: its runner ended before it did", interrupted=True)


def reopen(run: DAGRun, from_step: str | None = None, reason: str | None = None, *, more: bool = False) -> list[str]:
    """Make a run that has ended ready to go on; return the steps that will run again.

    Args:
        run: a run in any status but SUCCESS, or in any status with `from_step`.
        from_step: run this step and all downstream of it again, whatever came of them; None for those that failed,
            were cancelled, or were skipped because of such a step.
        reason: why; it stays in the history.
        more: there are further steps to run, which the run does not have yet.

    Raises:
        Conflict: there is nothing to run again.
        NotFound: the run has no such step.
    """
    why = reason or (f"again from {from_step}" if from_step else "retry by hand")
    chosen = _from_step(run, from_step) if from_step else _unsuccessful(run)
    if not chosen and run.is_complete and not more:
        hint = "choose where to begin with `--from STEP`"
        raise Conflict("every step of the run has succeeded", where=run.run_id, hint=hint)
    again = [step for step in run.steps.values() if step.step_id in chosen and not is_dropped(step)]
    for step in again:
        if step.status is not _S.PENDING:
            step.reset(why)
    if run.is_complete:
        run.reopen(why)
    elif reason or from_step:
        run.note(retry_reason=why)
    return [step.step_id for step in again]


def outcome_of(step: DAGStepState) -> Outcome | None:
    """Return what the status of a step means for those that depend on it; None while it has not ended."""
    if step.status is _S.SUCCESS:
        return Outcome.PASSED
    if step.status is _S.FAILED:
        return Outcome.BROKEN if step.critical else Outcome.PASSED
    if step.status is _S.CANCELLED:
        return Outcome.BROKEN
    if step.status is _S.SKIPPED:
        return Outcome.SKIPPED if _skipped_by_itself(step) else Outcome.BROKEN
    return None


def waited(step: DAGStepState, delay: float, now: datetime) -> float:
    """Return how many of the `delay` seconds before the next attempt of a step in RETRY are left."""
    since = step.history[-1].at if step.history else now
    return max(0.0, delay - max(0.0, (now - since).total_seconds()))


def _from_step(run: DAGRun, from_step: str) -> Collection[str]:
    root = run.get_step(from_step)
    if is_dropped(root):
        hint = "see which steps it has with `bluelabel run dag --status`"
        raise Conflict("the run's definition has this step no more", where=from_step, hint=hint)
    parent = from_step.rpartition(CHILD)[0] if "index" in root.metadata else ""
    chosen = downstream(graph_of(run), [parent] if parent else [from_step])
    for name in list(chosen):
        siblings = children_of(run, name)
        chosen.update(child.step_id for child in siblings if name != parent or child.step_id == from_step)
    return chosen


def _unsuccessful(run: DAGRun) -> Collection[str]:
    bad = {step.step_id for step in run.steps_in(_S.FAILED, _S.CANCELLED, _S.PENDING)}
    bad |= {step.step_id for step in run.steps_in(_S.SKIPPED) if not _skipped_by_itself(step)}
    later = downstream(graph_of(run), bad)
    return bad | {name for name in later if run.steps[name].status is _S.SKIPPED}


def is_dropped(step: DAGStepState) -> bool:
    """Tell whether a step was skipped because the run's definition has it no more."""
    return step.metadata.get("skip_reason") == DROPPED


def _skipped_by_itself(step: DAGStepState) -> bool:
    reason = str(step.metadata.get("skip_reason", ""))
    return reason.startswith(CONDITION) or reason in ("every step it depends on was skipped", DROPPED)


CONDITION = "its condition"
"""How the reason of a step begins that was skipped by its own `when` or `unless`."""

DROPPED = "the new definition of the run has no such step"
"""Why a step is skipped that a run was to do before it was given a new definition."""
