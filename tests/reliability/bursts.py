"""A burst of dropped files: whatever the watcher misses of it, everything is read, and soon after the last file."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.report import Finding, Report
from reliability.sandbox import TRACEBACK, end, environment
from reliability.scenarios import ENV, bluelabel, workspace

RESCAN = 5.0
"""Seconds between two looks at everything: what the watcher missed is seen by then."""


def burst(root: Path, count: int, patience: float) -> Report:
    """Drop `count` files as fast as they can be written while `up` runs, replacing the folder half-way.

    Args:
        root: an empty directory.
        count: of files.
        patience: seconds to wait for the last one once it is written.

    Returns:
        A report that also tells how long writing took, and how long after its end everything was read.
    """
    started = time.monotonic()
    root.mkdir(parents=True, exist_ok=True)
    workspace(root)
    drop = root / "postbox" / "CA" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    argv = bluelabel(root, "up", "--no-workers", "--json")
    with (root / "up.log").open("wb") as log:
        office = subprocess.Popen(argv, env=environment(ENV), stdout=log, stderr=log, start_new_session=True)
    try:
        _until(lambda: b"serving" in (root / "up.log").read_bytes(), 20)
        began = time.monotonic()
        _write(drop, count)
        written = time.monotonic()
        _until(lambda: _read(root) >= count, patience)
        seen = time.monotonic()
    finally:
        end(office)
    found = [m["subject"] for m in history(read_disk(home_of(root)).facts).messages.values()]
    report = Report("burst", f"{count:,} files", floor=count, listed=len(found) - 1, runs=count)
    there = set(found)
    lost = [f"burst-{n}" for n in range(count) if f"burst-{n}" not in there]
    report.findings = [Finding("after the burst", "lost", f"{len(lost)} files, first {lost[0]}")] if lost else []
    if len(found) != len(there):
        report.findings.append(Finding("after the burst", "check", f"{len(found) - len(there)} came twice"))
    if TRACEBACK.encode() in (root / "up.log").read_bytes():
        report.findings.append(Finding("up", "traceback", "see up.log", str(root)))
    report.seconds = time.monotonic() - started
    report.more = {"s writing": round(written - began, 1), "s until all were read": round(seen - written, 1)}
    return report


def _write(drop: Path, count: int) -> None:
    for number in range(count):
        if number == count // 2:  # the folder is replaced: a watch on the old one sees nothing any more
            drop.rename(drop.with_name("gone"))
            drop.mkdir()
            for left in drop.with_name("gone").iterdir():
                os.link(left, drop / left.name)
        (drop / f"{number:06}.json").write_text(json.dumps({"from": "CC", "subject": f"burst-{number}"}))


def _read(root: Path) -> int:
    return sum(path.read_bytes().count(b'"subject":"burst-') for path in (home_of(root) / "ledger").glob("*.jsonl"))


def _until(condition: object, patience: float) -> None:
    assert callable(condition)
    limit = time.monotonic() + patience
    while not condition() and time.monotonic() < limit:
        time.sleep(0.1)
