"""What passes through the closing routine: one frozen record, to which each step adds what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bluelabel.interfaces.errors import Refused
from bluelabel.services.sprint.closeout.programs import Programs
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.projection import Sprint


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which the sprint is not what it says.

    Args:
        kind: ``claim``, ``card``, ``branch``, ``tests``, ``report``, ``tag``, ``repository``, ``document`` or ``step``.
        target: what it is about: a card and path, a branch, a command.
        words: one line for a person.
        waits: it only waits for a person to agree to the merge.
    """

    kind: str
    target: str
    words: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found or did.

    Args:
        step: its id.
        words: one line for a person.
        drifts: what keeps the sprint from being closed.
        facts: for later steps and for `--json`.
    """

    step: str
    words: str
    drifts: tuple[Drift, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object: the result of the step in the run."""
        return asdict(self) | {"drifts": [asdict(drift) for drift in self.drifts], "facts": dict(self.facts)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Finding:
        """Return the finding that `as_json` wrote."""
        drifts = tuple(Drift(d["kind"], d["target"], d["words"], bool(d.get("waits"))) for d in data.get("drifts", ()))
        return Finding(data["step"], data["words"], drifts, data.get("facts", {}))


@dataclass(frozen=True, slots=True)
class Record:
    """The state of a closing.

    Args:
        sprint: what is being closed.
        run_id: the run that does it.
        programs: runs what it has to run.
        agreed: the steps whose requests a person agrees to with this call.
        dry: only look; write nothing anywhere.
        findings: what the steps so far found, in order.
    """

    sprint: Sprint
    run_id: str
    programs: Programs
    agreed: frozenset[str] = frozenset()
    dry: bool = False
    findings: tuple[Finding, ...] = ()

    def found(self, step: str) -> Finding | None:
        """Return what a step found, None before it ran."""
        return next((finding for finding in reversed(self.findings) if finding.step == step), None)

    def fact(self, step: str, name: str, default: Any = None) -> Any:
        """Return one fact that a step left for later ones."""
        finding = self.found(step)
        return default if finding is None else finding.facts.get(name, default)

    def adding(self, finding: Finding) -> Record:
        """Return the record with one more finding."""
        return replace(self, findings=(*self.findings, finding))

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Return everything that keeps the sprint open."""
        return tuple(drift for finding in self.findings for drift in finding.drifts)


Work = Callable[[Desk, Record], Record]
"""One step of the routine: takes the record, does its part, returns the record with its finding."""


class Drifted(Refused):
    """The sprint is not what it says; `drifts` tells where."""

    def __init__(self, drifts: tuple[Drift, ...]) -> None:
        lines = "; ".join(drift.words for drift in drifts)
        hint = "put them right, then run the same command again"
        super().__init__(f"{len(drifts)} in the way of closing: {lines}", hint=hint)
        self.drifts = drifts
