"""`demo`: one handoff all the way round, in a scratch repository, with real processes. Nothing in it is pretended.

The routine is a tuple of functions over one `Stage`; each tells what it does before it does it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import Refused
from bluelabel.runner.demo_files import CARDS, COMMAND, SETTINGS
from bluelabel.runner.workspace import Workspace

WORKERS = ("CA", "WA", "CC")
_LEASE = "3s"
_PATIENCE = 40.0


@dataclass
class Stage:
    """Where the demo plays, and what it has started.

    Args:
        folder: an empty folder; the repository and the worktrees are made in it.
        say: told what happens.
    """

    folder: Path
    say: Callable[[str], None]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])
    messages: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def main(self) -> Path:
        """The main worktree, where ARCH works."""
        return self.folder / "project"

    def tree(self, agent: str) -> Path:
        """The worktree of an agent."""
        return self.folder / f"worktree-{agent}"

    def git(self, *args: str, where: Path | None = None) -> None:
        """Run git quietly."""
        names = ["-c", "user.name=ARCH", "-c", "user.email=arch@example.invalid", "-c", "commit.gpgsign=false"]
        command = ["git", *names, *args]
        done = subprocess.run(command, cwd=where or self.main, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(f"git {args[0]} failed: {done.stderr.strip()[:300]}", where=str(where or self.main))

    def call(self, *args: str, where: Path | None = None) -> list[dict[str, Any]]:
        """Run ``bluelabel ARGS --json`` as a person's shell would; return its lines."""
        done = subprocess.run(
            [*_PROGRAM, *args, "--json"], cwd=where or self.main, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refused(f"bluelabel {' '.join(args)[:60]} failed: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, name: str, where: Path, *args: str) -> None:
        """Start a bluelabel process of its own; its output goes to a file beside the repository."""
        with (self.folder / f"{name}.log").open("ab") as log:
            actor = {} if name == "post office" else {"BLUELABEL_AGENT": name.split("-", maxsplit=1)[0]}
            self.processes[name] = subprocess.Popen(
                [*_PROGRAM, *args], cwd=where, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **actor},
                start_new_session=True,
            )  # fmt: skip

    def changed(self, where: Path) -> bool:
        """Tell whether a worktree differs from its last commit."""
        done = subprocess.run(["git", "status", "--porcelain"], cwd=where, capture_output=True, check=True)
        return bool(done.stdout)

    def until(self, what: str, there: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + _PATIENCE
        while not there():
            if time.monotonic() > deadline:
                raise Refused(
                    f"{what} did not happen in {_PATIENCE:g} s", where=str(self.folder), hint="look at the logs there"
                )
            time.sleep(0.05)


_PROGRAM = (sys.executable, "-m", "bluelabel.apps.cli.main")


def make_repository(stage: Stage) -> None:
    """A repository with two documents, four cards, three agents, a worktree for each."""
    stage.say(f"A scratch repository in {stage.main}: two documents, four cards, three worktrees.")
    (stage.main / "documents").mkdir(parents=True)
    for document in files("bluelabel.runner").joinpath("demo_documents").iterdir():
        (stage.main / "documents" / document.name).write_bytes(document.read_bytes())
    stage.git("init", "--quiet", "--initial-branch", "main")
    settings = SETTINGS.format(store=json.dumps(str(stage.folder / "knowledge")), python=json.dumps(sys.executable))
    (stage.main / "bluelabel.toml").write_text(settings, encoding="utf-8")
    (stage.main / "count_words.py").write_text(COMMAND, encoding="utf-8")
    (stage.main / "TASK_CARDS.md").write_text(CARDS, encoding="utf-8")
    stage.call("init")
    stage.call("git", "install")
    stage.git("add", "--all")
    stage.git("commit", "--quiet", "--no-verify", "--message", "Start the project")
    for agent in WORKERS:
        stage.git("worktree", "add", "--quiet", "-b", f"work/{agent}", str(stage.tree(agent)))


def open_for_work(stage: Stage) -> None:
    """The post office in the main worktree, a worker process in each of the others."""
    stage.say("The post office opens in the main worktree; a worker process starts in each of the other three.")
    stage.start("post office", stage.main, "up", "--no-workers")
    for agent in WORKERS:
        stage.start(agent, stage.tree(agent), "worker", "--agent", agent, "--lease", _LEASE)


def assign(stage: Stage) -> None:
    """Three ways to hand over work: a command, a dropped file, a hand edit of an outbox."""
    stage.say("ARCH hands over four tasks: one by command, one as a file in drop/, one by editing its outbox.json, ...")
    first = {"task_type": "markdown", "file_path": "documents/handing-over-work.md"}
    stage.messages["TASK-1"] = _send(stage, "CA", "TASK-1", "Ingest the guide", first)
    second = {"task_type": "text", "file_path": "documents/keeping-a-ledger.txt"}
    asked = {"type": "task_assignment", "sender": "ARCH", "task_id": "TASK-2", "subject": "Ingest the notes"}
    _drop(stage.main / "postbox" / "CA" / "drop" / "notes.json", json.dumps(asked | {"content": second}))
    outbox = stage.main / "postbox" / "ARCH" / "outbox.json"
    stage.until("the outbox of ARCH", outbox.is_file)
    third = {"file": "documents/keeping-a-ledger.txt"}
    about = {"type": "task_assignment", "recipients": ["CC"], "task_id": "TASK-3", "subject": "Count the words"}
    by_hand = about | {"content": third}
    lines = outbox.read_text(encoding="utf-8").rstrip().removesuffix("null]")
    _drop(outbox, f"{lines}{json.dumps(by_hand)},\nnull]\n")
    stage.until("the import of both", lambda: {"TASK-2", "TASK-3"} <= set(_found(stage)))
    stage.messages |= _found(stage)


def set_aside_what_is_broken(stage: Stage) -> None:
    """A file that is not JSON holds nobody up."""
    stage.say("... and somebody drops a file that is no JSON: it is set aside with the reason, and holds nobody up.")
    _drop(stage.main / "postbox" / "CC" / "drop" / "broken.json", '{"task_id": "TASK-9", "status": oops')
    aside = stage.main / "postbox" / "CC" / "quarantine"
    stage.until("setting the broken file aside", lambda: aside.is_dir() and any(aside.glob("*.why*")))


def kill_a_worker(stage: Stage) -> None:
    """CC's worker dies in mid-task; another one finishes it."""
    task = stage.messages["TASK-3"]
    stage.until("CC's work on TASK-3", (stage.tree("CC") / ".started-1").is_file)
    stage.processes["CC"].send_signal(signal.SIGKILL)
    stage.processes["CC"].wait()
    stage.say("CC's worker is killed with SIGKILL in the middle of TASK-3. A second one starts and finishes the task.")
    stage.start("CC-2", stage.tree("CC"), "worker", "--agent", "CC", "--lease", _LEASE)
    stage.until("the second attempt", lambda: _state(stage, task) == "acked")


def digest(stage: Stage) -> None:
    """What was taken in is digested."""
    stage.until(
        "both documents", lambda: all(_state(stage, stage.messages[t]) == "acked" for t in ("TASK-1", "TASK-2"))
    )
    stage.say("Both documents are in; ARCH asks WA for a digest of them.")
    wish = {"action": "generate_digest", "parameters": {"format": "markdown"}}
    stage.messages["TASK-4"] = _send(stage, "WA", "TASK-4", "Digest both documents", wish)
    stage.until("the digest", lambda: _state(stage, stage.messages["TASK-4"]) == "acked")


def close(stage: Stage) -> None:
    """Everybody stops when told; nothing is left half done."""
    for process in stage.processes.values():
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for process in stage.processes.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
    for process in stage.processes.values():
        if process.poll() is None:
            process.kill()
            process.wait()


def bring_together(stage: Stage) -> None:
    """Each agent commits its worktree, and the branches are merged."""
    for agent in WORKERS:
        if stage.changed(stage.tree(agent)):
            stage.git("add", "--all", where=stage.tree(agent))
            stage.git("commit", "--quiet", "--no-verify", "--message", f"Work of {agent}", where=stage.tree(agent))
    stage.git("add", "--all")
    stage.git("commit", "--quiet", "--no-verify", "--message", "Mail of the day")
    for agent in WORKERS:
        stage.git("merge", "--quiet", "--no-verify", "--no-edit", f"work/{agent}")
    stage.say("The agents' branches are merged into main: no conflicts.")


ROUTINE = (
    make_repository, open_for_work, assign, set_aside_what_is_broken, kill_a_worker, digest, close, bring_together,
)  # fmt: skip


def play(folder: Path, say: Callable[[str], None]) -> Stage:
    """Run the routine in an empty folder and return the stage; every process has ended by then.

    Raises:
        Refused: something did not happen.
    """
    stage = Stage(folder, say)
    try:
        for step in ROUTINE:
            step(stage)
    finally:
        close(stage)
    return stage


def totals(stage: Stage) -> Mapping[str, int]:
    """Count, from the ledger alone, what was sent, settled and lost."""
    workspace = Workspace.open(stage.main)
    try:
        events = list(workspace.book.read())
    finally:
        workspace.close()
    asked = set(stage.messages.values())
    acked = {event.data["id"] for event in events if event.kind == "message.acked"}
    tries = max(event.data["attempt"] for event in events if event.kind == "message.claimed")
    answers = sum(1 for e in events if e.kind == "message.sent" and e.data["message"].get("reply_to") in asked)
    return {
        "tasks": len(asked),
        "settled": len(asked & acked),
        "answers": answers,
        "most attempts": tries,
        "events": len(events),
    }


def _send(stage: Stage, to: str, task: str, subject: str, content: Mapping[str, Any]) -> str:
    about = ["--task", task, "--subject", subject, "--content", json.dumps(content)]
    (answer,) = stage.call("send", "--from", "ARCH", "--to", to, *about)
    return str(answer["id"])


def _drop(path: Path, text: str) -> None:
    """Write a file as an editor does: whole, then into place."""
    temp = path.with_name(f".{path.name}.part")
    temp.write_text(text, encoding="utf-8")
    temp.replace(path)


def _found(stage: Stage) -> dict[str, str]:
    return {str(line.get("task_id")): str(line["id"]) for line in stage.call("outbox", "ARCH")}


def _state(stage: Stage, message_id: str) -> str:
    return next((str(line["state"]) for line in stage.call("outbox", "ARCH") if line["id"] == message_id), "unknown")
