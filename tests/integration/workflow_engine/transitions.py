"""Moves one step of a run many times over, in a process of its own, beside others that do the same.

transitions.py FOLDER RUN STEP COUNT      waits for a line on stdin before it begins
"""

from __future__ import annotations

import sys
from pathlib import Path

from bluelabel.services.workflow.dag_run_store import DAGRunStore


def main() -> None:
    folder, run_id, step_id, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    with DAGRunStore(folder) as store:
        run = store.require(run_id)
        step = run.get_step(step_id)
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(count):
            if n % 2 == 0:
                step.start()
            else:
                step.reset("round again", interrupted=True)
            store.update(run)


if __name__ == "__main__":
    main()
