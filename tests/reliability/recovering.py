"""Dying while recovering: states left by kills of another command, then every point of `recover` itself."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from reliability.catalogue import scenario
from reliability.crash import crash_sweep, points_of
from reliability.disk import home_of
from reliability.points import sampled
from reliability.report import Finding, Report
from reliability.sandbox import Bench, Scenario, plain, traced


def recovery_sweep(name: str, base: Path, *, states: int = 10, limit: int = 0) -> Report:
    """Kill `name` at `states` points; from each state left, kill `recover` at its points, and run it twice.

    Args:
        name: of a scenario.
        base: an empty directory.
        states: how many points of the first command.
        limit: how many points of each `recover`; 0 for all.
    """
    started = time.monotonic()
    first, again = scenario(name), scenario("recover")
    report = Report("again", f"recover after {name}", floor=states)
    bench = Bench(first, base / "first")
    try:
        for number, point in enumerate(sampled(points_of(bench), states)):
            left = bench.fresh(f"left-{number}")
            traced(first, left, f"{point.name}:signal=SIGKILL:when={point.nth}", point)
            scene = replace(again, name=report.scenario, setup=partial(_copied, left / "d"), floor=1)
            one = crash_sweep(scene, base / f"again-{number}", limit=limit)
            report.listed += one.listed
            report.runs += one.runs
            report.missed += one.missed
            report.findings += [replace(finding, where=f"{point} then {finding.where}") for finding in one.findings]
            report.findings += _twice(scene, base / f"twice-{number}", str(point))
    finally:
        for made in (first, again):
            if made.servers is not None:
                made.servers.close()
    report.seconds = time.monotonic() - started
    return report


def _copied(source: Path, where: Path) -> None:
    shutil.copytree(source, where, symlinks=True, dirs_exist_ok=True)


def _twice(scene: Scenario, base: Path, where: str) -> list[Finding]:
    """Recover twice: the second time must add nothing to the ledger."""
    home = Bench(scene, base).fresh("d")
    root, texts = home / "d", list[bytes]()
    for _ in range(2):
        outcome = plain(scene, scene.argv(root), root)
        if not outcome.fine:
            return [Finding(where, "recover", f"exit {outcome.status}: {outcome.stderr[-300:]}")]
        texts.append(b"".join(path.read_bytes() for path in sorted((home_of(root) / "ledger").glob("*.jsonl"))))
    return [] if texts[0] == texts[1] else [Finding(where, "twice", "the second recover added to the ledger")]
