"""Reads run files and run indexes, whoever wrote them, into the records that `bluelabel read` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import UnreadableInput, UsageError
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.times import from_text

RUN_STATUSES: Final = ("created", "running", "success", "failed", "retry", "cancelled", "partial_success")
STEP_STATUSES: Final = ("pending", "running", "success", "failed", "retry", "skipped", "cancelled")
_ENDED: Final = frozenset({"success", "failed", "cancelled", "partial_success"})
_OPEN: Final = frozenset({"pending", "running", "retry"})
_PLACE = re.compile(r":(\d+):(\d+)$")

Json = Mapping[str, Any]


def looks_like_run(data: bytes, file: str) -> bool:
    """Tell whether `data` is a workflow run, perhaps a broken one; `file` is its name."""
    if b'"dag_id"' not in data or b'"run_id"' not in data or not file.lower().endswith(".json"):
        return False
    value = _lenient(data)
    if value is None:
        return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"steps"' in data
    return isinstance(value.get("dag_id"), str) and "run_id" in value and "steps" in value


def looks_like_index(data: bytes, file: str) -> bool:
    """Tell whether `data` is an index of runs; an empty or broken one is known by its name."""
    name = file.replace("\\", "/").rsplit("/", 1)[-1].lower()
    by_name = "dag_runs_index" in name and name.endswith(".json")
    value = _lenient(data) if by_name or b'"dag_id"' in data else None
    if not value:
        return by_name
    rows = [row for row in map(_as_object, value.values()) if row is not None and {"dag_id", "status"} <= set(row)]
    known = len(rows) == len(value) and not any("steps" in row for row in rows)
    return known or (by_name and bool(rows))


def read_run(data: bytes, file: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the record of a run and what is odd about it.

    Args:
        data: the bytes of the file.
        file: its name, for the problems.

    Returns:
        ``{"dag_id", "run_id", "status", "total_retries", "steps": {ID: {"status", "retry_count", "max_retries"}}}``
        with values as the file has them (null where it has none), and the problems.
    """
    value, problems = _object(data, file)
    steps = _steps(value.get("steps"), problems)
    record = {key: value.get(key) for key in ("dag_id", "run_id", "status", "total_retries")}
    record["steps"] = {
        name: {key: step.get(key) for key in ("status", "retry_count", "max_retries")} for name, step in steps.items()
    }
    if value:
        _check_run(value, steps, problems)
        for name, step in steps.items():
            _check_step(name, step, problems)
    return record, tuple(problems)


def read_index(data: bytes, file: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return ``{RUN_ID: {"status"}}`` of an index with values as the file has them, and what is odd about it."""
    value, problems = _object(data, file)
    runs: dict[str, Any] = {}
    for run_id, row in value.items():
        entry = _as_object(row)
        if entry is None:
            problems.append(Problem("not-a-run", f"the entry {run_id!r} is no object", hint="remove it from the index"))
            continue
        runs[run_id] = {"status": entry.get("status")}
        _check_status(entry.get("status"), RUN_STATUSES, f"run {run_id}", problems)
        created, updated = (_moment(entry, key, f"run {run_id}", problems) for key in ("created_at", "updated_at"))
        if created and updated and updated < created:
            problems.append(Problem("time-order", f"run {run_id} was updated before it was created"))
        place = entry.get("file")
        if isinstance(place, str) and run_id not in place:
            problems.append(Problem("other-file", f"run {run_id} is said to be in {place!r}", hint="check the entry"))
    return runs, tuple(problems)


def _lenient(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _as_object(value: object) -> Json | None:
    return cast("Json", value) if isinstance(value, dict) else None


def _object(data: bytes, file: str) -> tuple[dict[str, Any], list[Problem]]:
    problems: list[Problem] = []
    try:
        value = strict_json.loads(data, file)
    except UnreadableInput as error:
        at = _PLACE.search(error.where or "")
        line, column = (int(at[1]), int(at[2])) if at else (None, None)
        problems.append(Problem("not-json", error.what, line, column, error.hint))
        # Twice the same key, or NaN: odd, but the rest can still be shown.
        value = _lenient(data) if len(data) <= MESSAGE_BYTES else None
    if not isinstance(value, dict):
        if not problems:
            problems.append(Problem("not-an-object", "expected one JSON object", 1, 1))
        return {}, problems
    return cast("dict[str, Any]", value), problems


def _steps(value: object, problems: list[Problem]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if isinstance(value, dict):
        pairs = list(cast("dict[str, object]", value).items())
    elif isinstance(value, list):
        rows = [(_as_object(row) or {}, row) for row in cast("list[object]", value)]
        pairs = [(str(row.get("step_id", place)), whole) for place, (row, whole) in enumerate(rows)]
    else:
        problems.append(Problem("no-steps", "the run has no map of steps", hint="steps is an object: step id to state"))
        return found
    for name, step in pairs:
        state = _as_object(step)
        if state is None:
            problems.append(Problem("not-a-step", f"step {name!r} is no object"))
        else:
            found[name] = state
    return found


def _check_run(run: Json, steps: Mapping[str, Json], problems: list[Problem]) -> None:
    status = run.get("status")
    _check_status(status, RUN_STATUSES, "the run", problems)
    for key in ("dag_id", "run_id"):
        if not isinstance(run.get(key), str):
            problems.append(Problem("no-id", f"{key} is missing", hint="a run has a dag_id and a run_id"))
    start, end = _moments(run, "the run", problems)
    word = str(status).lower()
    if word in _ENDED and not steps and "steps" in run:
        problems.append(Problem("ended-without-steps", f"the run is {word}, but it has no steps"))
    if word in _ENDED and end is None and (steps or start is not None):
        problems.append(Problem("no-end", f"the run is {word}, but has no end time"))
    if word == "created" and start is not None:
        problems.append(Problem("status-clash", "the run is created, but has a start time"))
    _check_states(word, {name: str(step.get("status")).lower() for name, step in steps.items()}, problems)
    counts = [step.get("retry_count") for step in steps.values()]
    total = sum(count for count in counts if isinstance(count, int))
    if isinstance(run.get("total_retries"), int) and run["total_retries"] != total:
        problems.append(Problem("retry-sum", f"total_retries is {run['total_retries']}, the steps have {total}"))


def _check_states(word: str, states: Mapping[str, str], problems: list[Problem]) -> None:
    if word in _ENDED:
        left = [name for name, state in states.items() if state in _OPEN]
        if left:
            problems.append(Problem("status-clash", f"the run is {word}, but a step is not at its end: {left[0]}"))
    failed = [name for name, state in states.items() if state == "failed"]
    if word == "success" and failed:
        problems.append(Problem("status-clash", f"the run is success, but a step failed: {failed[0]}"))
    waiting = [name for name, state in states.items() if state == "retry"]
    if word == "running" and waiting and "running" not in states.values():
        hint = f"nothing moves it on; `bluelabel run dag --retry` takes it up at {waiting[0]}"
        problems.append(Problem("left-behind", f"the run was left while {waiting[0]} waited for a retry", hint=hint))


def _check_step(name: str, step: Json, problems: list[Problem]) -> None:
    what = f"step {name}"
    _check_status(step.get("status"), STEP_STATUSES, what, problems)
    if "step_id" in step and step["step_id"] != name:
        problems.append(Problem("other-id", f"{what} calls itself {step['step_id']!r}"))
    count, most = step.get("retry_count"), step.get("max_retries")
    for key, number in (("retry_count", count), ("max_retries", most)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            problems.append(Problem("not-a-count", f"{what}: {key} is {number!r}", hint="a whole number from 0"))
    if isinstance(count, int) and isinstance(most, int) and count > most:
        problems.append(Problem("too-many-retries", f"{what} made {count} retries of {most}"))
    start, end = _moments(step, what, problems)
    word = str(step.get("status")).lower()
    if word in {"success", "failed"} and (start is None or end is None):
        problems.append(Problem("no-times", f"{what} is {word}, but its times are not complete"))


def _check_status(status: object, known: tuple[str, ...], what: str, problems: list[Problem]) -> None:
    if not isinstance(status, str) or status.lower() not in known:
        problems.append(
            Problem("unknown-status", f"{what} has the status {status!r}", hint=f"known: {', '.join(known)}")
        )


def _moments(holder: Json, what: str, problems: list[Problem]) -> tuple[datetime | None, datetime | None]:
    start, end = (_moment(holder, key, what, problems) for key in ("start_time", "end_time"))
    if start and end and end < start:
        problems.append(Problem("time-order", f"{what} ended before it started"))
    return start, end


def _moment(holder: Json, key: str, what: str, problems: list[Problem]) -> datetime | None:
    value = holder.get(key)
    if value is None:
        return None
    try:
        return from_text(str(value))
    except UsageError:
        problems.append(Problem("not-a-time", f"{what}: {key} is {str(value)[:40]!r}", hint="write RFC 3339, in UTC"))
        return None
