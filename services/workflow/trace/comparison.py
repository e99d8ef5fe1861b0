"""Two runs side by side: what ended otherwise, what took longer, what was tried more often. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bluelabel.services.workflow.trace.events import as_mapping, moment, steps_of


@dataclass(frozen=True, slots=True)
class Side:
    """One step (or the run) on one side."""

    status: str | None
    seconds: float | None
    retries: int
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """Return its object."""
        return {"status": self.status, "seconds": self.seconds, "retries": self.retries, "error": self.error}


@dataclass(frozen=True, slots=True)
class Difference:
    """A step on both sides; None where it is missing. `changes` names what is not the same."""

    step_id: str
    left: Side | None
    right: Side | None
    changes: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """How many times as long it took on the right, where both took any time."""
        left = self.left.seconds if self.left else None
        right = self.right.seconds if self.right else None
        return None if not left or right is None else right / left

    def as_json(self) -> dict[str, Any]:
        """Return its object."""
        ratio = self.ratio
        return {
            "step_id": self.step_id,
            "left": None if self.left is None else self.left.as_json(),
            "right": None if self.right is None else self.right.as_json(),
            "changes": list(self.changes),
            "ratio": None if ratio is None else round(ratio, 3),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs: the runs themselves, then each step, in the order of the left one."""

    left: str
    right: str
    run: Difference
    steps: tuple[Difference, ...]
    inputs: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether both went the same way; times may differ."""
        return not self.inputs and not any(set(row.changes) - {"time"} for row in (self.run, *self.steps))

    def as_json(self) -> dict[str, Any]:
        """Return its object."""
        return {
            "left": self.left,
            "right": self.right,
            "same": self.same,
            "run": self.run.as_json(),
            "inputs": list(self.inputs),
            "steps": [row.as_json() for row in self.steps],
        }


def compare(left: Mapping[str, Any], right: Mapping[str, Any], *, slower: float = 1.5) -> Comparison:
    """Return what differs between two runs.

    Args:
        left: a run as its JSON object.
        right: another.
        slower: from this ratio on (or its inverse), and a tenth of a second, a difference in time counts.
    """
    before, after = steps_of(left), steps_of(right)
    names = [*before, *(name for name in after if name not in before)]
    steps = tuple(_difference(name, before.get(name), after.get(name), slower) for name in names)
    run = _difference("", left, right, slower)
    return Comparison(str(left.get("run_id")), str(right.get("run_id")), run, steps, _inputs(left, right))


def _difference(
    name: str, left: Mapping[str, Any] | None, right: Mapping[str, Any] | None, slower: float
) -> Difference:
    one, other = _side(left), _side(right)
    changes: list[str] = []
    if one is None or other is None:
        changes.append("missing")
    else:
        pairs = (("status", one.status, other.status), ("retries", one.retries, other.retries))
        changes += [word for word, a, b in (*pairs, ("error", one.error, other.error)) if a != b]
        if left is not None and right is not None and "result" in left and left.get("result") != right.get("result"):
            changes.append("result")
        if _slower(one.seconds, other.seconds, slower):
            changes.append("time")
    return Difference(name, one, other, tuple(changes))


def _slower(one: float | None, other: float | None, slower: float) -> bool:
    if one is None or other is None or abs(one - other) < 0.1:
        return False
    return max(one, other) >= slower * min(one, other)


def _side(state: Mapping[str, Any] | None) -> Side | None:
    if state is None:
        return None
    status, error, retries = (
        state.get("status"),
        state.get("error"),
        state.get("retry_count", state.get("total_retries")),
    )
    return Side(
        None if status is None else str(status).lower(),
        _seconds(state),
        retries if isinstance(retries, int) else 0,
        None if error is None else str(error),
    )


def _seconds(state: Mapping[str, Any]) -> float | None:
    seconds = state.get("duration_seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        return float(seconds)
    start, end = moment(state.get("start_time")), moment(state.get("end_time"))
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())


def _inputs(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[str, ...]:
    one, other = _given(left), _given(right)
    return tuple(name for name in sorted({*one, *other}) if one.get(name) != other.get(name))


def _given(run: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = as_mapping(run.get("metadata"))
    return as_mapping(metadata.get("inputs") or metadata.get("input"))
