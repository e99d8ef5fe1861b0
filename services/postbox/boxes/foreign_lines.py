"""Lines that a post office wrote, this one or another, where git has brought them: each speaks for its recipients.

The message stays what it is elsewhere: id, moment, sender and recipients. An inbox tells how far it has come with its
owner only, so every line adds the deliveries that it knows of, and none is added twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import DeliveryState, Message
from bluelabel.interfaces.names import identifier
from bluelabel.interfaces.times import from_text
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.boxes.view_format import message_part

OPEN: Final = (DeliveryState.SENT, DeliveryState.CLAIMED)
_STATES: Final[Mapping[str, DeliveryState]] = {state.value: state for state in DeliveryState}
_ENDS: Final[Mapping[DeliveryState, tuple[str, ...]]] = {
    DeliveryState.ACKED: ("message.acked",),
    DeliveryState.DEAD: ("message.dead",),
    DeliveryState.PURGED: ("message.dead", "message.purged"),
    DeliveryState.EXPIRED: ("message.expired",),
    DeliveryState.WITHDRAWN: ("message.withdrawn",),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a view: the message, how far it has come with whom, and how it ended."""

    message: Message
    states: Mapping[str, DeliveryState]
    end: Mapping[str, Any]


def line_of(raw: Mapping[str, Any], agent: str, box: str, directory: Directory) -> Line:
    """Return what a line that a post office wrote says.

    Args:
        raw: the line.
        agent, box: where it stands.
        directory: who there is here.

    Raises:
        UnknownAgent: its sender or a recipient has no mailbox here.
        UsageError, UnreadableInput: a field holds what it cannot.
    """
    message = Message.from_json(message_part(raw))
    for value, what in ((message.id, "a message id"), (message.task_id, "a task id"), (message.thread, "a thread id")):
        if value is not None:
            identifier(value, what)
    strict_json.check(dict(raw), message.id)
    from_text(message.created_at)
    directory.check(message.sender)
    states = {directory.check(name): state for name, state in _states(raw, message, agent, box, directory).items()}
    return Line(message, states, {key: raw[key] for key in ("result", "reason") if raw.get(key)})


def _states(
    raw: Mapping[str, Any], message: Message, agent: str, box: str, directory: Directory
) -> dict[str, DeliveryState]:
    said = raw["state"]
    if box != "outbox":
        return {agent: _state(said)}
    if isinstance(said, dict):
        return {name: _state(word) for name, word in cast("dict[str, object]", said).items()}
    return dict.fromkeys(directory.expand(message.recipients, message.sender), _state(said))


def _state(word: object) -> DeliveryState:
    return _STATES.get(word, DeliveryState.SENT) if isinstance(word, str) else DeliveryState.SENT


class Arrivals:
    """Makes events of lines, within one decision.

    Args:
        db: the index, as the decision sees it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._here: dict[str, dict[str, DeliveryState]] = {}

    def drafts(self, line: Line, via: Mapping[str, Any], *, settle: bool) -> list[Draft]:
        """Return the events by which a line's message is here as it says; none when it is already.

        Args:
            line: what was read.
            via: the file it was read from.
            settle: follow its state as well: what ended there ends here. Else what ended there is left out.
        """
        message, here = line.message, self._deliveries(line.message)
        if here is None:
            return []
        to = [name for name, state in line.states.items() if name not in here and (settle or state in OPEN)]
        found = [self._arrival(message, to, via, first=not here)] if to else []
        here.update(dict.fromkeys(to, DeliveryState.SENT))
        for name, state in line.states.items():
            if settle and state not in OPEN and here.get(name) in OPEN:
                data = {"id": message.id, "recipient": name, "elsewhere": True, **line.end}
                found += [Draft(kind, name, data) for kind in _ENDS[state]]
                here[name] = state
        return found

    def _deliveries(self, message: Message) -> dict[str, DeliveryState] | None:
        """Return how far a message has come here; None when nothing may be added to it."""
        if message.id not in self._here:
            query = "SELECT id, body <> '' FROM mail_messages WHERE id = ? OR (sender = ? AND key = ?)"
            rows = self._db.execute(query, (message.id, message.sender, message.key)).fetchall()
            if any(found != message.id or not kept for found, kept in rows):
                return None  # it was archived, or another message of its sender has its key and so is it
            self._here[message.id] = {d.recipient: d.state for d in queries.of_message(self._db, message.id)}
        return self._here[message.id]

    def _arrival(self, message: Message, to: Sequence[str], via: Mapping[str, Any], *, first: bool) -> Draft:
        kind = "message.sent" if first else "message.addressed"
        about: dict[str, Any] = {"message": message.as_json()} if first else {"id": message.id}
        return Draft(kind, message.sender, {**about, "to": list(to), "via": dict(via)})
