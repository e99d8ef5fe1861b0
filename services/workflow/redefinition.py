"""A run whose workflow file says something else by now: what differs, and going on as the file says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from bluelabel.interfaces.errors import Conflict
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.definition.definition import Definition, StepSpec
from bluelabel.services.workflow.definition.stored import definition_to_json
from bluelabel.services.workflow.engine.recovery import DROPPED, is_dropped, reopen, settle_cut_off
from bluelabel.services.workflow.model.states import OPEN_STEP, DAGStepStatus

_NAMED: Final = 5
_NO_MATTER: Final = ("line", "description")
"""What may differ: where a step stands in its file, and words for people."""


def same_meaning(one: Definition, other: Definition) -> bool:
    """Tell whether two definitions do the same; comments, order of keys and words for people do not count."""
    return _meaning(one) == _meaning(other)


def redefine(
    run: DAGRun,
    old: Definition,
    new: Definition,
    steps: Iterable[tuple[str, int, Mapping[str, Any]]],
    facts: Mapping[str, Any],
    from_step: str | None = None,
    reason: str | None = None,
) -> list[str]:
    """Make a run that nobody runs ready to go on as another definition says; return the steps that are no more.

    Finished steps stay as they are. What is new has not begun, what is no more and has not finished is skipped.

    Args:
        run: the run; on an error it must not be stored.
        old: the definition it has.
        new: the definition it is to have.
        steps: of the new one: id, number of retries and metadata.
        facts: what the metadata of the run is to say of the new definition.
        from_step: run this step and all downstream of it again.
        reason: why; it stays in the history.

    Raises:
        Conflict: a finished step is another in the new definition, or the file is of another workflow.
        NotFound: the run has no such step.
    """
    if new.name != old.name:
        raise Conflict(f"the file is now of another workflow, {new.name}", where=run.run_id, hint=_HINT)
    why = reason or "retry with the new definition"
    before = set(run.steps)
    if run.is_complete and from_step is None and any(step.id not in before for step in new.steps):
        reopen(run, None, why, more=True)
    else:
        reopen(run, from_step, why)
    settle_cut_off(run)
    wrong = differences(run, old, new)
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        what = f"finished steps are not the same in the new definition: {', '.join(wrong[:_NAMED])}{more}"
        raise Conflict(what, where=run.run_id, hint=_HINT)
    kept = {step.id for step in new.steps}
    for step in run.steps.values():
        if step.status is DAGStepStatus.SKIPPED and is_dropped(step) and _owner(step) in kept:
            step.reset(why)  # it was left out by an earlier definition, and is back
    dropped = [step for step in run.steps.values() if _owner(step) not in kept and step.status in OPEN_STEP]
    for step in dropped:
        step.skip(DROPPED)
    run.redefine(steps, facts)
    return [step.step_id for step in dropped]


_HINT: Final = "go on with the definition that the run has by leaving out --with-new-definition, or start a new run"


def differences(run: DAGRun, old: Definition, new: Definition) -> list[str]:
    """Return the finished steps that the new definition does not have, or has otherwise."""
    before = {step.id: _step_meaning(step) for step in old.steps}
    after = {step.id: _step_meaning(step) for step in new.steps}
    finished = [step for step in run.steps.values() if _is_finished(step)]
    return [step.step_id for step in finished if before.get(_owner(step)) != after.get(_owner(step))]


def _is_finished(step: DAGStepState) -> bool:
    if step.status is DAGStepStatus.SKIPPED:
        return not is_dropped(step)
    return step.status is DAGStepStatus.SUCCESS


def _owner(step: DAGStepState) -> str:
    """Return the step of the definition that a step belongs to: for an item of a `map` its parent."""
    parent = step.metadata.get("parent")
    return parent if "index" in step.metadata and isinstance(parent, str) else step.step_id


def _meaning(definition: Definition) -> dict[str, Any]:
    data = definition_to_json(definition)
    steps = cast("list[dict[str, Any]]", data.get("steps", []))
    plain = {key: value for key, value in data.items() if key not in _NO_MATTER}
    return {**plain, "steps": [_without(step) for step in steps]}


def _step_meaning(step: StepSpec) -> dict[str, Any]:
    steps: list[dict[str, Any]] = definition_to_json(Definition("one", steps=(step,)))["steps"]
    return _without(steps[0])


def _without(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in _NO_MATTER}
