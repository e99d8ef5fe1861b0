"""Nothing acknowledged is lost when a command is killed or its disk fails: a sample here, every point by `run.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from reliability.catalogue import QUICK, scenario
from reliability.kills import kill_loop, race
from reliability.power import power_sweep, unavailable
from reliability.quick import sample
from reliability.scenarios import kill_scenario

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"), pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", sorted(QUICK))
def test_a_killed_or_failing_command_loses_nothing_and_tells_no_lies(name: str, tmp_path: Path) -> None:
    reports = sample(name, tmp_path / "x")

    assert all(report.passed for report in reports), "\n".join(map(str, reports))


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    why = unavailable()
    if why:
        pytest.skip(why)
    made = scenario("send")
    try:
        report = power_sweep(made, tmp_path / "x", limit=6)
    finally:
        assert made.servers is not None
        made.servers.close()

    assert report.passed, str(report)


def test_random_kills_of_two_processes_lose_nothing(tmp_path: Path) -> None:
    made = kill_scenario(forked=True)
    try:
        report = kill_loop(made, tmp_path / "x", runs=10, longest=0.6, every=5)
    finally:
        assert made.servers is not None
        made.servers.close()

    assert report.passed, str(report)
    assert report.more["told"] > 20


def test_processes_that_send_and_work_at_once_lose_nothing(tmp_path: Path) -> None:
    state = str(tmp_path / "x" / "d")
    commands = [
        [sys.executable, "-m", "reliability.driver", state, "send", "25", "a"],
        [sys.executable, "-m", "reliability.driver", state, "send", "25", "b"],
        [sys.executable, "-m", "reliability.driver", state, "work", "40", "w"],
    ]
    report = race(kill_scenario(), tmp_path / "x", commands)

    assert report.passed, str(report)
