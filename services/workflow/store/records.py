"""Between runs and the ledger: what a run looks like as events, and how the tables are read back into runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bluelabel.interfaces.errors import Conflict, NotFound
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import nearest
from bluelabel.interfaces.times import to_text
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.model.codec import parse_moment
from bluelabel.services.workflow.model.states import OPEN_RUN, DAGRunStatus, DAGStepStatus, Transition, naive
from bluelabel.services.workflow.model.step_state import DAGStepState, count_interruption


class RunRow(NamedTuple):
    """One line of a list of runs; times are texts in UTC."""

    run_id: str
    dag_id: str
    status: DAGRunStatus
    created_at: str
    updated_at: str
    start_time: str | None
    end_time: str | None
    error: str | None


_LIST = (
    "SELECT run_id, dag_id, status, created,"
    " COALESCE((SELECT t FROM dag_history h WHERE h.run_id = r.run_id ORDER BY seq DESC LIMIT 1), created),"
    " started, ended, error FROM dag_runs r"
)
_RUN = "SELECT dag_id, status, started, ended, error, meta, epoch FROM dag_runs WHERE run_id = ?"
_STEPS = (
    "SELECT step_id, status, started, ended, retry_count, max_retries, error, result, meta"
    " FROM dag_steps WHERE run_id = ? ORDER BY place"
)
_HISTORY = "SELECT moves FROM dag_history WHERE run_id = ? ORDER BY seq"


def created_draft(run: DAGRun, by: str) -> Draft:
    """Return the event that makes `run`, as it stands, with its past."""
    moves = [("", move) for move in run.history]
    moves += [(step.step_id, move) for step in run.steps.values() for move in step.history]
    moves.sort(key=lambda pair: pair[1].at)
    data: dict[str, Any] = {
        "run": run.run_id,
        "dag": run.dag_id,
        "t": to_text(run.now()),
        "status": run.status.value,
        "started": _text(run.start_time),
        "ended": _text(run.end_time),
        "error": run.error,
        "steps": [_step_data(step) for step in run.steps.values()],
        "meta": dict(run.metadata),
        "past": [_move_data(step_id, move) for step_id, move in moves],
    }
    return Draft("run.created", by, {key: value for key, value in data.items() if value not in (None, [], {})})


def change_drafts(run: DAGRun, changes: Sequence[Mapping[str, Any]], by: str) -> list[Draft]:
    """Return the events for what `DAGRun.take_changes` gave."""
    base: dict[str, Any] = {"run": run.run_id}
    if run.epoch:
        base["epoch"] = run.epoch
    return [Draft(_kind_of(change), by, {**base, **change}) for change in changes]


def _kind_of(change: Mapping[str, Any]) -> str:
    if "step" in change:
        return "step.status"
    return "run.redefined" if "steps" in change else "run.status"


def check_changes(db: sqlite3.Connection, run: DAGRun, changes: Sequence[Mapping[str, Any]]) -> None:
    """Refuse changes that start from a state which is no longer there.

    Raises:
        NotFound: the run is not in the ledger.
        Conflict: another runner took the run over, or somebody else moved the same step first.
    """
    row = db.execute("SELECT epoch, status FROM dag_runs WHERE run_id = ?", (run.run_id,)).fetchone()
    if row is None:
        raise missing_run(db, run.run_id)
    if row[0] != run.epoch:
        raise taken_over(run.run_id)
    seen: set[str] = set()
    for change in changes:
        step_id = change.get("step", "")
        if step_id in seen:
            continue
        seen.add(step_id)
        if step_id:
            sql = "SELECT status FROM dag_steps WHERE run_id = ? AND step_id = ?"
            found = db.execute(sql, (run.run_id, step_id)).fetchone()
        else:
            found = (row[1],)
        is_now = found[0] if found else None
        if is_now != change["was"]:
            hint = "read the run again and decide on its present state"
            what = f"somebody else moved it from {change['was']} to {is_now}"
            raise Conflict(what, where=f"{run.run_id} {step_id}".strip(), hint=hint)


def load_run(db: sqlite3.Connection, run_id: str) -> DAGRun | None:
    """Return a run as the tables have it, with its histories; None where there is none."""
    row = db.execute(_RUN, (run_id,)).fetchone()
    if row is None:
        return None
    dag_id, status, started, ended, error, meta, epoch = row
    steps = {found[0]: _load_step(found) for found in db.execute(_STEPS, (run_id,))}
    moves: dict[str, list[Transition]] = {}
    revision = 0
    for (text,) in db.execute(_HISTORY, (run_id,)):
        for step_id, was, to, moment, attempt, reason, details, seq in json.loads(text):
            move = Transition(parse_moment(moment), was, to, attempt, reason)
            past = moves.setdefault(step_id, [])
            if step_id in steps:
                _derive(steps[step_id], past[-1:], move, details or {})
            past.append(move)
            revision = seq
    for step_id, step in steps.items():
        step.restore(moves.get(step_id, ()))
    times = (_moment(started), _moment(ended))
    retries = sum(step.retry_count for step in steps.values())
    run = DAGRun(dag_id, run_id, status, steps, *times, retries, error, json.loads(meta))
    run.restore(moves.get("", ()), epoch=epoch, revision=revision)
    return run


def list_rows(
    db: sqlite3.Connection,
    dag_id: str | None = None,
    statuses: Sequence[DAGRunStatus] = (),
    limit: int | None = None,
) -> list[RunRow]:
    """Return runs, the newest first."""
    tests = ["dag_id = ?"] if dag_id is not None else []
    values: list[Any] = [dag_id] if dag_id is not None else []
    if statuses:
        tests.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += [status.value for status in statuses]
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    values.append(-1 if limit is None else limit)
    rows = db.execute(f"{_LIST}{where} ORDER BY made DESC LIMIT ?", values).fetchall()
    kinds = {status.value: status for status in DAGRunStatus}
    return [RunRow(a, b, kinds[status], *rest) for a, b, status, *rest in rows]


def statistics(db: sqlite3.Connection, dag_id: str | None = None) -> dict[str, Any]:
    """Return counts over all runs, or over one workflow's. See `DAGRunStore.get_statistics`."""
    where, values = ("WHERE r.dag_id = ?", (dag_id,)) if dag_id is not None else ("", ())
    counts = dict(db.execute(f"SELECT status, COUNT(*) FROM dag_runs r {where} GROUP BY status", values))
    seconds = f"SELECT AVG((julianday(ended) - julianday(started)) * 86400) FROM dag_runs r {where}"
    average = db.execute(seconds, values).fetchone()[0]
    sql = f"SELECT COUNT(*), TOTAL(s.retry_count) FROM dag_steps s JOIN dag_runs r USING (run_id) {where}"
    steps, retries = db.execute(sql, values).fetchone()
    ended = sum(count for status, count in counts.items() if DAGRunStatus(status) not in OPEN_RUN)
    return {
        "total_runs": sum(counts.values()),
        "status_counts": {status.value: counts.get(status.value, 0) for status in DAGRunStatus},
        "success_rate": counts.get("success", 0) / ended if ended else None,
        "average_duration_seconds": average,
        "total_steps": steps,
        "total_retries": int(retries),
    }


def has_run(db: sqlite3.Connection, run_id: str) -> bool:
    """Tell whether the tables have a run."""
    return db.execute("SELECT 1 FROM dag_runs WHERE run_id = ?", (run_id,)).fetchone() is not None


def run_ids(db: sqlite3.Connection) -> set[str]:
    """Return the names of all runs that the tables have."""
    return {row[0] for row in db.execute("SELECT run_id FROM dag_runs")}


def missing_run(db: sqlite3.Connection, run_id: str) -> NotFound:
    """Return the error for a run that is not there; the hint names the nearest."""
    newest = [row[0] for row in db.execute("SELECT run_id FROM dag_runs ORDER BY made DESC LIMIT 500")]
    close = nearest(run_id, newest)
    hint = f"did you mean {', '.join(close)}?" if close else "see them all with `bluelabel run dag --list`"
    return NotFound("no such run", where=run_id, hint=hint)


def taken_over(run_id: str) -> Conflict:
    """Return the error for a runner whose run another one owns by now."""
    hint = "nothing more was written by this one; watch the run with `bluelabel run dag --watch`"
    return Conflict("another runner has taken this run over", where=run_id, hint=hint)


def _load_step(row: tuple[Any, ...]) -> DAGStepState:
    step_id, status, started, ended, retries, most, error, result, meta = row
    value = None if result is None else json.loads(result)
    times = (_moment(started), _moment(ended))
    return DAGStepState(step_id, status, *times, retries, most, error, value, json.loads(meta))


def _derive(step: DAGStepState, before: Sequence[Transition], move: Transition, facts: Mapping[str, Any]) -> None:
    """Bring the part of the metadata that follows from the history up to date with one more move."""
    meta = step.metadata
    if move.status == DAGStepStatus.SKIPPED:
        meta["skip_reason"] = move.reason
    elif move.status == DAGStepStatus.PENDING:
        interrupted = bool(facts.get("interrupted"))
        count_interruption(meta, before, move, interrupted=interrupted)
        if not interrupted:
            meta.pop("skip_reason", None)
    elif "error_type" in facts:
        attempt = move.attempt + (move.status == DAGStepStatus.FAILED) + meta.get("interruptions", 0)
        entry = {
            "timestamp": naive(move.at),
            "attempt": attempt,
            "error": move.reason,
            "error_type": facts["error_type"],
        }
        if "trace" in facts:
            entry["traceback"] = facts["trace"]
        meta.setdefault("error_history", []).append(entry)


def _step_data(step: DAGStepState) -> dict[str, Any]:
    data: dict[str, Any] = {"id": step.step_id, "max": step.max_retries}
    if step.status is not DAGStepStatus.PENDING:
        data |= {"status": step.status.value, "started": _text(step.start_time), "ended": _text(step.end_time)}
    meta = {**step.metadata}
    if "error_history" in meta:
        meta["error_history"] = list(meta["error_history"])  # an event does not change with the step it is about
    data |= {"n": step.retry_count, "error": step.error, "result": step.result, "meta": meta}
    return {key: value for key, value in data.items() if key in ("max", "result") or value not in (None, 0, {})}


def _move_data(step_id: str, move: Transition) -> dict[str, Any]:
    data = {"step": step_id, "was": move.was, "status": move.status, "t": to_text(move.at), "n": move.attempt}
    return data if move.reason is None else {**data, "reason": move.reason}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_moment(text)
