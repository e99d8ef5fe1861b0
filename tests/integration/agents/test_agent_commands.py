"""`agent`, `run agent` and `worker` as people call them, by real processes."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from filelock import FileLock

from bluelabel.apps.cli.main import main
from bluelabel.apps.cli.utils.agent_printer import complete_runnable
from bluelabel.runner.operations import agents
from bluelabel.runner.workspace import Workspace

COMMAND = [sys.executable, "-m", "bluelabel.apps.cli.main"]


def environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BLUELABEL_")}
    return {**kept, "GIT_CEILING_DIRECTORIES": str(folder.parent), "NO_COLOR": "1", "COLUMNS": "200"}


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def bluelabel(folder: Path, *words: str, stdin: str = "") -> Done:
    """Call the program in this process: starting Python takes longer than most commands."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["bluelabel", *words])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        for name in [name for name in os.environ if name.startswith("BLUELABEL_")]:
            patch.delenv(name)
        for name, value in environment(folder).items():
            patch.setenv(name, value)
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        else:
            code = 0
    return Done(code, out.getvalue(), err.getvalue())


def lines(done: Done) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def command(folder: Path, name: str, code: str, **more: Any) -> None:
    """Give the workspace an agent that runs `code`."""
    table = {"command": [sys.executable, "-I", "-S", "-c", code], **more}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    with (folder / "bluelabel.toml").open("a") as file:
        file.write(f"\n[agents.{name}]\n{text}")


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pattern") / "w"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert bluelabel(folder, "init").returncode == 0
    return folder


@pytest.fixture
def workspace(tmp_path: Path, pattern: Path) -> Path:
    return shutil.copytree(pattern, tmp_path / "w")


def send(folder: Path, to: str, content: dict[str, Any] | None = None) -> str:
    words = ("send", "--from", "ARCH", "--to", to, "--task", "TASK-1", "--content", json.dumps(content or {}), "--json")
    return str(lines(bluelabel(folder, *words))[0]["id"])


def waiting(folder: Path, agent: str) -> list[dict[str, Any]]:
    return lines(bluelabel(folder, "inbox", agent, "--json", "--peek"))


def start_worker(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "-v", "worker", *words, "--json"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def next_line(worker: subprocess.Popen[str]) -> dict[str, Any]:
    assert worker.stdout is not None
    found: dict[str, Any] = json.loads(worker.stdout.readline())
    return found


def finish(worker: subprocess.Popen[str], number: int | None = None) -> tuple[int, str, str]:
    if number is not None:
        worker.send_signal(number)
    try:
        out, err = worker.communicate(timeout=60)
    finally:
        worker.kill()
    return worker.returncode, out, err


def test_all_agents_are_listed(workspace: Path) -> None:
    command(workspace, "CC", "pass")
    found = {each["name"]: each for each in lines(bluelabel(workspace, "agent", "list", "--json"))}

    assert found["CC"]["kind"] == "command"
    assert (found["CA"]["kind"], found["CA"]["mailbox"]) == (None, True)
    assert (found["digest"]["origin"], found["digest"]["mailbox"]) == ("built-in", False)
    assert "ingestion" in bluelabel(workspace, "agent", "list").stdout


def test_a_broken_agent_is_told_beside_the_list(workspace: Path) -> None:
    with (workspace / "bluelabel.toml").open("a") as file:
        file.write('\n[agents.CC]\nkind = "digst"\n')
    done = bluelabel(workspace, "agent", "list")

    assert done.returncode == 0
    assert "broken: CC: no such kind of agent" in done.stderr


def test_an_agent_shows_what_it_can_do(workspace: Path) -> None:
    shown = lines(bluelabel(workspace, "agent", "show", "digest", "--json"))[0]

    assert shown["schema"] == "bluelabel.agent/1"
    assert [capability["name"] for capability in shown["capabilities"]] == ["generate_digest", "query_summaries"]
    assert "generate_digest" in bluelabel(workspace, "agent", "show", "digest").stdout
    assert "nothing that can be run" in bluelabel(workspace, "agent", "show", "CA").stdout


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("agent", "show", "digst"), "did you mean digest"),
        (("agent", "run", "ingestoin", "--input", "{}"), "did you mean ingestion"),
        (("worker", "--agent", "CD"), "did you mean CC"),
        (("worker", "--agent", "CA"), "template"),
        (("worker",), "agent add"),
    ],
)
def test_an_unknown_agent_is_exit_3_with_the_nearest_names(workspace: Path, words: tuple[str, ...], hint: str) -> None:
    done = bluelabel(workspace, *words)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert hint in done.stderr.splitlines()[1]


def test_an_agent_is_added_with_a_mailbox_and_everything_else_stays(workspace: Path) -> None:
    before = (workspace / "bluelabel.toml").read_text()
    done = lines(
        bluelabel(workspace, "agent", "add", "LINT", "--command", "echo 'two words'", "--timeout", "5m", "--json")
    )
    after = (workspace / "bluelabel.toml").read_text()
    log = bluelabel(workspace, "log", "--json").stdout

    assert (done[0]["name"], (workspace / "postbox" / "LINT" / "drop").is_dir()) == ("LINT", True)
    assert after.startswith(before)
    assert '[agents.LINT]\ncommand = ["echo", "two words"]\ntimeout = "5m"\n' in after
    assert '"agent.added"' in log
    send(workspace, "LINT")
    assert "two words" in bluelabel(workspace, "worker", "--once", "--agent", "LINT").stdout


def test_a_settings_file_that_cannot_be_written_stays_as_it_was(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (workspace / "bluelabel.toml").read_bytes()

    def full(*_args: Any, **_more: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(agents, "replace_file", full)
    done = bluelabel(workspace, "agent", "add", "NEW")

    assert (done.returncode, "the disk is full while adding an agent" in done.stderr) == (6, True)
    assert (workspace / "bluelabel.toml").read_bytes() == before


def test_an_agent_is_added_where_there_are_no_settings_yet(workspace: Path) -> None:
    (workspace / "bluelabel.toml").unlink()

    assert bluelabel(workspace, "agent", "add", "NEW").returncode == 0
    assert bluelabel(workspace, "agent", "add", "OTHER", "--kind", "digest").returncode == 0
    assert (workspace / "bluelabel.toml").read_text() == '[agents.NEW]\n\n[agents.OTHER]\nkind = "digest"\n'
    assert bluelabel(workspace, "agent", "add", "NEW", "--kind", "digest").returncode == 0


def test_names_of_agents_are_completed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = click.Context(click.Command("x"), info_name="x")
    monkeypatch.chdir(workspace)

    assert complete_runnable(context, click.Argument(["name"]), "in") == ["ingestion"]
    monkeypatch.chdir(workspace.parent)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(workspace.parent.parent))
    assert complete_runnable(context, click.Argument(["name"]), "in") == []


def test_a_mailbox_is_given_a_template(workspace: Path) -> None:
    done = bluelabel(workspace, "agent", "add", "CC", "--template", "claude-code")

    assert done.returncode == 0, done.stderr
    assert "It edits files without asking" in done.stderr
    assert lines(bluelabel(workspace, "agent", "show", "CC", "--json"))[0]["kind"] == "command"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("CC",), 4, "there is an agent of this name"),
        (("cc",), 2, "one name to some file systems"),
        (("../x",), 2, "not a name for an agent"),
        (("NEW", "--template", "clade"), 3, "did you mean claude-code?"),
        (("NEW", "--kind", "digst"), 2, "did you mean digest?"),
        (("NEW", "--kind", "digest", "--timeout", "1m"), 2, "no such setting: timeout"),
        (("NEW", "--command", "echo 'x"), 2, "close every quotation mark"),
    ],
)
def test_a_wrong_add_changes_nothing(workspace: Path, words: tuple[str, ...], code: int, text: str) -> None:
    before = (workspace / "bluelabel.toml").read_bytes()
    done = bluelabel(workspace, "agent", "add", *words)

    assert (done.returncode, text in done.stderr) == (code, True)
    assert (workspace / "bluelabel.toml").read_bytes() == before


@pytest.mark.parametrize("form", ["content", "input", "file", "document", "stdin"])
def test_an_agent_runs_on_one_input(workspace: Path, form: str) -> None:
    (workspace / "a.md").write_text("# A title\n\nSome words.")
    (workspace / "in.json").write_text('{"task_id": "T-1", "content": {"file_path": "a.md"}}')
    given = {
        "content": '{"file_path": "a.md"}',
        "input": '{"content": {"file_path": "a.md"}}',
        "file": "in.json",
        "document": "a.md",
        "stdin": "-",
    }[form]
    done = bluelabel(workspace, "agent", "run", "ingestion", "--input", given, "--json", stdin='{"file_path": "a.md"}')
    output = lines(done)[0]

    assert output["schema"] == "bluelabel.agent_output/1"
    assert (output["status"], output["result"]["title"]) == ("success", "A title")
    assert "A title" in bluelabel(workspace, "agent", "run", "digest", "--input", "{}").stdout


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ("nothing.json", 3, "no such file"),
        ("{", 5, "not JSON"),
        ('{"content": 7}', 5, "content"),
        ("list.json", 5, "not a JSON object"),
        ("../outside.md", 2, "outside the workspace"),
        ('{"url": "http://127.0.0.1/"}', 1, "will not visit 127.0.0.1"),
    ],
)
def test_a_wrong_input_is_told(workspace: Path, given: str, code: int, text: str) -> None:
    (workspace / "list.json").write_text("[]")
    (workspace.parent / "outside.md").write_text("x")
    done = bluelabel(workspace, "agent", "run", "ingestion", "--input", given)

    assert (done.returncode, text in done.stderr) == (code, True)
    assert "Traceback" not in done.stderr


def test_a_worker_does_what_waits_and_tells_each_in_a_line(workspace: Path) -> None:
    command(workspace, "CC", "print('did it')")
    message = send(workspace, "CC")
    told = lines(bluelabel(workspace, "worker", "--max", "1", "--json"))

    assert [(line["schema"], line["state"], line["id"]) for line in told] == [("bluelabel.worker/1", "done", message)]
    assert [m["type"] for m in waiting(workspace, "ARCH")] == ["task_result"]
    assert "nothing waits" in bluelabel(workspace, "worker", "--once").stdout


def test_text_of_a_message_does_not_steer_the_terminal(workspace: Path) -> None:
    command(workspace, "CC", "print('\\x1b]0;owned\\x07done')")
    send(workspace, "CC", {"body": "\x1b[2J$(touch canary)"})
    done = bluelabel(workspace, "worker", "--once")

    assert "\x1b" not in done.stdout
    assert not (workspace / "canary").exists()


@pytest.mark.parametrize(("number", "left_with"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_a_stop_gives_the_message_back_and_ends_the_command(
    workspace: Path, number: int, left_with: int, tmp_path: Path
) -> None:
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    command(workspace, "CC", f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    message = send(workspace, "CC")
    worker = start_worker(workspace, "--grace", "0s")
    pid = int(pid_file.read_text())
    code, out, err = finish(worker, number)
    states = [json.loads(line)["state"] for line in out.splitlines()]

    assert (code, states, err.strip()) == (left_with, ["taken", "returned"], "")
    assert [m["id"] for m in waiting(workspace, "CC")] == [message]
    assert not Path(f"/proc/{pid}").exists()


def test_a_stop_lets_short_work_finish(workspace: Path, tmp_path: Path) -> None:
    up = tmp_path / "up"
    os.mkfifo(up)
    command(workspace, "CC", f"open({str(up)!r}, 'w').close(); import time; time.sleep(0.5); print('done')")
    send(workspace, "CC")
    worker = start_worker(workspace)
    up.read_text()
    code, out, _ = finish(worker, signal.SIGTERM)

    assert (code, [json.loads(line)["state"] for line in out.splitlines()]) == (0, ["taken", "done"])


def test_an_idle_worker_ends_on_ctrl_c(workspace: Path) -> None:
    command(workspace, "CC", "print('done')")
    send(workspace, "CC")
    worker = start_worker(workspace)
    states = [next_line(worker)["state"], next_line(worker)["state"]]
    code, out, err = finish(worker, signal.SIGINT)

    assert (states, code, out, err.strip()) == (["taken", "done"], 130, "", "")


def test_a_task_of_a_killed_worker_is_finished_by_another(workspace: Path, tmp_path: Path) -> None:
    """The first worker is killed with SIGKILL in mid-task; its command ends too, and the message comes again."""
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    code = (
        "import os, sys, time\n"
        "if os.environ['BLUELABEL_ATTEMPT'] == '1':\n"
        f"    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "print('attempt', os.environ['BLUELABEL_ATTEMPT'])"
    )
    command(workspace, "CC", code)
    message = send(workspace, "CC")
    first = start_worker(workspace, "--lease", "2s")
    pid = int(pid_file.read_text())
    finish(first, signal.SIGKILL)
    second = start_worker(workspace, "--max", "1", "--lease", "2s")
    code_, out, err = finish(second)
    told = [json.loads(line) for line in out.splitlines()]
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.01)

    assert (code_, err) == (0, "")
    assert [(t["state"], t["id"], t["attempt"]) for t in told] == [("taken", message, 2), ("done", message, 2)]
    assert [m["content"]["result"]["text"] for m in waiting(workspace, "ARCH")] == ["attempt 2"]
    assert not Path(f"/proc/{pid}").exists()


CARDS = """# Task Cards

## Active Tasks

### TASK-1: Write it down
Status: NOT_STARTED
Assigned: CC

**Files Created/Modified:**
- notes.md (new)

## Completed Tasks Archive
"""


def status_of_the_card(folder: Path) -> str:
    return next(line for line in (folder / "TASK_CARDS.md").read_text().splitlines() if line.startswith("Status:"))


def answering(status: str, **more: Any) -> str:
    told = json.dumps({"status": status, "metadata": {"retryable": False}, **more})
    seen = "next(line for line in open('TASK_CARDS.md') if line.startswith('Status:')).strip()"
    return f"import sys; open('seen.txt', 'w').write({seen}); print({told!r})"


@pytest.mark.parametrize(
    ("status", "result", "word"),
    [
        ("success", {}, "COMPLETED"),
        ("error", {}, "BLOCKED"),
        ("pending", {}, "IN_PROGRESS"),
        ("success", {"card_status": "ready_for_review"}, "IN_PROGRESS"),
    ],
)
def test_a_card_follows_the_work_on_it(workspace: Path, status: str, result: dict[str, Any], word: str) -> None:
    (workspace / "TASK_CARDS.md").write_text(CARDS)
    (workspace / "notes.md").write_text("written")
    command(workspace, "CC", answering(status, result=result))
    send(workspace, "CC")
    done = bluelabel(workspace, "worker", "--once")

    assert done.returncode == 0, done.stderr
    assert "IN_PROGRESS" in (workspace / "seen.txt").read_text()
    assert word in status_of_the_card(workspace)
    assert (workspace / "TASK_CARDS.md").read_text().replace(status_of_the_card(workspace), "") == CARDS.replace(
        "Status: NOT_STARTED", ""
    )


def test_a_card_with_a_false_claim_is_not_completed(workspace: Path) -> None:
    (workspace / "TASK_CARDS.md").write_text(CARDS)
    command(workspace, "CC", answering("success"))
    send(workspace, "CC")
    done = bluelabel(workspace, "worker", "--once")

    assert "IN_PROGRESS" in status_of_the_card(workspace)
    assert "claims of the card are false" in done.stdout
    assert [m["type"] for m in waiting(workspace, "ARCH")] == ["task_result"]


def test_a_status_that_nobody_can_read_is_not_written_over(workspace: Path) -> None:
    cards = CARDS.replace("NOT_STARTED", "Done, waits for the lawyers")
    (workspace / "TASK_CARDS.md").write_text(cards)
    (workspace / "notes.md").write_text("written")
    command(workspace, "CC", answering("success"))
    send(workspace, "CC")
    done = bluelabel(workspace, "worker", "--once")

    assert done.returncode == 0, done.stderr
    assert "the card stays as it is: its status is unknown, “Done, waits for the lawyers”" in done.stdout
    assert (workspace / "TASK_CARDS.md").read_text() == cards


def test_a_report_with_an_unknown_status_moves_no_card_and_says_so(workspace: Path) -> None:
    (workspace / "TASK_CARDS.md").write_text(CARDS)
    (workspace / "notes.md").write_text("written")
    command(workspace, "CC", answering("success", result={"card_status": "Done, tests pending"}))
    send(workspace, "CC")
    done = bluelabel(workspace, "worker", "--once")

    assert "“Done, tests pending” is no status that is known" in done.stdout
    assert status_of_the_card(workspace) == "Status: IN_PROGRESS"


def test_a_question_about_a_task_does_not_move_its_card(workspace: Path) -> None:
    (workspace / "TASK_CARDS.md").write_text(CARDS)
    command(workspace, "CC", "print('fine')")
    bluelabel(workspace, "send", "--from", "ARCH", "--to", "CC", "--type", "message", "--task", "TASK-1")
    bluelabel(workspace, "worker", "--once")

    assert (workspace / "TASK_CARDS.md").read_text() == CARDS


def test_a_finished_card_is_not_begun_again(workspace: Path) -> None:
    (workspace / "TASK_CARDS.md").write_text(CARDS.replace("NOT_STARTED", "BLOCKED"))
    command(workspace, "CC", answering("pending"))
    send(workspace, "CC")
    bluelabel(workspace, "worker", "--once")

    assert "BLOCKED" in (workspace / "seen.txt").read_text()


def test_cards_that_cannot_be_read_do_not_hold_a_message_up(workspace: Path) -> None:
    (workspace / "TASK_CARDS.md").unlink()
    (workspace / "TASK_CARDS.md").mkdir()
    command(workspace, "CC", "print('did it')")
    send(workspace, "CC")
    done = bluelabel(workspace, "worker", "--once")

    assert done.returncode == 0, done.stderr
    assert "did it; the card stays as it is: not a regular file" in done.stdout
    assert [m["type"] for m in waiting(workspace, "ARCH")] == ["task_result"]


def test_an_agent_in_one_worktree_takes_what_was_sent_in_another(workspace: Path, tmp_path: Path) -> None:
    command(workspace, "CC", "import os; print(os.getcwd())")
    git = ["git", "-C", str(workspace), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "cc")], check=True)
    send(workspace, "CC")
    told = lines(bluelabel(tmp_path / "cc", "worker", "--max", "1", "--json"))

    assert told[0]["note"] == str(tmp_path / "cc")
    assert [m["sender"] for m in waiting(workspace, "ARCH")] == ["CC"]


def test_starting_the_program_does_not_load_the_agents(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['bluelabel', '--help']\n"
        "from bluelabel.apps.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
    )
    heavy = "('httpx2', 'jinja2', 'tomlkit', 'pydantic', 'pypdf', 'trafilatura', 'importlib.metadata')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('LOADED', [m for m in {heavy} if m in sys.modules])"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )

    assert done.stdout.rstrip().endswith("LOADED []")


def test_an_agent_added_while_another_is_being_written_keeps_both(workspace: Path) -> None:
    settings = workspace / "bluelabel.toml"
    lock = FileLock(workspace / ".git" / "bluelabel" / "settings.lock")
    with lock:
        before = settings.read_text(encoding="utf-8")
        adding = threading.Thread(target=lambda: agents.add_agent(Workspace.open(workspace), "SECOND", {}))
        adding.start()
        adding.join(0.5)
        settings.write_text(before + "\n[agents.FIRST]\n", encoding="utf-8")
    adding.join(30)

    assert {"FIRST", "SECOND"} <= set(tomllib.loads(settings.read_text(encoding="utf-8"))["agents"])
