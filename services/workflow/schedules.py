"""Workflows that start by themselves: which firings are due, and each of them exactly once, whoever asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import from_text, to_text
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.cron import parse_cron
from bluelabel.services.workflow.definition import CatchUp, ScheduleSpec

LATE: Final = timedelta(minutes=2)
"""A firing that is noticed within this time is on time; later it was missed, and `catch_up` decides."""

MOST: Final = 100
"""How many missed firings are made up for at most, the newest."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A schedule that is due.

    Args:
        name: of the schedule.
        due: the moment it was due, UTC.
        missed: it is late, and made up for.
    """

    name: str
    due: datetime
    missed: bool

    @property
    def run_id(self) -> str:
        """The run that belongs to it: the same for whoever starts it."""
        return f"{self.name}-{self.due:%Y%m%dT%H%MZ}"


class Schedules:
    """Keeps count of what was fired, in the ledger.

    Args:
        book: ledger and index.
        clock: where time comes from.
        by: who is named as the one that fires.
    """

    def __init__(self, book: Book, clock: Clock, by: str) -> None:
        self._book = book
        self._clock = clock
        self._by = by

    def due(self, schedules: Mapping[str, ScheduleSpec]) -> list[Firing]:
        """Return the firings that are due, oldest first.

        The caller stores a run for each, named `Firing.run_id`, in one write with `fired`: then none is lost
        or made twice, whoever is killed and however many ask. A schedule that was never seen counts from now on.

        Raises:
            UsageError: a cron expression cannot be read.
        """
        now = self._clock.now()
        firings: list[Firing] = []

        def decide(db: sqlite3.Connection) -> list[Draft]:
            drafts: list[Draft] = []
            for name, spec in schedules.items():
                row = db.execute("SELECT due FROM dag_schedules WHERE name = ?", (name,)).fetchone()
                if row is None:
                    drafts.append(self._draft(name, now, None))
                    continue
                taken, last = due_firings(name, spec, from_text(row[0]), now)
                firings.extend(taken)
                if last is not None and not taken:  # all of them were missed, and nothing makes up for them
                    drafts.append(self._draft(name, last, None))
            return drafts

        self._book.append(decide)
        firings.sort(key=lambda firing: firing.due)
        return firings

    def fired(self, firing: Firing) -> Draft:
        """Return the event that goes with the run of a firing."""
        return self._draft(firing.name, firing.due, firing.run_id)

    def next_due(self, spec: ScheduleSpec) -> datetime | None:
        """Return when a schedule is due next."""
        return parse_cron(spec.cron).after(self._clock.now())

    def _draft(self, name: str, due: datetime, run_id: str | None) -> Draft:
        data = {"schedule": name, "due": to_text(due)}
        return Draft("schedule.fired", self._by, data if run_id is None else {**data, "run": run_id})


def due_firings(name: str, spec: ScheduleSpec, since: datetime, now: datetime) -> tuple[list[Firing], datetime | None]:
    """Return which firings after `since` are to be started now, under the schedule's rule, and the last moment due."""
    moments = parse_cron(spec.cron).between(since, now, MOST)
    on_time = [moment for moment in moments if now - moment <= LATE]
    missed = [moment for moment in moments if now - moment > LATE]
    if spec.catch_up is CatchUp.NONE:
        missed = []
    elif spec.catch_up is CatchUp.LAST:
        missed = [] if on_time else missed[-1:]
    taken = [Firing(name, moment, missed=True) for moment in missed]
    taken += [Firing(name, moment, missed=False) for moment in on_time]
    return taken, moments[-1] if moments else None
