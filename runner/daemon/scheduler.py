"""Workflows that start by themselves, and runs whose runner died: `up` starts a runner for each."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.times import span
from bluelabel.runner.wiring.workflow import open_runs
from bluelabel.runner.workspace import Workspace
from bluelabel.services.workflow.definition.definition import Definition, ScheduleSpec
from bluelabel.services.workflow.model.states import DAGRunStatus
from bluelabel.services.workflow.runs import SCHEDULED, Runs, load_definition
from bluelabel.services.workflow.steps.binding import check_inputs
from bluelabel.services.workflow.workflow_files import FileState

LOOK: Final = 2.0
"""Seconds between two looks."""

PAUSE: Final = 60.0
"""Seconds between two tries to go on with one run."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_Entry = tuple[ScheduleSpec, Definition, Path]


class Timetable:
    """Looks after the workflows that bluelabel.toml names in ``[workflow] schedules``, after runs adrift and old ones.

    Args:
        workspace: whose runs.
        say: told what happens, a line each.
        program: the argv of the command line; this installation's when None.
    """

    def __init__(self, workspace: Workspace, say: Callable[[str], None], program: Sequence[str] | None = None) -> None:
        self._workspace = workspace
        self._say = say
        here = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(workspace.root)]
        self._program = list(program or here)
        self._runs: Runs = open_runs(workspace)
        self._read: dict[Path, tuple[int, _Entry | None]] = {}
        self._runners: dict[str, subprocess.Popen[bytes]] = {}
        self._tried: dict[str, float] = {}
        self._look_due = self._clean_due = 0.0

    def tend(self) -> None:
        """Look, if the last time is long enough ago; a burst of mail must not make it look at all runs each time."""
        now = self._workspace.clock.uptime()
        if now >= self._look_due:
            self._look_due = now + LOOK
            self.look()

    def look(self) -> None:
        """Start what is due, and take over what nobody runs. A runner is a process of its own and outlives `up`."""
        for run_id, runner in list(self._runners.items()):
            if runner.poll() is not None:
                del self._runners[run_id]
        schedules = self._schedules()
        for run_id in self._runs.start_due(schedules, self._say) if schedules else ():
            self._say(f"{run_id} is due")
        self._clean()
        for run_id in self._runs.adrift():
            if run_id not in self._runners and self._rested(run_id) and self._is_ours(run_id):
                self._start(run_id)

    def _clean(self) -> None:
        """Once an hour, remove runs that ended longer ago than ``[workflow] keep`` says; without it, none."""
        keep = self._workspace.settings.tables.get("workflow", {}).get("keep")
        now = self._workspace.clock.uptime()
        if keep is None or now < self._clean_due:
            return
        self._clean_due = now + 3600.0
        count = self._runs.store.cleanup_old_runs(span(str(keep)).total_seconds() / 86400)
        if count:
            self._say(f"{count} old runs removed")

    def _schedules(self) -> dict[str, _Entry]:
        named: object = self._workspace.settings.tables.get("workflow", {}).get("schedules")
        found: dict[str, _Entry] = {}
        for text in cast("list[object]", named) if isinstance(named, list) else ():
            path = self._workspace.root / str(text)
            entry = self._entry(path)
            if entry is not None:
                found[_NO_NAME.sub("-", str(Path(str(text)).with_suffix(""))).strip("-") or "workflow"] = entry
        return found

    def _entry(self, path: Path) -> _Entry | None:
        """Read a workflow when its file has changed; what is wrong with it is told once."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = -1
        if path in self._read and self._read[path][0] == changed:
            return self._read[path][1]
        entry: _Entry | None = None
        try:
            definition = load_definition(path)
            if definition.schedule is None:
                self._say(f"{path}: the workflow has no schedule")
            else:
                check_inputs(definition, {})
                entry = (definition.schedule, definition, path)
        except BluelabelError as error:
            self._say(f"the schedule of {path.name} is not kept: {error}")
        self._read[path] = (changed, entry)
        return entry

    def _is_ours(self, run_id: str) -> bool:
        """Whether `up` goes on with a run: a schedule made it, or its runner died. Others wait for a person."""
        run = self._runs.store.require(run_id)
        if "workflow_def" not in run.metadata:
            return False
        return run.status is DAGRunStatus.RUNNING or (run.status is DAGRunStatus.CREATED and SCHEDULED in run.metadata)

    def _changed(self, run_id: str) -> str | None:
        """Return what to say where the workflow file of a run is no more what it was when the run began."""
        source = self._runs.source(run_id)
        if source.path is None or source.state is FileState.SAME:
            return None
        return f"{source.path} is {source.state.value}: run {run_id} goes on with the definition it has"

    def _rested(self, run_id: str) -> bool:
        """Whether the last try is long enough ago: a run that nobody can run must not be tried every second."""
        return self._workspace.clock.uptime() - self._tried.get(run_id, -PAUSE) >= PAUSE

    def _start(self, run_id: str) -> None:
        self._tried[run_id] = self._workspace.clock.uptime()
        note = self._changed(run_id)
        if note is not None:
            self._say(note)
        self._say(f"going on with run {run_id}")
        self._runners[run_id] = subprocess.Popen(
            [*self._program, "run", "dag", "--retry", run_id, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._workspace.root,
            start_new_session=True,
        )
