"""Steps that somebody with a mailbox does: send, wait for the answer, tell another when it does not come in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

from bluelabel.services.workflow.dag_runner_interface import Answer, Courier, Handoff, Sent, StepContext
from bluelabel.services.workflow.definition.definition import StepSpec
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.engine.retry import StepFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.steps.services import Tools, wait_for


class HandoffFailed(StepFailure):
    """The answer was an error, or none came in time and nobody else was named."""


def handoff_step(spec: StepSpec, tools: Tools, feed: Callable[[], Feed]) -> Callable[[StepContext], Any]:
    """Return the work of a handoff step.

    The message carries the step's idempotency key, so a runner that was restarted waits for the answer to the same
    message. The deadline counts from when it was sent. Once it has passed, `escalate_to` gets a message too, and
    whoever answers first decides; without `escalate_to` the step fails.
    """

    async def work(context: StepContext) -> Any:
        courier = tools.need_courier()
        facts = cast("Mapping[str, Any]", render(cast("Mapping[str, Any]", spec.target), context.names))
        handoff = _handoff(spec, facts, context)
        waiting: list[Sent] = []
        try:
            await send_noted(courier, handoff, waiting)
            answer = await _answer(courier, waiting, facts, handoff, tools, feed())
        except asyncio.CancelledError:
            if context.cancelled_for_good:
                for message in waiting:
                    courier.withdraw(message, f"the run {context.run_id} was cancelled")
            raise
        for message in waiting:
            courier.withdraw(message, "it has been answered")
        if not answer.ok:
            raise HandoffFailed(f"{answer.by}: {answer.text or 'it was not done'}")
        return dict(answer.result)

    return work


async def send_noted(courier: Courier, handoff: Handoff, waiting: list[Sent]) -> None:
    """Send, and note what was sent even if this step is cut off while it is on its way."""
    sending = asyncio.ensure_future(asyncio.to_thread(courier.send, handoff))
    try:
        waiting.append(await asyncio.shield(sending))
    except asyncio.CancelledError:
        waiting.append(await sending)
        raise


async def _answer(
    courier: Courier, waiting: list[Sent], facts: Mapping[str, Any], handoff: Handoff, tools: Tools, feed: Feed
) -> Answer:
    def look() -> Answer | None:
        return next((found for sent in waiting if (found := courier.answer(sent)) is not None), None)

    deadline, now = facts.get("deadline"), tools.store.clock.now
    until = None if deadline is None else waiting[0].at + timedelta(seconds=float(deadline))
    answer = await wait_for(feed, look, until, now)
    if answer is not None:
        return answer
    other = facts.get("escalate_to")
    if not other:
        courier.withdraw(waiting[0], "its deadline has passed")
        raise HandoffFailed(f"{handoff.to} did not answer in time")
    await send_noted(courier, _escalation(handoff, str(other), waiting[0]), waiting)
    return cast("Answer", await wait_for(feed, look, None, now))


def _handoff(spec: StepSpec, facts: Mapping[str, Any], context: StepContext) -> Handoff:
    content = dict(cast("Mapping[str, Any]", facts.get("content") or {}))
    content |= cast("Mapping[str, Any]", render(dict(spec.input), context.names))
    if facts.get("body") is not None:
        content["body"] = facts["body"]
    # What is sent again under the same key is the same message, so it cannot say how often its runner was cut off.
    number = context.attempt - context.interruptions
    content["workflow"] = {"run_id": context.run_id, "step_id": context.step_id, "attempt": number}
    return Handoff(
        to=str(facts["to"]),
        key=context.key,
        subject=str(facts.get("subject") or f"{context.dag_id}: {spec.name}"),
        content=content,
        type=str(facts.get("type") or "task_assignment"),
        priority=str(facts.get("priority") or "MEDIUM").upper(),
        task_id=None if facts.get("task_id") is None else str(facts["task_id"]),
        thread=context.run_id,
    )


def _escalation(handoff: Handoff, other: str, sent: Sent) -> Handoff:
    content = {**handoff.content, "escalated_from": handoff.to, "original": sent.id}
    return Handoff(
        to=other,
        key=f"{handoff.key}:escalated",
        subject=f"{handoff.to} did not answer in time: {handoff.subject}",
        content=content,
        type="needs_input",
        priority="HIGH",
        task_id=handoff.task_id,
        thread=handoff.thread,
    )
