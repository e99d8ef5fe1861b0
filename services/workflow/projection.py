"""The tables of runs, computed from the ledger's events alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.writes import Writes

DDL: Final = """
CREATE TABLE IF NOT EXISTS dag_runs (
    run_id TEXT PRIMARY KEY, dag_id TEXT NOT NULL, status TEXT NOT NULL, created TEXT NOT NULL, started TEXT,
    ended TEXT, error TEXT, meta TEXT NOT NULL, epoch INTEGER NOT NULL DEFAULT 0, owner TEXT, cancel TEXT,
    made INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dag_runs_made ON dag_runs (made);
CREATE INDEX IF NOT EXISTS dag_runs_status ON dag_runs (status, made);
CREATE TABLE IF NOT EXISTS dag_steps (
    run_id TEXT NOT NULL, step_id TEXT NOT NULL, place INTEGER NOT NULL, status TEXT NOT NULL, started TEXT, ended TEXT,
    retry_count INTEGER NOT NULL DEFAULT 0, max_retries INTEGER NOT NULL, error TEXT, result TEXT, meta TEXT NOT NULL,
    PRIMARY KEY (run_id, step_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dag_history (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, n INTEGER NOT NULL, step_id TEXT NOT NULL, was TEXT,
    status TEXT NOT NULL, t TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT, detail TEXT,
    PRIMARY KEY (run_id, seq, n)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dag_approvals (
    run_id TEXT NOT NULL, step_id TEXT NOT NULL, seq INTEGER NOT NULL, verdict TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT, at TEXT NOT NULL, PRIMARY KEY (run_id, step_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dag_schedules (name TEXT PRIMARY KEY, due TEXT NOT NULL, run_id TEXT) WITHOUT ROWID
"""

_HISTORY = "INSERT INTO dag_history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_STEP = (
    "INSERT INTO dag_steps"
    " (run_id, step_id, place, status, started, ended, retry_count, max_retries, error, result, meta)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HERE = " WHERE run_id = ? AND step_id = ?"
_MOVES: Final[Mapping[str, str]] = {
    "running": "UPDATE dag_steps SET status = 'running', started = COALESCE(started, ?), ended = NULL" + _HERE,
    "success": "UPDATE dag_steps SET status = 'success', ended = ?, error = NULL, result = ?" + _HERE,
    "failed": "UPDATE dag_steps SET status = 'failed', ended = ?, error = ?" + _HERE,
    "retry": "UPDATE dag_steps SET status = 'retry', ended = NULL, error = NULL, retry_count = ?" + _HERE,
    "skipped": "UPDATE dag_steps SET status = 'skipped', ended = ?" + _HERE,
    "cancelled": "UPDATE dag_steps SET status = 'cancelled', ended = ?" + _HERE,
}
_INTERRUPTED = "UPDATE dag_steps SET status = 'pending', ended = NULL" + _HERE
_RESET = (
    "UPDATE dag_steps SET status = 'pending', started = NULL, ended = NULL, error = NULL, result = NULL,"
    " retry_count = 0" + _HERE
)
_ADDED = 1_000_000_000  # steps that were added later stand behind those that the run was made with
_DETAILS = ("error_type", "trace", "delay", "interrupted")


class RunsProjection:
    """Keeps `dag_runs`, `dag_steps`, `dag_history`, `dag_approvals` and `dag_schedules`."""

    name = "dag"
    version = 2
    ddl = DDL

    def __init__(self) -> None:
        self._rules: dict[str, Callable[[Writes, Event, Mapping[str, Any]], None]] = {
            "step.status": _step_status,
            "run.created": _run_created,
            "run.status": _run_status,
            "run.owner": _run_owner,
            "run.cancelling": _run_cancelling,
            "run.deleted": _run_deleted,
            "approval.given": _approval_given,
            "schedule.fired": _schedule_fired,
        }

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event."""
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(writes, event, event.data)


def _step_status(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    run, step, to, moment = data["run"], data["step"], data["status"], data["t"]
    about, count = (run, step), data.get("n", 0)
    if to == "running":
        writes.put(about, _MOVES[to], (moment, run, step))
    elif to == "success":
        result = data.get("result")
        writes.put(about, _MOVES[to], (moment, None if result is None else dumps(result), run, step))
    elif data["was"] is None:
        meta = dumps(data.get("meta") or {})
        writes.put(
            about, _STEP, (run, step, _ADDED + event.seq, to, None, None, 0, data.get("max", 3), None, None, meta)
        )
        return
    elif to == "failed":
        writes.put(about, _MOVES[to], (moment, data.get("reason"), run, step))
    elif to == "retry":
        writes.put(about, _MOVES[to], (count, run, step))
    elif to == "pending":
        writes.put(about, _INTERRUPTED if data.get("interrupted") else _RESET, (run, step))
        if not data.get("interrupted"):  # what was said about it before does not count for the next time
            writes.db.execute("DELETE FROM dag_approvals WHERE run_id = ? AND step_id = ?", (run, step))
    else:
        writes.put(about, _MOVES[to], (moment, run, step))
    found = {key: data[key] for key in _DETAILS if key in data}
    detail = dumps(found) if found else None
    writes.put(
        _HISTORY, _HISTORY, (run, event.seq, 0, step, data["was"], to, moment, count, data.get("reason"), detail)
    )


def _run_created(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    db, run, meta = writes.db, data["run"], dumps(data.get("meta") or {})
    db.execute(
        "INSERT INTO dag_runs (run_id, dag_id, status, created, started, ended, error, meta, made)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(run, data["dag"], data.get("status", "created"), data["t"], data.get("started"), data.get("ended")),
            *(data.get("error"), meta, event.seq),
        ),
    )
    db.executemany(_STEP, (_created_step(run, place, step) for place, step in enumerate(data.get("steps") or ())))
    for n, move in enumerate(data.get("past") or ()):
        row = (run, event.seq, n, move["step"], move["was"], move["status"], move["t"], move["n"], move.get("reason"))
        db.execute(_HISTORY, (*row, None))


def _created_step(run: str, place: int, step: Mapping[str, Any]) -> tuple[Any, ...]:
    result = step.get("result")
    return (
        *(run, step["id"], place, step.get("status", "pending"), step.get("started"), step.get("ended")),
        *(step.get("n", 0), step.get("max", 3), step.get("error"), None if result is None else dumps(result)),
        dumps(step.get("meta") or {}),
    )


def _run_status(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    run, was, to, moment = data["run"], data["was"], data["status"], data["t"]
    db, reason, meta = writes.db, data.get("reason"), data.get("meta")
    if meta:
        row = db.execute("SELECT meta FROM dag_runs WHERE run_id = ?", (run,)).fetchone()
        if row is not None:
            db.execute("UPDATE dag_runs SET meta = ? WHERE run_id = ?", (dumps({**json.loads(row[0]), **meta}), run))
    if was == to:
        return
    if to in ("running", "retry"):
        started = moment if to == "running" else None
        db.execute(
            "UPDATE dag_runs SET status = ?, started = COALESCE(started, ?), ended = NULL, error = NULL, cancel = NULL"
            " WHERE run_id = ?",
            (to, started, run),
        )
    else:
        db.execute(
            "UPDATE dag_runs SET status = ?, started = COALESCE(started, ?), ended = ?, error = ?, cancel = NULL"
            " WHERE run_id = ?",
            (to, moment, moment, reason, run),
        )
    db.execute(_HISTORY, (run, event.seq, 0, "", was, to, moment, 0, reason, None))


def _run_owner(writes: Writes, _event: Event, data: Mapping[str, Any]) -> None:
    owner = dumps({key: data[key] for key in ("pid", "host", "boot") if key in data})
    writes.db.execute("UPDATE dag_runs SET epoch = ?, owner = ? WHERE run_id = ?", (data["epoch"], owner, data["run"]))


def _run_cancelling(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    asked = dumps({"by": event.by, "reason": data.get("reason")})
    writes.db.execute("UPDATE dag_runs SET cancel = ? WHERE run_id = ?", (asked, data["run"]))


def _run_deleted(writes: Writes, _event: Event, data: Mapping[str, Any]) -> None:
    db = writes.db
    for table in ("dag_runs", "dag_steps", "dag_history", "dag_approvals"):
        db.execute(f"DELETE FROM {table} WHERE run_id = ?", (data["run"],))


def _approval_given(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    row = (data["run"], data["step"], event.seq, data["verdict"], event.by, data.get("reason"), event.at)
    writes.db.execute("INSERT INTO dag_approvals VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _schedule_fired(writes: Writes, _event: Event, data: Mapping[str, Any]) -> None:
    row = (data["schedule"], data["due"], data.get("run"))
    writes.db.execute("INSERT OR REPLACE INTO dag_schedules VALUES (?, ?, ?)", row)
