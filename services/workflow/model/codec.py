"""Run files, key by key: from the values of JSON to the fields of a run or a step. Pure.

The family's own files are read too: lower-case or upper-case statuses, times with and without a zone, keys left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus, Transition

HISTORY = "history"
"""The key of `metadata` under which a snapshot keeps the moves."""

_Status = TypeVar("_Status", bound=StrEnum)


def step_fields(data: object, where: str = "step") -> dict[str, Any]:
    """Return the arguments of `DAGStepState` that the object of a step stands for.

    Raises:
        UnreadableInput: a value is not what the key stands for; names the step and the key.
    """
    found = _mapping(data, where)
    step_id = _text(found, "step_id", where)
    return {
        "step_id": step_id,
        "status": _status(found, DAGStepStatus.PENDING, step_id),
        "start_time": _moment(found, "start_time", step_id),
        "end_time": _moment(found, "end_time", step_id),
        "retry_count": _count(found, "retry_count", 0, step_id),
        "max_retries": _count(found, "max_retries", 3, step_id),
        "error": _error(found),
        "result": found.get("result"),
        "metadata": _without_history(found, step_id),
    }


def run_fields(data: object) -> dict[str, Any]:
    """Return the arguments of `DAGRun`, with `steps` as a list of `step_fields` and their histories.

    Raises:
        UnreadableInput: a value is not what the key stands for.
    """
    found = _mapping(data, "run")
    run_id = _text(found, "run_id", "run")
    return {
        "dag_id": str(found.get("dag_id") or "dag"),
        "run_id": run_id,
        "status": _status(found, DAGRunStatus.CREATED, run_id),
        "start_time": _moment(found, "start_time", run_id),
        "end_time": _moment(found, "end_time", run_id),
        "total_retries": _count(found, "total_retries", 0, run_id),
        "error": _error(found),
        "metadata": _without_history(found, run_id),
    }


def steps_of(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the step objects of a run, each with its `step_id`, in the file's order.

    Raises:
        UnreadableInput: `steps` is neither a mapping nor a list.
    """
    steps = data.get("steps")
    if steps is None:
        return []
    if isinstance(steps, Mapping):
        named = cast("Mapping[str, Any]", steps).items()
        return [{"step_id": name, **_mapping(step, name)} for name, step in named]
    if isinstance(steps, list):
        return [_mapping(step, "steps") for step in cast("list[object]", steps)]
    raise UnreadableInput("`steps` is neither an object nor a list", where=str(data.get("run_id")))


def history_of(data: Mapping[str, Any]) -> list[Transition]:
    """Return the moves that a snapshot keeps in `metadata.history`; entries that cannot be read are left out."""
    metadata = data.get("metadata")
    entries = cast("Mapping[str, Any]", metadata).get(HISTORY) if isinstance(metadata, Mapping) else None
    if not isinstance(entries, list):
        return []
    return [move for entry in cast("list[object]", entries) if (move := _transition(entry)) is not None]


def with_history(metadata: Mapping[str, Any], history: Iterable[Transition]) -> dict[str, Any]:
    """Return `metadata` as a snapshot keeps it: with the moves, where there are any."""
    moves = [move.as_json() for move in history]
    return {**metadata, HISTORY: moves} if moves else dict(metadata)


def parse_moment(text: str) -> datetime:
    """Return the moment that `text` names; without a zone it is UTC.

    Raises:
        ValueError: it names none.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _transition(entry: object) -> Transition | None:
    if not isinstance(entry, Mapping):
        return None
    found = cast("Mapping[str, Any]", entry)
    try:
        at = parse_moment(str(found.get("timestamp")))
    except ValueError:
        return None
    attempt = found.get("attempt", 0)
    return Transition(
        at, found.get("from"), str(found.get("to")), attempt if type(attempt) is int else 0, found.get("reason")
    )


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UnreadableInput("not an object", where=where, hint="look at the file with `bluelabel read`")
    return cast("Mapping[str, Any]", value)


def _text(found: Mapping[str, Any], key: str, where: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise UnreadableInput(f"`{key}` is missing", where=where, hint="look at the file with `bluelabel read`")
    return value


def _status(found: Mapping[str, Any], default: _Status, where: str) -> _Status:
    value = found.get("status")
    if value is None:
        return default
    kinds = type(default)
    try:
        return kinds(str(value).strip().lower())
    except ValueError:
        allowed = ", ".join(kind.value for kind in kinds)
        raise UnreadableInput(f"unknown status {str(value)[:40]!r}", where=where, hint=f"one of: {allowed}") from None


def _moment(found: Mapping[str, Any], key: str, where: str) -> datetime | None:
    value = found.get(key)
    if value is None:
        return None
    try:
        return parse_moment(str(value))
    except ValueError:
        hint = "write it as 2026-01-31T09:30:00Z"
        raise UnreadableInput(f"`{key}` is not a moment", where=where, hint=hint) from None


def _count(found: Mapping[str, Any], key: str, default: int, where: str) -> int:
    value = found.get(key, default)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise UnreadableInput(f"`{key}` is not a count", where=where, hint="write a whole number, 0 or more")
    return value


def _error(found: Mapping[str, Any]) -> str | None:
    value = found.get("error")
    return value if value is None or isinstance(value, str) else str(value)


def _without_history(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    metadata = found.get("metadata")
    kept = {} if metadata is None else dict(_mapping(metadata, where))
    if isinstance(kept.get(HISTORY), Sequence):
        kept.pop(HISTORY)
    return kept
