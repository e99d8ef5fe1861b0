"""Steps that wait: for a person's word, or for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from bluelabel.interfaces.errors import BluelabelError, UsageError
from bluelabel.interfaces.times import from_text, span, to_text
from bluelabel.services.workflow.dag_runner_interface import Handoff, Sent, StepContext
from bluelabel.services.workflow.definition.definition import StepSpec
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.engine.retry import PermanentFailure
from bluelabel.services.workflow.expressions.evaluate import render
from bluelabel.services.workflow.steps.approvals import Approval, given
from bluelabel.services.workflow.steps.handoff import send_noted
from bluelabel.services.workflow.steps.services import Tools, wait_for


def approval_step(spec: StepSpec, tools: Tools, feed: Callable[[], Feed]) -> Callable[[StepContext], Any]:
    """Return the work of an approval step: it ends with the word of whoever is named.

    The deadline counts from when the step first began, over restarts. Once it has passed, `escalate_to` may speak too
    and is told so; without `escalate_to` the step fails. A rejection is a failure that no retry mends. Once there is
    nothing left to decide, the question is taken out of the mailboxes again.
    """

    async def work(context: StepContext) -> Any:
        facts = cast("Mapping[str, Any]", render(cast("Mapping[str, Any]", spec.target), context.names))
        asked: list[Sent] = []
        over = True
        try:
            found = await _decision(spec, facts, context, tools, feed(), asked)
        except asyncio.CancelledError:
            over = context.cancelled_for_good
            raise
        finally:
            if over and tools.courier is not None:
                for question in asked:
                    tools.courier.withdraw(question, "there is nothing left to decide")
        if not found.approved:
            raise PermanentFailure(f"rejected by {found.by}" + (f": {found.reason}" if found.reason else ""))
        return found.as_json()

    return work


async def _decision(
    spec: StepSpec, facts: Mapping[str, Any], context: StepContext, tools: Tools, feed: Feed, asked: list[Sent]
) -> Approval:
    """Ask, wait, ask somebody else after the deadline; `asked` learns what was sent."""

    def look() -> Approval | None:
        return given(tools.store.book, context.run_id, context.step_id)

    await _tell(spec, facts, context, tools, asked, escalated=False)
    deadline, now = facts.get("deadline"), tools.store.clock.now
    until = None if deadline is None else context.started + timedelta(seconds=float(deadline))
    found = await wait_for(feed, look, until, now)
    if found is None:
        if not facts.get("escalate_to"):
            raise PermanentFailure(f"{facts.get('by') or 'nobody'} did not decide in time")
        await _tell(spec, facts, context, tools, asked, escalated=True)
        found = cast("Approval", await wait_for(feed, look, None, now))
    return found


def sleep_step(spec: StepSpec, tools: Tools, feed: Callable[[], Feed]) -> Callable[[StepContext], Any]:
    """Return the work of a sleep step: it ends so long after it first began, or at a moment, over restarts."""

    async def work(context: StepContext) -> Any:
        facts = cast("Mapping[str, Any]", render(cast("Mapping[str, Any]", spec.target), context.names))
        until = wake_time(facts, context.started)
        await wait_for(feed(), lambda: None, until, tools.store.clock.now)
        return {"until": to_text(until)}

    return work


def wake_time(facts: Mapping[str, Any], started: datetime) -> datetime:
    """Return when a sleep ends.

    Raises:
        UsageError: it says neither for how long nor until when.
    """
    if facts.get("until") is not None:
        return from_text(str(facts["until"]))
    seconds = facts.get("seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        return started + timedelta(seconds=float(seconds))
    if isinstance(seconds, str):
        return started + span(seconds)
    raise UsageError("a sleep says neither for how long nor until when", hint="write `sleep: 30s`")


async def _tell(
    spec: StepSpec,
    facts: Mapping[str, Any],
    context: StepContext,
    tools: Tools,
    asked: list[Sent],
    *,
    escalated: bool,
) -> None:
    """Put the question into the mailbox of whoever should answer it, where there is a postbox."""
    to = facts.get("escalate_to" if escalated else "by")
    if tools.courier is None or not to:
        return
    prompt = str(facts.get("prompt") or f"Approve step {spec.name} of {context.dag_id}?")
    handoff = Handoff(
        to=str(to),
        key=f"{context.key}:approval{':escalated' if escalated else ''}",
        subject=prompt.splitlines()[0][:200],
        content={
            "body": prompt,
            "run_id": context.run_id,
            "step_id": context.step_id,
            "approve": f"bluelabel approve {context.run_id} {context.step_id}",
            "reject": f"bluelabel reject {context.run_id} {context.step_id} --reason …",
        },
        type="needs_input",
        priority="HIGH" if escalated else "MEDIUM",
        thread=context.run_id,
    )
    try:
        await send_noted(tools.courier, handoff, asked)
    except BluelabelError as error:
        if error.exit_code == 6:  # the disk: nothing may go on
            raise
        return  # whoever is named has no mailbox; `run dag --status` shows the question all the same
