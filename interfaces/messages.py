"""Messages, and how far each has come with each recipient."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bluelabel.interfaces.limits import RECIPIENTS, SUBJECT_CHARS


class Priority(StrEnum):
    """How urgent; `rank` orders them, most urgent first."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """Return 0 for CRITICAL to 3 for LOW."""
        return list(Priority).index(self)


class MessageType(StrEnum):
    """The types the platform knows. Any other word is kept and marked unknown."""

    MESSAGE = "message"
    TASK_ASSIGNMENT = "task_assignment"
    TASK_STATUS = "task_status"
    TASK_RESULT = "task_result"
    ERROR = "error"
    NEEDS_INPUT = "needs_input"
    READY = "READY"
    BLOCKED = "BLOCKED"
    COMPLETED = "COMPLETED"
    NEEDS_HELP = "NEEDS_HELP"
    RESOURCE_CLAIM = "RESOURCE_CLAIM"
    RESOURCE_RELEASE = "RESOURCE_RELEASE"
    HANDOFF_REQUEST = "HANDOFF_REQUEST"
    HANDOFF_ACCEPT = "HANDOFF_ACCEPT"


class DeliveryState(StrEnum):
    """How far a message has come with one recipient. The last five are final, but for `message.retried`."""

    SENT = "sent"
    CLAIMED = "claimed"
    ACKED = "acked"
    DEAD = "dead"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    PURGED = "purged"


Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f]+$")]


class Message(BaseModel):
    """The envelope. Unknown keys are kept.

    Attributes:
        id: UUID version 7 unless it came from a file that had its own.
        type: a `MessageType` or any other word.
        sender: an agent's name.
        recipients: agents, a group, a queue, or ``ALL``, as the sender wrote them.
        content: what the message says; ``{"body": text}`` for plain text.
        task_id: the card it is about.
        thread: the id of the first message of the conversation.
        reply_to: the id of the message it answers.
        created_at: stamped by the tool, UTC.
        not_before: is not handed out earlier.
        expires_at: is not handed out later.
        key: sending twice with one key (per sender) is one message.
        attempt: how often it was handed out, this time included.
        signature: reserved for signed mail.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    type: Word = MessageType.MESSAGE.value
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1, max_length=RECIPIENTS)
    subject: str = Field(default="", max_length=SUBJECT_CHARS)
    content: dict[str, Any] = Field(default_factory=dict)
    task_id: str | None = None
    thread: str | None = None
    reply_to: str | None = None
    priority: Priority = Priority.MEDIUM
    created_at: str
    not_before: str | None = None
    expires_at: str | None = None
    key: str | None = Field(default=None, max_length=200)
    attempt: int = Field(default=0, ge=0)
    signature: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object, without the keys that are empty."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"type": str(self.type)}


class Delivery(BaseModel):
    """One message with one recipient, as `inbox --json` and `claim --json` show it.

    Attributes:
        message: the envelope.
        recipient: the agent or queue it waits for.
        state: how far it has come.
        attempt: how often it was handed out.
        seen_at: when the recipient first looked at it.
        claimed_by: who holds it.
        token: what the holder must show to ack, nack or renew.
        lease_until: when the claim lapses, UTC.
        result: what the handler reported.
        reason: why it was given back or died.
    """

    model_config = ConfigDict(frozen=True)

    message: Message
    recipient: str
    state: DeliveryState
    seq: int
    attempt: int = 0
    seen_at: str | None = None
    claimed_by: str | None = None
    token: str | None = None
    lease_until: str | None = None
    not_before: str | None = None
    result: dict[str, Any] | None = None
    reason: str | None = None
