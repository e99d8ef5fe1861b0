"""Approvals: merge, tag and push happen only after a person agreed to exactly what is to be done."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, cast

from bluelabel.interfaces.errors import Conflict, NotFound, Refused
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import nearest
from bluelabel.services.sprint.checklist import APPROVALS
from bluelabel.services.sprint.closeout.state import Record
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.projection import Note, Sprint, key_of, notes


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
        ApprovalNeeded: nobody agreed yet, or somebody said no to it.
    """
    plan, agreed = record.sprint.plan, step in record.agreed
    asked = {"run": record.run_id, "step": step, "request": dict(request), "words": words}
    allowed: list[bool] = []
    refused: list[Note] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        given = [note for note in _told(db, key_of(plan), step) if note.what != "approval-asked"]
        last = next((note for note in reversed(given) if covers(note.data.get("request"), request)), None)
        earlier = last is not None and last.what == "approved"
        allowed[:], refused[:] = [agreed or earlier], [last] if last is not None and not earlier else []
        if earlier:
            return []
        if agreed:
            return _verdict(desk, plan_key=key_of(plan), asked=asked, approved=True, reason=words)
        known = [note for note in _told(db, key_of(plan), step) if note.what == "approval-asked"][-1:]
        fits = bool(known) and known[0].data.get("request") == dict(request)
        return [] if fits else [desk.noted(plan, "approval-asked", asked)]

    desk.book.append(decide)
    if allowed[0]:
        return
    hint = f"`bluelabel approve {record.run_id} {step}`, or `bluelabel sprint closeout --approve {step}`"
    if refused:
        reason = f" ({refused[0].data['reason']})" if refused[0].data.get("reason") else ""
        raise ApprovalNeeded(f"{refused[0].by} did not agree{reason}: {words}", hint=f"if that has changed: {hint}")
    raise ApprovalNeeded(f"a person has to agree: {words}", hint=hint)


def answer(desk: Desk, run_id: str, step: str, *, approved: bool, reason: str | None = None) -> str | None:
    """Say yes or no to what the closing of a sprint asked for last in a step, and to nothing else.

    Returns:
        What was asked for, in words; None when the run closes no sprint.

    Raises:
        NotFound: no step that asks has this name.
        Conflict: nothing is asked for, or this answer was given already.
    """
    sprint = closed_by(desk, run_id)
    if sprint is None:
        return None
    if step not in APPROVALS:
        close = nearest(step, APPROVALS)
        hint = f"did you mean {close[0]}?" if close else f"the steps that ask are {', '.join(APPROVALS)}"
        raise NotFound(f"no step of {run_id} asks under this name", where=ascii(step[:60]), hint=hint)
    words: list[str] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        told = _told(db, sprint.key, step)
        if not any(note.what == "approval-asked" for note in told):
            raise Conflict("this step has not asked for anything yet", where=step, hint="`bluelabel sprint closeout`")
        last = told[-1]  # whoever answered may still change their mind
        if last.what == ("approved" if approved else "rejected"):
            raise Conflict(f"it was {last.what} by {last.by} already", where=step, hint="`bluelabel sprint closeout`")
        words[:] = [str(last.data["words"])]
        asked = {name: last.data[name] for name in ("run", "step", "request", "words")}
        return _verdict(desk, plan_key=sprint.key, asked=asked, approved=approved, reason=reason)

    desk.book.append(decide)
    return words[0]


def closed_by(desk: Desk, run_id: str) -> Sprint | None:
    """Return the sprint that a run closes; None for a run that closes none."""
    return next((sprint for sprint in desk.sprints() if sprint.run_id == run_id), None)


def _told(db: sqlite3.Connection, key: str, step: str) -> list[Note]:
    """Return what was asked and answered about a step of a sprint's closing, oldest first."""
    kinds = ("approval-asked", "approved", "rejected")
    return [note for note in notes(db, key) if note.what in kinds and note.data.get("step") == step]


def _verdict(desk: Desk, *, plan_key: str, asked: Mapping[str, Any], approved: bool, reason: str | None) -> list[Draft]:
    word = "approved" if approved else "rejected"
    more = {"reason": reason} if reason else {}
    answered = {"run": asked["run"], "step": asked["step"], "verdict": word, **more}
    noted = Draft("sprint.noted", desk.actor, {"sprint": plan_key, "what": word, **asked, **more})
    return [noted, Draft("approval.given", desk.actor, answered)]


def covers(agreed: object, wanted: object) -> bool:
    """Tell whether what was agreed to holds all that is wanted: equal, or less of a mapping or list."""
    if isinstance(agreed, Mapping) and isinstance(wanted, Mapping):
        old, new = cast("Mapping[object, object]", agreed), cast("Mapping[object, object]", wanted)
        return all(key in old and covers(old[key], value) for key, value in new.items())
    if isinstance(agreed, list) and isinstance(wanted, list):
        known = cast("list[object]", agreed)
        return all(value in known for value in cast("list[object]", wanted))
    return agreed == wanted
