"""One process that measures one thing about runs and prints it.

python runs_worker.py chain|fan|resume|list DIR COUNT      print {"step": us, "cpu": us, "floor": us} or {"seconds": s}
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.engines import floor

from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.store.records import created_draft


async def work() -> dict[str, int]:
    """Do what costs nothing."""
    return {"n": 1}


def chain(where: Path, count: int) -> dict[str, float]:
    """Run so many steps one after the other."""
    with DAGRunStore(where / "runs") as store:
        runner = StatefulDAGRunner("chain", store)
        for n in range(count):
            runner.register_step(f"s{n}", work, depends_on=(f"s{n - 1}",) if n else ())
        return _timed(where, runner, count)


def fan(where: Path, count: int) -> dict[str, float]:
    """Run one step, so many beside one another, and one that waits for them all."""
    with DAGRunStore(where / "runs") as store:
        runner = StatefulDAGRunner("fan", store, max_parallel=count)
        runner.register_step("first", work)
        for n in range(count):
            runner.register_step(f"s{n}", work, depends_on=("first",))
        runner.register_step("last", work, depends_on=tuple(f"s{n}" for n in range(count)))
        return _timed(where, runner, count + 2)


def _timed(where: Path, runner: StatefulDAGRunner, count: int) -> dict[str, float]:
    before, wall, cpu = floor(where), time.perf_counter(), time.process_time()
    assert asyncio.run(runner.execute()).status.value == "success"
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"step": wall / count * 1e6, "cpu": cpu / count * 1e6, "floor": (before + floor(where)) / 2}


def resume(where: Path, count: int) -> dict[str, float]:
    """Take up a run of which half is done; return the seconds from opening the store to its first new step."""
    half, reached = f"s{count // 2}", list[float]()

    def runner(store: DAGRunStore) -> StatefulDAGRunner:
        made = StatefulDAGRunner("chain", store, "run-1")

        async def stops(context: StepContext) -> None:
            reached.append(time.perf_counter())
            made.stop()
            await asyncio.sleep(60)

        for n in range(count):
            step = f"s{n}"
            made.register_step(step, stops if step == half else work, depends_on=(f"s{n - 1}",) if n else ())
        return made

    with DAGRunStore(where / "runs") as store:
        asyncio.run(runner(store).execute())
    began = time.perf_counter()
    with DAGRunStore(where / "runs") as store:
        asyncio.run(runner(store).execute())
    return {"seconds": reached[-1] - began}


def listing(where: Path, count: int) -> dict[str, float]:
    """List so many runs, all of them with their files."""
    with DAGRunStore(where / "runs") as store:
        runs = [DAGRun("dag", f"run-{n}") for n in range(count)]
        for run in runs:
            run.add_step("one")
        store.book.append(lambda _: [created_draft(run, "HUMAN") for run in runs])
        for run in runs:
            store.files.touch(run)
        store.list_runs(limit=1)
        began = time.perf_counter()
        assert len(store.list_runs()) == count
        return {"seconds": time.perf_counter() - began}


KINDS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "chain": chain,
    "fan": fan,
    "resume": resume,
    "list": listing,
}


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    print(json.dumps(KINDS[sys.argv[1]](place, int(sys.argv[3]))))
