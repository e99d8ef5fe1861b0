"""Random kills at full speed on one state that keeps growing: no tracing, several processes, damage may pile up.

What every process of every run told the world is collected in one file, so that the checker can ask at any time for
all that was ever acknowledged.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from reliability.crash import judged
from reliability.forked import TIMEOUT, Zygotes
from reliability.report import Finding, Report
from reliability.sandbox import TRACEBACK, Outcome, Scenario, end, environment


def kill_loop(
    scenario: Scenario,
    base: Path,
    *,
    runs: int,
    processes: int = 2,
    shortest: float = 0.0,
    longest: float = 0.4,
    every: int = 25,
    seed: int = 1,
    seconds: float | None = None,
    told: bool = False,
) -> Report:
    """Start the command of a scenario over and over and kill it at a random moment.

    The command should run longer than `longest`; when more than half of the processes end by themselves, the loop
    proves nothing and the report is void.

    Args:
        scenario: what to run and how to judge it.
        base: an empty directory; its ``d`` is the state.
        runs: how often to start and kill.
        processes: how many copies at once.
        shortest: seconds before the earliest kill; without forked interpreters, set it above the time one takes to
            start.
        longest: seconds before the latest kill.
        every: check after each so many runs.
        seed: of the random moments.
        seconds: stop after this time, whatever `runs` says.
        told: count the moments from the first word of a run on, not from its start, on slow machines.
    """
    started = time.monotonic()
    state = base / "d"
    state.mkdir(parents=True)
    scenario.setup(state)
    if scenario.servers is not None:
        scenario.servers.teach([scenario.commands(state)[-1]], state, base, scenario.patience)
    moments = random.Random(seed)
    report = Report("kill", scenario.name, runs * processes // 2 if seconds is None else 1)
    for run in range(1, runs + 1):
        after = [moments.uniform(shortest, longest) for _ in range(processes)]
        report.listed += _killed(scenario, base, after, told=told)
        report.runs += processes
        last = run == runs or (seconds is not None and time.monotonic() - started > seconds)
        if run % every == 0 or last:
            wrong = _judge(scenario, base)
            report.findings += [Finding(f"after run {run}", rule, text, str(base)) for rule, text in wrong]
        if last or report.findings:
            break
    told_words = (base / "stdout").read_bytes().count(b"\n")
    report.more = {"killed": report.listed, "told": told_words}
    report.seconds = time.monotonic() - started
    return report


def race(
    scenario: Scenario, base: Path, commands: Sequence[Sequence[str]], *, slow: str | None = None, patience: float = 60
) -> Report:
    """Run several commands on one state at the same time, all to their end, then judge.

    Args:
        scenario: how to judge them.
        base: an empty directory; its ``d`` is the state.
        commands: one argv for each process.
        slow: a call to hold back 20 ms each time, which makes narrow windows wide.
        patience: seconds for all of them.
    """
    started = time.monotonic()
    state = base / "d"
    state.mkdir(parents=True)
    scenario.setup(state)
    argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={slow}", "-e", f"inject={slow}:delay_enter=20000"]
    crowd = [_started(scenario, base, [*(argv if slow else []), *command]) for command in commands]
    report = Report("race", scenario.name, len(commands), len(commands), len(commands))
    for number, process in enumerate(crowd):
        try:
            status = process.wait(max(0.1, started + patience - time.monotonic()))
        except subprocess.TimeoutExpired:
            end(process)
            status = TIMEOUT
        if status != 0:
            report.findings.append(Finding(f"process {number}", "exit", f"status {status}: {_said(base)[-300:]}"))
    report.findings += [Finding("after all", rule, text) for rule, text in _judge(scenario, base)]
    report.seconds = time.monotonic() - started
    return report


def _started(scenario: Scenario, base: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    with (base / "stdout").open("ab") as out, (base / "stderr").open("ab") as err:
        return subprocess.Popen(
            list(argv),
            cwd=base / "d",
            env=environment(scenario.env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def _killed(scenario: Scenario, base: Path, after: Sequence[float], *, told: bool) -> int:
    """Start one process for each moment and kill it then; return how many were still going on."""
    if scenario.servers is not None:
        return _killed_forks(scenario, scenario.servers, base, after)
    crowd = [_started(scenario, base, scenario.argv(base / "d")) for _ in after]
    words, limit = (base / "stdout").stat().st_size, time.monotonic() + 20
    while told and (base / "stdout").stat().st_size == words and time.monotonic() < limit:
        time.sleep(0.005)
    time.sleep(after[0])
    for process in crowd:
        end(process)
    return sum(process.returncode == -signal.SIGKILL for process in crowd)


def _killed_forks(scenario: Scenario, servers: Zygotes, base: Path, after: Sequence[float]) -> int:
    where, words = base / "d", scenario.argv(base / "d")

    def one(moment: float) -> int:
        return servers.run(words, where, base / "stdout", base / "stderr", moment, append=True)

    with ThreadPoolExecutor(len(after)) as pool:
        return sum(status == TIMEOUT for status in pool.map(one, after))


def _judge(scenario: Scenario, base: Path) -> list[tuple[str, str]]:
    told = (base / "stdout").read_text(errors="replace")
    outcome = Outcome(base / "d", told, _said(base), -signal.SIGKILL, killed=True)
    if TRACEBACK in outcome.stderr:
        return [("traceback", outcome.stderr[outcome.stderr.index(TRACEBACK) :][:600])]
    return judged(scenario, replace(outcome, dir=base / "d"))


def _said(base: Path) -> str:
    return (base / "stderr").read_text(errors="replace")
