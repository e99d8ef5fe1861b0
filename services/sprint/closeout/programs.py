"""The programs that a closing runs: the tests, a measure of coverage, and the steps that a project has added."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from bluelabel.services.cards.evidence.project_tests import TestRun, run_tests
from bluelabel.services.sprint.model import one_line
from bluelabel.services.workflow.steps.processes import Footprint, signal_group


class Programs:
    """Runs one program at a time for a closing, and lets none of them outlive it.

    Args:
        root: where they run.
        note: the file that names the one under way, for the closing that follows a killed one; None for a dry run.
    """

    def __init__(self, root: Path, note: Path | None = None) -> None:
        self._root = root
        self._note = Footprint(note) if note else None
        self._leader: int | None = None
        self._stopped = False

    def run(self, command: Sequence[str], seconds: float, more: Mapping[str, str] | None = None) -> TestRun:
        """Run a program to its end.

        Args:
            command: program and arguments; no shell.
            seconds: its time limit.
            more: variables that it finds in its environment beside ours.

        Raises:
            KeyboardInterrupt: it was stopped; what called it goes no further.
        """
        mark: Mapping[str, str] = {}
        if self._note:
            self._note.end_leftover()
            mark = self._note.promise()
        try:
            environment = {**os.environ, **(more or {}), **mark}
            done = run_tests(command, self._root, seconds, environment=environment, begun=self._keep)
        finally:
            self._leader = None
            if self._note:
                self._note.wipe()
        if self._stopped:
            raise KeyboardInterrupt
        return done

    def stop(self) -> None:
        """End the program under way and its children, if there is one: its closing has ended."""
        self._stopped = True
        if self._leader is not None:
            signal_group(self._leader, signal.SIGKILL)

    def _keep(self, leader: int) -> None:
        self._leader = leader
        if self._note:
            self._note.leave(leader)
        if self._stopped:  # in between
            self.stop()


def told(run: TestRun) -> str:
    """Return in one line what came of a program: how it ended, and the last line that it printed."""
    last = next((one_line(line)[:200] for line in reversed(run.end.splitlines()) if line.strip()), "")
    if run.exit_code is None:  # then this line says why
        return f"{' '.join(run.command)}: {last}"
    return run.judge("")[1] + (f"; it ends: {last}" if last else "")
