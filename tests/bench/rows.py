"""The rows of the tables: what is measured, against what, and the budget each has to keep."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.costs import explained, imports
from bench.latency import delivery, middle, started
from bench.measure import BYTES, Losses, Speed, killed, speed, unplugged
from bench.stores import IN_VENV, STORES
from reliability.power import unavailable
from reliability.scenarios import bluelabel, workspace


@dataclass(frozen=True, slots=True)
class Row:
    """One budget.

    Args:
        what: is measured.
        value: as measured, with its unit.
        beside: what it is compared with, with its value.
        ratio: of the two.
        budget: the largest ratio allowed, None for a figure without one.
        command: which measures this row alone.
        why: what the time goes to; told when the budget is missed.
    """

    what: str
    value: str
    beside: str
    ratio: float
    budget: float | None
    command: str
    why: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget is kept; None where there is none."""
        return None if self.budget is None else self.ratio <= self.budget


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    Args:
        rounds, batch: of each store.
        fills: how many messages wait while Bluelabel is measured.
        array: the same for the naive array.
        kills, cuts: how often each store is killed and unplugged.
        deliveries: how many messages are timed on their way.
        starts: how often a command is started.
    """

    rounds: int = 15
    batch: int = 60
    fills: tuple[int, ...] = (10, 1_000, 100_000)
    array: tuple[int, ...] = (10, 1_000, 10_000)
    kills: int = 25
    cuts: int = 4
    deliveries: int = 400
    starts: int = 15


QUICK = Plan(3, 10, (10, 1_000), (10, 1_000), 2, 1, 20, 2)
COMMAND = "python tests/bench/run.py --rows "


def growth(plan: Plan) -> tuple[list[Row], list[Speed]]:
    """Measure sending and handling with few and with many messages waiting."""
    found = [speed(sys.executable, "bluelabel", fill, plan.rounds, plan.batch) for fill in plan.fills]
    rows: list[Row] = []
    command = f"{COMMAND}growth"
    why = explained(BYTES, 10 * plan.batch)
    for one in found:
        floor, there = f"append + fdatasync, {one.floor:,.0f} us", f"{one.fill:,} waiting"
        for what, value, ratio in (("send", one.put, one.put_ratio), ("claim + ack", one.take, one.take_ratio)):
            rows.append(Row(f"{what}, {there}", f"{value:,.0f} us", floor, ratio, 2.0, command, why[what]))
    small, large = found[0], found[-1]
    for what, a, b in (("send", small.put_ratio, large.put_ratio), ("claim + ack", small.take_ratio, large.take_ratio)):
        title = f"{what}: {large.fill:,} against {small.fill:,} waiting"
        rows.append(Row(title, f"{b:.2f} x", f"{a:.2f} x", b / a, 1.3, command, why[what]))
    arrays = [speed(sys.executable, "naive array", fill, 3, max(3, plan.batch // 10)) for fill in plan.array]
    return rows, [*found, *arrays]


def waiting(plan: Plan) -> list[Row]:
    """Measure how long a message needs, from the start of its send, to a process that waits for it."""
    found: dict[str, list[float]] = {kind: [] for kind in ("bare", "inotify", "ledger", "claim")}
    for _ in range(4):  # in turns
        for kind, taken in found.items():
            taken.extend(delivery(kind, plan.deliveries // 4))
    bare, watch, read, claim = map(middle, found.values())
    same, other = "bare inotify on the ledger's file", "bare inotify and a bare append"
    figures = (
        ("an event, p50", 0, read, same, watch, 1.5),
        ("an event, p99", 1, read, same, watch, None),
        ("a claimed message, p50", 0, claim, same, watch, None),
        ("an event, p50", 0, read, other, bare, None),
    )
    return [
        Row(f"delivery of {what}", f"{ours[at]:,.0f} us", f"{name}, {raw[at]:,.0f} us", ours[at] / raw[at], budget,
            f"{COMMAND}delivery")
        for what, at, ours, name, raw, budget in figures
    ]  # fmt: skip


def starting(plan: Plan) -> list[Row]:
    """Measure what starting the command line costs beside an interpreter that does nothing."""
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        root = Path(place)
        workspace(root)
        commands = {
            "--version": (bluelabel(root, "--version"), 8.0),
            "--help": (bluelabel(root, "--help"), 8.0),
            "send": (bluelabel(root, "send", "--from", "CC", "--to", "CA", "--body", "text"), 12.0),
        }
        rows: list[Row] = []
        for name, (argv, budget) in commands.items():
            bare, ours, ratio = started(argv, plan.starts)
            beside = f"python -c pass, {bare:.0f} ms"
            rows.append(
                Row(f"bluelabel {name}", f"{ours:.0f} ms", beside, ratio, budget, f"{COMMAND}start", imports(argv))
            )
        return rows


def peers(plan: Plan, python: str | None) -> Iterator[tuple[Speed, Losses, Losses | None]]:
    """Measure every store, and what it loses when it is killed and when the power is cut.

    Args:
        plan: how much.
        python: of the environment with the peers' libraries; None leaves those out.
    """
    for name in STORES:
        runs_in = python if name in IN_VENV else sys.executable
        if runs_in is None:
            continue
        fast = speed(runs_in, name, 10, plan.rounds, plan.batch)
        if name == "append":
            continue
        dark = unplugged(runs_in, name, plan.cuts) if unavailable() is None else None
        yield fast, killed(runs_in, name, plan.kills), dark
