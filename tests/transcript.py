"""What every command prints with `--json` in one scratch workspace, with ids, moments and paths made alike.

`python tests/transcript.py FILE` writes it; two trees of the program print the same when their files are equal. The
doors to come (API, MCP) have to show the same records, and are compared with the same file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from cli_driver import Result, bluelabel

CARDS: Final = """# Task Cards

## Active Tasks

### TASK-001: Read both date forms
Status: NOT_STARTED
Assigned: CC
Priority: HIGH
Created: 2026-01-05
Sprint: 1

**Deliverables:**
- [ ] reader
- [x] tests

**Files Created/Modified:**
- shop/dates.py (new)

### TASK-002: Write both date forms
**Status:** In Progress
**Assigned:** CA
**Dependencies:** TASK-001

### TASK-003: Long ago
Status: COMPLETED
Assigned: WA

## Archive
"""
WORKFLOW: Final = """name: greet
version: 1.0.0
inputs: {who: {type: string, default: tea}}
steps:
  - id: boil
    command: ["sh", "-c", "echo water"]
  - id: pour
    command: ["sh", "-c", "echo {{ inputs.who }} >/dev/null"]
    depends_on: [boil]
  - id: ask
    approval: {by: HUMAN}
    depends_on: [pour]
output: "{{ steps.boil.result.stdout }}"
"""
BROKEN: Final = "name: broken\nsteps:\n  - id: a\n    comand: [true]\n"
BOX: Final = '[{"id": "m-1", "from": "CC", "to": "ARCH", "type": "message", "content": {"n": 1}}, {"task_id": "T-1"}]'

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?")
_DAY = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_HEX = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b")
_SECONDS = re.compile(
    r'("(?:seconds|duration_seconds|duration_ms|elapsed|mean|p50|p95|start|end|at|[a-z_]*hours)": ?)-?\d+\.\d+'
)
_PID = re.compile(r'("pid": ?)\d+')


class Recorder:
    """Calls commands one after another and keeps what they print.

    Args:
        root: the scratch workspace.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: list[str] = []
        self.names: dict[str, str] = {}

    def __call__(self, *args: str, stdin: bytes = b"", agent: str | None = None) -> Result:
        """Call one command with `--json`, keep what it printed, and return it."""
        variables = {"BLUELABEL_AGENT": agent} if agent else {}
        done = bluelabel(self.root, *args, "--json", stdin=stdin, **variables)
        self.lines.append(self._alike(f"$ {' '.join(args)}"))
        self.lines += [self._alike(line) for line in done.out.splitlines()]
        self.lines += [self._alike(f"! {line}") for line in done.err.splitlines()]
        self.lines.append(f"= {done.code}")
        return done

    def _alike(self, line: str) -> str:
        if line.startswith("{"):  # the order of keys says nothing
            line = json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False)
        line = line.replace(str(self.root), "ROOT").replace(sys.executable, "PYTHON")
        line = _UUID.sub(lambda found: self._name(found[0], "id"), line)
        line = _MOMENT.sub("MOMENT", line)
        line = _DAY.sub("DAY", line)
        line = _HEX.sub(lambda found: self._name(found[0], "hex"), line)
        line = _SECONDS.sub(r"\1SECONDS", line)
        return _PID.sub(r"\1PID", line)

    def _name(self, text: str, sort: str) -> str:
        """Return what stands for an id: the same for the same, so that who speaks of whom can still be seen."""
        if sort == "hex" and len(text) not in (7, 8, 12, 16, 40, 64):
            return text
        return self.names.setdefault(text, f"<{sort}{len(self.names)}>")


def git(root: Path, *args: str) -> None:
    """Run git in the scratch workspace."""
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    who |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *args], cwd=root, check=True, capture_output=True, env={**os.environ, **who})


def record(root: Path) -> str:
    """Make a workspace in `root`, call every command there, and return the transcript."""
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "A")
    git(root, "config", "user.email", "a@example.org")
    call = Recorder(root)
    call("init")
    (root / "TASK_CARDS.md").write_text(CARDS, encoding="utf-8")
    (root / "greet.yaml").write_text(WORKFLOW, encoding="utf-8")
    (root / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    (root / "box.json").write_text(BOX, encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Begin")
    with chdir(root):
        for part in (_mail, _cards, _runs, _agents, _sprints, _records):
            part(call)
    return "\n".join(call.lines) + "\n"


def _mail(call: Recorder) -> None:
    first = call("send", "--from", "ARCH", "--to", "CC", "--task", "TASK-001", "--subject", "Dates", "--body", "tea")
    name = str(first.object["id"])
    call("send", "--from", "ARCH", "--to", "CA,WA", "--priority", "HIGH", "--content", '{"n": 1}', "--key", "k")
    call("send", "--from", "ARCH", "--to", "CA,WA", "--priority", "HIGH", "--content", '{"n": 1}', "--key", "k")
    call("send", "--from", "ARCH", "--to", "CCC", "--body", "nobody")
    call("inbox", "CC", "--peek")
    call("inbox", "CC")
    call("outbox", "ARCH")
    claimed = call("claim", "CC")
    token = str(claimed.object["token"])
    call("renew", name, "--token", token)
    call("nack", name, "--token", token, "--reason", "not now")
    token = str(call("claim", "CC").object["token"])
    call("ack", name, "--token", token, "--result", '{"summary": "read"}')
    call("ack", name, "--token", "0" * 16)
    call("reply", name, "--from", "CC", "--body", "done")
    call("thread", name)
    call("search", "tea")
    call("claim", "CC")
    taken = str(call("send", "--from", "CC", "--to", "WA", "--body", "back").object["id"])
    call("withdraw", taken, "--from", "CC")
    call("dead", "list")
    call("dead", "purge")
    (call.root / "postbox" / "ARCH" / "drop").mkdir(exist_ok=True)
    (call.root / "postbox" / "ARCH" / "drop" / "r.json").write_text(
        '{"from": "CC", "task_id": "T-9"}', encoding="utf-8"
    )
    call("inbox", "ARCH", "--peek")
    call("undo")
    call("archive", "--dry-run")


def _cards(call: Recorder) -> None:
    call("card", "list")
    call("card", "list", "--status", "COMPLETED")
    call("card", "show", "TASK-001")
    call("card", "next")
    call("card", "board")
    call("card", "stats")
    call("card", "lint")
    call("card", "new", "Price list", "--id", "TASK-010", "--assignee", "CC", "--path", "shop/prices.py (new)")
    call("card", "set", "TASK-010", "status", "COMPLETED")
    call("card", "set", "TASK-001", "priority", "LOW")
    call("card", "set", "TASK-001", "colour", "red")
    call("card", "check", "TASK-001", "1")
    call("card", "verify", "TASK-001")
    call("card", "move", "TASK-010", "Archive")
    call("card", "undo")
    call("card", "archive", "TASK-003")
    call("card", "restore", "TASK-003")
    call("card", "show", "TASK-999")


def _runs(call: Recorder) -> None:
    call("workflow", "check", "greet.yaml")
    call("workflow", "check", "broken.yaml")
    call("workflow", "graph", "greet.yaml")
    call("workflow", "new", "made.yaml", "--template", "handoff")
    call("run", "dag", "greet.yaml", "--run-id", "one", "--detach")
    _until(call, lambda run: bool(run.get("waiting")))
    call("run", "dag", "--status", "one", "--verbose")
    call("approve", "one", "ask", "--reason", "good")
    _until(call, lambda run: run["status"] == "success" and not run["owned"])
    call("run", "dag", "--status", "one")
    call("run", "dag", "--list")
    call("run", "dag", "--status", "two")
    call("approve", "one", "ask")
    call("workflow", "trace", "one")
    call("workflow", "schema")


def _until(call: Recorder, reached: Callable[[dict[str, Any]], bool]) -> None:
    """Ask for the run until it is there; what is asked meanwhile is not kept."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = bluelabel(call.root, "run", "dag", "--status", "one", "--json").lines
        if seen and reached(seen[0]):
            return
    raise TimeoutError("the run did not come so far")


def _agents(call: Recorder) -> None:
    call("agent", "list")
    call("agent", "show", "digest")
    call("agent", "add", "QA", "--command", "true")
    call("run", "agent", "digest", "--input", '{"task_id": "T", "content": {"text": "One. Two. Three."}}')


def _sprints(call: Recorder) -> None:
    call("sprint", "plan", "1", "--phase", "1", "--card", "TASK-001", "--card", "TASK-002", "--goal", "dates")
    call("sprint", "launch", "1")
    call("sprint", "status", "1")
    call("sprint", "burndown", "1")
    call("sprint", "summary", "1")
    call("sprint", "closeout", "1", "--dry-run")


def _records(call: Recorder) -> None:
    call("status")
    call("doctor")
    call("recover")
    call("read", "box.json", "TASK_CARDS.md", "greet.yaml", "broken.yaml")
    call("log", "verify")
    call("log", "--limit", "5")
    call("git", "install")
    call("git", "check")
    call("git", "uninstall")
    call("schema")
    call("schema", "message")
    call("completion", "bash")
    call("no-such-command")


def main(words: Sequence[str]) -> int:
    """Write the transcript into the file that is named."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "shop"
        root.mkdir()
        Path(words[0]).write_text(record(root), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
