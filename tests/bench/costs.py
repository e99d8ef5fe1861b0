"""Where the processor's time of an operation goes: the lines that explain a missed budget.

python costs.py DIR COUNT BYTES    print {"send": {...}, "claim + ack": {...}}, microseconds by kind of work
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.latency import quiet_environment

_KINDS = {
    "other system calls": ("posix.", "fcntl.", "time.clock", "mmap."),
    "SQLite": ("sqlite3",),
    "JSON": ("json/", "_json."),
    "hashing": ("hashlib", "_hash"),
    "ledger": ("services/ledger/", "services/files/"),
    "post office": ("services/postbox/", "interfaces/"),
}


def explained(bytes_: int, count: int) -> dict[str, str]:
    """Return for ``send`` and ``claim + ack`` a line that says where the processor's time goes."""
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        argv = [sys.executable, str(Path(__file__)), f"{place}/d", str(count), str(bytes_)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=True)
    found: Mapping[str, Mapping[str, float]] = json.loads(done.stdout)
    return {name: _line(parts) for name, parts in found.items()}


def imports(argv: list[str], most: int = 6) -> str:
    """Return a line that says which imports a Python command spends its start on."""
    timed = [argv[0], "-X", "importtime", *argv[1:]]
    done = subprocess.run(timed, capture_output=True, text=True, check=True, env=quiet_environment())
    took: Counter[str] = Counter()
    for own, name in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)", done.stderr, re.MULTILINE):
        took[name.split(".")[0]] += int(own)
    parts = (f"{name} {micro / 1000:.1f} ms" for name, micro in took.most_common(most))
    return f"imports, as -X importtime counts them: {sum(took.values()) / 1000:.0f} ms, most for {', '.join(parts)}"


def _line(parts: Mapping[str, float]) -> str:
    each = ", ".join(f"{kind} {micro:,.0f}" for kind, micro in sorted(parts.items(), key=lambda pair: -pair[1]))
    return f"{sum(parts.values()):,.0f} us of processor time, split by cProfile: {each}"


def _split(work: Callable[[], object], count: int) -> dict[str, float]:
    """Return the microseconds of one call of `work` by kind: the sums as measured, the shares as profiled."""
    whole, sync = _timed(work, count), os.fdatasync
    os.fdatasync = lambda fd: None
    try:
        micro = _timed(work, count)
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(count):
            work()
        profile.disable()
    finally:
        os.fdatasync = sync
    shares: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        place = f"{file} {name}"
        shares[next((kind for kind, marks in _KINDS.items() if any(m in place for m in marks)), "the rest")] += own
    split = {kind: micro * share / shares.total() for kind, share in shares.items()}
    return {"the sync itself": whole - micro, **split}


def _timed(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1e6


def _main(place: Path, count: int, size: int) -> None:
    from bench.stores import Bluelabel

    place.mkdir(parents=True)
    store, text = Bluelabel(place), "x" * size

    def take() -> None:
        found = store.take()
        assert found is not None
        found[1]()

    costs = {"send": _split(lambda: store.put(text), count), "claim + ack": _split(take, count)}
    print(json.dumps(costs))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
