"""Keeps worker processes alive, and ends them cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.agents.process_group import leashed

GRACE: Final = 10.0
"""Seconds that a worker gets to finish or give its message back."""

_PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_SETTLED = 60.0


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    again: float = 0.0


class Supervisor:
    """One process for each name; a process that ends on its own is started again, later each time it fails at once.

    None outlives this process: when it is killed, the kernel asks them to end (Linux).

    Args:
        commands: name to argv.
        cwd: where they run.
        say: told what happens, a line each.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], cwd: Path, say: Callable[[str], None]) -> None:
        self._commands = commands
        self._cwd = cwd
        self._say = say
        self._children = {name: _Child() for name in commands}

    def tend(self) -> None:
        """Start what is not running. Call it every second or so."""
        for name, child in self._children.items():
            now = time.monotonic()
            if child.process is not None and (code := child.process.poll()) is not None:
                quick = now - child.started < _SETTLED
                child.failures = child.failures + 1 if quick else 0
                pause = _PAUSES[min(child.failures, len(_PAUSES) - 1)]
                child.process, child.again = None, now + pause
                self._say(f"worker {name} ended ({_reason(code)}); starting it again in {pause:g} s")
            if child.process is None and now >= child.again:
                child.process = subprocess.Popen(
                    leashed(self._commands[name]), cwd=self._cwd, stdin=subprocess.DEVNULL, start_new_session=True
                )
                child.started = now
                self._say(f"worker {name} is process {child.process.pid}")

    def stop(self) -> None:
        """Ask every process to end, and make those end that have not after `GRACE` seconds."""
        running = [child.process for child in self._children.values() if child.process is not None]
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"process {process.pid} did not end in {GRACE:g} s and was killed; its message comes back")
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
