"""Runs under real processes: killed at any moment, raced by another runner, moved by many at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun

HERE = Path(__file__).parent

RUNNER = """
import asyncio, sys
from pathlib import Path
from bluelabel.interfaces.errors import LockTimeout
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner

folder, mode = Path(sys.argv[1]), sys.argv[2]

async def work(context):
    print("began", context.interruptions, flush=True)
    if mode == "hold":
        await asyncio.Event().wait()

runner = StatefulDAGRunner("dag", DAGRunStore(folder), "run-1")
runner.register_step("one", work)
try:
    print(asyncio.run(runner.execute()).status, flush=True)
except LockTimeout as error:
    print(error, flush=True)
    sys.exit(4)
"""


def start(*args: Any, stdin: Any = None) -> Any:
    return subprocess.Popen(
        [sys.executable, *args], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kill_cycles(folder: Any, cycles: Any, seed: Any) -> Any:
    done = subprocess.run(
        [sys.executable, str(HERE / "kill_cycles.py"), str(folder), str(cycles), str(seed)],
        capture_output=True, text=True, timeout=3000, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    report = kill_cycles(tmp_path, int(os.environ.get("BLUELABEL_KILL_CYCLES", "12")), seed=1)

    assert report["kills"] >= report["cycles"]
    assert (report["repeated"], report["faults"]) == (0, [])


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_thousand_runs_that_are_killed_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    report = kill_cycles(tmp_path, 1000, seed=int(os.environ.get("BLUELABEL_SEED", "7")))

    assert report["cycles"] == 1000
    assert (report["repeated"], report["faults"]) == (0, [])


def test_of_two_runners_on_one_run_one_proceeds(tmp_path: Path) -> None:
    script = tmp_path / "runner.py"
    script.write_text(RUNNER)
    first = start(str(script), str(tmp_path / "runs"), "hold")
    assert first.stdout.readline() == "began 0\n"
    second = start(str(script), str(tmp_path / "runs"), "go")
    out, _ = second.communicate(timeout=60)
    first.kill()
    first.communicate()

    assert second.returncode == 4
    assert "another runner is at work on this run" in out
    assert "began" not in out


def test_a_dead_runners_run_is_taken_over_at_once(tmp_path: Path) -> None:
    script = tmp_path / "runner.py"
    script.write_text(RUNNER)
    first = start(str(script), str(tmp_path / "runs"), "hold")
    assert first.stdout.readline() == "began 0\n"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    second = start(str(script), str(tmp_path / "runs"), "go")
    out, err = second.communicate(timeout=60)

    assert (out, second.returncode) == ("began 1\nsuccess\n", 0), err
    with DAGRunStore(tmp_path / "runs") as store:
        moves = [(move.status, move.reason) for move in store.require("run-1").get_step("one").history]
    assert moves == [
        ("running", None),
        ("pending", "cut off: its runner ended before it did"),
        ("running", None),
        ("success", None),
    ]


def many_movers(folder: Any, count: Any) -> Any:
    """Move eight steps `count` times each, from eight processes at once; return the run and how long it took."""
    with DAGRunStore(folder) as store:
        run = DAGRun("dag", "run-1")
        for n in range(8):
            run.add_step(f"s{n}")
        store.create(run)
    script = str(HERE / "transitions.py")
    movers = [start(script, str(folder), "run-1", f"s{n}", str(count), stdin=subprocess.PIPE) for n in range(8)]
    for mover in movers:
        assert mover.stdout.readline() == "ready\n"
    began = time.monotonic()
    for mover in movers:
        mover.stdin.write("go\n")
        mover.stdin.flush()
    for mover in movers:
        _, err = mover.communicate(timeout=600)
        assert mover.returncode == 0, err
    return time.monotonic() - began


def check_movers(folder: Any, count: Any) -> None:
    with DAGRunStore(folder) as store:
        run = store.require("run-1")
        moves = [event for event in store.book.read() if event.kind == "step.status"]

    assert len(moves) == 8 * count
    assert [event.seq for event in moves] == list(range(moves[0].seq, moves[0].seq + 8 * count))
    assert all(len(step.history) == count for step in run.steps.values())
    for step in run.steps.values():
        assert [move.was for move in step.history[1:]] == [move.status for move in step.history[:-1]]


def test_eight_processes_move_one_run_without_gap_or_repeat(tmp_path: Path) -> None:
    many_movers(tmp_path, 100)

    check_movers(tmp_path, 100)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_eight_processes_move_one_run_a_thousand_times_each(tmp_path: Path) -> None:
    many_movers(tmp_path, 1000)

    check_movers(tmp_path, 1000)


POOLED = """
import asyncio, sys, os
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner

async def work():
    print("has it", flush=True)
    if sys.argv[2] == "holds":
        await asyncio.sleep(60)

with DAGRunStore(sys.argv[1]) as store:
    runner = StatefulDAGRunner("flow", store, max_parallel=2, pools={"one": 1})
    runner.register_step("a", work, pool="one")
    runner.register_step("b", lambda: print("needs none", flush=True))
    print(asyncio.run(runner.execute()).status.value, flush=True)
"""


def test_runs_share_a_pool_and_a_dead_runner_gives_its_slot_back(tmp_path: Path) -> None:
    script = tmp_path / "pooled.py"
    script.write_text(POOLED)
    holder = start(str(script), str(tmp_path / "runs"), "holds")
    assert {holder.stdout.readline(), holder.stdout.readline()} == {"has it\n", "needs none\n"}
    other = start(str(script), str(tmp_path / "runs"), "works")
    before = other.stdout.readline()
    holder.kill()
    holder.communicate()
    out, err = other.communicate(timeout=60)

    assert (before, out) == ("needs none\n", "has it\nsuccess\n"), err
