"""Ties workflows to the agents and the postbox of a workspace."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import IllegalTransition, NotFound, UsageError
from bluelabel.interfaces.messages import Delivery, DeliveryState, MessageType, Priority
from bluelabel.interfaces.times import from_text, to_text
from bluelabel.runner.workspace import Workspace
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.workflow.dag_runner_interface import Answer, Handoff, Sent
from bluelabel.services.workflow.engine.threads import THREADS
from bluelabel.services.workflow.runs import Runs, load_definition
from bluelabel.services.workflow.steps.services import Tools

_ANSWERS: Final = frozenset(
    str(kind) for kind in (MessageType.MESSAGE, MessageType.TASK_RESULT, MessageType.COMPLETED, MessageType.ERROR)
)
_KEY_CHARS: Final = 200
_GIVEN_UP: Final = {
    DeliveryState.DEAD: "it was delivered too often without success",
    DeliveryState.EXPIRED: "it expired",
    DeliveryState.WITHDRAWN: "it was withdrawn",
    DeliveryState.PURGED: "it was given up",
}


def open_runs(workspace: Workspace) -> Runs:
    """Return the runs of a workspace, with everything their steps may need."""
    tools = Tools(
        store=workspace.runs,
        root=workspace.root,
        load=load_definition,
        agents=RegistryCaller(workspace),
        courier=PostboxCourier(workspace.postbox, workspace.settings.directory.coordinator, workspace.refresh_views),
    )
    return Runs(tools)


class RegistryCaller:
    """Calls the agents of a workspace, each call in a thread of its own.

    Args:
        workspace: whose agents; they are found when the first one is called.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def call(self, agent: str, task: AgentInput) -> AgentOutput:
        """See `bluelabel.services.workflow.dag_runner_interface.AgentCaller`."""
        registry: AgentRegistry = self._workspace.agents
        found = registry.get(agent)
        try:
            output: AgentOutput = await THREADS.run(lambda: found.run(task))
        except asyncio.CancelledError:
            found.cancel()
            raise
        return output


class PostboxCourier:
    """Carries handoffs by the postbox.

    Args:
        postbox: the post office.
        sender: who sends them. It must stay the same over restarts, because a key is unique per sender.
        refresh: brings boxes up to date, so that whoever only reads files sees what was sent.
    """

    def __init__(self, postbox: Postbox, sender: str, refresh: Callable[[Sequence[str]], None]) -> None:
        self._postbox = postbox
        self._sender = sender
        self._refresh = refresh

    def send(self, handoff: Handoff) -> Sent:
        """See `bluelabel.services.workflow.dag_runner_interface.Courier`."""
        outgoing = OutgoingMessage(
            sender=self._sender,
            recipients=(handoff.to,),
            type=handoff.type,
            subject=handoff.subject[:500],
            content=handoff.content,
            task_id=handoff.task_id,
            thread=handoff.thread,
            priority=_priority(handoff.priority),
            expires_at=None if handoff.expires is None else to_text(handoff.expires),
            key=_key(handoff.key),
        )
        sent = self._postbox.send(outgoing)
        self._refresh(sent.to)
        message = self._postbox.deliveries(sent.id)[0].message
        return Sent(sent.id, from_text(message.created_at))

    def answer(self, sent: Sent) -> Answer | None:
        """See `bluelabel.services.workflow.dag_runner_interface.Courier`. A reply comes before an acknowledgement."""
        deliveries = self._postbox.deliveries(sent.id)
        reply = self._reply(deliveries[0])
        if reply is not None:
            return reply
        for delivery in deliveries:
            # Who acknowledges with "pending" says that somebody else will report: that report is the answer.
            if delivery.state is DeliveryState.ACKED and not _is_pending(delivery.result):
                return _read(delivery.recipient, delivery.result or {}, ok=True)
        if all(delivery.state in _GIVEN_UP for delivery in deliveries):
            last = deliveries[-1]
            return Answer(last.recipient, ok=False, text=last.reason or _GIVEN_UP[last.state])
        return None

    def withdraw(self, sent: Sent, reason: str) -> None:
        """See `bluelabel.services.workflow.dag_runner_interface.Courier`."""
        del reason  # the postbox keeps who, not why
        with suppress(IllegalTransition, NotFound):
            self._postbox.withdraw(sent.id, self._sender)
            self._refresh([delivery.recipient for delivery in self._postbox.deliveries(sent.id)])

    def _reply(self, asked: Delivery) -> Answer | None:
        message = asked.message
        other = {self._sender} - set(message.recipients)  # a word that the sender adds is no answer
        with self._postbox.book.reading() as db:
            query = "SELECT body FROM mail_messages WHERE thread = ? AND seq > ? ORDER BY seq"
            bodies = [json.loads(row[0]) for row in db.execute(query, (message.thread or message.id, asked.seq))]
        for body in bodies:
            kind = body.get("type", MessageType.MESSAGE.value)
            if body.get("reply_to") == message.id and kind in _ANSWERS and body["sender"] not in other:
                return _read(body["sender"], body.get("content", {}), ok=kind != MessageType.ERROR.value)
        return None


def _is_pending(result: Mapping[str, Any] | None) -> bool:
    return result is not None and result.get("status") == AgentStatus.PENDING.value


def _read(by: str, content: Mapping[str, Any], *, ok: bool) -> Answer:
    """Read what came back: an AgentOutput's fields where they are there, else the object itself."""
    status = content.get("status")
    inner = content.get("result")
    ok = ok and status not in (AgentStatus.ERROR.value, "failed")
    text = content.get("error") or content.get("summary") or content.get("body") or ""
    result = cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else content
    return Answer(by, ok, result, str(text))


def _key(text: str) -> str:
    """Return an idempotency key that an envelope has room for."""
    return text if len(text) <= _KEY_CHARS else f"{text[:100]}:{hashlib.sha256(text.encode()).hexdigest()}"


def _priority(text: str) -> Priority:
    try:
        return Priority(text)
    except ValueError:
        allowed = ", ".join(priority.value for priority in Priority)
        raise UsageError("no such priority", where=text, hint=f"one of: {allowed}") from None
