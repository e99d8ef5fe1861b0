"""What is told of messages: sent, settled, purged, taken back, archived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bluelabel.interfaces.messages import Delivery, DeliveryState
from bluelabel.interfaces.records.base import Record, called, left_out


@dataclass(frozen=True, slots=True)
class Sent(Record):
    """What a sender learns.

    Attributes:
        id: of the message; the earlier one's when its key was used before.
        state: ``sent``, or how far the earlier one has come.
        seq: of its event.
        to: the mailboxes it went to.
        duplicate: whether the key had been used, so that nothing was sent again; not told of a reply.
    """

    noun: ClassVar[str] = "send"

    id: str
    state: str
    seq: int
    to: tuple[str, ...]
    duplicate: bool | None = left_out()


@dataclass(frozen=True, slots=True)
class Settlement(Record):
    """How far a message has come with one recipient after it was claimed, given back, finished or withdrawn.

    Attributes:
        id: of the message.
        recipient: whose delivery.
        state: how far it has come.
        lease_until: when the claim lapses, UTC.
    """

    noun: ClassVar[str] = "delivery"
    schema: ClassVar[str] = "settlement"

    id: str
    recipient: str
    state: DeliveryState
    lease_until: str | None = None

    @classmethod
    def of(cls, delivery: Delivery) -> Settlement:
        """Return what is told of a delivery."""
        return cls(delivery.message.id, delivery.recipient, delivery.state, delivery.lease_until)


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits for an agent, most urgent first; printed as its messages.

    Attributes:
        waiting: the messages, as many as were asked for.
        handled: the last ones that were settled, if they were asked for.
        counts: how many wait in the agent's mailbox, and in each queue that it serves.
        peek: whether looking at them is to leave no trace.
    """

    waiting: tuple[Delivery, ...]
    handled: tuple[Delivery, ...]
    counts: dict[str, int]
    peek: bool


@dataclass(frozen=True, slots=True)
class Purged(Record):
    """How many dead letters were given up.

    Attributes:
        purged: how many.
    """

    noun: ClassVar[str] = "purge"

    purged: int


@dataclass(frozen=True, slots=True)
class ImportUndone(Record):
    """What was taken back of what a hand edit or a dropped file did. All but `seq` are ids of messages.

    Attributes:
        seq: number of the import's event.
        withdrawn: those it had sent, which wait no more.
        returned: those it had settled or withdrawn, which wait again.
        restored: those it had changed, which say again what they said.
        kept: those it had sent and somebody has taken since: they stay.
    """

    noun: ClassVar[str] = "undo"

    seq: int = called("import")
    withdrawn: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Archived(Record):
    """What moved into the archive files.

    Attributes:
        ids: of the messages.
        dry_run: whether it was only looked for.
    """

    noun: ClassVar[str] = "archive"

    ids: tuple[str, ...]
    dry_run: bool
