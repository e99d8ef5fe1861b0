"""The whole of the reliability tests: every point of every command, the kill loop, the crowd and the nightly tests.

    python tests/reliability/run.py [--sweeps crash,fault,…] [--only send,claim,…] [--limit N] [--json FILE]

Exit code: 0 when every sweep passed, 1 when one found something, 2 when one looked at too little to mean anything.
Power cuts need root and are skipped with a word elsewhere. The whole takes about an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from reliability.bursts import burst  # noqa: E402
from reliability.catalogue import SCENARIOS  # noqa: E402
from reliability.crash import Invalid, crash_sweep  # noqa: E402
from reliability.crowd import crowd  # noqa: E402
from reliability.fault import fault_sweep, order_check  # noqa: E402
from reliability.kills import kill_loop  # noqa: E402
from reliability.power import power_sweep, unavailable  # noqa: E402
from reliability.quick import bench  # noqa: E402
from reliability.recovering import recovery_sweep  # noqa: E402
from reliability.report import Finding, Report  # noqa: E402
from reliability.scenarios import kill_scenario  # noqa: E402

SWEEPS = ("order", "crash", "fault", "power", "again", "kill", "crowd", "burst", "nightly")
POINTS = {"crash": 8, "fault": 100, "power": 8}
"""The fewest points a whole sweep of a command may have."""

Job = Callable[[Path], Report]


def jobs(names: list[str], sweeps: list[str], limit: int, runs: int) -> Iterator[tuple[str, Job]]:
    """Yield what to run: a title, and a function that runs it in an empty directory."""
    for name in names:
        for sweep in ("order", "crash", "fault", "power"):
            if sweep in sweeps and not (sweep == "order" and SCENARIOS[name][2].get("truth", "") is None):
                yield f"{sweep} {name}", lambda base, n=name, s=sweep: _swept(n, s, base, limit)  # type: ignore[misc]
    if "again" in sweeps:
        for name in ("send", "rotate", "hand-edit"):
            yield f"again {name}", lambda base, n=name: recovery_sweep(n, base, limit=limit)  # type: ignore[misc]
    if "kill" in sweeps:
        yield "kill", lambda base: _killed(base, runs)
    if "crowd" in sweeps:
        yield "crowd", lambda base: crowd(base, senders=8, each=250, workers=4)
    if "burst" in sweeps:
        yield "burst", lambda base: burst(base, 50_000, patience=600)


def _swept(name: str, sweep: str, base: Path, limit: int) -> Report:
    with ExitStack() as stack:
        ready = stack.enter_context(bench(name, base / "copies"))
        if sweep == "order":
            report = order_check(ready, ready.base)
        elif sweep == "crash":
            report = crash_sweep(ready, ready.base, limit=limit, keep=True)
        elif sweep == "fault":
            report = fault_sweep(ready, ready.base, limit=limit, keep=True)
        else:
            report = power_sweep(ready.scenario, base / "images", limit=limit)
    report.floor = POINTS.get(sweep, report.floor) if not limit else report.floor
    return report


def _killed(base: Path, runs: int) -> Report:
    made = kill_scenario(forked=True)
    try:
        return kill_loop(made, base, runs=runs)
    finally:
        assert made.servers is not None
        made.servers.close()


def main() -> int:
    """Run what was asked for and print one line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--sweeps", default=",".join(SWEEPS), help="which of: %(default)s")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="which commands: %(default)s")
    parser.add_argument("--limit", type=int, default=0, help="at most so many points of each command; 0 for all")
    parser.add_argument("--runs", type=int, default=1000, help="runs of the kill loop, two processes each")
    parser.add_argument("--json", type=Path, help="write the reports here")
    parser.add_argument("--keep", type=Path, help="leave the directories of findings in here")
    options = parser.parse_args()
    sweeps = options.sweeps.split(",")
    why = unavailable()
    if "power" in sweeps and why:
        print(f"power cuts are left out: {why}")
        sweeps.remove("power")
    reports = [
        _run(title, job, options.keep)
        for title, job in jobs(options.only.split(","), sweeps, options.limit, options.runs)
    ]
    if options.json is not None:
        about = {"machine": platform.platform(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
        options.json.write_text(json.dumps(about | {"reports": [dict(r.as_json()) for r in reports]}, indent=1))
    bad = [r for r in reports if r.findings]
    void = [r for r in reports if r.void and not r.findings]
    total = sum(r.runs for r in reports)
    print(f"{len(reports)} sweeps, {total:,} runs: {len(bad)} found something, {len(void)} void")
    nightly = _nightly() if "nightly" in sweeps else 0
    return 1 if bad or nightly else 2 if void else 0


def _run(title: str, job: Job, keep: Path | None) -> Report:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="reliability.", dir=keep))
    try:
        report = job(base / "x")
    except Invalid as error:
        sweep, _, name = title.partition(" ")
        report = Report(sweep, name)
        report.findings = [Finding("undisturbed", "invalid", str(error))]
    print(report, flush=True)
    if keep is None or not report.findings:
        subprocess.run(["rm", "-rf", str(base)], check=False)
    return report


def _nightly() -> int:
    # Nights are long: no stack is worth a look after two minutes.
    argv = [sys.executable, "-m", "pytest", "-m", "nightly", "-q", "-o", "faulthandler_timeout=0", "tests"]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
