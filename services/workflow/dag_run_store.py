"""The store of runs: every change is an event of the ledger, whatever the size of the run; files are views of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bluelabel.interfaces.errors import AlreadyExists, MachineError, NotDurable
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.names import identifier
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import to_text
from bluelabel.services.files.disk import make_directory
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemClock
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.model.states import OPEN_RUN, DAGRunStatus
from bluelabel.services.workflow.store.projection import RunsProjection
from bluelabel.services.workflow.store.records import (
    RunRow,
    change_drafts,
    check_changes,
    created_draft,
    has_run,
    list_rows,
    load_run,
    missing_run,
    run_ids,
    statistics,
)
from bluelabel.services.workflow.store.snapshots import INDEX_RUNS, RunFiles

DEFAULT_FOLDER = "data/dag_runs"

More = Sequence[Draft] | Callable[[sqlite3.Connection], Sequence[Draft]]
"""Events that go with a new run; or what gives them, looking at the present state, and raises to refuse."""


class DAGRunStore:
    """Keeps runs. Threads may share one; processes open their own on the same place.

    Args:
        storage_path: the folder of snapshots. Without a `book` it also holds the ledger, in `.bluelabel`.
        book: the ledger and index to use, for example a workspace's.
        home: where the locks of runs and large results are; beside the ledger when None.
        clock: where time comes from.
        by: who is named as the author of changes.
        root: the folder to which the paths of stack traces are relative; the working directory when None.
    """

    def __init__(
        self,
        storage_path: str | Path = DEFAULT_FOLDER,
        *,
        book: Book | None = None,
        home: Path | None = None,
        clock: Clock | None = None,
        by: str = "HUMAN",
        root: Path | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.by = by
        self.storage_path = Path(storage_path)
        self.home = home or self.storage_path / ".bluelabel"
        self.root = (root or Path()).absolute()
        self._owns_book = book is None
        self.book = book or _own_book(self.home, self.clock)
        self.files = RunFiles(self.storage_path, self.clock.uptime)
        self.told: Callable[[DAGRun, Sequence[Mapping[str, Any]]], None] | None = None
        """Called with a run and its changes once they are stored, for a door that shows them as they come."""

    def create(self, dag_run: DAGRun) -> DAGRun:
        """Store a run that is not there yet, with its steps and whatever was done to it already.

        Raises:
            AlreadyExists: there is a run of this name.
            InvalidName: its name, or a step's, cannot be one.
        """
        self.create_with(dag_run)
        return dag_run

    def create_with(self, dag_run: DAGRun, more: More = (), *, show: bool = True) -> None:
        """Store a new run and, in the same write, `more` events: all of it or nothing. Then `show` its file."""
        run_id = identifier(dag_run.run_id, "a run id")
        for step_id in dag_run.steps:
            identifier(step_id, "a step id")

        def decide(db: sqlite3.Connection) -> list[Draft]:
            if has_run(db, run_id):
                hint = "choose another --run-id, or go on with it by `run dag --retry`"
                raise AlreadyExists("there is a run of this name", where=run_id, hint=hint)
            return [created_draft(dag_run, self.by), *(more(db) if callable(more) else more)]

        events = self.book.append(decide)
        dag_run.take_changes()
        dag_run.revision = events[0].seq
        if show:
            self.show(dag_run)

    def update(self, dag_run: DAGRun, *, durable: bool = True) -> DAGRun:
        """Store what changed since the run was created, read or last stored; return it.

        Args:
            dag_run: the run. The `metadata` of a step is fixed once the step is stored.
            durable: return only when the disk has confirmed it.

        Raises:
            NotFound: it is not stored.
            Conflict: it was read before somebody else moved the same step, or took the run over.
            MachineError: nothing was stored; the changes are still there to be stored.
        """
        changes = dag_run.take_changes()
        self.write(dag_run, changes, lambda db: check_changes(db, dag_run, changes), durable=durable)
        self.show(dag_run)
        return dag_run

    def write(
        self,
        dag_run: DAGRun,
        changes: Sequence[dict[str, Any]],
        check: Callable[[sqlite3.Connection], None],
        *,
        durable: bool = True,
        looks: bool = True,
    ) -> Sequence[Event]:
        """Append `changes` of a run as one unit, after `check` agreed to them. The views stay: see `show`.

        Args:
            dag_run: whose they are.
            changes: what `DAGRun.take_changes` gave; given back to the run when nothing was written.
            check: looks at the present state while nobody else can append, and raises to refuse.
            durable: return only when the disk has confirmed it.
            looks: False when `check` seldom asks the index, and brings it up to date itself when it does.

        Returns:
            What was written.
        """
        if not changes:
            return ()

        def decide(db: sqlite3.Connection) -> list[Draft]:
            check(db)
            return change_drafts(dag_run, changes, self.by)

        try:
            events = self.book.append(decide, durable=durable, looks=looks)
        except NotDurable:
            raise
        except MachineError:
            dag_run.put_back(changes)
            raise
        dag_run.revision = events[-1].seq
        if self.told is not None:
            self.told(dag_run, changes)
        return events

    def get(self, run_id: str) -> DAGRun | None:
        """Return a run, or None; a run that only a file of the folder holds is read from there.

        Raises:
            UnreadableInput: there is only a file, and it cannot be read.
        """
        with self.book.reading() as db:
            run = load_run(db, run_id)
        if run is not None:
            run.now = self.clock.now
            return run
        return self.files.read(identifier(run_id, "a run id"))

    def require(self, run_id: str) -> DAGRun:
        """Return a run as `get` does.

        Raises:
            NotFound: there is none; the hint names the nearest.
        """
        run = self.get(run_id)
        if run is None:
            with self.book.reading() as db:
                raise missing_run(db, run_id)
        return run

    def knows(self, run_id: str) -> bool:
        """Tell whether the ledger holds a run; one that only a file holds can be taken in with `create`."""
        with self.book.reading() as db:
            return has_run(db, run_id)

    def delete(self, run_id: str, reason: str | None = None) -> bool:
        """Remove a run from lists and folder; return whether it was there. Its events stay in the ledger."""
        gone = self._delete([run_id], reason) > 0
        if gone:
            self._show_index()
        return gone

    def list_runs(
        self,
        dag_id: str | None = None,
        status: DAGRunStatus | str | None = None,
        limit: int | None = None,
    ) -> Sequence[RunRow]:
        """Return runs, the newest first, one light row each.

        Args:
            dag_id: only this workflow's.
            status: only those in this status.
            limit: at most so many.
        """
        statuses = () if status is None else (DAGRunStatus(status),)
        return self._rows(dag_id, statuses, limit)

    list = list_runs

    def get_active_runs(self) -> Sequence[RunRow]:
        """Return the runs that have not ended: CREATED, RUNNING and RETRY."""
        return self._rows(None, sorted(OPEN_RUN), None)

    def cleanup_old_runs(self, days: float = 30) -> int:
        """Delete the runs that ended more than `days` ago; return how many."""
        before = to_text(self.clock.now() - timedelta(days=days))
        with self.book.reading() as db:
            sql = "SELECT run_id FROM dag_runs WHERE ended < ? AND status NOT IN ('created', 'running', 'retry')"
            old = [row[0] for row in db.execute(sql, (before,))]
        count = self._delete(old, f"ended more than {days:g} days ago")
        self._show_index()
        return count

    def get_statistics(self, dag_id: str | None = None) -> dict[str, Any]:
        """Return counts over all runs, or over one workflow's.

        The success rate is the share of SUCCESS among the runs that ended, None where none has.
        """
        with self.book.reading() as db:
            return statistics(db, dag_id)

    def mend(self) -> int:
        """Write the snapshots that do not show what the ledger has, as a kill leaves them; return how many."""
        with self.book.reading() as db:
            behind = self.files.stale(list_rows(db, limit=INDEX_RUNS))
        for run_id in behind:
            self.files.touch(self.require(run_id))
        self.flush()
        return len(behind)

    def flush(self) -> None:
        """Write the views that still wait for their turn."""
        self.files.flush()
        self._show_index(now=True)

    def close(self) -> None:
        """Write the views that still wait and, if this store opened its own book, close it."""
        self.flush()
        if self._owns_book:
            self.book.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, dag_id: str | None, statuses: Sequence[DAGRunStatus], limit: int | None) -> Sequence[RunRow]:
        with self.book.reading() as db:
            rows, known = list_rows(db, dag_id, statuses, limit), run_ids(db)
        others = [row for row in self.files.foreign(known) if dag_id in (None, row.dag_id)]
        if others:
            rows += [row for row in others if not statuses or row.status in statuses]
            rows.sort(key=lambda row: row.created_at, reverse=True)
        return rows[:limit]

    def _delete(self, run_ids: Sequence[str], reason: str | None) -> int:
        gone: list[str] = []

        def decide(db: sqlite3.Connection) -> list[Draft]:
            gone.extend(run_id for run_id in run_ids if has_run(db, run_id))
            extra = {} if reason is None else {"reason": reason}
            return [Draft("run.deleted", self.by, {"run": run_id, **extra}) for run_id in gone]

        self.book.append(decide)
        for run_id in gone:
            self.files.forget(run_id)
            shutil.rmtree(self.home / "results" / run_id, ignore_errors=True)
            for ending in ("lock", "log"):
                (self.home / "runs" / f"{run_id}.{ending}").unlink(missing_ok=True)
        return len(gone)

    def show(self, run: DAGRun) -> None:
        """Refresh the views of a run, now or, where that was done a moment ago, with the next `flush`."""
        self.files.touch(run)
        self._show_index()

    def _show_index(self, *, now: bool = False) -> None:
        if not self.files.index_is_due(now=now):
            return
        with self.book.reading() as db:
            rows, known = list_rows(db, limit=INDEX_RUNS), run_ids(db)
        self.files.write_index(rows, known)


def _own_book(home: Path, clock: Clock) -> Book:
    make_directory(home)
    return Book.open(home, [RunsProjection()], clock=clock)
