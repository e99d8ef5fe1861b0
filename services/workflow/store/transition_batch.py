"""The moves of steps on their way into the index: what a step came to in between is written once, as it ended up."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.strict_json import dumps

Move = tuple[str, str | None, str, str, int, str | None, Mapping[str, Any] | None, int]
"""A row of the history, as JSON keeps it: step, was, status, t, attempt, reason, details, seq; no step for the run."""

_DETAILS = ("error_type", "trace", "delay", "interrupted")
_TELLING = ("failed", "retry", "pending")
_HISTORY: Final = "INSERT INTO dag_history VALUES (?, ?, ?, ?)"
_SET: Final[Mapping[str, str]] = {
    "status": "status = ?",
    "ended": "ended = ?",
    "error": "error = ?",
    "result": "result = ?",
    "retries": "retry_count = ?",
    "first": "started = COALESCE(started, ?)",
    "started": "started = ?",
}


class Moves:
    """Gathers events of kind step.status. See `Writes.gather`."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str], dict[str, Any]] = {}
        self._history: dict[str, list[Move]] = {}

    def add(self, event: Event) -> None:
        """Take in one more move of a step that is in the tables, or will be before `write`."""
        data = event.data
        run, step, to, moment, count = data["run"], data["step"], data["status"], data["t"], data.get("n", 0)
        reason = data.get("reason")
        columns = self._steps.setdefault((run, step), {})
        columns["status"], columns["ended"] = to, None if to in ("running", "retry", "pending") else moment
        if to == "running":
            _begin(columns, moment)
        elif to == "success":
            result = data.get("result")
            columns["error"], columns["result"] = None, None if result is None else dumps(result)
        elif to == "failed":
            columns["error"] = reason
        elif to == "retry":
            columns["error"], columns["retries"] = None, count
        elif to == "pending" and not data.get("interrupted"):
            columns.pop("first", None)
            columns.update(started=None, error=None, result=None, retries=0)
        details = {key: data[key] for key in _DETAILS if key in data} if to in _TELLING else None
        move = (step, data["was"], to, moment, count, reason, details, event.seq)
        self._history.setdefault(run, []).append(move)

    def write(self, db: sqlite3.Connection) -> None:
        """Write everything that was taken in."""
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for where, columns in self._steps.items():
            groups.setdefault(tuple(columns), []).append((*columns.values(), *where))
        for names, rows in groups.items():
            pieces = ", ".join(_SET[name] for name in names)
            db.executemany(f"UPDATE dag_steps SET {pieces} WHERE run_id = ? AND step_id = ?", rows)
        for run, moves in self._history.items():
            write_history(db, run, moves)


def write_history(db: sqlite3.Connection, run: str, moves: list[Move]) -> None:
    """Write moves of a run, at least one and without gap, as one row of its history."""
    db.execute(_HISTORY, (run, moves[0][-1], moves[-1][3], dumps(moves)))


def _begin(columns: dict[str, Any], moment: str) -> None:
    if "started" not in columns:
        columns.setdefault("first", moment)
    elif columns["started"] is None:
        columns["started"] = moment
