"""The budgets of the post office, cards and runs, as ratios within one run, and its peers beside it.

    python tests/bench/run.py [--rows growth,scale,…] [--quick] [--out DIR] [--peers PYTHON]

Writes ``benchmarks.md`` and its plots into ``docs`` unless told otherwise. The libraries of the peers are installed
into an environment of their own, ``.bench-venv``; without it they are left out with a word. Absolute figures belong
to the machine: only the ratios are held against budgets. Exit code 1 when a budget is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from bench import paper  # noqa: E402
from bench.cards import cards  # noqa: E402
from bench.measure import Losses, Speed  # noqa: E402
from bench.rows import QUICK, Plan, Row, growth, peers, starting, waiting  # noqa: E402
from bench.runs import runs  # noqa: E402
from bench.scale import scale  # noqa: E402

ROWS = ("growth", "scale", "cards", "delivery", "start", "runs", "peers")
HEAD = """# Benchmarks

Written by `make bench`. Every ratio compares two things measured in turns within one run on one machine; the
microseconds are that machine's. A put is durable when it returns, as far as the store's own options go.

{about}
"""
LOSSES = """
## Beside others

Each store handles one message of 200 bytes at a time with 10 waiting; the ratio is against one append + fdatasync in
the same process. Then it is killed with SIGKILL at random moments, over and over on one state, and, as root, its file
system loses the power. Lost is what had been acknowledged and was neither handled nor there afterwards; twice is what
came again after its work was done.
"""


def machine() -> str:
    """Say where and when this was measured."""
    cpu = _after("/proc/cpuinfo", "model name").lstrip("\t: ")
    memory = int(_after("/proc/meminfo", "MemTotal:").split()[0]) >> 20
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = os.getloadavg()[0]
    return f"Machine: {os.cpu_count()} x {cpu}, {memory} GiB, {system}. Date: {now}. Load at the start: {load:.2f}."


def _after(path: str, name: str) -> str:
    """Return what stands behind `name` in a file of the kernel, ``0`` where there is none."""
    lines = Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
    return next((line.removeprefix(name).strip() for line in lines if line.startswith(name)), "0")


def environment(given: str | None) -> str | None:
    """Return the interpreter that has the peers' libraries, made on demand; None when they cannot be had."""
    if given is not None:
        return given
    place = ROOT / ".bench-venv"
    python = place / "bin" / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
    wanted = str(Path(__file__).with_name("peers.txt"))
    argv = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
    if subprocess.run(argv, check=False).returncode != 0:
        print("the libraries of the peers cannot be installed: they are left out")
        return None
    return str(python)


def main() -> int:
    """Measure what was asked for, print it and write it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--rows", default=",".join(ROWS), help="which of: %(default)s")
    parser.add_argument("--quick", action="store_true", help="measure little: to see that it works, not to believe it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="where benchmarks.md goes")
    parser.add_argument("--peers", help="an interpreter that has the libraries of the peers")
    options = parser.parse_args()
    wanted, plan = options.rows.split(","), QUICK if options.quick else Plan()
    about, rows, speeds = machine(), list[Row](), list[Speed]()
    parts: dict[str, Callable[[Plan], list[Row]]] = {
        "scale": scale,
        "cards": cards,
        "delivery": waiting,
        "start": starting,
        "runs": lambda plan: runs(plan, environment(options.peers)),
    }
    if "growth" in wanted:
        rows, speeds = growth(plan)
    for name, measure in parts.items():
        rows += measure(plan) if name in wanted else []
    found = list(peers(plan, environment(options.peers))) if "peers" in wanted else []
    text = written(about, rows, speeds, found, options.out)
    print(text)
    if set(wanted) == set(ROWS):  # a part of the run does not replace the record of a whole one
        (options.out / "benchmarks.md").write_text(text, encoding="utf-8")
    return 1 if any(row.kept is False for row in rows) else 0


def written(
    about: str, rows: list[Row], speeds: list[Speed], found: list[tuple[Speed, Losses, Losses | None]], out: Path
) -> str:
    """Write the plots; return the page."""
    text = HEAD.format(about=about) + ("\n## Budgets\n\n" + paper.budgets(rows) + "\n" if rows else "")
    plots = out / "assets"
    plots.mkdir(parents=True, exist_ok=True)
    if speeds:
        values = [(f"{one.name}, {one.fill:,}", one.put_ratio) for one in speeds]
        (plots / "bench-growth.svg").write_text(
            paper.bars("One durable send against one append + fdatasync", values, " x")
        )
        text += "\n![One durable send with more and more messages waiting](assets/bench-growth.svg)\n"
    if found:
        values = [(speed.name, speed.put_ratio) for speed, _, _ in found]
        plot = paper.bars("One put against one append + fdatasync", values, " x")
        (plots / "bench-peers.svg").write_text(plot, encoding="utf-8")
        text += LOSSES + "\n" + paper.comparison(found) + "\n\n![One put, store by store](assets/bench-peers.svg)\n"
    return text


if __name__ == "__main__":
    sys.exit(main())
