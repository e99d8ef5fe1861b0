"""The fault sweep: every call that changes something fails, once or from then on, with each error it can return."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reliability.acknowledged import doubts
from reliability.crash import TRIES, baseline, judged, points_of
from reliability.forked import TIMEOUT
from reliability.points import Point, sampled
from reliability.report import Finding, Report
from reliability.sandbox import TRACEBACK, Bench, Outcome, Scenario, traced

_NEW = ("ENOSPC", "EDQUOT", "EACCES", "EROFS")
_DATA = ("EIO", "ENOSPC", "EDQUOT")
ERRORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), ("ENOSPC", "EACCES", "EROFS", "EMFILE", "EIO")),
    **dict.fromkeys(("write", "writev", "pwrite64", "pwritev", "pwritev2"), (*_DATA, "EINTR")),
    **dict.fromkeys(("fsync", "fdatasync", "syncfs", "sync_file_range"), _DATA),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat"), (*_NEW, "EIO")),
    **dict.fromkeys(("mkdir", "mkdirat", "symlink", "symlinkat", "mknod", "mknodat"), _NEW),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir"), ("EIO", "EACCES", "EROFS")),
    **dict.fromkeys(("truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile"), ("EIO", "ENOSPC")),
    **dict.fromkeys(("chmod", "fchmod", "fchmodat", "utimensat"), ("EACCES", "EROFS")),
    "flock": ("ENOLCK", "EINTR", "EIO"),
}
"""The errors that each call can return when the machine is in trouble."""

QUICK = ("EIO", "ENOSPC")


@dataclass(frozen=True, slots=True)
class Fault:
    """One call that fails with one error, once or for good."""

    point: Point
    error: str
    sticky: bool

    @property
    def aim(self) -> str:
        """The expression for ``strace -e inject=``."""
        return f"{self.point.name}:error={self.error}:when={self.point.nth}{'+' if self.sticky else ''}"

    def __str__(self) -> str:
        return f"{self.error} {'for good' if self.sticky else 'once'} at {self.point}"


def faults(points: list[Point], errors: tuple[str, ...] = ()) -> list[Fault]:
    """Return every fault of these points; with `errors` only those.

    An interrupted call is tried again by Python until it works, so EINTR comes only once.
    """
    return [
        Fault(point, error, sticky)
        for point in points
        for error in ERRORS.get(point.name, ("EIO",))
        if not errors or error in errors
        for sticky in (False, True)
        if not (sticky and error == "EINTR")
    ]


def fault_sweep(
    scenario: Scenario | Bench,
    base: Path,
    *,
    errors: tuple[str, ...] = (),
    limit: int = 0,
    only: str = "",
    jobs: int = 2,
    keep: bool = False,
) -> Report:
    """Make each call of a scenario fail; the arguments are those of `crash_sweep`, and `errors` are the only ones.

    Raises:
        Invalid: the scenario fails without any fault.
    """
    started = time.monotonic()
    bench = scenario if isinstance(scenario, Bench) else Bench(scenario, base)
    every = faults(points_of(bench), errors)
    chosen = faults([point for point in points_of(bench) if re.search(only, str(point))], errors)
    if limit and len(chosen) > limit:
        several = faults(sampled(list(dict.fromkeys(fault.point for fault in chosen)), limit), errors)
        chosen = [several[n * len(several) // limit] for n in range(min(limit, len(several)))]
    report = Report("fault", bench.scenario.name, bench.scenario.floor, len(every), len(chosen))
    known = bench.known
    with ThreadPoolExecutor(jobs) as pool:
        for missed, findings in pool.map(lambda job: _one(bench, known, *job, keep=keep), enumerate(chosen)):
            report.findings += findings
            report.missed += [missed] if missed else []
    report.seconds = time.monotonic() - started
    return report


def broken(scenario: Scenario, outcome: Outcome, known: set[str], fault: Fault | None = None) -> list[tuple[str, str]]:
    """Return the promises broken while a fault was there, apart from what the checker of the scenario finds."""
    wrong: list[tuple[str, str]] = []
    if outcome.status == TIMEOUT:
        return [("hang", f"the command did not end in {scenario.patience:.0f} s")]
    if outcome.status < 0 or (outcome.status >= 129 and outcome.status != 130):
        wrong.append(("crash", f"the command ended with {outcome.status}"))
    if TRACEBACK in outcome.stderr:
        wrong.append(("traceback", outcome.stderr.strip().splitlines()[-1][:300]))
    silenced = (
        fault is not None and fault.point.name.startswith("write") and (fault.sticky or "(2<" in fault.point.text)
    )
    # A fault counts in every process of the command by itself: what fails in git may fail our word on stderr as well.
    silenced = silenced or re.search(r"write\(2<[^\n]*\(INJECTED\)", outcome.log) is not None
    if outcome.status != 0 and scenario.tells and not silenced and not re.search(scenario.tells, outcome.stderr):
        wrong.append(("silent", f"exit {outcome.status} and no word on stderr: {outcome.stderr.strip()[-200:]!r}"))
    if scenario.truth is not None:
        there = {str(outcome.dir / name) for name in known}
        lies = doubts(outcome.log, scenario.truth, scenario.ack, there, outcome.status)
        wrong += [("false-ack", text) for text in lies]
    return wrong


def _one(bench: Bench, known: set[str], number: int, fault: Fault, *, keep: bool) -> tuple[str | None, list[Finding]]:
    for attempt in range(TRIES):
        home = bench.fresh(f"fault-{number:05}-{attempt}")
        outcome = traced(bench.scenario, home, fault.aim, fault.point)
        if "(INJECTED)" in outcome.log or outcome.status == TIMEOUT:
            break
        bench.drop(home, keep=False)
    else:
        return str(fault), []
    wrong = broken(bench.scenario, outcome, known, fault) + judged(bench.scenario, outcome)
    bench.drop(home, keep=keep and bool(wrong))
    return None, [Finding(str(fault), rule, text, str(home) if keep else None) for rule, text in wrong]


def order_check(scenario: Scenario | Bench, base: Path) -> Report:
    """Run the command once and look only at the order of its calls: nothing is told before it is on the disk."""
    started = time.monotonic()
    bench = scenario if isinstance(scenario, Bench) else Bench(scenario, base)
    points, outcome = points_of(bench), bench.seen(baseline)
    told = re.search(bench.scenario.ack, outcome.stdout)
    report = Report("order", bench.scenario.name, bench.scenario.floor, len(points), 1 if told else 0)
    lies = broken(bench.scenario, outcome, bench.known)
    report.findings = [Finding("undisturbed", rule, text) for rule, text in lies]
    report.seconds = time.monotonic() - started
    return report
