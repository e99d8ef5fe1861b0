"""Steps that an in-process agent does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import StepSpec
from bluelabel.services.workflow.engine.retry import StepFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.steps.services import Tools


class AgentFailed(StepFailure):
    """An agent reported an error."""


def agent_step(spec: StepSpec, tools: Tools) -> Callable[[StepContext], Any]:
    """Return the work of an agent step: its `input` becomes the content of an AgentInput, its result the step's."""

    async def work(context: StepContext) -> Any:
        from bluelabel.interfaces.agent_models import AgentInput, AgentStatus

        content = render(spec.input, context.names)
        about = {
            "run_id": context.run_id,
            "step_id": context.step_id,
            "attempt": context.attempt,
            "interruptions": context.interruptions,
            "idempotency_key": context.key,
        }
        task = AgentInput(
            task_id=f"{context.run_id}:{context.step_id}",
            task_type=_task_type(spec),
            source=f"workflow:{context.dag_id}",
            content=content,
            context=about,
            metadata={key: about[key] for key in ("attempt", "idempotency_key")},
        )
        output = await tools.need_agents().call(str(spec.target), task)
        if output.status is AgentStatus.SUCCESS:
            return output.result
        raise AgentFailed(output.error or f"{spec.target} ended with status {output.status.value}")

    return work


def _task_type(spec: StepSpec) -> str | None:
    kind = spec.metadata.get("task_type") or spec.metadata.get("type")
    return kind if isinstance(kind, str) else None
