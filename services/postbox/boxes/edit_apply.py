"""Turns what somebody did to a box, or dropped, into one decision of the post office."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import BluelabelError, UnreadableInput, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery, DeliveryState, Message
from bluelabel.interfaces.names import identifier
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.boxes.edit_diff import Addition, Change, Edit, canonical, identity
from bluelabel.services.postbox.boxes.entry_to_message import outgoing_of
from bluelabel.services.postbox.boxes.foreign_lines import OPEN, Arrivals, line_of
from bluelabel.services.postbox.boxes.view_format import message_part
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox

_DONE: Final = frozenset({"acked", "ack", "done", "handled", "completed", "complete", "finished", "closed"})
_DEAD: Final = frozenset({"dead", "failed", "rejected", "refused"})
_BACK: Final = frozenset({"withdrawn", "cancelled", "canceled"})
_FIXED: Final = frozenset(
    {"id", "sender", "recipients", "created_at", "thread", "reply_to", "key", "signature", "attempt"}
)
_EMPTY: Final[Mapping[str, Any]] = {"type": "message", "subject": "", "content": {}, "priority": "MEDIUM"}

_NO_BASE: Final = "it says something else than the message here, and the view it was changed in is not known any more"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an edit comes from: whose box, which (or ``drop``), the file, and what names this state of it."""

    agent: str
    box: str
    file: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of an edit that cannot be followed: what was written, and why not. It is set aside by the caller."""

    raw: Mapping[str, Any]
    reason: str


@dataclass(slots=True)
class Outcome:
    """What came of an edit: ids of messages by what happened to them, what was refused, and whose boxes changed."""

    sent: list[str] = field(default_factory=list[str])
    amended: list[str] = field(default_factory=list[str])
    settled: list[str] = field(default_factory=list[str])
    withdrawn: list[str] = field(default_factory=list[str])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    foreign: int = 0
    touched: set[str] = field(default_factory=set[str])


class Intake:
    """Follows edits.

    Args:
        postbox: the post office that decides.
    """

    def __init__(self, postbox: Postbox) -> None:
        self._postbox = postbox

    def follow(self, edit: Edit, source: Source, also: Sequence[Draft] = ()) -> Outcome:
        """Do what an edit asks for, as one decision; durable when this returns.

        Following the same edit again does nothing: messages have keys, and states are looked at anew.

        Args:
            edit: what was written.
            source: where.
            also: further events of the same decision.

        Raises:
            MachineError: nothing was done.
        """
        return self.follow_all([(edit, source)], also)[0]

    def follow_all(self, edits: Sequence[tuple[Edit, Source]], also: Sequence[Draft] = ()) -> list[Outcome]:
        """Do what several edits ask for, as one decision. See `follow`."""
        outcomes = [Outcome() for _ in edits]

        def decide(db: sqlite3.Connection) -> Sequence[Draft]:
            decision = _Decision(self._postbox, db)
            for (edit, source), outcome in zip(edits, outcomes, strict=True):
                decision.make(edit, source, outcome)
            return [*decision.drafts, *also]

        self._postbox.book.append(decide)
        return outcomes

    def note(self, drafts: Sequence[Draft]) -> None:
        """Write events that need no decision.

        Raises:
            MachineError: they could not be written.
        """
        self._postbox.book.append(lambda _db: drafts)


class _Decision:
    """Edits against the present state: collects the events that follow from them."""

    def __init__(self, postbox: Postbox, db: sqlite3.Connection) -> None:
        self.drafts: list[Draft] = []
        self._postbox = postbox
        self._db = db
        self._new: dict[str, tuple[str, str]] = {}
        self._keys: set[tuple[str, str | None]] = set()
        self._arrivals = Arrivals(db)

    def make(self, edit: Edit, source: Source, outcome: Outcome) -> None:
        """Follow one edit."""
        before = len(self.drafts)
        self._source, self._outcome = source, outcome
        self._via = {"agent": source.agent, "box": source.box, "file": source.file}
        for addition in edit.additions:
            self._add(edit, addition)
        for change in edit.changes:
            self._change(change)
        for name in edit.removed:
            self._withdraw(name)
        if len(self.drafts) > before:
            done = self._outcome
            ids = {"sent": done.sent, "amended": done.amended, "settled": done.settled, "withdrawn": done.withdrawn}
            data: dict[str, Any] = {**self._via, "origin": edit.origin or self._source.stamp}
            data |= {key: list(found) for key, found in ids.items() if found}
            self.drafts.append(Draft("mail.imported", self._source.agent, data))
            self._outcome.touched.add(self._source.agent)

    def _add(self, edit: Edit, addition: Addition) -> None:
        source, raw = self._source, addition.entry.raw
        text = identity(source.agent, source.box, edit.origin or source.stamp, addition)
        key = f"import:{hashlib.sha256(text.encode()).hexdigest()}"
        try:
            if addition.written and not (source.box == "outbox" and raw["sender"] != source.agent):
                self._take_over(edit, raw)
                return
            outgoing = outgoing_of(addition.entry, source.agent, source.box, self._postbox.directory, key)
            if (outgoing.sender, outgoing.key) in self._keys or self._is_known(outgoing):
                return
            if outgoing.id is not None and (outgoing.id in self._new or queries.message(self._db, outgoing.id)):
                outgoing = replace(outgoing, id=None, extra={**outgoing.extra, "said_id": outgoing.id})
            drafts, answers = self._postbox.drafts(self._db, [outgoing], via=self._via)
        except BluelabelError as error:
            reason = f"{error}{f' ({error.hint})' if error.hint else ''}"
            self._outcome.refused.append(Refusal(raw, reason))
            return
        for draft in drafts:
            self._keys.add((outgoing.sender, outgoing.key))
            if outgoing.id is not None:
                self._new[outgoing.id] = (outgoing.sender, canonical(outgoing.content))
            self._outcome.sent.append(draft.data["message"]["id"])
            self._outcome.touched.update((outgoing.sender, *answers[0].to))
        self.drafts += drafts

    def _is_known(self, outgoing: OutgoingMessage) -> bool:
        """Tell whether an entry is a message that is here already: listed once more by its sender."""
        if outgoing.id is None:
            return False
        said = (outgoing.sender, canonical(outgoing.content))
        return self._said(outgoing.id) == said

    def _said(self, name: str) -> tuple[str, str] | None:
        """Return who sent a message that is here, and what it says."""
        known = queries.message(self._db, name)
        return (known.sender, canonical(known.content)) if known is not None else self._new.get(name)

    def _take_over(self, edit: Edit, raw: Mapping[str, Any]) -> None:
        """Follow a line that a post office wrote: here, or where git has brought it from.

        Raises:
            BluelabelError: it cannot be followed here.
        """
        line = line_of(raw, self._source.agent, self._source.box, self._postbox.directory)
        message, known = line.message, self._said(line.message.id)
        said = (message.sender, canonical(message.content))
        if known not in (None, said):
            if not edit.unreadable:
                self._outcome.refused.append(Refusal(raw, _NO_BASE))
            return
        if edit.foreign is not None:
            self._outcome.foreign += known is None
            return
        drafts = self._arrivals.drafts(line, self._via, settle=edit.settles)
        if not drafts:
            return
        self._new[message.id] = said
        (self._outcome.sent if known is None else self._outcome.settled).append(message.id)
        self._outcome.touched.update((message.sender, *line.states))
        self.drafts += drafts

    def _change(self, change: Change) -> None:
        deliveries = self._deliveries(change.id)
        open_ones = [d for d in deliveries if d.state in OPEN]
        if change.fields:
            self._amend(change, deliveries)
        if change.state is None or not open_ones:
            return
        word, agent = change.state.strip().casefold(), self._source.agent
        reason = change.edited.get("reason")
        for delivery in open_ones:
            key = {"id": change.id, "recipient": delivery.recipient}
            if word in _BACK and delivery.state == DeliveryState.SENT:
                self.drafts.append(Draft("message.withdrawn", agent, key))
                self._outcome.withdrawn.append(change.id)
            elif word in _DONE and self._source.box == "inbox":
                result = cast("object", change.edited.get("result"))
                told = {"result": cast("dict[str, Any]", result)} if isinstance(result, dict) else {}
                self.drafts.append(Draft("message.acked", agent, key | {"by_hand": True} | told))
                self._outcome.settled.append(change.id)
            elif word in _DEAD and self._source.box == "inbox":
                why = reason if isinstance(reason, str) and reason else "given up by hand"
                self.drafts += self._postbox.death(self._db, delivery, agent, why)
                self._outcome.settled.append(change.id)
                self._outcome.touched.add(self._postbox.directory.human)
            self._outcome.touched.update((delivery.recipient, delivery.message.sender))

    def _amend(self, change: Change, deliveries: Sequence[Delivery]) -> None:
        message = deliveries[0].message if deliveries else None
        if message is None:
            return
        now = message_part(message.as_json())
        wanted = {key: _EMPTY.get(key) if value is None else value for key, value in change.fields.items()}
        wanted = {key: value for key, value in wanted.items() if now.get(key, _EMPTY.get(key)) != value}
        if not wanted:
            return
        try:
            _check(message, wanted)
        except BluelabelError as error:
            self._outcome.refused.append(Refusal(change.edited, str(error)))
            return
        if not any(d.state == DeliveryState.SENT for d in deliveries):
            self._outcome.refused.append(Refusal(change.edited, "it does not wait any more: send a new message"))
            return
        if message.signature is not None:
            wanted["signature"] = None  # it vouched for another text
        self.drafts.append(Draft("message.amended", self._source.agent, {"id": change.id, "changes": wanted}))
        self._outcome.amended.append(change.id)
        self._outcome.touched.update((message.sender, *(d.recipient for d in deliveries)))

    def _withdraw(self, name: str) -> None:
        for delivery in self._deliveries(name):
            if delivery.state == DeliveryState.SENT:
                key = {"id": name, "recipient": delivery.recipient, "reason": "its line was removed by hand"}
                self.drafts.append(Draft("message.withdrawn", self._source.agent, key))
                self._outcome.withdrawn.append(name)
                self._outcome.touched.update((delivery.recipient, delivery.message.sender))

    def _deliveries(self, name: str) -> list[Delivery]:
        """Return the deliveries that a line of this box speaks for."""
        found = queries.of_message(self._db, name)
        if self._source.box == "outbox":
            return [d for d in found if d.message.sender == self._source.agent]
        return [d for d in found if d.recipient == self._source.agent]


def _check(message: Message, wanted: Mapping[str, Any]) -> None:
    """Check that a message may be changed in this way.

    Raises:
        UnreadableInput: a field that stays as it was sent, or a value that its field cannot hold.
        TooLarge: the message would be nested too deep.
    """
    fixed = sorted(_FIXED & wanted.keys())
    if fixed:
        raise UnreadableInput(f"{', '.join(fixed)} cannot be changed after sending", where=message.id)
    strict_json.check(dict(wanted), message.id)
    try:
        if isinstance(wanted.get("task_id"), str):
            identifier(wanted["task_id"], "a task id")
        message.changed(wanted)
    except UsageError as error:
        raise UnreadableInput(f"it cannot be changed in this way: {error.what}", where=message.id) from None
