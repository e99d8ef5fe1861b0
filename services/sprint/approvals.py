"""Approvals: merge, tag and push happen only after a person agreed to exactly what is to be done."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.events import Draft
from bluelabel.services.sprint.desk import Desk
from bluelabel.services.sprint.projection import key_of, notes
from bluelabel.services.sprint.record import Record


class ApprovalNeeded(Refused):
    """A person has to agree first; the request is in the ledger."""


def approve(desk: Desk, record: Record, step: str, request: Mapping[str, Any], words: str) -> None:
    """Make sure that a person agreed to this very request.

    An approval counts for the request that was put before it, not for what has become of it since: a branch that
    moved on needs another one.

    Args:
        desk: the clerk's tools.
        record: the closing; for a step in `agreed` the caller agrees to what is requested now, and that is recorded.
        step: the step that asks.
        request: what is to be done, in full.
        words: the same for a person.

    Raises:
        ApprovalNeeded: nobody agreed yet.
        Refused: a person said no.
    """
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    plan, agreed = record.sprint.plan, step in record.agreed
    verdict: list[str | None] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        asked = [note for note in notes(db, key_of(plan), "approval-asked") if note.data.get("step") == step][-1:]
        fits = [note for note in asked if note.data.get("digest") == digest and note.data.get("run") == record.run_id]
        given = _answer(db, record.run_id, step, fits[0].seq) if fits else None
        verdict[:] = ["approved" if agreed else given]
        if given == "approved":
            return []
        data = {"run": record.run_id, "step": step, "digest": digest, "request": dict(request), "words": words}
        question = [] if fits else [desk.noted(plan, "approval-asked", data)]
        answer = {"run": record.run_id, "step": step, "verdict": "approved", "reason": words}
        return [*question, *([Draft("approval.given", desk.actor, answer)] if agreed else [])]

    desk.book.append(decide)
    if verdict[0] is None:
        hint = f"agree with `bluelabel sprint closeout --approve {step}`, or to everything with --yes"
        raise ApprovalNeeded(f"a person has to agree: {words}", hint=hint)
    if verdict[0] != "approved":
        raise Refused(f"a person said no: {words}", hint=f"change it, or `bluelabel sprint closeout --approve {step}`")


def _answer(db: sqlite3.Connection, run_id: str, step: str, after: int) -> str | None:
    row = db.execute(
        "SELECT verdict FROM dag_approvals WHERE run_id = ? AND step_id = ? AND seq > ? ORDER BY seq DESC LIMIT 1",
        (run_id, step, after),
    ).fetchone()
    return None if row is None else str(row[0])
