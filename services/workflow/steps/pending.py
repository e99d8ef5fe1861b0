"""Whom a run waits for: people who decide, and whoever was handed a piece of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.definition.definition import StepKind, StepSpec
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus

KINDS: Final[Mapping[str, str]] = {StepKind.APPROVAL.value: "by", StepKind.HANDOFF.value: "to"}
"""For each kind of step that waits for somebody, the key of its target that says for whom."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits.

    Args:
        step_id: the step.
        kind: `approval` or `handoff`.
        by: who is to decide or answer; None where only the message itself says so.
        until: when `then` is asked too, or the step fails; None without a deadline.
        then: who that is.
    """

    step_id: str
    kind: str
    by: str | None
    until: datetime | None = None
    then: str | None = None


def facts_of(spec: StepSpec) -> dict[str, Any]:
    """Return what a run keeps of a step that waits for somebody, for `waiting`; nothing of any other step."""
    if spec.kind.value not in KINDS or not isinstance(spec.target, Mapping):
        return {}
    keys = (KINDS[spec.kind.value], "deadline", "escalate_to")
    return {spec.kind.value: {key: spec.target[key] for key in keys if spec.target.get(key)}}


def waiting(run: DAGRun) -> list[Waiting]:
    """Return the steps of a run that wait for somebody, in its order."""
    if run.status not in (DAGRunStatus.RUNNING, DAGRunStatus.RETRY):
        return []
    return [found for step in run.steps.values() if (found := _asked(step)) is not None]


def _asked(step: DAGStepState) -> Waiting | None:
    if step.start_time is None or step.status not in (DAGStepStatus.RUNNING, DAGStepStatus.PENDING):
        return None
    for kind, key in KINDS.items():
        if isinstance(step.metadata.get(kind), Mapping):
            facts = cast("Mapping[str, Any]", step.metadata[kind])
            seconds = facts.get("deadline")
            until = step.start_time + timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
            return Waiting(step.step_id, kind, _name(facts.get(key)), until, _name(facts.get("escalate_to")))
    return None


def _name(value: object) -> str | None:
    """Return a name; None for a template, which only the message itself has filled in."""
    return value if isinstance(value, str) and "{{" not in value else None
