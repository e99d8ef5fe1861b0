"""The rows of the durable runs: what a step costs, alone and beside the engines of others."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import rows as post
from bench.engines import ENGINES
from bench.rows import COMMAND, Plan, Row
from reliability.sandbox import end

HERE = Path(__file__).parent
RUNS = f"{COMMAND}runs"
CPU, RESUME, LIST = 200.0, 0.2, 0.1
"""Budgets that are no ratios: microseconds of CPU a step, seconds to the first new step, seconds for a list."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to measure.

    Args:
        rounds: of everything; medians count.
        chains: steps of the chains, short ones first.
        fan: steps beside one another.
        resume: steps of the run that is taken up.
        listed: runs of the list.
        peers: steps of the chains that are compared.
    """

    rounds: int = 5
    chains: tuple[int, ...] = (100, 1_000, 10_000)
    fan: int = 1_000
    resume: int = 1_000
    listed: int = 10_000
    peers: int = 300


QUICK = Sizes(1, (20, 60), 50, 40, 100, 20)


def runs(plan: Plan, python: str | None) -> list[Row]:
    """Measure everything about runs.

    Args:
        plan: of the whole bench; only whether it is a quick one matters here.
        python: of the environment with the peers' libraries; None leaves those out.
    """
    sizes = QUICK if plan == post.QUICK else Sizes()
    return [*_chains(sizes), *_fan(sizes), *_moments(sizes), *_peers(sizes, python)]


def _chains(sizes: Sizes) -> list[Row]:
    rows: list[Row] = []
    found: dict[int, list[Mapping[str, float]]] = {count: [] for count in sizes.chains}
    for _ in range(sizes.rounds):
        for count in sizes.chains:
            found[count].append(_own("chain", count))
    for count, each in found.items():
        rows.append(_against_floor(f"step of a chain of {count:,}", each, 2.0))
        cpu = _middle(each, "cpu")
        title = f"CPU of a step, chain of {count:,}"
        budget = 1.0 if count >= min(1_000, sizes.chains[-1]) else None
        rows.append(Row(title, f"{cpu:,.0f} us", f"budget, {CPU:.0f} us", cpu / CPU, budget, RUNS))
    short, long = (found[sizes.chains[place]] for place in (0, -1))
    ratio = median(b["step"] / a["step"] for a, b in zip(short, long, strict=True))
    values = f"{_middle(long, 'step'):,.0f} us", f"{_middle(short, 'step'):,.0f} us"
    title = f"step: chain of {sizes.chains[-1]:,} against {sizes.chains[0]:,}"
    return [*rows, Row(title, *values, ratio, 1.2, RUNS)]


def _fan(sizes: Sizes) -> list[Row]:
    each = [_own("fan", sizes.fan) for _ in range(sizes.rounds)]
    return [_against_floor(f"step of a fan 1, {sizes.fan:,}, 1", each, 0.3)]


def _moments(sizes: Sizes) -> list[Row]:
    rows: list[Row] = []
    for what, kind, count, budget in (
        (f"first new step of {sizes.resume:,}, half of them done", "resume", sizes.resume, RESUME),
        (f"list of {sizes.listed:,} runs", "list", sizes.listed, LIST),
    ):
        took = median(_own(kind, count)["seconds"] for _ in range(sizes.rounds))
        rows.append(Row(what, f"{took * 1e3:,.0f} ms", f"budget, {budget * 1e3:.0f} ms", took / budget, 1.0, RUNS))
    return rows


def _peers(sizes: Sizes, python: str | None) -> list[Row]:
    """Compare chains of plain functions, in turns."""
    names = [name for name in ENGINES if name == "bluelabel" or python is not None]
    found: dict[str, list[Mapping[str, float]]] = {name: [] for name in names}
    for _ in range(min(3, sizes.rounds)):
        for name, each in found.items():
            own = name == "bluelabel" or python is None
            each.append(_engine(sys.executable if own else str(python), name, sizes.peers))
    ours = found["bluelabel"]
    rows = [_against_floor(f"step of a chain of {sizes.peers:,} plain functions", ours, None)]
    for name in names[1:]:
        engine, each = ENGINES[name], found[name]
        ratio = median(a["step"] / b["step"] for a, b in zip(ours, each, strict=True))
        beside = f"{name}: {_middle(each, 'step'):,.0f} us ({engine.note})"
        value = f"{_middle(ours, 'step'):,.0f} us"
        rows.append(Row(f"durable step beside {name}", value, beside, ratio, round(1 / engine.times, 3), RUNS))
    return rows


def _against_floor(what: str, each: Sequence[Mapping[str, float]], budget: float | None) -> Row:
    beside = f"append + fdatasync, {_middle(each, 'floor'):,.0f} us"
    ratio = median(one["step"] / one["floor"] for one in each)
    return Row(what, f"{_middle(each, 'step'):,.0f} us", beside, ratio, budget, RUNS)


def _middle(each: Sequence[Mapping[str, float]], key: str) -> float:
    return median(one[key] for one in each)


def _own(kind: str, count: int) -> Mapping[str, float]:
    return _measured([sys.executable, str(HERE / "runs_worker.py"), kind], count)


def _engine(python: str, name: str, count: int) -> Mapping[str, float]:
    return _measured([python, str(HERE / "engines.py"), name], max(10, round(count * ENGINES[name].share)))


def _measured(argv: Sequence[str], count: int) -> Mapping[str, float]:
    """Run a worker in a directory of its own, end whatever it leaves behind, return the last line that it printed."""
    with tempfile.TemporaryDirectory(prefix="bench.", ignore_cleanup_errors=True) as place:
        told = Path(place) / "told"
        with told.open("wb") as out:
            # Into a file: a server that outlives its worker would keep a pipe open.
            process = subprocess.Popen(
                [*argv, f"{place}/d", str(count)], stdout=out, stderr=subprocess.DEVNULL, start_new_session=True
            )
            try:
                status = process.wait(timeout=600)
            finally:
                end(process)
        lines = told.read_text(encoding="utf-8").splitlines()
        if status != 0 or not lines:
            raise RuntimeError(f"{' '.join(argv[1:])} exits {status}: {lines[-1:]}")
        found: Mapping[str, float] = json.loads(lines[-1])
        return found
