"""Steps that are workflows themselves: a run of its own, which is resumed and cancelled with its parent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.limits import ID_CHARS
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import Definition, StepSpec
from bluelabel.services.workflow.engine.contexts import run_names
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.engine.retry import PermanentFailure, StepFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus
from bluelabel.services.workflow.steps.services import Tools

Child = tuple[Definition, StatefulDAGRunner]


class WorkflowFailed(StepFailure):
    """A sub-workflow did not succeed."""


def workflow_step(
    spec: StepSpec, tools: Tools, start: Callable[[Path, str, Mapping[str, Any]], Child], base: Path
) -> Callable[[StepContext], Any]:
    """Return the work of a workflow step.

    Args:
        spec: the step; its target is a path, relative to the file it stands in.
        tools: the hands of the run.
        start: gives definition and runner for a path, a run id and inputs.
        base: the folder of the file it stands in.
    """

    async def work(context: StepContext) -> Any:
        path = base / str(spec.target)
        inputs = render(dict(spec.input), context.names)
        try:
            definition, runner = start(path, child_id(tools, context), inputs)
        except BluelabelError as error:
            raise PermanentFailure(f"{error}{f' ({error.hint})' if error.hint else ''}") from error
        if runner.dag_run.status is DAGRunStatus.CANCELLED:
            runner.retry(reason="its parent was taken up again")
        try:
            run = await runner.execute()
        except asyncio.CancelledError:
            if context.cancelled_for_good:
                _cancel(tools, runner.run_id)
            raise
        if run.status not in (DAGRunStatus.SUCCESS, DAGRunStatus.PARTIAL_SUCCESS):
            raise WorkflowFailed(f"run {run.run_id} ended as {run.status.name}: {run.error or 'no reason given'}")
        return output_of(definition, run, Results(tools.store.home / "results"))

    return work


def child_id(tools: Tools, context: StepContext) -> str:
    """Return the run id of a step's own run: the same over restarts and retries, a new one when it had succeeded."""
    parent = tools.store.require(context.run_id)
    state = parent.steps.get(context.step_id)
    again = (DAGStepStatus.SUCCESS.value, DAGStepStatus.PENDING.value)
    fresh = 0 if state is None else sum((move.was, move.status) == again for move in state.history)
    name = f"{context.run_id}.{context.step_id}" + (f".{fresh}" if fresh else "")
    if len(name) <= ID_CHARS:
        return name
    return f"{name[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def output_of(definition: Definition, run: DAGRun, results: Results) -> Any:
    """Return what a run comes to: its definition's `output`, else the results of its steps by id."""
    names = run_names(run, results)
    if definition.output is not None:
        return render(definition.output, names)
    view = names["steps"]
    return {name: view[name]["result"] for name, step in run.steps.items() if step.status is DAGStepStatus.SUCCESS}


def _cancel(tools: Tools, run_id: str) -> None:
    run = tools.store.get(run_id)
    if run is not None and not run.is_complete:
        run.cancel("its parent was cancelled")
        tools.store.update(run)
