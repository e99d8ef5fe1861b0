"""Runs of workflows under the sweeps: made, moved, retried, taken up, cancelled, approved.

The checker replays the ledger's lines with rules of its own, and asks the steps themselves how often they ran: each
leaves a line in `work.log`, outside the ledger.
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reliability.disk import Disk, home_of, read_disk
from reliability.mailcheck import judge, told_lines
from reliability.sandbox import Outcome, environment
from reliability.scenarios import ENV, Entry, bluelabel, do

TOLD = r"bluelabel\.(run|approval|recover)/1"
RUN = "r1"
STEPS = """import os, pathlib

def note(name):
    with open(pathlib.Path(__file__).with_name("work.log"), "a") as log:
        log.write(name + "\\n")

async def good(context):
    note(context.step_id)
    return {"by": context.step_id}

async def bad(context):
    note(context.step_id)
    if not pathlib.Path(__file__).with_name("mended").exists():
        raise ValueError("not mended yet")

async def cut(context):
    import asyncio
    note(context.step_id)
    if not pathlib.Path(__file__).with_name("mended").exists():
        await asyncio.sleep(600)
"""
FLOW = """name: flow
max_parallel: 1
steps:
  - {id: a, call: "steps:good"}
  - {id: b, call: "steps:WORK", depends_on: [a], retry: {max_retries: 1, delay: 1ms}}
  - {id: c, call: "steps:good", depends_on: [a]}
  - {id: d, call: "steps:good", depends_on: [b, c]}
"""
GATE = """name: gate
steps:
  - {id: gate, approval: {}}
  - {id: after, call: "steps:good", depends_on: [gate]}
"""
_OPEN = ("created", "running", "retry")
_AFTER_END = ("pending", "retry")


def written(where: Path, work: str = "good", text: str = FLOW) -> None:
    """Make a workspace with a workflow that was not run yet."""
    do(where, "init", "--agents", "CC,CA")
    (where / "steps.py").write_text(STEPS)
    (where / "flow.yaml").write_text(text.replace("WORK", work))


def done(where: Path) -> None:
    """Make a workspace with a run that succeeded."""
    written(where)
    do(where, *_new(where))


def failed(where: Path) -> None:
    """Make a workspace with a run that failed for a reason that is gone."""
    written(where, "bad")
    argv = bluelabel(where, *_new(where), "--json")
    ended = subprocess.run(argv, env=environment(ENV), cwd=where, capture_output=True, timeout=60, check=False)
    if ended.returncode != 1:
        raise RuntimeError(f"the run should have failed: {ended.stderr.decode()}")
    (where / "mended").touch()


def cut_off(where: Path) -> None:
    """Make a workspace with a run whose runner was killed in the middle of a step that works by now."""
    written(where, "cut")
    _killed(where, "b")
    (where / "mended").touch()


def edited(where: Path) -> None:
    """Make a workspace with a run that was cut off, and whose workflow file has other steps behind that by now."""
    cut_off(where)
    path = where / "flow.yaml"
    path.write_text(path.read_text().replace("{id: c,", "{id: e,").replace("[b, c]", "[b, e]"))


def waiting(where: Path) -> None:
    """Make a workspace with a run that waits for an approval and has no runner."""
    written(where, text=GATE)
    _killed(where, "gate", where / "postbox" / "HUMAN" / "inbox.json")


def approved(where: Path) -> None:
    """Make a workspace with a run whose approval was given while it had no runner."""
    waiting(where)
    do(where, "approve", RUN, "gate")


def _killed(where: Path, step: str, sign: Path | None = None) -> None:
    """Start the workflow and kill its runner once `step` is under way and, where there is one, `sign` names the run."""
    argv = bluelabel(where, *_new(where), "--json")
    runner = subprocess.Popen(
        argv, env=environment(ENV), cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60

    def begun() -> bool:
        if Replay(read_disk(home_of(where))).steps.get(step) != "running":
            return False
        if sign is None:
            return True
        half_done = list(sign.parent.glob(".*.new"))
        return sign.exists() and f'"{RUN}"' in sign.read_text() and not half_done

    while not begun():
        if time.monotonic() > deadline or runner.poll() is not None:
            raise RuntimeError(f"step {step} never began")
        time.sleep(0.02)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()


class Replay:
    """One run as the facts tell it, with everything in them that must not be."""

    def __init__(self, disk: Disk) -> None:
        self.status: str | None = None
        self.steps: dict[str, str] = {}
        self.finished: list[str] = []
        """Steps in the order in which they succeeded; one that was reset by hand stands here again."""
        self.approvals = 0
        self.resets = 0
        self.faults: list[str] = []
        self.errors: list[tuple[str, str]] = []
        """What steps failed with: the kind of error, and its text."""
        rules: dict[str, Callable[[dict[str, Any]], None]] = {
            "run.created": self._created,
            "run.status": self._run,
            "step.status": self._step,
            "run.redefined": self._redefined,
        }
        for fact in disk.facts:
            if fact.data.get("run") == RUN and fact.kind in rules:
                rules[fact.kind](fact.data)
            self.approvals += fact.kind == "approval.given"

    def _created(self, data: dict[str, Any]) -> None:
        if self.status is not None:
            self.faults.append("the run was made twice")
        self.status = data.get("status", "created")
        self.steps = {step["id"]: step.get("status", "pending") for step in data.get("steps", ())}

    def _run(self, data: dict[str, Any]) -> None:
        if data["was"] != self.status:
            self.faults.append(f"the run goes from {data['was']} to {data['status']}, but was {self.status}")
        self.status = data["status"]

    def _redefined(self, data: dict[str, Any]) -> None:
        self.steps |= {step["id"]: "pending" for step in data["steps"] if step["id"] not in self.steps}

    def _step(self, data: dict[str, Any]) -> None:
        name, was, to = data["step"], data["was"], data["status"]
        if was != self.steps.get(name):
            self.faults.append(f"{name} goes from {was} to {to}, but was {self.steps.get(name)}")
        if was == "success" and to not in _AFTER_END:
            self.faults.append(f"{name} had succeeded and became {to}")
        self.steps[name] = to
        self.resets += was == "success"
        self.errors += [(data.get("error_type", ""), data.get("reason", ""))] if to == "failed" else []
        if to == "success":
            self.finished.append(name)


def judged_run(*ends: str | None, again: int = 0, kept: bool = True) -> Callable[[Outcome], list[str]]:
    """Return a check of the run.

    Args:
        ends: what its status may be afterwards: as asked for, or as before where nothing of it came to pass.
        again: how often each step may have run more than once because somebody asked for it.
        kept: whether an acknowledged status must be what the ledger says afterwards.
    """

    def check(outcome: Outcome) -> list[str]:
        replay = Replay(read_disk(home_of(outcome.dir)))
        wrong = [*judge(outcome), *replay.faults]
        for line in told_lines(outcome):
            if line.get("schema") == "bluelabel.run/1" and kept and replay.status in (None, *_OPEN):
                wrong.append(f"acknowledged and lost: the run is {line['status']}, not {replay.status}")
            if line.get("schema") == "bluelabel.approval/1" and not replay.approvals:
                wrong.append("acknowledged and lost: the approval")
        allowed = (*ends, "failed") if any(_is_of_system(*error) for error in replay.errors) else ends
        if outcome.recovered and replay.status not in allowed:
            wrong.append(f"the run ends as {replay.status}, not {' or '.join(map(str, allowed))}")
        wrong += _worked(outcome.dir, replay, again)
        return wrong + _snapshot(outcome, replay)

    return check


def _is_of_system(error_type: str, reason: str) -> bool:
    """Tell whether an error is the system's refusal of what a step itself wanted: it fails, and with it the run."""
    kind = getattr(builtins, error_type, None)
    # A folder that may not be listed is an empty one to Python's import.
    return (isinstance(kind, type) and issubclass(kind, OSError)) or "No module named" in reason


def _worked(where: Path, replay: Replay, again: int) -> list[str]:
    """Check what the steps themselves tell: one kill repeats one step at most, and finished ones never."""
    log = where / "work.log"
    lines = log.read_text().split() if log.exists() else []
    extra = {name: lines.count(name) - replay.finished.count(name) for name in replay.steps}
    often = {name: count for name, count in extra.items() if count > 1 + again + (name == "b")}
    return [f"ran more often than the ledger can explain: {often}"] if often else []


def _snapshot(outcome: Outcome, replay: Replay) -> list[str]:
    """Check the file that shows the run: whole at all times, and right once everything is done."""
    path = outcome.dir / "data" / "dag_runs" / f"run_{RUN}.json"
    if outcome.unplugged or not path.exists():
        return []
    try:
        shown = json.loads(path.read_bytes())
    except ValueError as error:
        return [f"{path.name} is torn: {error}"]
    stale = outcome.recovered and shown["status"] != replay.status
    return [f"{path.name} shows {shown['status']}, the ledger {replay.status}"] if stale else []


def go_on(where: Path) -> list[str]:
    """Return what a person would do next: go on with a run that is open, else recover."""
    replay = Replay(read_disk(home_of(where)))
    return ["run", "dag", "--retry", RUN] if replay.status in _OPEN else ["recover"]


def _new(where: Path) -> list[str]:
    return ["run", "dag", str(where / "flow.yaml"), "--run-id", RUN]


def _moved(*ends: str | None, **options: Any) -> dict[str, Any]:
    return {"check": judged_run("success", *ends, **options), "ack": TOLD, "afterwards": go_on}


def _stays(ends: str, *words: str) -> dict[str, Any]:
    def afterwards(where: Path) -> list[str]:
        return ["recover"] if not words or Replay(read_disk(home_of(where))).status == ends else list(words)

    return {"check": judged_run(ends, kept=False), "ack": TOLD, "afterwards": afterwards}


_RETRY = ["run", "dag", "--retry", RUN]
_CANCEL = ("run", "dag", "--cancel", RUN, "--reason", "enough")
SCENARIOS: dict[str, Entry] = {
    "run-new": (written, _new, _moved(None)),
    "run-retry": (failed, lambda _: _RETRY, _moved("failed", again=2)),
    "run-from": (done, lambda _: [*_RETRY, "--from", "b", "--reason", "again"], _moved(again=1)),
    "run-resume": (cut_off, lambda _: _RETRY, _moved()),
    "run-anew": (edited, lambda _: [*_RETRY, "--with-new-definition"], _moved()),
    "run-approved": (approved, lambda _: _RETRY, _moved()),
    "run-cancel": (waiting, lambda _: list(_CANCEL), _stays("cancelled", *_CANCEL)),
    "run-approve": (waiting, lambda _: ["approve", RUN, "gate"], _stays("running")),
}
"""name: (how it begins, the arguments, what differs from the usual)."""

QUICK = ("run-new", "run-cancel", "run-anew")
"""Those of which `make test` sweeps a sample."""
