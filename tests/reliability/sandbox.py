"""A fresh copy of a workspace for every run, the command under test beside strace, and what the world saw of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reliability.forked import TIMEOUT, Zygotes
from reliability.points import CHANGING, Point

NEXT = 5.0
"""Seconds within which the next command has to work."""

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of one run.

    Args:
        dir: the workspace as the run left it.
        stdout: what the outside world was told.
        stderr: what people were told.
        status: the exit status; negative for a signal, `TIMEOUT` for a hang.
        log: what strace saw.
        point: where the fault was, None for a run without one.
        killed: whether the kill fired.
        recovered: whether the recovering command has run since.
        unplugged: whether the power was cut; what can be made anew may be torn until something has recovered.
    """

    dir: Path
    stdout: str = ""
    stderr: str = ""
    status: int = 0
    log: str = ""
    point: Point | None = None
    killed: bool = False
    recovered: bool = False
    unplugged: bool = False

    @property
    def fine(self) -> bool:
        """Whether the command said that it succeeded."""
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One command under test and everything that says whether its promises held.

    Args:
        name: what reports call it.
        setup: fills an empty directory with the state the command starts from; run once, then copied.
        argv: the command, given its directory.
        check: reads the disk and the outcome, returns what is wrong in one line each.
        recover: the command that a person would run next; it must succeed within 5 seconds.
        ack: a pattern of the stdout lines that acknowledge something.
        truth: a pattern of the paths that must be on the disk before an acknowledgement; None where a command
            acknowledges nothing durable.
        floor: fewer points than this make a sweep void.
        tells: a pattern that stderr must show when the command fails; None asks for nothing.
        patience: seconds for the command itself, which strace slows down.
        env: more environment for all of them.
        servers: forks interpreters for the commands, whose words `argv` and `recover` then return; None where they
            return whole command lines.
        megabytes: the size of the image on which power is cut.
        boot: what the commands are told about the start of the machine, None for the truth; only with `servers`.
    """

    name: str
    setup: Callable[[Path], None]
    argv: Callable[[Path], Sequence[str]]
    check: Callable[[Outcome], list[str]]
    recover: Callable[[Path], Sequence[str]] | None = None
    ack: str = r"."
    truth: str | None = r"."
    floor: int = 8
    tells: str | None = None
    patience: float = 30.0
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    servers: Zygotes | None = None
    megabytes: int = 16
    boot: str | None = None

    def commands(self, where: Path) -> list[Sequence[str]]:
        """Return the command under test and the one that recovers, as they run in a workspace."""
        return [self.argv(where), *([self.recover(where)] if self.recover is not None else [])]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the same command makes the same calls each time."""
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "NO_COLOR": "1", "COLUMNS": "120"}
    quiet = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    return {**quiet, **fixed, **more}


def plain(scenario: Scenario, argv: Sequence[str], where: Path, patience: float = NEXT) -> Outcome:
    """Run a command without strace and return what came of it."""
    if scenario.servers is not None:
        return _forked(scenario, argv, where, patience)
    process = subprocess.Popen(
        list(argv),
        cwd=where,
        env=environment(scenario.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=patience)
        status = process.returncode
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        status = TIMEOUT
    return Outcome(where, out.decode(errors="replace"), err.decode(errors="replace"), status)


def _forked(scenario: Scenario, words: Sequence[str], where: Path, patience: float) -> Outcome:
    assert scenario.servers is not None
    out, err = (where.with_name(f"{where.name}.next-{name}") for name in ("out", "err"))
    status = scenario.servers.run(words, where, out, err, patience, boot=scenario.boot)
    return Outcome(where, out.read_text(errors="replace"), err.read_text(errors="replace"), status)


def traced(
    scenario: Scenario, home: Path, inject: str | None = None, point: Point | None = None, where: Path | None = None
) -> Outcome:
    """Run the command of a scenario under strace.

    Args:
        scenario: whose command.
        home: a directory for the log and the output; the workspace is its ``d`` unless `where` says otherwise.
        inject: an expression of ``strace -e inject=``.
        point: what the expression aims at, for the report.
        where: the workspace.
    """
    work = where or home / "d"
    log, out, err = home / "trace", home / "stdout", home / "stderr"
    # Never --seccomp-bpf: with it strace 6.1 silently sends no signals.
    argv = ["strace", "-f", "-y", "-q", "-s", "200", "-e", "signal=SIGKILL", "-o", str(log)]
    argv += ["-e", "trace=" + ",".join("?" + name for name in CHANGING)]
    argv += ["-e", f"inject={inject}"] if inject else []
    if scenario.servers is not None:
        words = scenario.argv(work)
        status = scenario.servers.run(words, work, out, err, scenario.patience, strace=argv, boot=scenario.boot)
        return _outcome(work, out, err, log, status, point)
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [*argv, "--", *scenario.argv(work)],
            cwd=work,
            env=environment(scenario.env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        status = _followed(process, log, scenario.patience)
    return _outcome(work, out, err, log, status, point)


def _outcome(work: Path, out: Path, err: Path, log: Path, status: int, point: Point | None) -> Outcome:
    text = log.read_text(errors="replace") if log.exists() else ""
    killed = status == -signal.SIGKILL or "+++ killed by SIGKILL" in text
    return Outcome(
        work, out.read_text(errors="replace"), err.read_text(errors="replace"), status, text, point, killed=killed
    )


def _followed(process: subprocess.Popen[bytes], log: Path, patience: float) -> int:
    """Wait for strace; once one traced process was killed, take down the rest of its family as well."""
    limit = time.monotonic() + patience
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(0.05)
            if time.monotonic() > limit:
                return TIMEOUT
            if _dead(log):
                return -signal.SIGKILL
    finally:
        end(process)


def _dead(log: Path) -> bool:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return b"+++ killed by SIGKILL" in file.read()
    except OSError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Bench:
    """A directory with the template of a scenario; `fresh` copies it for one run."""

    def __init__(self, scenario: Scenario, base: Path) -> None:
        self.scenario = scenario
        self.base = base
        self.template = base / "template"
        self.template.mkdir(parents=True)
        scenario.setup(self.template)

        self._seen: Outcome | None = None

    def seen(self, run: Callable[[Bench], Outcome]) -> Outcome:
        """Return the outcome of a run without faults, made by `run` the first time."""
        if self._seen is None:
            self._seen = run(self)
        return self._seen

    @property
    def known(self) -> set[str]:
        """The paths in the template, relative to it."""
        return {str(path.relative_to(self.template)) for path in self.template.rglob("*")}

    def fresh(self, tag: str) -> Path:
        """Return a new home whose ``d`` is a copy of the template."""
        home = self.base / tag
        shutil.copytree(self.template, home / "d", symlinks=True)
        return home

    def drop(self, home: Path, *, keep: bool) -> None:
        """Remove the home of a run, unless it shows a fault that somebody will want to look at."""
        if not keep:
            shutil.rmtree(home, ignore_errors=True)
