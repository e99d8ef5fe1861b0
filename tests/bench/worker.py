"""One process that uses one store: measured, killed, or asked for what is left.

python worker.py speed NAME DIR ROUNDS BATCH BYTES FILL    print {"put": [...], "take": [...], "floor": [...]} in us
python worker.py mixed NAME DIR RUN                        put and take for ever, tell each, until killed
python worker.py drain NAME DIR                            print what still waits
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.stores import STORES, Append, Store


def speed(store: Any, where: Path, rounds: int, batch: int, size: int, fill: int) -> dict[str, list[float]]:
    """Return microseconds for one put, one take with done, and one append + fdatasync, round by round.

    The floor appends as many bytes as the store does for a put, where the store can tell, else the text.
    """
    floor, filler = Append(where), "x" * size
    if fill and hasattr(store, "preload"):
        store.preload(fill, filler)
    else:
        _each(store.put, [filler] * fill)
    line = filler
    if hasattr(store, "written"):
        before = store.written()
        _each(store.put, [filler] * 10)
        line = "x" * ((store.written() - before) // 10 - 1)
    found: dict[str, list[float]] = {"floor": [], "put": [], "take": []}
    for turn in range(rounds):
        texts = [f"{turn}-{number}-{filler}" for number in range(batch)]
        found["floor"].append(_timed(partial(_each, floor.put, [line] * batch), batch))
        found["put"].append(_timed(partial(_each, store.put, texts), batch))
        found["take"].append(_timed(partial(_each, lambda _: _take(store), texts), batch))
    return found


def _each(work: Callable[[str], None], texts: list[str]) -> None:
    for text in texts:
        work(text)


def _timed(work: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) / count * 1e6


def _take(store: Store) -> None:
    found = store.take()
    if found is not None:
        found[1]()


def mixed(store: Store, run: str) -> None:
    """Put two, handle one, tell each; never ends."""
    number = 0
    while True:
        for _ in range(2):
            number += 1
            store.put(f"{run}-{number}")
            os.write(1, f"put {run}-{number}\n".encode())
        found = store.take()
        if found is not None:
            os.write(1, f"work {found[0]}\n".encode())  # the work itself: visible once, whatever follows
            found[1]()


def drain(store: Store) -> None:
    """Print everything that waits; what somebody else may still hold is waited for."""
    patience = time.monotonic() + 3.0
    while time.monotonic() < patience:
        found = store.take()
        if found is None:
            time.sleep(0.2)
            continue
        found[1]()
        print(found[0])
        patience = time.monotonic() + 1.5


if __name__ == "__main__":
    command, name, place, *rest = sys.argv[1:]
    directory = Path(place)
    directory.mkdir(parents=True, exist_ok=True)
    opened = STORES[name](directory)
    if command == "speed":
        turns, each, length, waiting = map(int, rest)
        print(json.dumps(speed(opened, directory, turns, each, length, waiting)))
    elif command == "mixed":
        mixed(opened, rest[0])
    else:
        drain(opened)
