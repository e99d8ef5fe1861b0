"""Bluelabel's runner and its peers behind one small interface: run a chain of steps, each durable before the next.

python engines.py NAME DIR STEPS      print {"step": us, "floor": us, "cpu": us} of one chain

Each is used as its documentation says and made as durable as its options allow; what a peer cannot do is said in its
note. Runs in any interpreter: an engine imports its library when it is asked to run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLOOR = 420
"""Bytes of one append of the floor: about what a step's success and the next one's start are together."""

Chain = Callable[[Path, int], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    Args:
        chain: prepares a chain of so many steps in a directory; what it returns runs it.
        note: how a step is made durable.
        times: how many times cheaper Bluelabel has to be.
        share: which part of the steps a comparison runs: a slow engine need not run all.
    """

    chain: Chain
    note: str
    times: float = 1.0
    share: float = 1.0


def bluelabel(where: Path, steps: int) -> Callable[[], object]:
    """Prepare a chain of plain functions, as the peers run them."""
    import asyncio

    from bluelabel.services.workflow.dag_run_store import DAGRunStore
    from bluelabel.services.workflow.dag_runner import StatefulDAGRunner

    store = DAGRunStore(where / "runs")
    runner = StatefulDAGRunner("chain", store)
    for n in range(steps):
        runner.register_step(f"s{n}", lambda: {"n": 1}, depends_on=(f"s{n - 1}",) if n else ())

    def run() -> None:
        assert asyncio.run(runner.execute()).status.value == "success"
        store.close()

    return run


def dbos(where: Path, steps: int) -> Callable[[], object]:
    """Prepare a workflow function that calls a step function again and again."""
    from dbos import DBOS  # type: ignore[import-not-found]

    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{where}/dbos.sqlite", "run_admin_server": False})

    @DBOS.step()  # type: ignore[untyped-decorator]
    def step(n: int) -> dict[str, int]:
        return {"n": n}

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    def flow(count: int) -> int:
        return sum(step(n)["n"] for n in range(count))

    DBOS.launch()
    return lambda: flow(steps)


def langgraph(where: Path, steps: int) -> Callable[[], object]:
    """Prepare a graph of nodes in a row."""
    import sqlite3
    from typing import TypedDict

    from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found]
    from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found]

    State = TypedDict("State", {"n": int})  # noqa: UP013 - the graph reads the annotations at run time
    graph: Any = StateGraph(State)
    for n in range(steps):
        graph.add_node(f"s{n}", lambda state: {"n": state["n"] + 1})
        graph.add_edge(f"s{n - 1}" if n else START, f"s{n}")
    graph.add_edge(f"s{steps - 1}", END)
    saver = SqliteSaver(sqlite3.connect(where / "graph.sqlite", check_same_thread=False))
    compiled = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 10}
    return lambda: compiled.invoke({"n": 0}, config, durability="sync")


def prefect(where: Path, steps: int) -> Callable[[], object]:
    """Prepare a flow function that calls a task function again and again; its server is up when this returns."""
    os.environ |= {
        "PREFECT_HOME": str(where / "prefect"),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
    }
    from prefect import flow, task  # type: ignore[import-not-found]

    @task(persist_result=True)  # type: ignore[untyped-decorator]
    def step(n: int) -> dict[str, int]:
        return {"n": n}

    @flow  # type: ignore[untyped-decorator]
    def chain(count: int) -> int:
        return sum(step(n)["n"] for n in range(count))

    chain(1)
    return lambda: chain(steps)


def luigi(where: Path, steps: int) -> Callable[[], object]:
    """Prepare tasks that each require the one before; every output is synced, which Luigi leaves to the task."""
    import luigi as library  # type: ignore[import-not-found]

    class Step(library.Task):  # type: ignore[misc]
        n = library.IntParameter()

        def requires(self) -> list[Any]:
            return [Step(n=self.n - 1)] if self.n else []

        def output(self) -> Any:
            return library.LocalTarget(str(where / f"{self.n}.json"))

        def run(self) -> None:
            with self.output().open("w") as out:
                out.write('{"n":1}')
                out.flush()
                os.fsync(out.fileno())

    return lambda: library.build([Step(n=steps - 1)], local_scheduler=True, log_level="CRITICAL", no_lock=True)


ENGINES = {
    "bluelabel": Engine(bluelabel, "append-only ledger, one fdatasync a step"),
    "DBOS (SQLite)": Engine(dbos, "SQLite as it sets it up: rollback journal, synchronous=FULL", 5.0),
    "LangGraph + SqliteSaver": Engine(langgraph, 'SQLite in WAL mode, synchronous=FULL; durability="sync"', 3.0),
    "Prefect": Engine(
        prefect,
        "results persisted; its server's SQLite has synchronous=NORMAL, fixed: no power cut is survived",
        10.0,
        0.2,
    ),
    "Luigi": Engine(luigi, "a file a step, synced by the step itself; its directory is not", 4.0),
}


def floor(where: Path, count: int = 200) -> float:
    """Return the microseconds of one append + fdatasync."""
    fd = os.open(where / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.perf_counter()
    for _ in range(count):
        os.write(fd, b"x" * FLOOR)
        os.fdatasync(fd)
    os.close(fd)
    return (time.perf_counter() - began) / count * 1e6


def main(name: str, place: str, steps: int) -> None:
    """Run one chain and print what it cost, with the floor of the moments before and after it."""
    where = Path(place)
    where.mkdir(parents=True, exist_ok=True)
    run, before = ENGINES[name].chain(where, steps), floor(where)
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {"step": wall / steps * 1e6, "cpu": cpu / steps * 1e6, "floor": (before + floor(where)) / 2}
    os.write(1, (json.dumps(found) + "\n").encode())
    os._exit(0)  # some leave threads and servers of their own behind, which would be waited for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
