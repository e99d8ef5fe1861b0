"""Workflows by the command line, with real programs, signals, worktrees and mail."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from cli_driver import bluelabel

from bluelabel.runner.workspace import Workspace
from bluelabel.services.workflow.steps.processes import started

ENV = {key: value for key, value in os.environ.items() if not key.startswith("BLUELABEL_")}
PROGRAM = [sys.executable, "-m", "bluelabel.apps.cli.main"]


def call(root: Any, *args: Any, code: int = 0, **variables: Any) -> Any:
    done = bluelabel(root, *args, **variables)
    assert done.code == code, done
    return done


def begin(root: Any, *args: Any) -> Any:
    return subprocess.Popen(
        [*PROGRAM, "--root", str(root), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV
    )


def run_of(root: Any, run_id: Any) -> Any:
    done = call(root, "run", "dag", "--status", run_id, "--json")
    return json.loads(done.out)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("ws")
    git = ["git", "-C", str(root), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    call(root, "init")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "start"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(root.parent / f"{root.name}-other")], check=True)
    return root


def flow(root: Any, name: Any, text: Any) -> Any:
    path = root / f"{name}.yaml"
    path.write_text(f"name: {name}\nversion: 1.0.0\n" + textwrap.dedent(text))
    return str(path)


def until(check: Any, seconds: float = 60.0) -> Any:
    """Look until `check` gives something; processes of their own leave no event to wait for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def is_waiting(root: Any, run_id: Any, step_id: Any) -> Any:
    def look() -> Any:
        done = bluelabel(root, "run", "dag", "--status", run_id, "--json")
        return done.code == 0 and done.object["steps"][step_id]["status"] == "running"

    return look


def inbox(root: Any, agent: str, thread: str) -> list[Any]:
    found = [json.loads(line) for line in call(root, "inbox", agent, "--json").out.splitlines()]
    return [entry for entry in found if entry.get("thread") == thread and entry["type"] == "task_assignment"]


def test_a_workflow_of_programs_runs_and_hands_results_on(repository: Any) -> None:
    path = flow(
        repository,
        "hands",
        """\
        inputs: {who: {type: string, required: true}}
        steps:
          - id: list
            command: ["sh", "-c", 'echo "[1, 2]"; cat >&2']
            input: {to: "{{ inputs.who }}"}
          - id: each
            command: ["echo", "{{ item }}-{{ index }}"]
            map: "{{ steps.list.result.json }}"
            depends_on: [list]
          - id: sure
            command: ["sh", "-c", "test \\"$BLUELABEL_ATTEMPT\\" = 2"]
            retry: {max_retries: 2, delay: 1ms}
        """,
    )
    call(repository, "run", "dag", path, code=2)
    done = call(repository, "run", "dag", path, "--input", "who=CA", "--run-id", "hands-1", "--json")
    run = json.loads(done.out)

    assert run["schema"] == "bluelabel.run/1"
    assert run["status"] == "success"
    assert run["steps"]["list"]["result"]["stderr"] == '{"to": "CA"}'
    assert [item["stdout"] for item in run["steps"]["each"]["result"]] == ["1-0\n", "2-1\n"]
    assert run["steps"]["sure"]["retry_count"] == 1
    assert run["metadata"]["inputs"] == {"who": "CA"}
    assert (repository / "data" / "dag_runs" / "run_hands-1.json").is_file()


def test_a_failed_run_leaves_with_one_and_retry_finishes_it(repository: Any) -> None:
    flag = repository / "flag"
    path = flow(
        repository,
        "retried",
        f"""\
        steps:
          - id: first
            command: ["sh", "-c", "echo ran >> {repository}/first.log"]
          - id: second
            command: ["test", "-e", "{flag}"]
            depends_on: [first]
          - id: third
            command: ["true"]
            depends_on: [second]
        """,
    )
    failed = call(repository, "run", "dag", path, "--run-id", "retried-1", code=1)
    assert "error: the run ended as FAILED: retried-1" in failed.err
    assert "│ second  │ FAILED  │ 0/0     │" in failed.out
    flag.write_text("")
    call(repository, "run", "dag", "--retry", "retried-1", "--reason", "flag is there")
    call(repository, "run", "dag", "--retry", "retried-1", code=4)
    call(repository, "run", "dag", "--retry", "retried-1", "--from", "third", "--reason", "once more")
    call(repository, "run", "dag", "--retry", "retried-1", "--from", "nowhere", code=3)

    assert (repository / "first.log").read_text() == "ran\n"
    told = call(repository, "run", "dag", "--status", "retried-1", "--verbose").out
    assert "CommandFailed: exit code 1" in told
    assert "third: SUCCESS -> PENDING  (once more)" in told
    assert "━" in told


def test_going_on_after_a_power_cut_also_makes_the_torn_box_of_an_agent_whole(repository: Any) -> None:
    flag = repository / "power"
    steps = f"""        steps:
          - id: only
            command: ["test", "-e", "{flag}"]
        """
    path = flow(repository, "unplugged", steps)
    call(repository, "run", "dag", path, "--run-id", "unplugged-1", code=1)
    flag.write_text("")
    box = repository / "postbox" / "CC" / "inbox.json"
    before = box.read_bytes()
    box.write_bytes(b"\0" * len(before))
    call(repository, "run", "dag", "--retry", "unplugged-1")

    assert box.read_bytes().startswith(before[:20])
    assert json.loads(box.read_text())


def tree_of(path: Any) -> Any:
    """Wait for a program's note of its own and its child's process id, and return both with their starts."""
    until(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [(int(pid), started(int(pid))) for pid in path.read_text().split()]


def gone(tree: Any) -> Any:
    return all(started(pid) != start for pid, start in tree)


def long_flow(repository: Any, name: Any) -> Any:
    note = repository / f"{name}.pids"
    note.unlink(missing_ok=True)
    script = f"sleep 1000 & echo $$ $! > {note}.new; mv {note}.new {note}; wait"
    path = flow(
        repository,
        name,
        f"""\
        steps:
          - id: long
            command: ["sh", "-c", "{script}"]
          - id: after
            command: ["true"]
            depends_on: [long]
        """,
    )
    return path, note


def test_a_cancelled_run_ends_its_programs_and_their_children(repository: Any) -> None:
    path, note = long_flow(repository, "cancelled")
    runner = begin(repository, "run", "dag", path, "--run-id", "cancelled-1")
    tree = tree_of(note)
    run = json.loads(call(repository, "run", "dag", "--cancel", "cancelled-1", "--reason", "enough", "--json").out)
    runner.communicate(timeout=60)

    assert (run["status"], run["error"], runner.returncode) == ("cancelled", "enough", 1)
    assert gone(tree)
    call(repository, "run", "dag", "--cancel", "cancelled-1", code=4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_runner_ends_its_programs_and_leaves_a_run_to_go_on_with(repository: Any, number: Any) -> None:
    name = f"stopped-{number.name.lower()}"
    path, note = long_flow(repository, name)
    runner = begin(repository, "run", "dag", path, "--run-id", name)
    tree = tree_of(note)
    runner.send_signal(number)
    _, err = runner.communicate(timeout=60)

    assert runner.returncode == 130, err
    assert gone(tree)
    assert f"stopped by {number.name}; go on with `bluelabel run dag --retry {name}`" in err
    run = run_of(repository, name)
    assert (run["status"], run["steps"]["long"]["status"], run["owned"]) == ("retry", "pending", False)
    assert json.loads(call(repository, "run", "dag", "--cancel", name, "--json").out)["status"] == "cancelled"


def told_flow(repository: Any, name: str, more: str = "") -> Any:
    """Write a workflow whose step tells its attempt and goes on only once a file is there; return file, note, file."""
    note, ok = repository / f"{name}.told", repository / f"{name}.ok"
    facts = "attempt $BLUELABEL_ATTEMPT, $BLUELABEL_INTERRUPTIONS cut off, $BLUELABEL_IDEMPOTENCY_KEY"
    script = f"echo {facts} >> {note}; test -e {ok} || sleep 600"
    path = flow(repository, name, f"steps:\n  - {{id: slow, command: [sh, -c, '{script}']}}\n{more}")
    return path, note, ok


def lines(note: Path) -> list[str]:
    return note.read_text().splitlines() if note.exists() else []


def test_a_step_that_was_cut_off_is_told_its_attempt_and_keeps_its_key(repository: Any) -> None:
    path, note, ok = told_flow(repository, "told")
    command: tuple[Any, ...] = ("run", "dag", path, "--run-id", "told-1")
    for number, ending in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL), 1):
        runner = begin(repository, *command)
        until(lambda number=number: len(lines(note)) == number)
        runner.send_signal(ending)
        runner.communicate(timeout=60)
        command = ("run", "dag", "--retry", "told-1")
    runner = begin(repository, *command, "--from", "slow")
    until(lambda: len(lines(note)) == 4)
    call(repository, "run", "dag", "--cancel", "told-1")
    runner.communicate(timeout=60)
    ok.touch()
    call(repository, *command)

    assert lines(note) == [f"attempt {n}, {n - 1} cut off, told-1:slow:1" for n in range(1, 6)]
    shown = call(repository, "run", "dag", "--status", "told-1", "--verbose").out
    assert [f"PENDING -> RUNNING  attempt {n}" in shown for n in range(2, 6)] == [True] * 4
    events = call(repository, "log", "--json").out
    assert '"attempt":5' in events.replace(" ", "")


def test_going_on_says_what_has_become_of_the_file_and_takes_the_new_one_if_asked(repository: Any) -> None:
    path, note, ok = told_flow(repository, "edited", "  - {id: after, command: ['true'], depends_on: [slow]}\n")
    runner = begin(repository, "run", "dag", path, "--run-id", "edited-1")
    until(lambda: lines(note))
    runner.kill()
    runner.communicate()
    ok.touch()
    file = Path(path)
    text = file.read_text()
    file.write_text(text.replace("id: after, command: ['true']", "id: other, command: [echo, new]"))
    anew = call(repository, "run", "dag", "--retry", "edited-1", "--with-new-definition", "--json")

    assert "goes on with the definition that edited.yaml has now" in anew.err
    run = json.loads(anew.out)
    assert {name: step["status"] for name, step in run["steps"].items()} == {
        "slow": "success", "other": "success", "after": "skipped",
    }  # fmt: skip
    assert run["definition"] == {"file": "edited.yaml", "file_state": "changed", "differing": [], "used": "new"}
    file.write_text(text)
    told = call(repository, "run", "dag", "--retry", "edited-1", "--from", "slow", "--json")
    assert "edited.yaml has changed since the run began: the run goes on with the definition it has" in told.err
    assert "`bluelabel run dag --retry edited-1 --with-new-definition` takes the new one" in told.err
    assert (told.object["definition"]["file_state"], told.object["definition"]["used"]) == ("changed", "kept")


def test_a_new_definition_is_not_taken_where_a_finished_step_differs_or_there_is_none(repository: Any) -> None:
    path = flow(repository, "altered", "steps: [{id: a, command: ['true']}, {id: b, command: ['true']}]")
    call(repository, "run", "dag", path, "--run-id", "altered-1")
    file, again = Path(path), ("run", "dag", "--retry", "altered-1", "--from", "b")
    file.write_text(file.read_text().replace("{id: a, command: ['true']}", "{id: a, command: [echo]}"))
    refused = call(repository, *again, "--with-new-definition", code=4)
    assert "finished steps are not the same in the new definition: a" in refused.err
    assert "steps that have finished are others in the new one: a" in call(repository, *again).err
    file.unlink()
    assert "altered.yaml is gone: the run goes on with the definition it has" in call(repository, *again).err
    call(repository, *again, "--with-new-definition", code=3)
    call(repository, "run", "dag", "--status", "altered-1", "--with-new-definition", code=2)


def test_what_a_killed_runner_left_behind_is_ended_by_whoever_cancels(repository: Any) -> None:
    path, note = long_flow(repository, "orphan")
    runner = begin(repository, "run", "dag", path, "--run-id", "orphan-1")
    tree = tree_of(note)
    until(lambda: list((repository / ".git" / "bluelabel" / "runs" / "orphan-1").glob("*.pid")))
    runner.kill()
    runner.communicate()
    assert not gone(tree)
    call(repository, "run", "dag", "--cancel", "orphan-1")

    until(lambda: gone(tree))


def test_an_approval_from_another_worktree_lets_only_its_branch_go_on(repository: Any) -> None:
    path = flow(
        repository,
        "asked",
        """\
        steps:
          - {id: ask, approval: {by: HUMAN}}
          - {id: other, approval: {by: HUMAN}}
          - {id: after, command: ["true"], depends_on: [ask]}
        """,
    )
    runner = begin(repository, "run", "dag", path, "--run-id", "asked-1")
    until(is_waiting(repository, "asked-1", "other"))
    box = repository / "postbox" / "HUMAN" / "inbox.json"
    until(lambda: box.exists() and box.read_text().count('"run_id":"asked-1"') == 2)
    other_tree = repository.parent / f"{repository.name}-other"
    told = call(other_tree, "run", "dag", "--status", "asked-1")
    assert "other waits for HUMAN: `bluelabel approve asked-1 other`" in told.err
    call(other_tree, "approve", "asked-1", "ask", code=1, BLUELABEL_AGENT="CA")
    call(other_tree, "approve", "asked-1", "ask", "--reason", "fine")
    call(other_tree, "approve", "asked-1", "ask", code=4)
    call(other_tree, "approve", "asked-1", "nobody", code=3)
    call(other_tree, "approve", "nobody", "ask", code=3)
    call(other_tree, "approve", "asked-1", "after", code=4)
    until(lambda: run_of(repository, "asked-1")["steps"]["after"]["status"] == "success")
    assert run_of(repository, "asked-1")["steps"]["other"]["status"] == "running"
    call(other_tree, "reject", "asked-1", "other", "--reason", "not this one")
    runner.communicate(timeout=60)

    run = run_of(repository, "asked-1")
    assert runner.returncode == 1
    assert run["error"] == "step other failed: rejected by HUMAN: not this one"
    assert run["steps"]["ask"]["result"]["reason"] == "fine"


def test_a_handoff_is_answered_after_its_runner_was_restarted_twice(repository: Any) -> None:
    path = flow(
        repository,
        "handed",
        """\
        steps:
          - id: review
            handoff: {to: CC, subject: "Review it", content: {file: a.py}}
          - id: after
            command: ["echo", "{{ steps.review.result.verdict }}"]
            depends_on: [review]
        """,
    )
    command: tuple[Any, ...] = ("run", "dag", path, "--run-id", "handed-1")
    for _ in range(2):
        runner = begin(repository, *command)
        until(is_waiting(repository, "handed-1", "review"))
        runner.kill()
        runner.communicate()
        command = ("run", "dag", "--retry", "handed-1")
    runner = begin(repository, *command)
    claimed = json.loads(call(repository, "claim", "CC", "--wait", "10", "--json").out)
    message = claimed.get("message", claimed)
    call(repository, "claim", "CC", code=3)
    call(repository, "ack", message["id"], "--token", claimed["token"], "--result", '{"verdict": "ok"}')
    out, err = runner.communicate(timeout=60)

    assert runner.returncode == 0, out + err
    run = run_of(repository, "handed-1")
    assert run["steps"]["after"]["result"]["stdout"] == "ok\n"
    assert run["steps"]["review"]["retry_count"] == 0
    assert message["content"]["file"] == "a.py"


def test_the_coordinator_can_answer_what_was_handed_to_it(repository: Any) -> None:
    path = flow(repository, "own", "steps: [{id: merge, handoff: {to: ARCH}}, {id: read, handoff: {to: CA}}]")
    runner = begin(repository, "run", "dag", path, "--run-id", "own-1")
    for name, sender in (("CA", "ARCH"), ("CA", "CA"), ("ARCH", "ARCH")):
        (message,) = until(lambda name=name: inbox(repository, name, "own-1"))
        call(repository, "reply", message["id"], "--from", sender, "--body", f"from {sender}")
    out, err = runner.communicate(timeout=60)

    assert runner.returncode == 0, out + err
    steps = run_of(repository, "own-1")["steps"]
    assert [steps[name]["result"]["body"] for name in ("merge", "read")] == ["from ARCH", "from CA"]


def test_a_deadline_that_passes_is_escalated_to_a_person_who_answers(repository: Any) -> None:
    path = flow(
        repository,
        "late",
        """\
        steps:
          - id: review
            handoff: {to: CA, subject: "Be quick", deadline: 100ms, escalate_to: HUMAN}
        """,
    )
    runner = begin(repository, "run", "dag", path, "--run-id", "late-1")

    def told() -> Any:
        lines = call(repository, "inbox", "HUMAN", "--json").out.splitlines()
        found = [json.loads(line) for line in lines]
        return [entry for entry in found if "did not answer in time" in json.dumps(entry)]

    entry = until(told)[0]
    message = entry.get("message", entry)
    call(repository, "reply", message["id"], "--from", "HUMAN", "--body", "go ahead")
    runner.communicate(timeout=60)

    assert runner.returncode == 0
    assert run_of(repository, "late-1")["steps"]["review"]["result"]["body"] == "go ahead"


def test_a_run_in_the_background_can_be_watched(repository: Any) -> None:
    path = flow(repository, "behind", "steps:\n  - {id: one, sleep: 200ms}\n  - {id: two, command: [sleep, '0.1']}\n")
    done = json.loads(call(repository, "run", "dag", path, "--run-id", "behind-1", "--detach", "--json").out)
    watched = call(repository, "run", "dag", "--watch", "behind-1")

    assert done["run_id"] == "behind-1"
    assert "Status: SUCCESS" in watched.out
    lines = call(repository, "run", "dag", "--watch", "behind-1", "--json").out.splitlines()
    assert json.loads(lines[-1])["status"] == "success"


def test_a_sub_workflow_is_a_run_of_its_own_whose_output_is_the_result(repository: Any) -> None:
    (repository / "parts").mkdir(exist_ok=True)
    flow(
        repository,
        "parts/child",
        """\
        inputs: {n: {type: integer, required: true}}
        steps:
          - {id: echo, command: ["echo", "{{ inputs.n }}"]}
        output: {said: "{{ steps.echo.result.stdout }}"}
        """.replace("parts/", ""),
    )
    (repository / "parts" / "child.yaml").write_text(
        (repository / "parts" / "child.yaml").read_text().replace("name: parts/child", "name: child")
    )
    path = flow(
        repository, "parent", "steps:\n  - {id: part, workflow: parts/child.yaml, input: {n: 7}}\n"
    )  # fmt: skip
    run = json.loads(call(repository, "run", "dag", path, "--run-id", "parent-1", "--json").out)

    assert run["steps"]["part"]["result"] == {"said": "7\n"}
    assert run_of(repository, "parent-1.part")["dag_id"] == "child"


def test_runs_are_listed_and_wrong_calls_are_told(repository: Any) -> None:
    rows = [json.loads(line) for line in call(repository, "run", "dag", "--list", "--json").out.splitlines()]

    assert {row["schema"] for row in rows} == {"bluelabel.run_row/1"}
    call(repository, "run", "dag", code=2)
    call(repository, "run", "dag", "--status", "x", "--list", code=2)
    call(repository, "run", "dag", "--list", "--reason", "x", code=2)
    call(repository, "run", "dag", "--status", "nobody", code=3)
    call(repository, "run", "dag", "missing.yaml", code=3)
    assert Workspace.open(repository).runs.list_runs(limit=1)


def test_the_review_example_runs_to_its_end(repository: Any) -> None:
    path = Path(__file__).parents[3] / "docs" / "examples" / "review-by-three.yaml"
    runner = begin(repository, "run", "dag", path, "--run-id", "review-1", "--input", "branch=feature")
    for agent, verdict in (("CA", "accept"), ("CC", "reject"), ("WA", "accept")):
        (message,) = until(lambda agent=agent: inbox(repository, agent, "review-1"))
        claimed = json.loads(call(repository, "claim", agent, "--json").out)
        assert claimed["id"] == message["id"]
        result = json.dumps({"verdict": verdict})
        call(repository, "ack", message["id"], "--token", claimed["token"], "--result", result)
    until(is_waiting(repository, "review-1", "approve"))
    call(repository.parent / f"{repository.name}-other", "approve", "review-1", "approve")
    (message,) = until(lambda: inbox(repository, "ARCH", "review-1"))
    call(repository, "reply", message["id"], "--from", "ARCH", "--body", "merged")
    out, err = runner.communicate(timeout=60)

    assert runner.returncode == 0, out + err
    votes = {"CA": "accept", "CC": "reject", "WA": "accept"}
    assert run_of(repository, "review-1")["output"] == {"passed": True, "votes": votes}
    assert "review-ca waits for the answer of CA; " in err
