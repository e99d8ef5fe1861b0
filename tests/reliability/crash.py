"""The crash sweep: SIGKILL before every call that changes something, then the next command, then the checker.

A process that dies before its k-th changing call leaves what every death since the call before leaves, so these
points together are all the states that a kill can produce. The page cache survives: `power.py` takes it away.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from reliability.forked import TIMEOUT
from reliability.points import Point, listed, sampled
from reliability.report import Finding, Report
from reliability.sandbox import NEXT, TRACEBACK, Bench, Outcome, Scenario, plain, traced

TRIES = 3
"""A kill that did not fire is tried again: threads may share their calls out differently."""


class Invalid(Exception):
    """The command does not work without any fault, so a sweep over it means nothing."""


def crash_sweep(
    scenario: Scenario | Bench, base: Path, *, limit: int = 0, only: str = "", jobs: int = 2, keep: bool = False
) -> Report:
    """Kill the command of a scenario at each of its points.

    Args:
        scenario: what to run and how to judge it, or a bench on which it was run before.
        base: an empty directory for the copies; that of the bench.
        limit: look at no more points than this, evenly chosen by sort; 0 for all.
        only: look at points that match this pattern.
        jobs: how many copies run at once.
        keep: leave the directories of findings behind.

    Raises:
        Invalid: the scenario fails without any fault.
    """
    started = time.monotonic()
    bench = scenario if isinstance(scenario, Bench) else Bench(scenario, base)
    points = points_of(bench)
    chosen = sampled([point for point in points if re.search(only, str(point))], limit)
    report = Report("crash", bench.scenario.name, bench.scenario.floor, len(points), len(chosen))
    with ThreadPoolExecutor(jobs) as pool:
        for missed, findings in pool.map(lambda job: _one(bench, *job, keep=keep), enumerate(chosen)):
            report.findings += findings
            report.missed += [missed] if missed else []
    report.seconds = time.monotonic() - started
    return report


def points_of(bench: Bench) -> list[Point]:
    """Return the points of a run without faults."""
    return listed(bench.seen(baseline).log, str(bench.base / "base" / "d"))


def baseline(bench: Bench) -> Outcome:
    """Run the command without faults until it is known to work; the second run's log counts, caches being warm.

    Raises:
        Invalid: it does not.
    """
    if bench.scenario.servers is not None:
        home = bench.fresh("learn")
        bench.scenario.servers.teach(bench.scenario.commands(home / "d"), home / "d", home, bench.scenario.patience)
    for tag in ("warm", "base"):
        outcome = traced(bench.scenario, bench.fresh(tag))
        if not outcome.fine:
            raise Invalid(f"{bench.scenario.name} exits {outcome.status} without any fault: {outcome.stderr[-2000:]}")
        wrong = judged(bench.scenario, outcome)
        if wrong:
            raise Invalid(f"{bench.scenario.name} without any fault: {'; '.join(text for _, text in wrong)}")
    return outcome


def judged(scenario: Scenario, outcome: Outcome) -> list[tuple[str, str]]:
    """Return the broken promises of an outcome as (rule, text): before recovering, of recovering, and after it."""
    wrong = [("check", text) for text in scenario.check(outcome)]
    if scenario.recover is None or wrong:
        return wrong
    after = plain(scenario, scenario.recover(outcome.dir), outcome.dir)
    if after.status == TIMEOUT:
        return [("recover", f"the next command did not end in {NEXT:.0f} s")]
    if not after.fine:
        return [("recover", f"the next command exits {after.status}: {after.stderr.strip()[-600:]}")]
    if TRACEBACK in after.stderr:
        return [("recover", f"a traceback: {after.stderr.strip()[-600:]}")]
    return [("after recover", text) for text in scenario.check(replace(outcome, recovered=True))]


def _one(bench: Bench, number: int, point: Point, *, keep: bool) -> tuple[str | None, list[Finding]]:
    aim = f"{point.name}:signal=SIGKILL:when={point.nth}"
    for attempt in range(TRIES):
        home = bench.fresh(f"kill-{number:05}-{attempt}")
        outcome = traced(bench.scenario, home, aim, point)
        if outcome.killed or outcome.status == TIMEOUT:
            break
        bench.drop(home, keep=False)
    else:
        return str(point), []
    wrong = [("hang", "the command did not end")] if outcome.status == TIMEOUT else judged(bench.scenario, outcome)
    bench.drop(home, keep=keep and bool(wrong))
    kept = str(home) if keep and wrong else None
    return None, [Finding(str(point), rule, text, kept) for rule, text in wrong]
