"""Kills the runner of a 20-step workflow at random moments until the run has ended, many times over, and compares.

A program of its own: it forks, so it starts no thread, and a test can give it as many cycles as it has time for.

    kill_cycles.py FOLDER CYCLES SEED      prints one JSON object; leaves with 1 at the first difference
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_interface import StepContext

STEPS = 20
FLAKY = {3: 1, 7: 2, 12: 1, 18: 2}
MOST_KILLS = 12
AT_WORK, GETTING_UP = 0.003, 0.03
"""Seconds in which the next step has ended, or the first has begun, on a machine that has nothing else to do."""


def needs(number: int) -> list[str]:
    """Two branches that meet at every fifth step."""
    if number == 0:
        return []
    return [f"s{number - 1}", f"s{number - 2}"] if number % 5 == 0 and number > 1 else [f"s{max(0, number - 2)}"]


def runner(folder: Path, run_id: str, log: int, told: int) -> StatefulDAGRunner:
    """Return the runner of a run whose steps write down each beginning, and tell of it, before they do anything."""
    made = StatefulDAGRunner("killed", DAGRunStore(folder), run_id, retry_delay=0.0005, max_parallel=2)

    async def work(context: StepContext) -> dict[str, Any]:
        os.write(log, f"{context.step_id} {context.attempt}\n".encode())
        os.write(told, b".")
        await asyncio.sleep(0.0002)
        number = int(context.step_id[1:])
        if context.attempt - context.interruptions <= FLAKY.get(number, 0):
            raise ValueError(f"attempt {context.attempt} of {context.step_id}")
        return {"square": number * number}

    for number in range(STEPS):
        made.register_step(f"s{number}", work, max_retries=3, depends_on=needs(number))
    return made


def once(folder: Path, run_id: str, log: int, dice: random.Random | None) -> bool:
    """Run in a child process, killed soon after as many steps as the dice say; return whether it ended by itself."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(runner(folder, run_id, log, told).execute())
        os._exit(0)
    os.close(told)
    if dice is not None:
        _kill_after(child, heard, dice.randrange(STEPS // 2), dice.random())
    _, status = os.waitpid(child, 0)
    os.close(heard)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the runner of {run_id} left with {os.WEXITSTATUS(status)}")
    return os.WIFEXITED(status)


def _kill_after(child: int, heard: int, steps: int, share: float) -> None:
    for _ in range(steps):
        if not os.read(heard, 1):
            return
    time.sleep(share * (AT_WORK if steps else GETTING_UP))
    os.kill(child, signal.SIGKILL)


def outcome(folder: Path, run_id: str) -> dict[str, Any] | None:
    """Return what must be the same however often the runner was killed."""
    with DAGRunStore(folder) as store:
        run = store.get(run_id)
    if run is None:
        return None
    steps = {name: (step.status.value, step.retry_count, step.result) for name, step in run.steps.items()}
    return {"status": run.status.value, "retries": run.total_retries, "error": run.error, "steps": steps}


def finished(found: dict[str, Any] | None) -> set[str]:
    return set() if found is None else {name for name, step in found["steps"].items() if step[0] == "success"}


def cycle(folder: Path, run_id: str, dice: random.Random | None) -> tuple[int, int, list[str]]:
    """Run one run to its end through kills; return kills, finished steps that began again, and other faults."""
    path = folder / f"{run_id}.log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    kills, repeated, faults, seen = 0, 0, [], 0
    done: set[str] = set()
    while not once(folder, run_id, log, dice if kills < MOST_KILLS else None):
        kills += 1
        begun = path.read_text().splitlines()
        repeated += sum(line.split()[0] in done for line in begun[seen:])
        seen = len(begun)
        done = finished(outcome(folder, run_id))
    begun = path.read_text().splitlines()
    repeated += sum(line.split()[0] in done for line in begun[seen:])
    counts = Counter(begun)
    faults += [f"attempt {line} began {n} times" for line, n in counts.items() if n > 1]
    os.close(log)
    return kills, repeated, faults


def main() -> None:
    folder, cycles, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    dice = random.Random(seed)
    cycle(folder, "undisturbed", None)
    expected = outcome(folder, "undisturbed")
    report: dict[str, Any] = {"cycles": 0, "kills": 0, "repeated": 0, "faults": []}
    for number in range(cycles):
        kills, repeated, faults = cycle(folder, f"run-{number}", dice)
        found = outcome(folder, f"run-{number}")
        if found != expected:
            faults.append(f"run-{number} ended as {found}")
        report["cycles"] += 1
        report["kills"] += kills
        report["repeated"] += repeated
        report["faults"] += faults
        if repeated or faults:
            break
    print(json.dumps(report))
    sys.exit(1 if report["repeated"] or report["faults"] else 0)


if __name__ == "__main__":
    main()
