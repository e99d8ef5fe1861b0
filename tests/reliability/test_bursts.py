"""A burst of dropped files is read to the last one, whatever the watcher has missed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.sandbox import end, environment
from reliability.scenarios import ENV, bluelabel, workspace

RESCAN = 5.0
"""Seconds between two looks at everything: what the watcher missed is seen by then."""


def burst(root: Path, count: int, patience: float) -> list[str]:
    """Drop `count` files while `up` runs, replacing the folder half-way; return what was not read in time."""
    drop = root / "postbox" / "CA" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    argv = bluelabel(root, "up", "--no-workers", "--json")
    with (root / "up.log").open("wb") as log:
        office = subprocess.Popen(argv, env=environment(ENV), stdout=log, stderr=log, start_new_session=True)
    try:
        _until(lambda: b"serving" in (root / "up.log").read_bytes(), 20)
        for number in range(count):
            if number == count // 2:  # the folder is replaced: a watch on the old one sees nothing any more
                drop.rename(drop.with_name("gone"))
                drop.mkdir()
                for left in drop.with_name("gone").iterdir():
                    os.link(left, drop / left.name)
            (drop / f"{number:06}.json").write_text(json.dumps({"from": "CC", "subject": f"burst-{number}"}))
        _until(lambda: _read(root) >= count, patience)
    finally:
        end(office)
    found = {m["subject"] for m in history(read_disk(home_of(root)).facts).messages.values()}
    return [f"burst-{n}" for n in range(count) if f"burst-{n}" not in found] + _tracebacks(root)


def _tracebacks(root: Path) -> list[str]:
    return ["a traceback"] if b"Traceback" in (root / "up.log").read_bytes() else []


def _read(root: Path) -> int:
    return sum(path.read_bytes().count(b'"burst-') for path in (home_of(root) / "ledger").glob("*.jsonl"))


def _until(condition: object, patience: float) -> None:
    assert callable(condition)
    limit = time.monotonic() + patience
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)


@pytest.mark.timeout(180)
def test_a_burst_of_dropped_files_is_read_to_the_last(tmp_path: Path) -> None:
    workspace(tmp_path)

    assert burst(tmp_path, 120, patience=75 + RESCAN) == []


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_burst_of_fifty_thousand_dropped_files_is_read_to_the_last(tmp_path: Path) -> None:
    workspace(tmp_path)

    assert burst(tmp_path, 50_000, patience=1200) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_slow_writer_is_waited_for(tmp_path: Path) -> None:
    workspace(tmp_path)
    drop = tmp_path / "postbox" / "CA" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"from": "CC", "subject": "slow", "content": {"body": "x" * 1000}})
    look = bluelabel(tmp_path, "inbox", "CA", "--peek", "--json")
    with (drop / "slow.json").open("w", encoding="utf-8", buffering=1) as file:
        for start in range(0, len(text), 400):
            file.write(text[start : start + 400])
            file.flush()
            subprocess.run(look, env=environment(ENV), stdout=subprocess.DEVNULL, check=True)
    time.sleep(0.4)  # the settling time: nobody writes to it any more
    subprocess.run(look, env=environment(ENV), stdout=subprocess.DEVNULL, check=True)
    messages = history(read_disk(home_of(tmp_path)).facts).messages.values()

    assert [m["content"]["body"] for m in messages if m["subject"] == "slow"] == ["x" * 1000]
    assert not list((tmp_path / "postbox" / "CA").glob("quarantine/*.json"))
