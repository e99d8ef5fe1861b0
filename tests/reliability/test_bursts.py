"""A burst of dropped files is read to the last one, whatever the watcher has missed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reliability.bursts import RESCAN, burst
from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.sandbox import environment
from reliability.scenarios import ENV, bluelabel, workspace


@pytest.mark.timeout(180)
def test_a_burst_of_dropped_files_is_read_to_the_last(tmp_path: Path) -> None:
    report = burst(tmp_path, 120, patience=75 + RESCAN)

    assert report.passed, str(report)


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
