"""The harnesses judge others, so they are judged first: each toy fault is caught by the harnesses meant for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from reliability.acknowledged import doubts
from reliability.crash import Invalid, crash_sweep
from reliability.fault import fault_sweep, order_check
from reliability.kills import kill_loop, race
from reliability.points import listed, sampled
from reliability.power import power_sweep, unavailable
from reliability.report import Finding, Report
from reliability.toys.scenarios import put, scenario
from reliability.toys.store import VARIANTS

pytestmark = [pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"), pytest.mark.timeout(120)]

LIMITS = {"crash": 16, "fault": 24, "power": 8}
ONLY = {"ignored-sync-error": "fsync"}


def swept(harness: str, variant: str, base: Path, limit: int | None = None) -> Report:
    """Run one harness over one toy."""
    toy = scenario(variant)
    limit = LIMITS.get(harness, 0) if limit is None else limit
    if harness == "crash":
        return crash_sweep(toy, base, limit=limit)
    if harness == "fault":
        return fault_sweep(toy, base, limit=limit, errors=("EIO", "ENOSPC"), only=ONLY.get(variant, ""))
    if harness == "power":
        return power_sweep(toy, base, limit=limit)
    if harness == "order":
        return order_check(toy, base)
    return race(toy, base, [put(variant, base / "d", name, 8) for name in "abc"])


QUICK = {("in-place", "crash"), ("no-fsync", "order"), ("early-ack", "crash"), ("ignored-sync-error", "fault")}
QUICK |= {("no-directory-fsync", "power"), ("no-directory-fsync", "order"), ("no-lock", "race")}


def caught() -> list[Any]:
    """Return each fault with each harness meant for it; the first of each is quick, the rest is for the night."""
    every = [(variant, harness) for variant, names in VARIANTS.items() for harness in names.split()]
    night = pytest.mark.nightly
    return [pytest.param(*case, marks=() if case in QUICK else night) for case in every if case[0] != "good"]


@pytest.mark.parametrize(("variant", "harness"), caught())
def test_a_fault_is_caught_by_the_harness_meant_for_it(variant: str, harness: str, tmp_path: Path) -> None:
    why = unavailable() if harness == "power" else None
    if why:
        pytest.skip(why)
    report = swept(harness, variant, tmp_path / "x", limit=3 if variant == "unbroken-lock" else None)

    assert report.findings, f"{harness} did not see {variant}: {report}"


@pytest.mark.parametrize(
    "harness", ["crash", "fault", "order", "race", pytest.param("power", marks=pytest.mark.nightly)]
)
def test_a_good_store_passes(harness: str, tmp_path: Path) -> None:
    why = unavailable() if harness == "power" else None
    if why:
        pytest.skip(why)
    report = swept(harness, "good", tmp_path / "x")

    assert report.passed, str(report)


def test_random_kills_lose_nothing_of_a_good_store(tmp_path: Path) -> None:
    toy = scenario("good", count=100_000)
    report = kill_loop(toy, tmp_path / "x", runs=12, longest=0.2, every=4, told=True)

    assert report.passed, str(report)
    assert report.more["told"] > 12


def test_random_kills_break_a_careless_store(tmp_path: Path) -> None:
    toy = scenario("in-place", count=100_000)
    report = kill_loop(toy, tmp_path / "x", runs=60, longest=0.06, every=1, told=True)

    assert report.findings


def test_a_sweep_with_too_few_points_is_void() -> None:
    report = Report("crash", "x", floor=8, listed=7, runs=7)

    assert "floor" in str(report.void)
    assert not report.passed


def test_a_sweep_with_a_missed_point_is_void() -> None:
    report = Report("crash", "x", floor=1, listed=7, runs=7, missed=["write #3"])

    assert "did not fire" in str(report)


def test_a_report_names_its_findings() -> None:
    report = Report("crash", "x", listed=1, runs=1, findings=[Finding("write #1", "check", "lost a", "/kept")])

    assert str(report).splitlines()[1].strip() == "check: lost a [write #1] kept in /kept"
    assert report.as_json()["findings"]


def test_a_command_that_fails_without_any_fault_makes_no_sweep(tmp_path: Path) -> None:
    toy = scenario("good")
    broken = type(toy)(**{name: getattr(toy, name) for name in toy.__slots__} | {"argv": lambda _: ["false"]})

    with pytest.raises(Invalid, match="exits 1"):
        crash_sweep(broken, tmp_path / "x")


LOG = """\
7 openat(AT_FDCWD</w>, "/w/a", O_RDONLY) = 3</w/a>
7 openat(AT_FDCWD</w>, "/w/b", O_WRONLY|O_CREAT, 0600) = 4</w/b>
7 write(4</w/b>, "x", 1) = 1
8 fsync(4</w/b> <unfinished ...>
7 write(1<pipe:[1]>, "other", 5) = 5
8 <... fsync resumed>) = {result}
8 fsync(5</w>) = 0
7 write(1<pipe:[1]>, "done b", 6) = 6
"""


def test_points_are_the_calls_that_change_something_in_the_workspace() -> None:
    names = [(point.name, point.nth) for point in listed(LOG.format(result=0), "/w")]

    assert names == [("openat", 2), ("write", 1), ("fsync", 1), ("write", 2), ("fsync", 2), ("write", 3)]


def test_a_sample_keeps_every_sort_of_point() -> None:
    points = listed("".join(f'7 write(4</w/b>, "{n}", 1) = 1\n' for n in range(50)) + LOG.format(result=0), "/w")

    assert {point.name for point in sampled(points, 4)} == {"openat", "write", "fsync"}


def test_an_acknowledgement_after_the_sync_is_right_also_when_threads_interleave() -> None:
    assert doubts(LOG.format(result=0), "/w", "done", {"/w/a"}, 0) == []


def test_an_acknowledgement_after_a_failed_sync_is_false() -> None:
    log = LOG.format(result="-1 EIO (Input/output error) (INJECTED)")

    assert "had failed" in doubts(log, "/w/b", "done", {"/w/a"}, 0)[0]


def test_a_second_sync_alone_does_not_make_a_failed_one_good() -> None:
    log = LOG.format(result="-1 EIO (INJECTED)").replace("8 fsync(5</w>)", "8 fsync(4</w/b>)")

    assert doubts(log, "/w/b", "done", {"/w/a", "/w/b"}, 0)


def test_writing_again_and_syncing_makes_a_failed_sync_good() -> None:
    again = '8 write(4</w/b>, "x", 1) = 1\n8 fsync(4</w/b>) = 0\n'
    log = LOG.format(result="-1 EIO (INJECTED)").replace("8 fsync(5</w>) = 0\n", again)

    assert doubts(log, "/w/b", "done", {"/w/a", "/w/b"}, 0) == []
