"""Makes a message out of whatever somebody wrote into a box or a drop folder; nothing that it says is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from bluelabel.interfaces.errors import InvalidName, UsageError
from bluelabel.interfaces.limits import KEY_CHARS, SUBJECT_CHARS
from bluelabel.interfaces.messages import MESSAGE_FIELDS, Priority
from bluelabel.interfaces.names import identifier
from bluelabel.interfaces.times import from_text, to_text
from bluelabel.services.postbox.address_book import EVERYONE, Directory
from bluelabel.services.postbox.boxes import shapes
from bluelabel.services.postbox.boxes.shapes import Entry
from bluelabel.services.postbox.boxes.view_format import DELIVERY_KEYS
from bluelabel.services.postbox.outgoing import OutgoingMessage

_EVERYONE = frozenset({"ALL", "BROADCAST", "EVERYONE"})
_PRIORITIES: Final[Mapping[str, Priority]] = {
    "URGENT": Priority.CRITICAL,
    "NORMAL": Priority.MEDIUM,
    **{priority.value: priority for priority in Priority},
}
_FINAL_WORDS = re.compile(r"complete|done|success|fail|partial|closed|error", re.IGNORECASE)
_ADDRESS = ("recipient", "recipients", "recipient_id", "to", "to_agent")
_NAMES_OF_SENDER = ("sender", "sender_id", "from", "from_agent", "agent", "agent_id")
_ENVELOPE = frozenset({"type", "message_type", "signal_type", "subject", "priority", "task_id", "content", "payload"})


def outgoing_of(entry: Entry, agent: str, box: str, directory: Directory, key: str) -> OutgoingMessage:
    """Return the message that an entry stands for. Whether its recipients exist is not checked here.

    What an inbox or a drop folder holds goes to its owner; what an outbox holds comes from its owner, and goes to the
    coordinator when it names nobody. What the envelope has no place for is kept beside it, or in the content.

    Args:
        entry: what was written.
        agent: whose box.
        box: ``inbox``, ``outbox`` or ``drop``.
        directory: who there is.
        key: of the message, unless it brings its own.
    """
    raw = entry.raw
    sender, recipients, said = _address(raw, agent, box, directory)
    content, rest = _content(raw)
    task = shapes.own_task_id(raw) if entry.sort != "message" else shapes.task_id(raw)
    return OutgoingMessage(
        sender=sender,
        recipients=recipients,
        type=_type(entry, box),
        subject=_subject(raw),
        content=content,
        task_id=_identifier(task),
        thread=_identifier(raw.get("thread")),
        reply_to=_identifier(raw.get("reply_to")),
        priority=_priority(raw.get("priority")),
        not_before=_moment(raw.get("not_before")),
        expires_at=_moment(raw.get("expires_at")),
        key=_key(raw) or key,
        id=_identifier(shapes.message_id(raw)) if entry.sort == "message" else None,
        signature=_signature(raw),
        extra={**rest, **said},
    )


def _address(
    raw: Mapping[str, Any], agent: str, box: str, directory: Directory
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Return sender and recipients, and what the entry says of them where that was not followed."""
    claimed = next((raw[name] for name in _NAMES_OF_SENDER if isinstance(raw.get(name), str) and raw[name]), None)
    named = _recipients(raw, directory)
    if box == "outbox":
        said = {"said_sender": claimed} if claimed is not None and claimed != agent else {}
        fallback = directory.coordinator if directory.coordinator != agent else directory.human
        return agent, named or (fallback,), said
    sender = claimed if claimed in directory.mailboxes and claimed is not None else directory.human
    said = {"said_sender": claimed} if claimed is not None and claimed != sender else {}
    if named and agent not in named:
        said["said_recipients"] = list(named)
    return sender, (agent,), said


def _recipients(raw: Mapping[str, Any], directory: Directory) -> tuple[str, ...]:
    names: list[str] = []
    for key in _ADDRESS:
        value = raw.get(key)
        parts: Sequence[object] = cast("list[object]", value) if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, str):
                names += [name.strip() for name in part.split(",") if name.strip()]
    found = (EVERYONE if name.upper() in _EVERYONE else name for name in names)
    exact = {name.casefold(): name for name in (*directory.mailboxes, *directory.groups)}
    return tuple(
        dict.fromkeys(directory.human if name == "USER" else exact.get(name.casefold(), name) for name in found)
    )


def _content(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content, and what stands beside it in the envelope.

    A report is all content; an envelope has its content under one key, and what else it carries stays beside it.
    """
    used = {*_ADDRESS, *_NAMES_OF_SENDER, "id", "key", "thread", "reply_to", "not_before", "expires_at"}
    if _signature(raw) is not None:
        used.add("signature")  # it is about the content, and no part of it
    for key in ("content", "payload"):
        value = raw.get(key)
        if isinstance(value, dict):
            skip = used | _ENVELOPE | DELIVERY_KEYS | MESSAGE_FIELDS
            kept = {name: item for name, item in raw.items() if name not in skip}
            if key == "content" and raw.get("payload") is not None:
                kept["payload"] = raw["payload"]
            return cast("dict[str, Any]", value), kept | _told_of_delivery(raw) | _unfit(raw)
    content = {name: item for name, item in raw.items() if name not in used}
    body = content.pop("content", None)
    if body is not None:
        content.setdefault("body", body)
    return content, _unfit(raw)


def _unfit(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that an envelope's field cannot hold, under names of their own."""
    own_id, task = shapes.message_id(raw), shapes.task_id(raw)
    found: dict[str, Any] = {}
    if own_id is not None and _identifier(own_id) is None:
        found["said_id"] = own_id
    if task is not None and _identifier(task) is None:
        found["said_task_id"] = task
    for name in ("timestamp", "created_at"):
        if isinstance(raw.get(name), str) and raw[name]:
            found["said_at"] = raw[name]
            break
    for name, used in (
        ("thread", _identifier(raw.get("thread"))),
        ("reply_to", _identifier(raw.get("reply_to"))),
        ("not_before", _moment(raw.get("not_before"))),
        ("expires_at", _moment(raw.get("expires_at"))),
        ("key", _key(raw)),
        ("signature", _signature(raw)),
    ):
        if raw.get(name) not in (None, "") and used is None:
            found[f"said_{name}"] = raw[name]
    priority = raw.get("priority")
    if priority is not None and str(priority).upper() not in _PRIORITIES:
        found["said_priority"] = priority
    subject = raw.get("subject")
    if subject is not None and subject != _subject(raw):
        found["said_subject"] = subject
    return found


def _told_of_delivery(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an envelope says under names that here tell how far a message has come: its own words are kept."""
    return {f"said_{name}": raw[name] for name in ("result", "reason") if raw.get(name) is not None}


def _key(raw: Mapping[str, Any]) -> str | None:
    value = raw.get("key")
    return value if isinstance(value, str) and 0 < len(value) <= KEY_CHARS else None


def _signature(raw: Mapping[str, Any]) -> str | None:
    value = raw.get("signature")
    return value if isinstance(value, str) and value else None


def _type(entry: Entry, box: str) -> str:
    word = shapes.message_type(entry.raw) if entry.sort == "message" else None
    if word and word.strip():
        return re.sub(r"[\s\x00-\x1f]+", "_", word.strip())[:64]
    if entry.sort == "task" and box != "outbox":
        return "task_assignment"
    status = shapes.status(entry.raw)
    if status is None:
        return "task_assignment" if box != "outbox" and shapes.task_id(entry.raw) else "message"
    return "task_result" if _FINAL_WORDS.search(status) else "task_status"


def _subject(raw: Mapping[str, Any]) -> str:
    places = [
        raw,
        *(cast("dict[str, Any]", raw[key]) for key in ("content", "payload") if isinstance(raw.get(key), dict)),
    ]
    for key in ("subject", "title", "summary"):
        for place in places:
            value = place.get(key)
            if isinstance(value, str) and value.strip():
                line = value.strip().splitlines()[0]
                return line[:SUBJECT_CHARS] if key == "subject" else line[:120]
    return ""


def _priority(value: object) -> Priority:
    return _PRIORITIES.get(value.strip().upper(), Priority.MEDIUM) if isinstance(value, str) else Priority.MEDIUM


def _identifier(value: object) -> str | None:
    try:
        return identifier(value) if isinstance(value, str) else None
    except InvalidName:
        return None


def _moment(value: object) -> str | None:
    try:
        return to_text(from_text(value)) if isinstance(value, str) else None
    except (UsageError, OverflowError):
        return None
