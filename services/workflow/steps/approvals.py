"""Approvals: a person's word on one step, given from any worktree, kept as an event."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from bluelabel.interfaces.errors import Conflict, NotFound, Refused
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import nearest
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.store.records import has_run, missing_run

_ASKED = "SELECT status, started, meta FROM dag_steps WHERE run_id = ? AND step_id = ?"
_GIVEN = "SELECT verdict, by, reason, at FROM dag_approvals WHERE run_id = ? AND step_id = ? ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class Approval:
    """What was said about a step, by whom, and when (UTC text)."""

    approved: bool
    by: str
    reason: str | None
    at: str

    def as_json(self) -> dict[str, Any]:
        """Return the result that the step gets."""
        found: dict[str, Any] = {"approved": self.approved, "by": self.by, "at": self.at}
        return found if self.reason is None else {**found, "reason": self.reason}


def give(book: Book, run_id: str, step_id: str, *, approved: bool, by: str, reason: str | None = None) -> None:
    """Approve or reject a step that waits.

    Raises:
        NotFound: there is no such run, or the run has no such step.
        Conflict: the step does not wait for an approval, or somebody has spoken already.
        Refused: it waits for somebody else.
    """

    def decide(db: sqlite3.Connection) -> list[Draft]:
        _check(db, run_id, step_id, by)
        verdict = "approved" if approved else "rejected"
        data = {"run": run_id, "step": step_id, "verdict": verdict}
        return [Draft("approval.given", by, data if reason is None else {**data, "reason": reason})]

    book.append(decide)


def given(book: Book, run_id: str, step_id: str) -> Approval | None:
    """Return what was said about a step since it last began, or None."""
    with book.reading() as db:
        row = db.execute(_GIVEN, (run_id, step_id)).fetchone()
    return None if row is None else Approval(row[0] == "approved", row[1], row[2], row[3])


def _check(db: sqlite3.Connection, run_id: str, step_id: str, by: str) -> None:
    import json

    if not has_run(db, run_id):
        raise missing_run(db, run_id)
    row = db.execute(_ASKED, (run_id, step_id)).fetchone()
    if row is None:
        names = [found[0] for found in db.execute("SELECT step_id FROM dag_steps WHERE run_id = ?", (run_id,))]
        close = nearest(step_id, names)
        hint = f"did you mean {', '.join(close)}?" if close else "see the steps with `run dag --status`"
        raise NotFound(f"no step of run {run_id}", where=step_id, hint=hint)
    status, started, meta = row
    earlier = db.execute(_GIVEN, (run_id, step_id)).fetchone()
    if earlier is not None:
        raise Conflict(f"it was {earlier[0]} by {earlier[1]} already", where=step_id)
    asked: dict[str, Any] | None = json.loads(meta).get("approval")
    if asked is None:
        raise Conflict("this step needs no approval", where=step_id, hint="see what waits with `run dag --status`")
    if started is None or status not in ("running", "pending"):
        raise Conflict(f"the step does not wait for an approval: it is {status.upper()}", where=step_id)
    allowed = [name for name in (asked.get("by"), asked.get("escalate_to")) if name]
    if allowed and by not in allowed:
        raise Refused(f"the step waits for {' or '.join(allowed)}, not for {by}", where=step_id)
