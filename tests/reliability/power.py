"""The power sweep: pull the plug at every call. What was not synced is gone, as on a machine that loses its current.

The command works on a small ext4 image behind a loop device. At a point it is killed and the image is copied while
it is still mounted: what the command did not sync is in the page cache of the mount and not in the copy. Mounting the
copy replays the file system's own journal, as a restart would. Two plugs:

* drop: at once. Finds acknowledgements before the sync, and directories that nobody synced.
* commit: after an unrelated file was synced, so that the journal holds all names while unsynced data is missing.
  Finds files that are there and empty.

The mount options switch off what the kernel does for careless programs (``noauto_da_alloc``) and its timer. What runs
after the plug sees another boot id, because state bound to one start of the machine must not be trusted after the next.
Needs root, loop devices and mkfs.ext4; one point at a time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reliability.crash import TRIES, Invalid, judged
from reliability.forked import TIMEOUT
from reliability.points import Point, listed, sampled
from reliability.report import Finding, Report
from reliability.sandbox import Scenario, traced

PLUGS = ("drop", "commit")
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_OPTIONS = "loop,noauto_da_alloc,commit=900"


def unavailable() -> str | None:
    """Return why this machine cannot pull plugs, or None."""
    if os.geteuid() != 0:
        return "needs root for loop mounts"
    missing = [tool for tool in ("mkfs.ext4", "mount", "umount", "unshare", "strace") if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    return None if Path("/dev/loop-control").exists() else "needs loop devices"


class Socket:
    """The images of one scenario: clean, live, and the copy that the plug leaves."""

    def __init__(self, scenario: Scenario, base: Path) -> None:
        self.scenario = scenario
        self.base = base
        self.clean, self.live, self.left = (base / name for name in ("clean.img", "live.img", "left.img"))
        self.mount = self.after = base / "mnt"  # one after the other: what a path means must not change
        self.mount.mkdir(parents=True)
        with self.clean.open("wb") as file:
            file.truncate(scenario.megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.clean))
        with mounted(self.clean, self.mount):
            (self.mount / "unrelated").touch()
            (self.mount / "d").mkdir()
            scenario.setup(self.mount / "d")
            os.sync()

    def points(self) -> list[Point]:
        """Return the points of a run without faults, checked after it."""
        self._learn()
        snapshot(self.clean, self.live)
        with mounted(self.live, self.mount):
            outcome = traced(self.scenario, self.base, where=self.mount / "d")
            wrong = judged(self.scenario, outcome) if outcome.fine else [("exit", f"{outcome.status} {outcome.stderr}")]
        if wrong:
            raise Invalid(f"{self.scenario.name} without any fault: {wrong[0][1][-2000:]}")
        return listed(outcome.log, str(self.mount / "d"))

    def _learn(self) -> None:
        servers, where = self.scenario.servers, self.mount / "d"
        if servers is not None:
            snapshot(self.clean, self.live)
            with mounted(self.live, self.mount):
                servers.teach(self.scenario.commands(where), where, self.base, self.scenario.patience)

    def pulled(self, point: Point | None, plug: str) -> tuple[bool, list[tuple[str, str]]]:
        """Run to `point` (None: to the end), pull the plug, start again.

        Returns:
            Whether the kill fired, and the broken promises as (rule, text).
        """
        aim = f"{point.name}:signal=SIGKILL:when={point.nth}" if point else None
        snapshot(self.clean, self.live)
        with mounted(self.live, self.mount):
            outcome = traced(self.scenario, self.base, aim, point, self.mount / "d")
            if plug == "commit":
                _synced(self.mount / "unrelated")
            snapshot(self.live, self.left)
        if outcome.status == TIMEOUT:
            return True, [("hang", "the command did not end")]
        with mounted(self.left, self.after):
            wrong = judged(_restarted(self.scenario, self.base), replace(outcome, dir=self.after / "d", unplugged=True))
        return outcome.killed or point is None, wrong


def power_sweep(scenario: Scenario, base: Path, *, limit: int = 0, plugs: tuple[str, ...] = PLUGS) -> Report:
    """Pull the plug at each point of a scenario and after its end.

    Args:
        scenario: what to run and how to judge it.
        base: an empty directory for images and mounts.
        limit: look at no more points than this; 0 for all.
        plugs: which of `PLUGS`.

    Raises:
        Invalid: the scenario fails without any fault.
    """
    started = time.monotonic()
    socket = Socket(scenario, base)
    points = socket.points()
    chosen: list[Point | None] = [*sampled(points, max(1, limit - 1) if limit else 0), None]
    report = Report("power", scenario.name, scenario.floor, len(points) + 1, len(chosen) * len(plugs))
    for point in chosen:
        for plug in plugs:
            where = f"{plug}, {point or 'after the end'}"
            for _ in range(TRIES):
                fired, wrong = socket.pulled(point, plug)
                if fired:
                    break
            else:
                report.missed.append(where)
                continue
            report.findings += [Finding(where, rule, text) for rule, text in wrong]
    report.seconds = time.monotonic() - started
    return report


def _restarted(scenario: Scenario, base: Path) -> Scenario:
    """Return the scenario with its next command running as after a restart: with a new boot id."""
    recover, boot = scenario.recover, str(uuid.uuid4())
    if recover is None or scenario.servers is not None:
        return replace(scenario, boot=boot)
    named = base / "boot_id"
    named.write_text(f"{boot}\n")
    script = f'mount --bind "$0" {_BOOT_ID} && exec "$@"'
    ahead = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(named)]
    return replace(scenario, recover=lambda where: [*ahead, *recover(where)])


@contextmanager
def mounted(image: Path, where: Path) -> Iterator[None]:
    """Have an image mounted for the length of the block, without the kernel's help for careless programs."""
    _run("mount", "-t", "ext4", "-o", _OPTIONS, str(image), str(where))
    try:
        yield
    finally:
        for _ in range(100):
            if subprocess.run(["umount", str(where)], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                break
            time.sleep(0.05)  # a killed process may still be on its way out
        else:
            _run("umount", "-l", str(where))


def _synced(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(b"x" * 512)
        os.fsync(file.fileno())


def snapshot(source: Path, target: Path) -> None:
    """Copy an image as it is now, mounted or not."""
    _run("cp", "--sparse=always", "--reflink=auto", str(source), str(target))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
