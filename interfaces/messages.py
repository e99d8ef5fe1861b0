"""Messages, and how far each has come with each recipient.

Plain dataclasses: every command reads and writes messages, and importing pydantic would cost it 50 ms. The JSON
Schemas are made from them all the same (`bluelabel.interfaces.schema_catalogue`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final, NoReturn, cast

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.limits import KEY_CHARS, RECIPIENTS, SUBJECT_CHARS, TYPE_CHARS


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


WORD: Final = re.compile(rf"[^\s\x00-\x1f]{{1,{TYPE_CHARS}}}")
"""What a message type may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The envelope. Unknown keys are kept.

    Attributes:
        id: UUID version 7 unless it came from a file that had its own.
        type: a `MessageType` or any other word.
        sender: an agent's name.
        recipients: agents, a group, a queue, or ``ALL``, as the sender wrote them.
        subject: one line.
        content: what the message says; ``{"body": text}`` for plain text.
        task_id: the card it is about.
        thread: the id of the first message of the conversation.
        reply_to: the id of the message it answers.
        priority: how urgent it is.
        created_at: stamped by the tool, UTC.
        not_before: is not handed out earlier.
        expires_at: is not handed out later.
        key: sending twice with one key (per sender) is one message.
        attempt: how often it was handed out, this time included.
        signature: reserved for signed mail.
        extra: keys that the envelope does not know; in JSON they stand beside the others.
    """

    id: str
    type: str = MessageType.MESSAGE.value
    sender: str
    recipients: tuple[str, ...]
    subject: str = ""
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])
    task_id: str | None = None
    thread: str | None = None
    reply_to: str | None = None
    priority: Priority = Priority.MEDIUM
    created_at: str
    not_before: str | None = None
    expires_at: str | None = None
    key: str | None = None
    attempt: int = 0
    signature: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        """Refuse what no message may hold.

        Raises:
            UsageError: names the field.
        """
        if not WORD.fullmatch(self.type):
            _wrong("type", f"one word of at most {TYPE_CHARS} characters")
        if not 1 <= len(self.recipients) <= RECIPIENTS:
            _wrong("recipients", f"1 to {RECIPIENTS} names")
        if len(self.subject) > SUBJECT_CHARS:
            _wrong("subject", f"at most {SUBJECT_CHARS} characters")
        if self.key is not None and len(self.key) > KEY_CHARS:
            _wrong("key", f"at most {KEY_CHARS} characters")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Message:
        """Return the message that a JSON object stands for.

        Raises:
            UsageError: a field is missing or holds what it cannot; names it.
        """
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, item in value.items():
            (known if name in MESSAGE_FIELDS else extra)[name] = item
            if name in _TEXTS and not (isinstance(item, str) or (item is None and name in _OPTIONAL)):
                _wrong(name, "a text")
        for name in _REQUIRED - known.keys():
            _wrong(name, "given")
        names: object = known["recipients"]
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in cast("list[object]", names)):
            _wrong("recipients", "a list of names")
        if not isinstance(known.get("content", {}), Mapping):
            _wrong("content", "an object")
        attempt: object = known.get("attempt", 0)
        if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 0:
            _wrong("attempt", "a number of deliveries")
        if "priority" in known:
            known["priority"] = _priority(known["priority"])
        known["recipients"] = tuple(cast("list[str]", names))
        return cls(**known, extra=extra)

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object, without the keys that are empty."""
        found: dict[str, Any] = {"id": self.id, "type": self.type, "sender": self.sender}
        found["recipients"] = list(self.recipients)
        for name, empty in _DEFAULTS:
            value = getattr(self, name)
            if value != empty:
                found[name] = value
        return {**found, **self.extra}

    def changed(self, changes: Mapping[str, Any]) -> Message:
        """Return the message with some keys of its JSON object changed.

        Raises:
            UsageError: a field would hold what it cannot.
        """
        return Message.from_json({**self.as_json(), **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message with one recipient, as `inbox --json` and `claim --json` show it.

    Attributes:
        message: the envelope.
        recipient: the agent or queue it waits for.
        state: how far it has come.
        seq: of the event that sent it.
        attempt: how often it was handed out.
        seen_at: when the recipient first looked at it.
        claimed_by: who holds it.
        token: what the holder must show to ack, nack or renew.
        lease_until: when the claim lapses, UTC.
        not_before: when it may be handed out.
        result: what the handler reported.
        reason: why it was given back or died.
    """

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
    result: Mapping[str, Any] | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return one flat JSON object: every key of the message, then those of the delivery that are set."""
        known = {name: getattr(self.message, name) for name in MESSAGE_KEYS}
        rest = {name: getattr(self, name) for name in _DELIVERY_FIELDS}
        return {**self.message.extra, **known, **{name: item for name, item in rest.items() if item is not None}}

    def after(self, **changes: Any) -> Delivery:
        """Return the delivery with some attributes changed."""
        return replace(self, **changes)


MESSAGE_KEYS: Final = tuple(f.name for f in fields(Message) if f.name != "extra")
"""The keys that the envelope knows, in their order."""

MESSAGE_FIELDS: Final = frozenset(MESSAGE_KEYS)
"""The same, for looking one up."""

_DELIVERY_FIELDS = tuple(f.name for f in fields(Delivery) if f.name != "message")
_REQUIRED = frozenset({"id", "sender", "recipients", "created_at"})
_OPTIONAL = frozenset({"task_id", "thread", "reply_to", "not_before", "expires_at", "key", "signature"})
_TEXTS = _OPTIONAL | {"id", "sender", "created_at", "type", "subject"}
_DEFAULTS: Final[tuple[tuple[str, object], ...]] = (
    ("subject", ""), ("content", {}), ("task_id", None), ("thread", None), ("reply_to", None),
    ("priority", Priority.MEDIUM), ("created_at", None), ("not_before", None), ("expires_at", None), ("key", None),
    ("attempt", 0), ("signature", None),
)  # fmt: skip


def _priority(value: Any) -> Priority:
    try:
        return Priority(value)
    except ValueError:
        _wrong("priority", " or ".join(Priority))


def _wrong(name: str, wanted: str) -> NoReturn:
    raise UsageError(f"{name} is not {wanted}", where="the message", hint="see `bluelabel schema message`")
