"""Runs the project's test command and reads how many tests passed."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_KEPT: Final = 4000
"""How many characters of the output's end are kept as evidence."""

_PASSED: Final = re.compile(r"\b(\d{1,7})[ \t]+pass(?:ed|ing)\b|^Tests:.*?\b(\d{1,7}) passed", re.MULTILINE)
_FAILED: Final = re.compile(r"\b(\d{1,7})[ \t]+(?:failed|failing|errors?)\b", re.MULTILINE)
_RAN: Final = re.compile(r"^Ran (\d{1,7}) tests?\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of the test command.

    Args:
        command: what was run.
        exit_code: None when it was stopped at the time limit or could not be started.
        passed: how many passed, None when the output does not say.
        failed: how many failed, None when the output does not say.
        seconds: how long it took.
        end: the end of what it printed.
    """

    __test__ = False

    command: tuple[str, ...]
    exit_code: int | None
    passed: int | None
    failed: int | None
    seconds: float
    end: str

    def judge(self, number: str) -> tuple[bool | None, str]:
        """Judge the claim that `number` tests pass ("" when it names none)."""
        told = f"{' '.join(self.command)}: "
        if self.exit_code is None:
            return None, told + "it did not end: " + self.end[-120:].strip().replace("\n", " ")
        if self.exit_code != 0:
            failures = f", {self.failed} failed" if self.failed else ""
            return False, told + f"exit code {self.exit_code}{failures}"
        if not number:
            return True, told + "exit code 0" + (f", {self.passed} passed" if self.passed is not None else "")
        if self.passed is None:
            return None, told + "exit code 0, but it does not say how many tests passed"
        enough = self.passed >= int(number)
        return enough, told + f"{self.passed} passed, {number} claimed"

    def as_json(self) -> dict[str, Any]:
        """Return what the ledger keeps of it."""
        return {
            "command": list(self.command),
            "exit_code": self.exit_code,
            "passed": self.passed,
            "failed": self.failed,
            "seconds": round(self.seconds, 3),
        }


def run_tests(
    command: Sequence[str],
    root: Path,
    timeout: float,
    *,
    environment: Mapping[str, str] | None = None,
    begun: Callable[[int], None] = lambda _pid: None,
) -> TestRun:
    """Run the test command in the root of the worktree, without a shell, its children stopped at the time limit.

    Args:
        command: program and arguments.
        root: where.
        timeout: seconds.
        environment: what it finds in its environment; this process's own when None.
        begun: told the process, which leads a group of its own, once there is one.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            list(command),
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        return TestRun(tuple(command), None, None, None, 0.0, f"cannot be started ({error.strerror})")
    try:
        begun(process.pid)
        output, _ = process.communicate(timeout=timeout)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        _stop(process)
        output, code = process.communicate()[0], None
    except BaseException:  # Ctrl-C: whoever wanted to know is gone
        _stop(process)
        process.wait()
        raise
    text = output.decode("utf-8", "replace")
    text = text if code is not None else f"{text}\nstopped after {timeout:g} s"
    passed, failed = counts(text)
    return TestRun(tuple(command), code, passed, failed, time.monotonic() - began, text[-_KEPT:])


def counts(text: str) -> tuple[int | None, int | None]:
    """Return how many tests passed and failed, as far as the output says: pytest, unittest, jest, mocha, TAP-like."""
    passed = [int(one or other) for one, other in _PASSED.findall(text)]
    failed = [int(number) for number in _FAILED.findall(text)]
    ran = _RAN.findall(text)
    if ran and not passed:
        broken = sum(int(number) for number in re.findall(r"(?:failures|errors)=(\d+)", text))
        return int(ran[-1]) - broken, broken
    return (passed[-1] if passed else None), (failed[-1] if failed else 0 if passed else None)


def _stop(process: subprocess.Popen[bytes]) -> None:
    import os
    import signal

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
