"""Workflows that start by themselves: which firings are due, and each of them exactly once, whoever asks.

What is due is computed while nobody is kept waiting; the ledger is held only to see that it still says what that was
computed from. Walked forwards from the last firing, a week of a schedule of every minute once held it for 16 seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from bluelabel.interfaces.errors import Conflict
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import from_text, to_text
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.definition.cron import Cron, parse_cron
from bluelabel.services.workflow.definition.definition import CatchUp, Overlap, ScheduleSpec
from bluelabel.services.workflow.model.states import OPEN_RUN

LATE: Final = timedelta(minutes=2)
"""A firing that is noticed within this time is on time; later it was missed, and `catch_up` decides."""

MOST: Final = 100
"""How many missed firings are made up for at most, the newest."""

AHEAD: Final = timedelta(days=1)
"""A last firing that lies further in the future was noted by a wrong clock, and is not waited for."""

_TRIES: Final = 5
_STAMP: Final = "%Y%m%dT%H%MZ"


@dataclass(frozen=True, slots=True)
class Firing:
    """A schedule that is due.

    Args:
        name: of the schedule.
        due: the moment it was due, UTC.
        missed: it is late, and made up for.
        key: what the schedule said, see `Cron.key`.
        alone: it may start only while no other run of the schedule goes on.
    """

    name: str
    due: datetime
    missed: bool
    key: str = ""
    alone: bool = False

    @property
    def run_id(self) -> str:
        """The run that belongs to it: the same for whoever starts it."""
        return f"{self.name}-{self.due.strftime(_STAMP)}"


class Overtaken(Conflict):
    """Somebody else has dealt with the firing, or its turn has not come after all."""


class _Seen(NamedTuple):
    """What the ledger says about a schedule: the last moment dealt with, its line then, what waits, what goes on."""

    due: str | None = None
    key: str | None = None
    waiting: str | None = None
    going: tuple[str, ...] = ()


class Schedules:
    """Keeps count of what was fired, in the ledger.

    Args:
        book: ledger and index.
        clock: where time comes from.
        by: who is named as the one that fires.
        say: told what does not start and why, a line each.
    """

    def __init__(self, book: Book, clock: Clock, by: str, say: Callable[[str], None] = lambda _: None) -> None:
        self._book = book
        self._clock = clock
        self._by = by
        self._say = say

    def due(self, schedules: Mapping[str, ScheduleSpec]) -> list[Firing]:
        """Return the firings that are to start now, oldest first, and note those that are not to start.

        The caller stores a run for each, named `Firing.run_id`, in one write with what `fired` gives: then none is
        lost or made twice, whoever is killed and however many ask. Where an earlier run stands in the way there may
        be more to start once these are stored. A schedule that was never seen, or says something else, counts from
        now on.

        Raises:
            UsageError: a cron expression or time zone cannot be read.
        """
        for _ in range(_TRIES):
            with self._book.reading() as db:
                seen = {name: _look(db, name, spec) for name, spec in schedules.items()}
            now = self._clock.now()
            plans = [self._plan(name, spec, seen[name], now) for name, spec in schedules.items()]
            drafts = [draft for plan in plans for draft in plan.drafts]
            if not drafts or self._note(schedules, seen, drafts):
                for line in (line for plan in plans for line in plan.lines):
                    self._say(line)
                return sorted((firing for plan in plans for firing in plan.start), key=lambda firing: firing.due)
        return []  # others are at it

    def fired(self, firing: Firing) -> Callable[[sqlite3.Connection], list[Draft]]:
        """Return what gives the event that goes with the run of a firing, while nobody else can append.

        It raises `Overtaken` when the firing is not to start any more.
        """

        def decide(db: sqlite3.Connection) -> list[Draft]:
            seen = _read(db, firing.name)
            gone = seen.due is not None and seen.due >= to_text(firing.due) and seen.waiting != to_text(firing.due)
            if gone or (firing.alone and _going(db, firing.name)):
                raise Overtaken("another one was quicker", where=firing.run_id)
            return [self._draft("schedule.fired", firing.name, firing.due, firing.key, run=firing.run_id)]

        return decide

    def settle(self, firing: Firing) -> None:
        """Note that the run of a firing is there already, where the schedule does not know it."""

        def decide(db: sqlite3.Connection) -> list[Draft]:
            try:
                return self.fired(firing)(db)
            except Overtaken:
                return []

        self._book.append(decide)

    def next_due(self, spec: ScheduleSpec) -> datetime | None:
        """Return when a schedule is due next."""
        return parse_cron(spec.cron, spec.timezone).after(self._clock.now())

    def _note(self, schedules: Mapping[str, ScheduleSpec], seen: Mapping[str, _Seen], drafts: list[Draft]) -> bool:
        """Write `drafts` if the ledger still says what was `seen`; tell whether it did."""
        same: list[bool] = []

        def decide(db: sqlite3.Connection) -> list[Draft]:
            same.append(all(_look(db, name, spec) == seen[name] for name, spec in schedules.items()))
            return drafts if same[-1] else []

        self._book.append(decide)
        return same[-1]

    def _plan(self, name: str, spec: ScheduleSpec, seen: _Seen, now: datetime) -> _Plan:
        cron = parse_cron(spec.cron, spec.timezone)
        plan = _Plan([], [], [])
        why = None if seen.due is None else _fresh(seen, cron.key, now)
        if seen.due is None or why is not None:
            plan.drafts.append(self._draft("schedule.noted", name, now, cron.key, reason=why or "new"))
            plan.lines.extend([] if why is None else [f"{name} counts from now on: {why}"])
            return plan
        taken, last = due_firings(name, spec, from_text(seen.due), now, cron)
        if spec.overlap is Overlap.ALLOW or not seen.going:
            waiting = [] if seen.waiting is None else [self._waiting(name, spec, seen.waiting, cron.key)]
            plan.start.extend([*waiting, *taken] if spec.overlap is Overlap.ALLOW else [*waiting, *taken][:1])
        elif not (spec.overlap is Overlap.QUEUE and spec.catch_up is CatchUp.ALL):
            self._hold_back(plan, name, spec, seen, taken)
        if last is not None and not taken and not plan.start:  # all were missed, and nothing makes up for them
            plan.drafts.append(self._draft("schedule.noted", name, last, cron.key, reason="missed"))
            plan.lines.append(f"{name}: what was due up to {last:%Y-%m-%d %H:%M} UTC was missed and is not made up for")
        return plan

    def _hold_back(self, plan: _Plan, name: str, spec: ScheduleSpec, seen: _Seen, taken: list[Firing]) -> None:
        """Plan what becomes of firings while an earlier run goes on: the newest may wait, the others are left out."""
        behind = seen.going[-1]
        waits = taken[-1:] if spec.overlap is Overlap.QUEUE else []
        left = taken[: len(taken) - len(waits)]
        if waits and seen.waiting is not None:
            left = [self._waiting(name, spec, seen.waiting, waits[0].key), *left]
        for firing in left:
            plan.drafts.append(self._draft("schedule.skipped", name, firing.due, firing.key, behind=behind))
            plan.lines.append(f"{firing.run_id} is left out: {behind} goes on")
        for firing in waits:
            plan.drafts.append(self._draft("schedule.queued", name, firing.due, firing.key, behind=behind))
            plan.lines.append(f"{firing.run_id} waits for the end of {behind}")

    def _waiting(self, name: str, spec: ScheduleSpec, due: str, key: str) -> Firing:
        return Firing(name, from_text(due), missed=False, key=key, alone=spec.overlap is not Overlap.ALLOW)

    def _draft(self, kind: str, name: str, due: datetime, key: str, **more: str) -> Draft:
        return Draft(kind, self._by, {"schedule": name, "due": to_text(due), "cron": key, **more})


class _Plan(NamedTuple):
    """What to start, what to write before that, and what to say."""

    start: list[Firing]
    drafts: list[Draft]
    lines: list[str]


def due_firings(
    name: str, spec: ScheduleSpec, since: datetime, now: datetime, cron: Cron | None = None
) -> tuple[list[Firing], datetime | None]:
    """Return which firings after `since` are to be dealt with now, oldest first, and the last moment that was due.

    It looks back from `now`, and no further than the rule for catching up asks for.
    """
    found = cron or parse_cron(spec.cron, spec.timezone)
    moments: list[datetime] = []
    for moment in islice(found.newest(now), MOST):
        if moment <= since:
            break
        moments.append(moment)
        if spec.catch_up is not CatchUp.ALL and now - moment > LATE:
            break
    on_time = [moment for moment in moments if now - moment <= LATE]
    missed = moments[len(on_time) :]
    if spec.catch_up is CatchUp.NONE or (spec.catch_up is CatchUp.LAST and on_time):
        missed = []
    alone = spec.overlap is not Overlap.ALLOW
    taken = [Firing(name, due, now - due > LATE, found.key, alone) for due in reversed([*on_time, *missed])]
    return taken, moments[0] if moments else None


def held_back(db: sqlite3.Connection) -> list[str]:
    """Return a line for each schedule whose last firing did not start because an earlier run goes on."""
    query = "SELECT name, due, waiting, skipped, behind FROM dag_schedules WHERE behind IS NOT NULL ORDER BY name"
    lines: list[str] = []
    for name, due, waiting, skipped, behind in db.execute(query):
        if skipped:
            count = f"{skipped} firing{'s' if skipped > 1 else ''}"
            lines.append(f"schedule {name}: {count} left out up to {due[:16]}Z, because {behind} had not ended")
        if waiting:
            lines.append(f"schedule {name}: the firing of {waiting[:16]}Z waits for the end of {behind}")
    return lines


def _fresh(seen: _Seen, key: str, now: datetime) -> str | None:
    """Return why a schedule that is known counts from now on; None if it does not."""
    if seen.key is not None and seen.key != key:
        return "its schedule has changed"
    if seen.due is not None and from_text(seen.due) > now + AHEAD:
        return f"it was last due at {seen.due[:16]}Z, and the clock has been set back since"
    return None


def _look(db: sqlite3.Connection, name: str, spec: ScheduleSpec) -> _Seen:
    seen = _read(db, name)
    return seen if spec.overlap is Overlap.ALLOW else seen._replace(going=tuple(_going(db, name)))


def _read(db: sqlite3.Connection, name: str) -> _Seen:
    row = db.execute("SELECT due, cron, waiting FROM dag_schedules WHERE name = ?", (name,)).fetchone()
    return _Seen(*row) if row is not None else _Seen()


def _going(db: sqlite3.Connection, name: str) -> Iterable[str]:
    """Return the runs of a schedule that have not ended, oldest first; their names say whose they are."""
    marks = ", ".join("?" * len(OPEN_RUN))
    query = f"SELECT run_id FROM dag_runs WHERE status IN ({marks}) AND run_id GLOB ? ORDER BY made"
    digits = "[0-9]" * 8 + "T" + "[0-9]" * 4 + "Z"
    literal = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
    return [row[0] for row in db.execute(query, (*sorted(OPEN_RUN), f"{literal}-{digits}"))]
