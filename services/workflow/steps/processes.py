"""Child processes that end when they should: each in a group of its own, which is ended as a whole."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import machine_error


async def end_group(process: asyncio.subprocess.Process, grace: float) -> None:
    """Ask a process and all its children to stop, and kill what is left after `grace` seconds."""
    signal_group(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await process.wait()
    signal_group(process.pid, signal.SIGKILL)  # a child may have outlived its parent
    await process.wait()


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to a process group; return whether there was one."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


_MARK: Final = "BLUELABEL_FOOTPRINT"
_PROMISED: Final = "0 0"


class Footprint:
    """A small file that names the process of a step, so that the next runner can end what a killed one left behind.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def promise(self) -> Mapping[str, str]:
        """Write down that a process is about to begin; return what its environment has to hold.

        By that it is found when we are killed before we can say who it is.

        Raises:
            MachineError: the file could not be written.
        """
        self._write(_PROMISED)
        return {_MARK: str(self.path)}

    def leave(self, pid: int) -> None:
        """Write down the process.

        Raises:
            MachineError: the file could not be written.
        """
        self._write(f"{pid} {started(pid)}")

    def _write(self, text: str) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.write_text(f"{text}\n", encoding="ascii")
        except OSError as error:
            raise machine_error(error, "noting a step's process", str(self.path)) from error

    def wipe(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()

    def end_leftover(self) -> bool:
        """Kill the process group that is written down, if it is still the same; return whether it was there.

        A process id is used again some day; together with the moment of its start it is unique.
        """
        try:
            text = self.path.read_text(encoding="ascii").strip()
            pid_text, start = text.split()
            pid = int(pid_text)
        except (OSError, ValueError):
            return False
        if text == _PROMISED:
            leaders = list(_marked(f"{_MARK}={self.path}"))
        else:
            leaders = [pid] if pid > 1 and start == started(pid) != "" else []
        there = [signal_group(leader, signal.SIGKILL) for leader in leaders]
        self.wipe()
        return any(there)


def _marked(mark: str) -> Iterator[int]:
    """Yield the leaders of process groups that have `mark` in their environment, where the system shows it."""
    for place in Path("/proc").glob("[1-9]*/environ"):
        pid = int(place.parent.name)
        with suppress(OSError):  # it ended, or is somebody else's
            if mark.encode() in place.read_bytes().split(b"\0") and os.getpgid(pid) == pid:
                yield pid


def started(pid: int) -> str:
    """Return when a process began, in the kernel's own count; empty where it is gone or the system cannot tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""
