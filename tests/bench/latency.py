"""How long until a waiting process has what was sent, beside a bare inotify watch, and what the command line costs."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

IN_MODIFY = 0x2
WAIT = 30.0


def delivery(kind: str, count: int) -> list[float]:
    """Return the microseconds from the start of each send until the waiting process had the text.

    Args:
        kind: ``bare`` for a bare inotify watch of a file to which lines are appended and synced; ``inotify`` for one
            of the ledger's file while messages are sent; ``ledger`` for a process that waits for the next event and
            reads it; ``claim`` for one that waits for a message and claims it.
        count: how many are sent, one after the other.
    """
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        argv = [sys.executable, str(Path(__file__)), kind, place, str(count)]
        put = _appender(Path(place)) if kind == "bare" else _sender(Path(place))
        waiter = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "ready\n"
        taken: list[float] = []
        for _ in range(count):
            time.sleep(0.004)  # let the other side wait again: this is about delivery, not about a queue
            began = time.perf_counter_ns()
            put(f"{began}")
            taken.append((int(waiter.stdout.readline()) - began) / 1000)
        waiter.wait(WAIT)
        waiter.stdout.close()
    return taken


def middle(values: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return median(values), quantiles(values, n=100)[98]


def started(argv: list[str], times: int) -> tuple[float, float, float]:
    """Return medians over runs in turns: ms of an interpreter that does nothing, ms of a command, their ratio."""
    _once(argv)  # writes the compiled modules
    pairs = [(_once([sys.executable, "-c", "pass"]), _once(argv)) for _ in range(times)]
    bare, ours = (median(values) for values in zip(*pairs, strict=True))
    return bare, ours, median(b / a for a, b in pairs)


def _once(argv: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, env=quiet_environment())
    return (time.perf_counter() - began) * 1000


def quiet_environment() -> dict[str, str]:
    """Return the environment without Python's own switches, some of which make it start slowly."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _lines(place: Path) -> Path:
    """Return the file that grows with each message."""
    return next(iter(sorted(place.glob(".bluelabel/ledger/*.jsonl"))), place / "lines")


def _appender(place: Path) -> Callable[[str], None]:
    fd = os.open(place / "lines", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def put(text: str) -> None:
        os.write(fd, f"{text.ljust(600)}\n".encode())
        os.fdatasync(fd)

    return put


def _sender(place: Path) -> Callable[[str], None]:
    from bench.stores import Bluelabel

    return Bluelabel(place).put


def _watch(place: Path, count: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(0)
    libc.inotify_add_watch(fd, str(_lines(place)).encode(), IN_MODIFY)
    with _lines(place).open("rb") as file:
        file.seek(0, os.SEEK_END)
        print("ready", flush=True)
        seen = 0
        while seen < count:
            struct.unpack_from("iIII", os.read(fd, 4096))
            for _ in file.readlines():
                seen += 1
                print(time.perf_counter_ns(), flush=True)


def _read(place: Path, count: int) -> None:
    from bench.stores import Bluelabel

    book = Bluelabel(place).postbox.book
    seq = book.head().seq
    book.wait(seq, 0.05)
    print("ready", flush=True)
    while count:
        book.wait(seq, WAIT)
        for event in book.read(seq):
            seq, count = event.seq, count - 1
            print(time.perf_counter_ns(), flush=True)


def _claim(place: Path, count: int) -> None:
    from bench.stores import Bluelabel

    postbox = Bluelabel(place).postbox
    postbox.book.wait(postbox.book.head().seq, 0.05)
    print("ready", flush=True)
    for _ in range(count):
        held = postbox.claim("CA", wait=WAIT, durable=False)
        now = time.perf_counter_ns()
        assert held is not None
        assert held.token is not None
        print(now, flush=True)
        postbox.ack(held.message.id, held.token)


if __name__ == "__main__":
    what, where, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    {"bare": _watch, "inotify": _watch, "ledger": _read, "claim": _claim}[what](where, number)
