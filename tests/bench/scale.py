"""The rows about size: very many messages waiting, and files that are too large or full of tiny messages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

from bench.latency import quiet_environment
from bench.measure import BYTES
from bench.rows import COMMAND, Plan, Row
from bench.stores import Bluelabel
from reliability.scenarios import bluelabel

COMMAND_SCALE = f"{COMMAND}scale"
MEGABYTE = 1 << 20


def scale(plan: Plan) -> list[Row]:
    """Measure sending, listing, starting and computing the index anew with many messages waiting, and large files."""
    count = plan.fills[-1]
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        root = Path(place) / "w"
        root.mkdir()
        store = Bluelabel(root)
        empty = _p99(store, plan.deliveries)
        store.preload(count, "x" * BYTES)
        full = _p99(store, plan.deliveries)
        there = f"{count:,} waiting"
        rows = [
            _row(f"send, p99, {there}", full, 0.05),
            Row(
                f"send, p99: {count:,} against 10 waiting", _told(full), _told(empty), full / empty, 1.5, COMMAND_SCALE
            ),
            _row(f"inbox, {there}", _command(root, "inbox", "CA"), 2.0),
            _row(f"status, {there}", _command(root, "status"), 3.0),
            _row(f"index computed anew, {there}", _rebuilt(store, root), 5.0 * max(1.0, count / 100_000)),
        ]
        store.workspace.close()
        large, tiny = root / "large.json", root / "tiny.json"
        large.write_text("[" + '{"id": "m", "type": "message", "sender": "CC"},\n' * (100 * MEGABYTE // 47) + "null]")
        rows.append(_row("read of a box of 100 MB: refused", _command(root, "read", str(large), status=5), 1.0))
        number = min(325_000, 3 * count)
        tiny.write_text("[" + ",".join(f'{{"id":"m{n}","type":"t"}}' for n in range(number)) + "]")
        rows.append(_row(f"read of a box of {number:,} tiny messages", _command(root, "read", str(tiny)), 10.0))
    return rows


def _row(what: str, seconds: float, budget: float) -> Row:
    return Row(what, _told(seconds), f"budget, {_told(budget)}", seconds / budget, 1.0, COMMAND_SCALE)


def _told(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _p99(store: Bluelabel, count: int) -> float:
    store.preload(10, "x" * BYTES)
    return quantiles([_seconds(lambda: store.put("x" * BYTES)) for _ in range(count)], n=100)[98]


def _command(root: Path, *arguments: str, status: int = 0) -> float:
    """Return the seconds of one command, which has to end with `status` and, if that is a refusal, with one line."""

    def run() -> None:
        done = subprocess.run(
            bluelabel(root, *arguments), capture_output=True, text=True, check=False, env=quiet_environment()
        )
        if done.returncode != status or (status and done.stderr.count("error:") != 1):
            raise RuntimeError(f"{' '.join(arguments)} exits {done.returncode}: {done.stderr[-400:]}")

    run()  # once for the file system's and Python's own caches
    return _seconds(run)


def _rebuilt(store: Bluelabel, root: Path) -> float:
    """Return the seconds until a lost index is there again, in a process of its own."""
    store.workspace.home.joinpath("index.db").unlink()
    for path in store.workspace.home.glob("index.db-*"):
        path.unlink()
    code = (
        "import sys, pathlib; from bluelabel.runner.workspace import Workspace; "
        "book = Workspace.open(pathlib.Path(sys.argv[1])).book\nwith book.reading(): pass"
    )
    return _seconds(lambda: subprocess.run([sys.executable, "-c", code, str(root)], check=True))
