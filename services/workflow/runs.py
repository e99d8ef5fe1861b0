"""Everything that can be done with runs: start, resume, retry, cancel, approve. Doors call this and nothing below."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bluelabel.interfaces.errors import (
    AlreadyExists,
    BluelabelError,
    IllegalTransition,
)
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.times import to_text
from bluelabel.services.workflow.dag_run_store import DAGRunStore, More
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.definition.definition import Definition, ScheduleSpec
from bluelabel.services.workflow.definition.stored import definition_from_json
from bluelabel.services.workflow.engine.ownership import claim_run, is_owned, run_lock
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.model.states import OPEN_RUN, DAGRunStatus
from bluelabel.services.workflow.redefinition import redefine
from bluelabel.services.workflow.schedules import Firing, Overtaken, Schedules, held_back
from bluelabel.services.workflow.steps import approvals
from bluelabel.services.workflow.steps.binding import bind, check_inputs, definition_facts, from_root
from bluelabel.services.workflow.steps.processes import Footprint
from bluelabel.services.workflow.steps.services import Tools
from bluelabel.services.workflow.steps.subworkflow import output_of
from bluelabel.services.workflow.store.records import missing_run
from bluelabel.services.workflow.workflow_files import FILE, Source, file_of, load_definition, source_of

__all__ = ["SCHEDULED", "Runs", "Stopped", "load_definition"]

SCHEDULED = "scheduled_for"
"""The key of a run's metadata that says for which moment a schedule started it."""

_ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(frozen=True, slots=True)
class Stopped:
    """What `Runs.execute` gives back: the run, and the signal that ended its runner before its time, if one did."""

    run: DAGRun
    by: str | None = None


class Runs:
    """The runs of a workspace.

    Args:
        tools: the store, and what steps need.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.store: DAGRunStore = tools.store
        self._locks = tools.store.home / "runs"

    def create(
        self,
        definition: Definition,
        inputs: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        *,
        base: Path | None = None,
        file: Path | None = None,
        max_parallel: int | None = None,
        more: More = (),
        facts: Mapping[str, Any] | None = None,
    ) -> StatefulDAGRunner:
        """Store a new run and return its runner.

        Args:
            definition: what to run.
            inputs: values of its inputs.
            run_id: the run's name; a new one when None.
            base: the folder that paths of sub-workflows begin from.
            file: the file that the definition was read from.
            max_parallel: instead of the definition's.
            more: events to write with it.
            facts: further metadata of the run.

        Raises:
            AlreadyExists: there is a run of this name.
            UsageError: an input is missing or wrong.
        """
        if run_id is not None and self.store.get(run_id) is not None:
            hint = f"go on with it by `bluelabel run dag --retry {run_id}`, or choose another --run-id"
            raise AlreadyExists("there is a run of this name", where=run_id, hint=hint)
        given = check_inputs(definition, inputs or {})
        runner = bind(definition, self._tools, run_id, given, base=base, max_parallel=max_parallel)
        source = {} if file is None else {FILE: from_root(file, self._tools.root)}
        runner.dag_run.metadata.update({**source, **(facts or {})})
        runner.prepare(more)
        return runner

    def resume(self, run_id: str, *, max_parallel: int | None = None) -> StatefulDAGRunner:
        """Return a runner for a run that is there, as its own definition says.

        Raises:
            NotFound: there is no such run.
            UnreadableInput: it does not say what its steps do, or that cannot be run.
        """
        run = self.store.require(run_id)
        definition = definition_from_json(run.metadata.get("workflow_def"), run.dag_id)
        folder = run.metadata.get("base")
        base = self._tools.root / folder if isinstance(folder, str) else None
        return bind(definition, self._tools, run_id, base=base, max_parallel=max_parallel)

    def retry(
        self,
        run_id: str,
        from_step: str | None = None,
        reason: str | None = None,
        *,
        max_parallel: int | None = None,
    ) -> StatefulDAGRunner:
        """Return a runner that goes on with a run: where it was cut off, what did not succeed, or from a step on.

        Raises:
            Conflict: there is nothing to run again.
            LockTimeout: another runner is at work on it.
            NotFound: there is no such run or step.
        """
        runner = self.resume(run_id, max_parallel=max_parallel)
        if runner.dag_run.is_complete or from_step is not None:
            runner.retry(from_step, reason)
        elif is_owned(self._locks, run_id):
            with run_lock(self._locks, run_id):  # raises, and says by whom
                return runner
        return runner

    def source(self, run_id: str, from_step: str | None = None) -> Source:
        """Return the file that a run was started from, and what has become of it. See `workflow_files.source_of`."""
        return source_of(self.store.require(run_id), self._tools.root, from_step)

    def retry_anew(
        self,
        run_id: str,
        from_step: str | None = None,
        reason: str | None = None,
        *,
        max_parallel: int | None = None,
    ) -> StatefulDAGRunner:
        """Give a run the definition that its file has by now, and return a runner that goes on with it.

        Raises:
            Conflict: a finished step is another in the new definition, or the run does not say which file it is from.
            LockTimeout: another runner is at work on it.
            NotFound: there is no such run or step, or no such file any more.
            UnreadableInput: the file cannot be read.
            UsageError: the inputs of the run do not fit the new definition.
        """
        run = self.store.require(run_id)
        path = file_of(run, self._tools.root)
        new, old = load_definition(path), definition_from_json(run.metadata.get("workflow_def"), run.dag_id)
        given = cast("Mapping[str, Any]", run.metadata.get("inputs") or {})
        inputs = check_inputs(new, {key: given[key] for key in given if key in new.inputs or not new.inputs})
        runner = bind(new, self._tools, run_id, base=path.parent, max_parallel=max_parallel)
        facts = {**definition_facts(new), "inputs": {**given, **inputs}}
        with run_lock(self._locks, run_id):
            run = self.store.require(run_id)
            if not self.store.knows(run_id):
                self.store.create(run)
            steps = [(step.step_id, step.retry.max_retries, step.metadata()) for step in runner.steps]
            redefine(run, old, new, steps, facts, from_step, reason)
            self.store.update(run)
        return runner

    def execute(self, runner: StatefulDAGRunner) -> Stopped:
        """Run to the end, or until SIGINT, SIGTERM or SIGHUP, which leave a run that can be resumed.

        Raises:
            LockTimeout, Conflict, MachineError: see `StatefulDAGRunner.execute`.
        """
        heard: list[str] = []

        def stop(name: str) -> None:
            heard.append(name)
            runner.stop(f"its runner was stopped by {name}")

        async def main() -> DAGRun:
            loop = asyncio.get_running_loop()
            for name in _ENDINGS:
                loop.add_signal_handler(getattr(signal, name), stop, name)
            return await runner.execute()

        run = asyncio.run(main())
        return Stopped(run, heard[0] if heard and not run.is_complete else None)

    def cancel(self, run_id: str, reason: str | None = None, *, timeout: float = 15.0) -> DAGRun:
        """Cancel a run, whoever runs it; return it as it stands when that is done or `timeout` seconds are over.

        Raises:
            NotFound: there is no such run.
            IllegalTransition: it has ended.
        """

        def ask(db: sqlite3.Connection) -> list[Draft]:
            row = db.execute("SELECT status FROM dag_runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is None:
                raise missing_run(db, run_id)
            if row[0] not in OPEN_RUN:
                raise IllegalTransition(f"the run has ended: {row[0].upper()}", where=run_id)
            data = {"run": run_id}
            return [Draft("run.cancelling", self.store.by, data if reason is None else {**data, "reason": reason})]

        after = self.store.book.append(ask)[-1].seq
        if not is_owned(self._locks, run_id):
            return self._cancel_here(run_id, reason or f"cancelled by {self.store.by}")
        deadline = self.store.clock.uptime() + timeout
        while True:
            run = self.store.require(run_id)
            left = deadline - self.store.clock.uptime()
            if run.is_complete or left <= 0:
                return run
            if not is_owned(self._locks, run_id):
                return self._cancel_here(run_id, reason or f"cancelled by {self.store.by}")
            self.store.book.wait(after, min(left, 0.5))
            after = self.store.book.head().seq

    def decide(self, run_id: str, step_id: str, *, approved: bool, reason: str | None = None) -> None:
        """Approve or reject a step that waits. See `approvals.give`."""
        approvals.give(self.store.book, run_id, step_id, approved=approved, by=self.store.by, reason=reason)

    def output(self, run: DAGRun) -> Any:
        """Return what the `output` of a run's workflow comes to; None without one, or where the run did not succeed."""
        stored = run.metadata.get("workflow_def")
        if run.status not in (DAGRunStatus.SUCCESS, DAGRunStatus.PARTIAL_SUCCESS) or not isinstance(stored, Mapping):
            return None
        if "output" not in stored:
            return None
        definition = definition_from_json(cast("Mapping[str, Any]", stored), run.dag_id)
        try:
            return output_of(definition, run, Results(self.store.home / "results"))
        except BluelabelError:
            return None  # it names the result of a step that did not succeed

    def is_owned(self, run_id: str) -> bool:
        """Tell whether a runner is at work on a run just now."""
        return is_owned(self._locks, run_id)

    def adrift(self) -> list[str]:
        """Return the runs that have not ended and that nobody runs, the oldest first."""
        active = [row.run_id for row in reversed(self.store.get_active_runs())]
        return [run_id for run_id in active if self.store.knows(run_id) and not self.is_owned(run_id)]

    def start_due(
        self,
        schedules: Mapping[str, tuple[ScheduleSpec, Definition, Path]],
        say: Callable[[str], None] = lambda _: None,
    ) -> list[str]:
        """Store a run for every schedule that is due; return their names. They are adrift until somebody runs them.

        Args:
            schedules: by name, when it is due, what it runs and the file, or folder, that the definition stands in.
            say: told what does not start and why, a line each.
        """
        clerk = Schedules(self.store.book, self.store.clock, self.store.by, say)
        specs = {name: spec for name, (spec, _, _) in schedules.items()}
        started: list[str] = []
        while True:
            firings = clerk.due(specs)
            new = [firing.run_id for firing in firings if self._fire(clerk, firing, *schedules[firing.name][1:])]
            started += new
            if not new:
                return started

    def held_back(self) -> list[str]:
        """Return a line for each schedule whose last firing did not start because an earlier run goes on."""
        with self.store.book.reading() as db:
            return held_back(db)

    def _fire(self, clerk: Schedules, firing: Firing, definition: Definition, place: Path) -> bool:
        facts = {SCHEDULED: to_text(firing.due)}
        folder, file = (place, None) if place.is_dir() else (place.parent, place)
        try:
            more = clerk.fired(firing)
            self.create(definition, {}, firing.run_id, base=folder, file=file, more=more, facts=facts)
        except AlreadyExists:
            clerk.settle(firing)
            return False
        except Overtaken:
            return False  # another `up` was quicker
        return True

    def _cancel_here(self, run_id: str, reason: str) -> DAGRun:
        """Cancel a run that nobody runs, and end what its last runner may have left behind."""
        with run_lock(self._locks, run_id):
            run = self.store.require(run_id)
            if run.is_complete:
                return run
            claim_run(self.store, run)
            for path in (self._locks / run_id).glob("*.pid"):
                Footprint(path).end_leftover()
            run.cancel(reason)
            return self.store.update(run)
