"""A message on its way in: what a sender says, checked and stamped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bluelabel.interfaces.errors import TooLarge
from bluelabel.interfaces.limits import JSON_DEPTH, MESSAGE_BYTES
from bluelabel.interfaces.messages import MESSAGE_FIELDS, Message, Priority
from bluelabel.interfaces.names import identifier
from bluelabel.interfaces.strict_json import check, dumps


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What a sender says. Attributes as in `bluelabel.interfaces.messages.Message`; times are RFC 3339 in UTC.

    Attributes:
        id: None to get a new one.
        extra: further keys of the envelope, kept as they are.
    """

    sender: str
    recipients: tuple[str, ...]
    type: str = "message"
    subject: str = ""
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])
    task_id: str | None = None
    thread: str | None = None
    reply_to: str | None = None
    priority: Priority = Priority.MEDIUM
    not_before: str | None = None
    expires_at: str | None = None
    key: str | None = None
    id: str | None = None
    signature: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def stamped(self, new_id: str, created_at: str) -> Message:
        """Return the message as it will be kept.

        Raises:
            UsageError: a field is not what it should be.
            TooLarge: over the limit of one message.
        """
        for value, what in ((self.task_id, "a task id"), (self.id, "a message id"), (self.thread, "a thread id")):
            if value is not None:
                identifier(value, what)
        most = check([dict(self.content), dict(self.extra)], "content", max_depth=JSON_DEPTH + 1)
        stamped = Message(
            id=self.id or new_id, type=self.type, sender=self.sender, recipients=self.recipients,
            subject=self.subject, content=dict(self.content), task_id=self.task_id,
            thread=self.thread or self.id or new_id, reply_to=self.reply_to, priority=self.priority,
            created_at=created_at, not_before=self.not_before, expires_at=self.expires_at, key=self.key,
            signature=self.signature,
            extra={key: value for key, value in self.extra.items() if key not in MESSAGE_FIELDS},
        )  # fmt: skip
        if most > MESSAGE_BYTES // 2 and (size := len(dumps(stamped.as_json()).encode())) > MESSAGE_BYTES:
            hint = "send a file's path instead"
            raise TooLarge(f"the message has {size:,} bytes, over the limit of {MESSAGE_BYTES:,}", hint=hint)
        return stamped
