"""Taking an import back: what a hand edit or a dropped file did to the mail, as far as nobody has built on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bluelabel.interfaces.errors import IllegalTransition, NotFound
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.messages import DeliveryState
from bluelabel.interfaces.records.mail import ImportUndone
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.postbox import Postbox


def undo_import(postbox: Postbox, by: str, seq: int | None = None) -> ImportUndone:
    """Take back one import: the event `seq`, or the last one that was not taken back yet.

    Raises:
        NotFound: there is no such import.
        IllegalTransition: it was taken back before.
    """
    imported, before = _find(postbox.book.read(), seq)
    answer: list[ImportUndone] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        data = imported.data
        withdrawn, kept = _still_waiting(db, data.get("sent", ()))
        returned = [d for kind in ("settled", "withdrawn") for d in _settled(db, data.get(kind, ()), data["agent"])]
        drafts = [Draft("message.withdrawn", by, {"id": i, "recipient": r}) for i, r in withdrawn]
        drafts += [Draft("message.retried", by, {"id": i, "recipient": r}) for i, r in returned]
        drafts += [Draft("message.amended", by, {"id": i, "changes": old}) for i, old in before.items()]
        answer.append(ImportUndone(imported.seq, _ids(withdrawn), _ids(returned), tuple(before), tuple(kept)))
        return [*drafts, Draft("mail.undone", by, {"import": imported.seq, "agent": data["agent"]})]

    postbox.book.append(decide)
    return answer[0]


def _find(events: Iterable[Event], seq: int | None) -> tuple[Event, dict[str, Mapping[str, Any]]]:
    """Return the import, and for each message it changed the changed keys as they were before."""
    imports: dict[int, Event] = {}
    undone: set[int] = set()
    bodies: dict[str, dict[str, Any]] = {}
    changed: dict[int, dict[str, Mapping[str, Any]]] = {}
    pending: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.kind == "message.sent":
            bodies[event.data["message"]["id"]] = dict(event.data["message"])
        elif event.kind == "message.amended":
            body, changes = bodies.setdefault(event.data["id"], {}), event.data["changes"]
            pending[event.data["id"]] = {key: body.get(key) for key in changes}
            body.update(changes)
        elif event.kind == "mail.imported":
            imports[event.seq] = event
            changed[event.seq] = {name: pending[name] for name in event.data.get("amended", ()) if name in pending}
            pending.clear()
        elif event.kind == "mail.undone":
            undone.add(event.data["import"])
    if seq in undone:
        raise IllegalTransition(f"import {seq} was taken back before", hint="see `bluelabel log`")
    wanted = seq if seq is not None else max(imports.keys() - undone, default=0)
    if wanted not in imports:
        hint = "imports are the events mail.imported of `bluelabel log`"
        raise NotFound("no import to take back", where=str(seq) if seq else None, hint=hint)
    return imports[wanted], changed[wanted]


def _still_waiting(db: sqlite3.Connection, ids: Iterable[str]) -> tuple[list[tuple[str, str]], list[str]]:
    waiting: list[tuple[str, str]] = []
    kept: list[str] = []
    for message_id in ids:
        for item in queries.of_message(db, message_id):
            if item.state == DeliveryState.SENT:
                waiting.append((message_id, item.recipient))
            elif item.state != DeliveryState.WITHDRAWN:
                kept.append(message_id)
    return waiting, kept


def _settled(db: sqlite3.Connection, ids: Iterable[str], agent: str) -> list[tuple[str, str]]:
    """Return what the import had settled in its owner's mailbox, or withdrawn from anybody's."""
    open_states = (DeliveryState.SENT, DeliveryState.CLAIMED)
    return [
        (message_id, item.recipient)
        for message_id in ids
        for item in queries.of_message(db, message_id)
        if item.state not in open_states and agent in (item.recipient, item.message.sender)
    ]


def _ids(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(message_id for message_id, _ in pairs))
