"""Events: the facts that the ledger keeps. Everything people read is computed from these.

On disk an event is one line of JSON: ``seq``, ``at``, ``by``, ``kind``, the fields of its data beside them,
and last ``h``, the hash that chains it to the line before (DESIGN: one ledger, many views).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

RESERVED: Final = frozenset({"seq", "at", "by", "kind", "more", "h"})
"""Keys of the line itself: data may not use them."""

KINDS: Final[Mapping[str, str]] = {
    "ledger.opened": "the ledger was made; carries its home id",
    "ledger.recovered": "a torn tail was found by `recover`",
    "ledger.sealed": "a torn tail was found and is skipped for ever; carries its place, length and SHA-256",
    "message.sent": "a message was accepted for its recipients",
    "message.addressed": "a message that is here has further recipients: another post office's boxes named them",
    "message.seen": "a recipient has looked at it",
    "message.claimed": "a worker holds it until its lease ends",
    "message.renewed": "the holder asked for more time",
    "message.acked": "it was handled; may carry a result",
    "message.nacked": "the holder gave it back, perhaps for later",
    "message.dead": "it was delivered too often without success, or its text was refused for good",
    "message.retried": "a dead letter was put back",
    "message.purged": "a dead letter was given up on purpose",
    "message.expired": "its time ran out before anyone handled it",
    "message.withdrawn": "its sender took it back",
    "message.archived": "messages settled long ago were moved to the archive files",
    "message.amended": "its text was edited by hand while it waited",
    "message.escalated": "a deadline passed or it died, and a person was told",
    "mail.imported": "messages were read from a hand-edited box or a dropped file",
    "mail.quarantined": "a text that could not be read was set aside",
    "mail.adopted": "the boxes of other post offices, by their home ids, are read as our own from now on",
    "mail.undone": "an import was taken back",
    "agent.added": "an agent was given a mailbox",
    "card.created": "a card was added",
    "card.changed": "one field of a card was changed",
    "card.checked": "a checklist item of a card was ticked or cleared",
    "card.archived": "a card was moved to the archive",
    "card.restored": "a card was brought back",
    "card.lost": "a save lost cards, doubled an id or carried conflict markers",
    "card.verified": "the claims of a card were checked; carries the evidence",
    "run.created": "a workflow run was made",
    "run.status": "a run changed its status",
    "run.redefined": "a run was given the definition that its workflow file has by now; carries it and its steps",
    "run.cancelling": "somebody asked for a run to stop; its runner ends what is under way first",
    "run.owner": "a runner took the run over; carries the epoch that fences the one before",
    "step.status": "a step of a run changed its status",
    "run.deleted": "a run was removed by retention or by hand",
    "approval.given": "a person approved or rejected a step",
    "sprint.planned": "a sprint plan was written",
    "sprint.launched": "a sprint was started",
    "sprint.closed": "a sprint was closed; carries tag and head",
    "sprint.noted": "a fact of a sprint: postmortem written, action item carried over",
    "schedule.fired": "a cron schedule started a run",
    "schedule.noted": "a schedule counts from this moment on: it is new, has changed, or missed what was due before",
    "schedule.skipped": "a schedule was due while an earlier run of it went on, and started none",
    "schedule.queued": "a schedule was due while an earlier run of it went on, and waits for its end",
}
"""Every kind that the platform writes, with what it means. An unknown kind is kept and shown, never refused."""


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Draft(NamedTuple):
    """An event that is about to be written: what happened, and who did it.

    Args:
        kind: one of `KINDS`.
        by: the agent or person who did it.
        data: JSON values only; no key of `RESERVED`.
    """

    kind: str
    by: str
    data: Mapping[str, Any] = _NOTHING


class Event(NamedTuple):
    """An event as the ledger keeps it.

    Args:
        seq: 1, 2, 3 … without gap.
        at: when it was written, UTC, as `bluelabel.interfaces.times.to_text` writes it.
        by: who did it.
        kind: what happened.
        data: its fields.
        h: SHA-256, in hex, over the `h` before and this line.
    """

    seq: int
    at: str
    by: str
    kind: str
    data: Mapping[str, Any]
    h: str

    def as_json(self) -> dict[str, Any]:
        """Return the object of its line."""
        return {"seq": self.seq, "at": self.at, "by": self.by, "kind": self.kind, **self.data, "h": self.h}


class Head(NamedTuple):
    """Where a ledger ends: the last sequence number (0 when empty) and the hash that seals all before it."""

    seq: int
    h: str
