"""A burst of dropped files is read to the last one, whatever the watcher has missed."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import pytest
from reliability.bursts import RESCAN, burst
from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.scenarios import workspace

from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace


@pytest.mark.timeout(180)
def test_a_burst_of_dropped_files_is_read_to_the_last(tmp_path: Path) -> None:
    report = burst(tmp_path, 120, patience=75 + RESCAN)

    assert report.passed, str(report)


def bodies(root: Path, subject: str) -> list[str]:
    found = history(read_disk(home_of(root)).facts).messages.values()
    return [message["content"]["body"] for message in found if message["subject"] == subject]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel who writes")
def test_a_slow_writer_is_waited_for(tmp_path: Path) -> None:
    workspace(tmp_path)
    drop = tmp_path / "postbox" / "CA" / "drop"
    text = json.dumps({"from": "CC", "subject": "slow", "content": {"body": "x" * 1000}})
    here = Workspace.open(tmp_path)
    boxes = Boxes(here)
    with (drop / "slow.json").open("w", encoding="utf-8", buffering=1) as file:
        for start in range(0, len(text), len(text) // 10):
            file.write(text[start : start + len(text) // 10])
            file.flush()
            assert boxes.sweep().sent == []
    time.sleep(0.4)  # the settling time: nobody writes to it any more
    boxes.sweep()
    here.close()

    assert bodies(tmp_path, "slow") == ["x" * 1000]
    assert not list((tmp_path / "postbox" / "CA").glob("quarantine/*.json"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel who writes")
def test_a_file_rewritten_a_hundred_times_is_never_read_by_halves(tmp_path: Path) -> None:
    workspace(tmp_path)
    path = tmp_path / "postbox" / "CA" / "drop" / "often.json"

    def rewrite() -> None:
        for number in range(100):
            text = json.dumps({"from": "CC", "subject": "often", "content": {"body": f"{number}:" + "x" * 20_000}})
            with path.open("w", encoding="utf-8") as file:
                file.write(text[: len(text) // 2])
                file.flush()
                file.write(text[len(text) // 2 :])

    writer = threading.Thread(target=rewrite)
    here = Workspace.open(tmp_path)
    boxes = Boxes(here)
    writer.start()
    while writer.is_alive():
        boxes.sweep()
    time.sleep(0.4)
    boxes.sweep()
    here.close()

    found = bodies(tmp_path, "often")
    assert {len(body.partition(":")[2]) for body in found} == {20_000}
    assert found[-1].startswith("99:")
    assert not list((tmp_path / "postbox" / "CA").glob("quarantine/*.json"))
