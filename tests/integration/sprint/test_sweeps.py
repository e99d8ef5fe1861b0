"""A closing cut off at every state that it passes through, by a kill or a power cut, and on disks that are full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from reliability.closing import kill_sweep, power_sweep, room_sweep
from reliability.power import unavailable
from reliability.report import Report
from reliability.stations import untraceable

LIMIT = int(os.environ.get("BLUELABEL_POINTS", "0"))

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(7200)]
traced = pytest.mark.skipif(untraceable() is not None, reason=str(untraceable()))
powered = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


def assert_clean(report: Report) -> None:
    assert [str(finding) for finding in report.findings] == []
    assert report.void is None


@traced
def test_a_closing_killed_at_any_state_is_finished_by_the_next(tmp_path: Path) -> None:
    assert_clean(kill_sweep(tmp_path / "sweep", LIMIT))


@traced
@powered
@pytest.mark.root
@pytest.mark.parametrize("plug", ["drop", "commit"])
def test_a_closing_cut_off_from_power_at_any_state_is_finished_by_the_next(plug: str, tmp_path: Path) -> None:
    assert_clean(power_sweep(tmp_path / "sweep", plug, LIMIT))


@powered
@pytest.mark.root
def test_a_closing_on_a_full_disk_says_so_and_is_finished_once_there_is_room(tmp_path: Path) -> None:
    assert_clean(room_sweep(tmp_path / "sweep", LIMIT))
