"""Moves that are written together leave the run that moves written one by one leave, and that the tracker has."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.errors import IllegalTransition
from bluelabel.interfaces.events import Event
from bluelabel.services.ledger.write_batch import Writes
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.store.projection import DDL, RunsProjection
from bluelabel.services.workflow.store.records import change_drafts, created_draft, load_run

STEPS = "abc"
START = datetime(2026, 1, 31, tzinfo=UTC)
MOVES: dict[str, Callable[[DAGStepState], object]] = {
    "start": DAGStepState.start,
    "complete": lambda step: step.complete({"n": step.retry_count}),
    "fail": lambda step: step.fail(ValueError("broke"), trace="a trace"),
    "retry": lambda step: step.retry("broke", delay=1.5),
    "skip": lambda step: step.skip("not wanted"),
    "cancel": lambda step: step.cancel("stopped"),
    "reset": lambda step: step.reset("again"),
    "interrupt": lambda step: step.reset("cut off", interrupted=True),
}


class Ticking:
    """A clock that moves by a second whenever it is asked."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> datetime:
        self.seconds += 1
        return START + timedelta(seconds=self.seconds)


def moved(moves: Sequence[tuple[str, str]]) -> tuple[DAGRun, list[Event]]:
    """Return a run after those of `moves` that its rules allow, and the events it left."""
    run = DAGRun("flow", "run-1", now=Ticking().now)
    for name in STEPS:
        run.add_step(name, 2)
    drafts = [created_draft(run, "HUMAN")]
    run.take_changes()
    for name, kind in moves:
        with suppress(IllegalTransition):
            MOVES[kind](run.steps[name])
    drafts += change_drafts(run, run.take_changes(), "HUMAN")
    return run, [Event(seq, "", by, kind, data, "") for seq, (kind, by, data) in enumerate(drafts, 1)]


def loaded(events: Sequence[Event], looks: set[int] | None) -> DAGRun | None:
    """Return the run that the tables hold, written one by one, or together with a look at the tables before some."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(DDL)
        writes, projection = Writes(db), RunsProjection()
        for place, event in enumerate(events):
            projection.apply(writes, event)
            if looks is None or place in looks:
                writes.flush()
        writes.flush()
        return load_run(db, "run-1")


@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(sorted(MOVES))), max_size=40),
    st.sets(st.integers(0, 40), max_size=4),
)
def test_moves_written_together_leave_the_run_of_moves_one_by_one(
    moves: list[tuple[str, str]], looks: set[int]
) -> None:
    run, events = moved(moves)
    together, apart = loaded(events, looks), loaded(events, None)

    assert together is not None
    assert apart is not None
    assert together.to_dict() == apart.to_dict()
    assert together.to_dict()["steps"] == run.to_dict()["steps"]
    assert together.revision == apart.revision == (events[-1].seq if events[1:] else 0)
