"""Between mail and agents: a delivery becomes an AgentInput, an AgentOutput becomes the answer. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bluelabel.agents.base_agent import ANSWERED
from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.messages import Delivery, MessageType
from bluelabel.interfaces.times import from_text
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.outgoing import OutgoingMessage

REPORTS: Final = frozenset(
    str(each)
    for each in MessageType
    if each
    not in {
        MessageType.MESSAGE,
        MessageType.TASK_ASSIGNMENT,
        MessageType.HANDOFF_REQUEST,
        MessageType.NEEDS_HELP,
    }
)
"""Types that tell something and ask for nothing. Answering them would send two workers round for ever."""

_TYPES: Final = {
    AgentStatus.SUCCESS: MessageType.TASK_RESULT,
    AgentStatus.ERROR: MessageType.ERROR,
    AgentStatus.PENDING: MessageType.TASK_STATUS,
}


def is_report(delivery: Delivery) -> bool:
    """Tell whether a message only reports; it is read, not worked on."""
    return delivery.message.type in REPORTS


def to_input(delivery: Delivery, agent: str) -> AgentInput:
    """Return the work that a delivery asks for.

    `content` is the message's own; what the envelope says is in `metadata`. The id of the message is the idempotency
    key: a message that is delivered again carries the same one.
    """
    message = delivery.message
    kind = message.content.get("task_type")
    facts: dict[str, Any] = {
        "message_id": message.id,
        "idempotency_key": message.id,
        "attempt": delivery.attempt,
        "agent": agent,
        "type": message.type,
        "subject": message.subject,
        "thread": message.thread,
        "priority": message.priority.value,
    }
    given: object = message.content.get("metadata")
    return AgentInput(
        task_id=message.task_id or message.id,
        task_type=kind if isinstance(kind, str) else None,
        source=message.sender,
        content=dict(message.content),
        metadata={**(given if isinstance(given, dict) else {}), **facts},
        timestamp=_moment(message.created_at),
    )


def outcome(output: AgentOutput) -> dict[str, Any]:
    """Return what the ledger keeps of an output as the result of the message."""
    whole = output.model_dump(mode="json", include={"status", "result", "error", "duration_ms"})
    return {key: value for key, value in whole.items() if value is not None}


def answer(delivery: Delivery, output: AgentOutput, agent: str, directory: Directory) -> OutgoingMessage | None:
    """Return the message that tells the sender; None when there is nobody to tell.

    A sender without a mailbox here (it was imported, or removed) is answered through the coordinator.
    """
    message = delivery.message
    to = message.sender if message.sender in directory.mailboxes else directory.coordinator
    if to == agent or to not in directory.mailboxes:
        return None
    content = {
        "task_id": output.task_id,
        **outcome(output),
        "summary": summary(output),
        "attempt": delivery.attempt,
        "metadata": output.metadata,
    }
    return OutgoingMessage(
        sender=agent,
        recipients=(to,),
        type=_TYPES[output.status].value,
        subject=one_line(f"Re: {message.subject.removeprefix('Re: ') or message.type}", 200),
        content=content,
        task_id=message.task_id,
        thread=message.thread or message.id,
        reply_to=message.id,
        priority=message.priority,
    )


def summary(output: AgentOutput) -> str:
    """Return one line for a person about what came of the work."""
    if output.error:
        return one_line(output.error)
    for key in ("summary", "title", "text", "digest"):
        value = output.result.get(key)
        if isinstance(value, str) and value.strip():
            return one_line(value)
    if output.metadata.get(ANSWERED) is False:
        return "it answered nothing"
    return one_line(", ".join(str(key) for key in output.result)) or output.status.value


def _moment(text: str) -> datetime:
    try:
        return from_text(text)
    except UsageError:
        return from_text("1970-01-01T00:00:00Z")
