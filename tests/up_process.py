"""`bluelabel up` as a process of its own, waited for by what it does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


class Up:
    """A running `up`, and what it says."""

    def __init__(self, root: Path, *args: str) -> None:
        self.root = root
        command = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(root), "up", *args, "--json"]
        self.log = (root.parent / "up.log").open("w+b")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, cwd=root)

    def said(self) -> str:
        """Return what it has said so far."""
        return Path(self.log.name).read_text(encoding="utf-8")

    def until(self, there: Callable[[], bool]) -> None:
        """Wait until something is there; fail when it ends first, or takes too long."""
        deadline = time.monotonic() + 45
        while not there():
            assert time.monotonic() < deadline, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)
