"""One runner owns a run: a lock of the operating system while it lives, and an epoch that fences one that overslept."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bluelabel.interfaces.errors import LockTimeout
from bluelabel.interfaces.events import Draft
from bluelabel.services.files.lock import ProcessLock
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.store.records import missing_run


@contextmanager
def run_lock(folder: Path, run_id: str) -> Generator[None]:
    """Hold the lock of a run for the length of the block. The kernel frees it when its holder dies, however it dies.

    Raises:
        LockTimeout: another runner holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = ProcessLock(folder / f"{run_id}.lock", timeout=0)
    with ExitStack() as held:
        held.callback(lock.close)
        try:
            held.enter_context(lock)
        except LockTimeout:
            hint = f"watch it with `bluelabel run dag --watch {run_id}`, or stop it with --cancel"
            raise LockTimeout("another runner is at work on this run", where=run_id, hint=hint) from None
        yield


def is_owned(folder: Path, run_id: str) -> bool:
    """Tell whether a runner is at work on a run just now."""
    if not (folder / f"{run_id}.lock").exists():
        return False
    try:
        with run_lock(folder, run_id):
            return False
    except LockTimeout:
        return True


def drop_lock(folder: Path, run_id: str) -> None:
    """Remove the lock file of a run that has ended; the epoch guards against whoever still has it open."""
    with suppress(OSError):
        (folder / f"{run_id}.lock").unlink()


def claim_run(store: DAGRunStore, run: DAGRun) -> None:
    """Become the owner of a run: raise its epoch, so that whoever owned it before can write nothing more."""

    def decide(db: sqlite3.Connection) -> list[Draft]:
        row = db.execute("SELECT epoch FROM dag_runs WHERE run_id = ?", (run.run_id,)).fetchone()
        if row is None:
            raise missing_run(db, run.run_id)
        run.epoch = row[0] + 1
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "boot": store.clock.boot()}
        return [Draft("run.owner", store.by, {"run": run.run_id, "epoch": run.epoch, **owner})]

    store.book.append(decide)
