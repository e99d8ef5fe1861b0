"""The demo, as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_the_demo_settles_every_task_although_a_worker_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bluelabel.apps.cli.main", "demo", "--dir", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, done.stderr
    (counted,) = (json.loads(line) for line in done.stdout.splitlines())
    assert (counted["tasks"], counted["settled"], counted["lost"], counted["answers"]) == (4, 4, 0, 4)
    assert counted["most attempts"] == 2
    assert (tmp_path / "demo" / "project" / "postbox" / "CC" / "quarantine").is_dir()


def test_the_demo_takes_no_directory_that_holds_anything(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    command = [sys.executable, "-m", "bluelabel.apps.cli.main", "demo", "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr.splitlines()[0]) == (4, f"error: the directory is not empty: {tmp_path}")
