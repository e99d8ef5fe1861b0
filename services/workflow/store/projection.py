"""The tables of runs, computed from the ledger's events alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.write_batch import Writes
from bluelabel.services.workflow.model.step_state import REMEMBERED
from bluelabel.services.workflow.store.transition_batch import Moves, write_history

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
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, t TEXT NOT NULL, moves TEXT NOT NULL, PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dag_approvals (
    run_id TEXT NOT NULL, step_id TEXT NOT NULL, seq INTEGER NOT NULL, verdict TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT, at TEXT NOT NULL, PRIMARY KEY (run_id, step_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dag_schedules (
    name TEXT PRIMARY KEY, due TEXT NOT NULL, run_id TEXT, cron TEXT, waiting TEXT, skipped INTEGER NOT NULL DEFAULT 0,
    behind TEXT
) WITHOUT ROWID
"""

_STEP = (
    "INSERT INTO dag_steps"
    " (run_id, step_id, place, status, started, ended, retry_count, max_retries, error, result, meta)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADDED = 1_000_000_000  # steps that were added later stand behind those that the run was made with


class RunsProjection:
    """Keeps `dag_runs`, `dag_steps`, `dag_history`, `dag_approvals` and `dag_schedules`."""

    name = "dag"
    version = 4
    ddl = DDL

    def __init__(self) -> None:
        self._rules: dict[str, Callable[[Writes, Event, Mapping[str, Any]], None]] = {
            "step.status": _step_status,
            "run.created": _run_created,
            "run.status": _run_status,
            "run.redefined": _run_redefined,
            "run.owner": _run_owner,
            "run.cancelling": _run_cancelling,
            "run.deleted": _run_deleted,
            "approval.given": _approval_given,
            "schedule.fired": _schedule_fired,
            "schedule.noted": _schedule_noted,
            "schedule.skipped": _schedule_held_back,
            "schedule.queued": _schedule_held_back,
        }

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event."""
        rule = self._rules.get(event.kind)
        if rule is not None:
            rule(writes, event, event.data)


def _step_status(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    run, step = data["run"], data["step"]
    if data["was"] is None:
        meta = dumps(data.get("meta") or {})
        row = (run, step, _ADDED + event.seq, data["status"], None, None, 0, data.get("max", 3), None, None, meta)
        writes.put((run, step), _STEP, row)
        return
    if data["status"] == "pending" and not data.get("interrupted"):
        # what was said about it before does not count for the next time
        writes.db.execute("DELETE FROM dag_approvals WHERE run_id = ? AND step_id = ?", (run, step))
    writes.gather(Moves).add(event)


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
    past = data.get("past")
    if past:
        moves = ((m["step"], m["was"], m["status"], m["t"], m["n"], m.get("reason"), None, event.seq) for m in past)
        write_history(db, run, list(moves))


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
    write_history(db, run, [("", was, to, moment, 0, reason, None, event.seq)])


def _run_redefined(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    _run_status(writes, event, data)
    db, run = writes.db, data["run"]
    for place, step in enumerate(data["steps"]):
        where = (run, step["id"])
        row = db.execute("SELECT meta FROM dag_steps WHERE run_id = ? AND step_id = ?", where).fetchone()
        if row is None:
            db.execute(_STEP, _created_step(run, place, step))
            continue
        db.execute("UPDATE dag_steps SET place = ? WHERE run_id = ? AND step_id = ?", (place, *where))
        if "meta" in step:
            old = json.loads(row[0])
            meta = {**step["meta"], **{key: old[key] for key in REMEMBERED if key in old}}
            values = (step["max"], dumps(meta), *where)
            db.execute("UPDATE dag_steps SET max_retries = ?, meta = ? WHERE run_id = ? AND step_id = ?", values)


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
    if data.get("run") is None:  # so it was written where nothing was started
        _schedule_noted(writes, _event, data)
        return
    _know_schedule(writes, data)
    writes.db.execute(
        "UPDATE dag_schedules SET due = MAX(due, ?), run_id = ?, waiting = NULLIF(waiting, ?), skipped = 0,"
        " behind = CASE WHEN NULLIF(waiting, ?) IS NULL THEN NULL ELSE behind END WHERE name = ?",
        (data["due"], data["run"], data["due"], data["due"], data["schedule"]),
    )


def _schedule_noted(writes: Writes, _event: Event, data: Mapping[str, Any]) -> None:
    _know_schedule(writes, data)
    writes.db.execute("UPDATE dag_schedules SET due = ? WHERE name = ?", (data["due"], data["schedule"]))


def _schedule_held_back(writes: Writes, event: Event, data: Mapping[str, Any]) -> None:
    _know_schedule(writes, data)
    due, waits = data["due"], event.kind == "schedule.queued"
    waiting = "?" if waits else "NULLIF(waiting, ?)"
    writes.db.execute(
        f"UPDATE dag_schedules SET due = MAX(due, ?), waiting = {waiting}, skipped = skipped + ?, behind = ?"
        " WHERE name = ?",
        (due, due, 0 if waits else 1, data.get("behind"), data["schedule"]),
    )


def _know_schedule(writes: Writes, data: Mapping[str, Any]) -> None:
    writes.db.execute(
        "INSERT INTO dag_schedules (name, due, cron) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET cron = COALESCE(excluded.cron, cron)",
        (data["schedule"], data["due"], data.get("cron")),
    )
