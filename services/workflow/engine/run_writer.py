"""Writes what a runner did, as long as the runner owns the run, and hears when somebody wants the run to stop."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import Any

from bluelabel.interfaces.events import Head
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.store.records import taken_over

_INLINE_SECONDS = 0.005
_MATTERS = frozenset({"run.owner", "run.cancelling", "run.deleted"})
_OWNED = "SELECT epoch, cancel FROM dag_runs WHERE run_id = ?"


class RunWriter:
    """The one way from the loop of a run to the ledger.

    Args:
        run: the run that this process owns.
        store: where it is kept.
    """

    def __init__(self, run: DAGRun, store: DAGRunStore) -> None:
        self.asked_to_stop: str | None = None
        """The reason, once somebody has asked for the run to be cancelled."""
        self._run = run
        self._store = store
        self._slow = False
        self._later: asyncio.TimerHandle | None = None
        self._seen = Head(-1, "")

    async def write(self, *, durable: bool, alone: bool) -> None:
        """Append the changes of the run as one unit.

        Args:
            durable: return only when the disk has confirmed it.
            alone: nothing else is under way that a slow disk could hold up.

        Raises:
            Conflict: another runner took the run over.
            MachineError: nothing may be acknowledged; the run can be resumed from what the ledger has.
        """
        changes = self._run.take_changes()
        # A fast disk is quicker than a change of threads; a slow one must not hold up the other steps.
        if self._slow and not alone:
            await asyncio.to_thread(self._append, changes, durable)
        else:
            self._append(changes, durable)

    def show(self) -> None:
        """Refresh the files that show the run: when it has ended at once, before that a while from now.

        A file of a large run takes its time, and more changes may follow. None of them waits longer than that.
        """
        if self._run.is_complete:
            self.close()
            self._store.show(self._run)
        elif self._later is None:
            wait = self._store.files.wait(self._run.run_id)
            self._later = asyncio.get_running_loop().call_later(wait, self._show_now)

    def close(self) -> None:
        """Leave the files as they are."""
        if self._later is not None:
            self._later.cancel()

    def _show_now(self) -> None:
        self._later = None
        self._store.show(self._run)

    def write_now(self) -> None:
        """Append the changes of the run, durable, without giving way to other tasks."""
        self._append(self._run.take_changes(), durable=True)
        self._store.show(self._run)

    def look(self) -> None:
        """See whether the run is still ours, and whether somebody asked for it to stop.

        Raises:
            Conflict: another runner took the run over.
        """
        with self._store.book.reading() as db:
            self._check(db)

    def _append(self, changes: list[dict[str, Any]], durable: bool) -> None:
        began = time.perf_counter()
        for event in self._store.write(self._run, changes, self._guard, durable=durable, looks=False)[-1:]:
            self._seen = Head(event.seq, event.h)
        self._slow = time.perf_counter() - began > _INLINE_SECONDS

    def _guard(self, _db: sqlite3.Connection) -> None:
        """Ask the index only when something was written since our last write that may take the run away."""
        news = self._store.book.since(self._seen)
        if news is None or any(event.kind in _MATTERS and event.data["run"] == self._run.run_id for event in news):
            self._check(self._store.book.look())

    def _check(self, db: sqlite3.Connection) -> None:
        row = db.execute(_OWNED, (self._run.run_id,)).fetchone()
        if row is None or row[0] != self._run.epoch:
            raise taken_over(self._run.run_id)
        if row[1] is not None:
            asked = json.loads(row[1])
            self.asked_to_stop = asked["reason"] or f"cancelled by {asked['by']}"
