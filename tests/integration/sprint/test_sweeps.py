"""A closing killed, and the plug pulled, at its state-changing calls, git's own included."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from reliability.crash import crash_sweep
from reliability.power import power_sweep, unavailable
from reliability.sandbox import Outcome, Scenario

from .test_kills import has_strace, settled, template

__all__ = ["template"]

POINTS = int(os.environ.get("BLUELABEL_POINTS", "40"))


def scenario(made: Path) -> Scenario:
    def setup(where: Path) -> None:
        shutil.copytree(made, where, symlinks=True, dirs_exist_ok=True)

    def argv(where: Path) -> list[str]:
        return [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(where), "sprint", "closeout", "--yes"]

    def check(outcome: Outcome) -> list[str]:
        return settled(outcome.dir)

    return Scenario("closeout", setup, argv, check, truth=None, floor=50, patience=240.0, megabytes=64)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not has_strace(), reason="strace is not installed")
def test_a_closing_killed_at_its_calls_is_finished_or_explained_by_the_next(template, tmp_path):
    report = crash_sweep(scenario(template), tmp_path / "sweep", limit=POINTS)

    assert [str(finding) for finding in report.findings] == []
    assert report.missed == []
    assert report.listed >= report.floor


@pytest.mark.nightly
@pytest.mark.root
@pytest.mark.timeout(7200)
@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_a_closing_cut_off_from_power_is_finished_or_explained_by_the_next(template, tmp_path):
    report = power_sweep(scenario(template), tmp_path / "sweep", limit=POINTS)

    assert [str(finding) for finding in report.findings] == []
    assert report.missed == []
    assert report.listed >= report.floor
