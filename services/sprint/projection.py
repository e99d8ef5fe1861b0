"""The sprints as tables: which there are, how far each has come, and what was noted of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.write_batch import Writes
from bluelabel.services.sprint.model import Plan

DDL: Final = """
CREATE TABLE IF NOT EXISTS sprint_sprints (
    key TEXT PRIMARY KEY, number TEXT NOT NULL, phase TEXT NOT NULL, state TEXT NOT NULL, plan TEXT NOT NULL,
    planned INTEGER NOT NULL, planned_at TEXT NOT NULL,
    launched INTEGER, launched_at TEXT, launch TEXT,
    closed INTEGER, closed_at TEXT, closing TEXT);
CREATE TABLE IF NOT EXISTS sprint_notes (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, what TEXT NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL,
    data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sprint_notes_by_key ON sprint_notes (key, what, seq);
"""


@dataclass(frozen=True, slots=True)
class Sprint:
    """A sprint and how far it has come.

    Args:
        plan: what it set out to do, as last planned.
        state: ``planned``, ``launched`` or ``closed``.
        planned: number of the event that planned it (last); `launched` and `closed` likewise, None before.
        launch: what the launch recorded: the commit it began at (``base``), and each card's status then (``cards``);
            ``recollected`` if another ledger saw the launch, with the document that tells (``from``) and when (``at``).
        closing: what the closing recorded: ``tag``, ``commit``, ``head``.
    """

    plan: Plan
    state: str
    planned: int
    planned_at: str
    launched: int | None = None
    launched_at: str | None = None
    launch: Mapping[str, Any] = field(default_factory=dict[str, Any])
    closed: int | None = None
    closed_at: str | None = None
    closing: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> str:
        """Return ``phase/number``: its name in the ledger."""
        return key_of(self.plan)

    @property
    def recorded(self) -> bool:
        """Tell whether this ledger knows it; otherwise it is read from documents, and its events are number 0."""
        return self.planned > 0

    @property
    def told_by(self) -> str:
        """Return where it stands which cards it has."""
        return str(self.launch.get("recollected", {}).get("from") or "sprint.launched")

    def timed_by(self, cards_path: str) -> str:
        """Return where it stands when its cards changed."""
        if "recollected" not in self.launch:
            return "card.changed"
        return f"git log -- {cards_path}" + (", card.changed" if self.recorded else "")

    @property
    def began(self) -> str:
        """Return when it was launched, as far as that is known; when it was planned, before."""
        recollected: Mapping[str, Any] = self.launch.get("recollected", {})
        return str(recollected.get("at") or self.launched_at or self.planned_at)

    @property
    def run_id(self) -> str:
        """Return the id of the run that closes it."""
        return f"closeout-{self.plan.phase}-{self.plan.number}"


@dataclass(frozen=True, slots=True)
class Note:
    """A fact of a sprint: what happened (``what``), and its particulars."""

    seq: int
    what: str
    at: str
    by: str
    data: Mapping[str, Any]


def key_of(plan: Plan) -> str:
    """Return the name of a sprint in the ledger."""
    return f"{plan.phase}/{plan.number}"


class SprintProjection:
    """Keeps `sprint_sprints` and `sprint_notes`."""

    name = "sprint"
    version = 1
    ddl = DDL

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event."""
        if not event.kind.startswith("sprint."):
            return
        db, data = writes.db, event.data
        key = data.get("sprint")
        if not isinstance(key, str):
            return
        if event.kind == "sprint.planned":
            plan = data["plan"]
            db.execute(
                "INSERT INTO sprint_sprints (key, number, phase, state, plan, planned, planned_at)"
                " VALUES (?, ?, ?, 'planned', ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET plan = excluded.plan, planned = excluded.planned,"
                " planned_at = excluded.planned_at",
                (key, plan["number"], plan["phase"], dumps(plan), event.seq, event.at),
            )
        elif event.kind == "sprint.launched":
            db.execute(
                "UPDATE sprint_sprints SET state = 'launched', launched = ?, launched_at = ?, launch = ? WHERE key = ?",
                (event.seq, event.at, dumps(dict(data)), key),
            )
        elif event.kind == "sprint.closed":
            db.execute(
                "UPDATE sprint_sprints SET state = 'closed', closed = ?, closed_at = ?, closing = ? WHERE key = ?",
                (event.seq, event.at, dumps(dict(data)), key),
            )
        elif event.kind == "sprint.noted":
            db.execute(
                "INSERT INTO sprint_notes (seq, key, what, at, by, data) VALUES (?, ?, ?, ?, ?, ?)",
                (event.seq, key, str(data.get("what", "")), event.at, event.by, dumps(dict(data))),
            )


_COLUMNS: Final = "plan, state, planned, planned_at, launched, launched_at, launch, closed, closed_at, closing"


def sprints(db: sqlite3.Connection) -> list[Sprint]:
    """Return all sprints in the order in which they were first planned."""
    return [_sprint(row) for row in db.execute(f"SELECT {_COLUMNS} FROM sprint_sprints ORDER BY rowid")]


def notes(db: sqlite3.Connection, key: str, what: str | None = None) -> list[Note]:
    """Return what was noted of a sprint, oldest first; with `what`, only that."""
    where, values = ("key = ?", [key]) if what is None else ("key = ? AND what = ?", [key, what])
    rows = db.execute(f"SELECT seq, what, at, by, data FROM sprint_notes WHERE {where} ORDER BY seq", values)
    return [Note(seq, found, at, by, json.loads(data)) for seq, found, at, by, data in rows]


def _sprint(row: tuple[Any, ...]) -> Sprint:
    plan, state, planned, planned_at, launched, launched_at, launch, closed, closed_at, closing = row
    return Sprint(
        Plan.from_json(json.loads(plan)), state, planned, planned_at,
        launched, launched_at, json.loads(launch or "{}"), closed, closed_at, json.loads(closing or "{}"),
    )  # fmt: skip
