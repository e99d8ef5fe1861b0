"""Approvals: merge, tag and push happen only after a person agreed to exactly what is to be done."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, cast

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.events import Draft
from bluelabel.services.sprint.desk import Desk
from bluelabel.services.sprint.projection import key_of, notes
from bluelabel.services.sprint.record import Record


class ApprovalNeeded(Refused):
    """A person has to agree first; the request is in the ledger."""


def approve(desk: Desk, record: Record, step: str, request: Mapping[str, Any], words: str) -> None:
    """Make sure that a person agreed to this very request.

    An approval counts for what was requested then, and for a part of it that is left after an interruption; a branch
    that moved on since, or anything more, needs another one.

    Args:
        desk: the clerk's tools.
        record: the closing; for a step in `agreed` the caller agrees to what is requested now, and that is recorded.
        step: the step that asks.
        request: what is to be done, in full.
        words: the same for a person.

    Raises:
        ApprovalNeeded: nobody agreed yet.
    """
    plan, agreed = record.sprint.plan, step in record.agreed
    asked = {"run": record.run_id, "step": step, "request": dict(request), "words": words}
    allowed: list[bool] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        given = [note for note in notes(db, key_of(plan), "approved") if note.data.get("step") == step]
        earlier = any(covers(note.data.get("request"), request) for note in given)
        allowed[:] = [agreed or earlier]
        if earlier:
            return []
        if not agreed:
            last = [note for note in notes(db, key_of(plan), "approval-asked") if note.data.get("step") == step][-1:]
            fits = bool(last) and last[0].data.get("request") == dict(request)
            return [] if fits else [desk.noted(plan, "approval-asked", asked)]
        answer = {"run": record.run_id, "step": step, "verdict": "approved", "reason": words}
        return [desk.noted(plan, "approved", asked), Draft("approval.given", desk.actor, answer)]

    desk.book.append(decide)
    if not allowed[0]:
        hint = f"agree with `bluelabel sprint closeout --approve {step}`, or to everything with --yes"
        raise ApprovalNeeded(f"a person has to agree: {words}", hint=hint)


def covers(agreed: object, wanted: object) -> bool:
    """Tell whether what was agreed to holds all that is wanted: equal, or less of a mapping or list."""
    if isinstance(agreed, Mapping) and isinstance(wanted, Mapping):
        old, new = cast("Mapping[object, object]", agreed), cast("Mapping[object, object]", wanted)
        return all(key in old and covers(old[key], value) for key, value in new.items())
    if isinstance(agreed, list) and isinstance(wanted, list):
        known = cast("list[object]", agreed)
        return all(value in known for value in cast("list[object]", wanted))
    return agreed == wanted
