"""The sweeps can fail: each fault built into the real store is caught by the test meant for it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from reliability.crash import crash_sweep
from reliability.fault import fault_sweep, order_check
from reliability.kills import race
from reliability.launch import BUGS
from reliability.power import power_sweep, unavailable
from reliability.quick import bench
from reliability.report import Report
from reliability.sandbox import Bench
from reliability.scenarios import kill_scenario

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"), pytest.mark.timeout(180)]

MEANT: dict[str, tuple[str, Callable[[Bench, Path], Report]]] = {
    "in-place-write": ("send", lambda ready, base: crash_sweep(ready, base, only=r"jsonl")),
    "no-fsync": ("send", order_check),
    "no-directory-fsync": ("rotate", order_check),
    "early-acknowledgement": ("send", lambda ready, base: crash_sweep(ready, base, only=r"write.*(jsonl|stdout)")),
    "ignored-fsync-error": ("send", lambda ready, base: fault_sweep(ready, base, only="fdatasync", errors=("EIO",))),
    "unbroken-dead-lock": ("send", lambda ready, base: crash_sweep(ready, base, only="jsonl", limit=2)),
}


@pytest.mark.parametrize("bug", MEANT)
def test_a_seeded_fault_is_caught_by_the_sweep_meant_for_it(bug: str, tmp_path: Path) -> None:
    name, sweep = MEANT[bug]
    with bench(name, tmp_path / "x", bug) as ready:
        report = sweep(ready, tmp_path / "x")

    assert report.findings, str(report)


def test_a_missing_lock_is_caught_by_processes_that_send_at_once(tmp_path: Path) -> None:
    driver = [sys.executable, "-m", "reliability.driver", str(tmp_path / "x" / "d"), "send", "12"]
    report = race(kill_scenario(), tmp_path / "x", [[*driver, name, "no-lock"] for name in "ab"], slow="write")

    assert report.findings


@pytest.mark.nightly
@pytest.mark.parametrize("bug", ["no-fsync", "early-acknowledgement"])
def test_a_seeded_fault_is_caught_by_a_power_cut(bug: str, tmp_path: Path) -> None:
    why = unavailable()
    if why:
        pytest.skip(why)
    with bench("send", tmp_path / "t", bug) as ready:
        report = power_sweep(ready.scenario, tmp_path / "x", limit=3)

    assert report.findings


def test_every_seeded_fault_has_its_test() -> None:
    assert set(BUGS) == {*MEANT, "no-lock"}
