"""A step that runs once for each item of a list. Each item is a step of its own, with its own attempts and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import RetrySpec
from bluelabel.services.workflow.engine.attempt import Registered
from bluelabel.services.workflow.engine.recovery import CHILD, children_of
from bluelabel.services.workflow.engine.retry import PermanentFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.model.states import OPEN_STEP, DAGStepStatus


class Spawner(Protocol):
    """The loop of a run, as far as a `map` needs it."""

    run: DAGRun

    def add_step(self, step: Registered, ended: Callable[[], None]) -> None:
        """Take in one more step while the run goes on."""
        ...


async def run_map(loop: Spawner, step: Registered, context: StepContext) -> list[Any]:
    """Run a step once for each item that its `map` yields; return the results in the order of the items.

    Raises:
        PermanentFailure: `map` yields no list, or items failed for good; the others are done all the same.
    """
    items = _items(step, context)
    for child in children_of(loop.run, step.step_id)[len(items) :]:
        if child.status in OPEN_STEP:
            child.skip("the list has no such item any more")
    waiting = [loop_end(loop, _child(step, index, item)) for index, item in enumerate(items)]
    if waiting:
        await asyncio.gather(*waiting)
    states = [loop.run.steps[f"{step.step_id}{CHILD}{index}"] for index in range(len(items))]
    failed = [state for state in states if state.status is not DAGStepStatus.SUCCESS]
    if failed:
        first = failed[0].error or failed[0].status.value
        raise PermanentFailure(f"{len(failed)} of {len(items)} items did not succeed; the first: {first}")
    return [context.names["steps"][state.step_id]["result"] for state in states]


def loop_end(loop: Spawner, child: Registered) -> asyncio.Future[None]:
    """Add a step and return a future that is done when the step has ended."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    loop.add_step(child, lambda: None if future.done() else future.set_result(None))
    return future


def without_map(step: Registered) -> Registered:
    """Return the parent of the items as it is run: the limits of an attempt are those of each item."""
    return replace(step, retry=RetrySpec(), timeout=None, heartbeat=None)


def _items(step: Registered, context: StepContext) -> Sequence[Any]:
    items = render(step.map, context.names)
    if isinstance(items, list | tuple):
        return cast("Sequence[Any]", items)
    kind = type(items).__name__
    raise PermanentFailure(f"`map` of step {step.step_id} yields no list but {kind}: {step.map}")


def _child(step: Registered, index: int, item: Any) -> Registered:
    facts = {**step.facts, "index": index, "item": item, "parent": step.step_id}
    name = f"{step.step_id}{CHILD}{index}"
    # Each failure of an item is told by the parent, which alone decides what it means for the run.
    return replace(step, step_id=name, map=None, when=None, unless=None, depends_on=(), critical=False, facts=facts)
