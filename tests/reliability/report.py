"""What a sweep found, and whether it looked at enough to mean anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise.

    Args:
        where: the point, error and mode.
        rule: the promise, in a word: check, hang, traceback, false-ack, recover, crash, order.
        text: what was seen.
        kept: the directory that shows it, when it was kept.
    """

    where: str
    rule: str
    text: str
    kept: str | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.text} [{self.where}]" + (f" kept in {self.kept}" if self.kept else "")


@dataclass(slots=True)
class Report:
    """The result of one sweep over one scenario.

    Args:
        sweep: crash, fault, power, kill, order.
        scenario: its name.
        floor: how many runs it must have made.
        listed: how many points there were.
        runs: how many of them were tried.
        missed: points whose fault did not fire.
        findings: broken promises.
        seconds: how long it took.
        more: further figures for the record.
    """

    sweep: str
    scenario: str
    floor: int = 0
    listed: int = 0
    runs: int = 0
    missed: list[str] = field(default_factory=list[str])
    findings: list[Finding] = field(default_factory=list[Finding])
    seconds: float = 0.0
    more: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def void(self) -> str | None:
        """Why the sweep proves nothing, or None."""
        if self.listed < self.floor:
            return f"{self.listed} points are fewer than the floor of {self.floor}"
        if self.missed:
            return f"{len(self.missed)} of {self.runs} faults did not fire, first {self.missed[0]}"
        return None if self.runs else "nothing was run"

    @property
    def passed(self) -> bool:
        """Whether it looked at enough and found nothing."""
        return self.void is None and not self.findings

    def lines(self, limit: int = 8) -> list[str]:
        """Return it for people: one line, then the findings."""
        word = "pass" if self.passed else f"VOID ({self.void})" if self.void and not self.findings else "FAIL"
        head = f"{self.sweep:6} {self.scenario:28} {self.runs:5} of {self.listed:5} runs {self.seconds:7.1f} s  {word}"
        head += "".join(f", {value:,} {name}" for name, value in self.more.items())
        more = [f"       … and {len(self.findings) - limit} more"] if len(self.findings) > limit else []
        return [head, *(f"       {finding}" for finding in self.findings[:limit]), *more]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def as_json(self) -> Mapping[str, Any]:
        """Return it for machines."""
        return {
            "sweep": self.sweep,
            "scenario": self.scenario,
            "floor": self.floor,
            "listed": self.listed,
            "runs": self.runs,
            "missed": len(self.missed),
            "findings": [str(finding) for finding in self.findings],
            "passed": self.passed,
            "seconds": round(self.seconds, 1),
            **self.more,
        }
