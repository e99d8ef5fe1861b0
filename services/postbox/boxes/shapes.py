"""Which objects of a box file are messages, tasks or history, and where each shape keeps id, sender and status.

Every shape that teams of agents were seen to write is known here: ``{"messages": […]}``, arrays of envelopes, reports
and notifications in any mixture, ``{"tasks": […], "history": […]}``, status objects, single messages, signals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

Sort = Literal["message", "task", "history"]

LISTS: Final = ("messages", "reports")
"""Keys whose array holds messages."""

_STATUS_KEYS = ("active_tasks", "current_task", "completed_tasks", "task_completion")
_IDS = ("id", "message_id", "trace_id", "signal_id")
_TYPES = ("type", "message_type", "signal_type")
_SENDERS = ("sender", "sender_id", "from", "from_agent", "agent")
_RECIPIENTS = ("recipient", "recipient_id", "to", "to_agent")
_BODIES = ("content", "payload")
_OTHER_THINGS = frozenset({"$schema", "properties", "dag_id", "run_id", "step_id", "steps", "workflow", "workflow_id"})
_NO_BOX = frozenset({"$schema", "properties", "dag_id"})
_OF_BOXES = frozenset({*LISTS, "tasks", "history", "agent_id"})
_OF_HEADERS = frozenset({"postbox", "agent", "box", "rev"})
_TELLING = ("summary", "report", "details", "message", "notes", "implementation_summary")
_REPORT_HINTS = ("status", "timestamp", "summary", "details", "report", "completed_at", "content", "payload", "message")

_NOTHING: Final[Mapping[str, Any]] = {}

_LOOKED_AT = 1000
"""An array with no message among its first items is not a box."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a box file, what it is, and where it stands in the file."""

    sort: Sort
    raw: dict[str, Any]
    path: str


def is_header(value: object) -> bool:
    """Tell whether `value` is the first line of a view that this program wrote."""
    return isinstance(value, dict) and value.keys() >= _OF_HEADERS


def entries(value: object, path: str = "") -> Iterator[Entry] | None:
    """Return what a value of a box file holds, or None when it has none of the shapes.

    Args:
        value: a whole document.
        path: where it stands, for `Entry.path`.
    """
    if isinstance(value, list):
        items = cast("list[object]", value)
        return _of_list(items, path) if _is_box_list(items) else None
    if isinstance(value, dict):
        return _of_object(cast("dict[str, Any]", value), path)
    return None


def of_item(raw: dict[str, Any], path: str) -> Iterator[Entry]:
    """Return what one object of an array holds: itself, unless it is a whole box inside the box."""
    return _of_box_object(raw, path) or iter((Entry("message", raw, path),))


def looks_like_message(raw: Mapping[str, Any]) -> bool:
    """Tell whether an object that stands alone is a message, a report or a signal."""
    if _NO_BOX & raw.keys() or is_header(raw):
        return False
    has_type, has_sender, has_body = _has(raw, _TYPES), _has(raw, _SENDERS), _has(raw, _BODIES)
    has_recipient = _has(raw, _RECIPIENTS)
    if (has_type and (has_sender or has_recipient or has_body)) or (has_sender and has_recipient):
        return True
    if _OTHER_THINGS & raw.keys():
        return False
    return (
        (_text(raw, ("task_id", "task")) is not None and (has_type or _has(raw, _REPORT_HINTS)))
        or (_has(raw, _IDS) and (has_sender or has_body or (has_type and _has(raw, _REPORT_HINTS))))
        or (_has(raw, ("timestamp",)) and _has(raw, _TELLING))
        or "signal_id" in raw
        or _wrapped(raw) is not None
    )


def message_id(raw: Mapping[str, Any]) -> str | None:
    """Return the id that a message gives itself."""
    return _text(raw, _IDS)


def task_id(raw: Mapping[str, Any]) -> str | None:
    """Return the task that a message is about, wherever its shape keeps it."""
    inside = _wrapped(raw) or _NOTHING
    for place in (raw, _object(raw, "content"), _object(raw, "payload"), inside):
        if (found := _text(place, ("task_id",))) is not None:
            return found
    found = _text(raw, ("task",))
    return found if found is not None else _text(inside, ("task",))


def message_type(raw: Mapping[str, Any]) -> str | None:
    """Return the type of a message."""
    return _text(raw, _TYPES) or _text(_object(raw, "payload"), ("type",))


def sender(raw: Mapping[str, Any]) -> str | None:
    """Return who sent a message, as it says itself."""
    return _text(raw, _SENDERS)


def recipient(raw: Mapping[str, Any]) -> str | None:
    """Return whom a message is for; several names are joined by a comma."""
    found = _text(raw, _RECIPIENTS)
    if found is None:
        names = raw.get("recipients", raw.get("to"))
        if isinstance(names, list):
            found = ",".join(name for name in cast("list[object]", names) if isinstance(name, str)) or None
    return found


def status(raw: Mapping[str, Any]) -> str | None:
    """Return the status that a message or task reports."""
    for place in (raw, _object(raw, "content"), _object(raw, "payload")):
        if (found := _text(place, ("status",))) is not None:
            return found
    return None


def own_task_id(raw: Mapping[str, Any]) -> str | None:
    """Return the id of a task or of an entry of the history."""
    return _text(raw, ("task_id", "id", "task"))


def _of_list(items: list[object], path: str) -> Iterator[Entry]:
    for number, item in enumerate(items):
        if isinstance(item, dict) and not is_header(raw := cast("dict[str, Any]", item)):
            yield from of_item(raw, _join(path, number))


def _of_object(value: dict[str, Any], path: str) -> Iterator[Entry] | None:
    found = _of_box_object(value, path)
    if found is None and looks_like_message(value):
        return iter((Entry("message", value, path),))
    return found


def _of_box_object(value: dict[str, Any], path: str) -> Iterator[Entry] | None:
    """Return what a whole box holds, or None when `value` is not one."""
    if _OF_BOXES.isdisjoint(value) or not _NO_BOX.isdisjoint(value):
        return None
    has_list = any(_is_objects(value.get(key)) for key in LISTS)
    has_tasks = _is_objects(value.get("tasks")) and ("agent_id" in value or isinstance(value.get("history"), list))
    has_history = _is_objects(value.get("history")) and ("agent_id" in value or "agent_name" in value)
    is_status = (
        "agent_id" in value
        and "task_id" not in value
        and ("status" in value or "timestamp" in value)
        and (any(key in value for key in _STATUS_KEYS) or {"status", "timestamp"} <= value.keys())
    )
    if not (has_list or has_tasks or has_history or is_status):
        return None
    return _of_box(value, path)


def _of_box(value: dict[str, Any], path: str) -> Iterator[Entry]:
    for key in LISTS:
        items = value.get(key)
        if isinstance(items, list):
            yield from _of_list(cast("list[object]", items), _join(path, key))
    for sort, keys in (
        ("task", ("tasks", "active_tasks", "current_task")),
        ("history", ("history", "completed_tasks", "task_completion")),
    ):
        for key in keys:
            yield from _tasks(cast("Sort", sort), value.get(key), _join(path, key))


def _tasks(sort: Sort, value: object, path: str) -> Iterator[Entry]:
    """Yield the tasks of a list, or the one task that stands where a list might; a bare text is a task's id."""
    several = isinstance(value, list)
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    for number, item in enumerate(items):
        place = _join(path, number) if several else path
        if isinstance(item, dict):
            yield Entry(sort, cast("dict[str, Any]", item), place)
        elif isinstance(item, str) and item:
            yield Entry(sort, {"task_id": item}, place)


def _is_box_list(items: list[object]) -> bool:
    """Tell whether an array can be a box: empty, a view of ours, or with one object that tells something."""
    if not items:
        return True
    objects = [cast("dict[str, Any]", item) for item in items[:_LOOKED_AT] if isinstance(item, dict)]
    return any(
        is_header(item)
        or looks_like_message(item)
        or (not _OTHER_THINGS & item.keys() and _has(item, ("timestamp", *_TYPES)))
        or _of_box_object(item, "") is not None
        for item in objects
    )


def _is_objects(value: object) -> bool:
    if not isinstance(value, list):
        return False
    items = cast("list[object]", value)
    return not items or any(isinstance(item, dict) for item in items)


def _wrapped(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the report inside ``{"CA Reports": {…}}``."""
    if len(raw) == 1:
        key, value = next(iter(raw.items()))
        if isinstance(value, dict) and key.casefold().endswith(("report", "reports")):
            return cast("dict[str, Any]", value)
    return None


def _object(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else _NOTHING


def _text(raw: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        if key in raw:  # seldom: a box may hold very many objects, each with few of all keys that are known
            value = raw[key]
            if isinstance(value, str):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return None


def _has(raw: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return any(raw.get(key) is not None for key in keys)


def _join(path: str, part: str | int) -> str:
    return f"{path}/{part}" if path else str(part)
