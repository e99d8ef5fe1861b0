"""What happened in a run, moment by moment, from its JSON object: events, and a span for each attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.times import from_text, to_text
from bluelabel.services.workflow.model.states import attempts

_RUN_EVENTS: Final = {
    "created": "dag_create", "running": "dag_start", "success": "dag_complete", "partial_success": "dag_complete",
    "failed": "dag_fail", "cancelled": "dag_cancel", "retry": "dag_retry",
}  # fmt: skip
_STEP_EVENTS: Final = {
    "pending": "step_reset", "running": "step_start", "success": "step_complete", "failed": "step_fail",
    "retry": "step_retry", "skipped": "step_skip", "cancelled": "step_cancel",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One moment.

    Args:
        at: when.
        event_type: ``dag_start``, ``step_complete`` and so on.
        step_id: the step, or None for the run.
        status: where it stood afterwards.
        attempt: which attempt, from 1; None for the run.
        duration_ms: of the attempt or run that ended here, in milliseconds.
        message: the error or the reason.
    """

    at: datetime
    event_type: str
    step_id: str | None
    status: str
    attempt: int | None = None
    duration_ms: float | None = None
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return its object, without what is not known."""
        row = {
            "timestamp": to_text(self.at),
            "event_type": self.event_type,
            "step_id": self.step_id,
            "status": self.status,
            "attempt": self.attempt,
            "duration_ms": self.duration_ms,
            "message": self.message,
        }
        return {key: value for key, value in row.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt of a step: when it began and ended (None while it runs), and how."""

    step_id: str
    attempt: int
    start: datetime
    end: datetime | None
    status: str
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return its object."""
        return {
            "step_id": self.step_id,
            "attempt": self.attempt,
            "start_time": to_text(self.start),
            "end_time": None if self.end is None else to_text(self.end),
            "status": self.status,
            "error": self.message,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole run: `run` is its object as it was given."""

    run: Mapping[str, Any]
    events: tuple[TraceEvent, ...]
    spans: tuple[Span, ...]

    @property
    def start(self) -> datetime | None:
        """The first moment that is known."""
        return self.events[0].at if self.events else None

    @property
    def end(self) -> datetime | None:
        """The last moment that is known."""
        return self.events[-1].at if self.events else None


def trace(run: Mapping[str, Any]) -> Trace:
    """Return the trace of a run.

    Args:
        run: its JSON object. Where it keeps a history (``metadata.history``), every move is there; otherwise the trace
            is made from start and end times and the history of errors.
    """
    events = list(_run_events(run))
    spans: list[Span] = []
    for step_id, state in steps_of(run).items():
        moves = _moves(state) or _moves_from_times(state)
        found, made = _step_events(step_id, moves)
        events += found
        spans += made
    order = {name: place for place, name in enumerate(("dag_create", "dag_start"))}
    last = {"dag_complete", "dag_fail", "dag_cancel"}
    events.sort(key=lambda event: (event.at, 3 if event.event_type in last else order.get(event.event_type, 2)))
    spans.sort(key=lambda span: (span.start, span.step_id, span.attempt))
    return Trace(run, tuple(events), tuple(spans))


def trace_json(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trace of a run as a JSON object: head, steps, events, spans."""
    found = trace(run)
    head = ("dag_id", "run_id", "status", "start_time", "end_time", "duration_seconds", "total_retries", "error")
    steps = {
        name: {key: state.get(key) for key in ("status", "retry_count", "max_retries", "error", "duration_seconds")}
        for name, state in steps_of(run).items()
    }
    return {
        "schema": "bluelabel.trace/1",
        **{key: run.get(key) for key in head},
        "steps": steps,
        "events": [event.as_json() for event in found.events],
        "spans": [span.as_json() for span in found.spans],
    }


def steps_of(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the steps of a run's object by id; what is no object is left out."""
    rows = as_mapping(run.get("steps"))
    return {name: as_mapping(row) for name, row in rows.items() if _is_mapping(row)}


def errors_of(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the errors that a step remembers, oldest first."""
    return _rows(state, "error_history")


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def moment(value: object) -> datetime | None:
    """Return the moment that a run file's text names, or None."""
    try:
        return from_text(value) if isinstance(value, str) else None
    except UsageError:
        return None


@dataclass(frozen=True, slots=True)
class _Move:
    at: datetime
    status: str
    reason: str | None = None


def _moves(state: Mapping[str, Any]) -> list[_Move]:
    found: list[_Move] = []
    for row in _rows(state, "history"):
        at = moment(row.get("timestamp"))
        if at is not None and isinstance(row.get("to"), str):
            found.append(_Move(at, str(row["to"]).lower(), _text(row.get("reason"))))
    return found


def _moves_from_times(state: Mapping[str, Any]) -> list[_Move]:
    start, end = moment(state.get("start_time")), moment(state.get("end_time"))
    status = str(state.get("status") or "").lower()
    moves = [_Move(start, "running")] if start is not None else []
    for entry in errors_of(state):
        at = moment(entry.get("timestamp"))
        if at is not None and start is not None and (end is None or at < end):
            moves += [_Move(at, "retry", _text(entry.get("error"))), _Move(at, "running")]
    if status == "retry" and moves and moves[-1].status == "running" and len(moves) > 1:
        moves.pop()
    elif end is not None and status:
        moves.append(_Move(end, status, _text(state.get("error"))))
    return moves


def _rows(state: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows: object = as_mapping(state.get("metadata")).get(key)
    found = cast("list[object]", rows) if isinstance(rows, list) else []
    return [as_mapping(row) for row in found if _is_mapping(row)]


def _run_events(run: Mapping[str, Any]) -> Iterator[TraceEvent]:
    began: datetime | None = None
    for move in _moves(run) or _moves_from_times(run):
        if move.status == "running" and began is None:
            began = move.at
        ended = move.status in {"success", "failed", "cancelled", "partial_success"}
        duration = _milliseconds(began, move.at) if ended else None
        kind = _RUN_EVENTS.get(move.status, "info")
        yield TraceEvent(move.at, kind, None, move.status, None, duration, move.reason)


def _step_events(step_id: str, moves: list[_Move]) -> tuple[list[TraceEvent], list[Span]]:
    events: list[TraceEvent] = []
    spans: list[Span] = []
    attempt, began = 1, cast("datetime | None", None)
    numbers = attempts((move.status, move.reason) for move in moves)
    for move, attempt in zip(moves, numbers, strict=True):
        ended = move.status in {"success", "failed", "cancelled", "retry", "skipped"}
        duration = _milliseconds(began, move.at) if ended else None
        kind = _STEP_EVENTS.get(move.status, "info")
        events.append(TraceEvent(move.at, kind, step_id, move.status, attempt, duration, move.reason))
        if move.status == "running":
            began = move.at
        elif began is not None:
            spans.append(Span(step_id, attempt, began, move.at, move.status, move.reason))
            began = None
    if began is not None:
        spans.append(Span(step_id, attempt, began, None, "running"))
    return events, spans


def _milliseconds(start: datetime | None, end: datetime) -> float | None:
    return None if start is None else max(0.0, round((end - start).total_seconds() * 1000, 3))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
