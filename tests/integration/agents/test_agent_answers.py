"""What a worker, a workflow and `run agent` make of an answer; small programs stand in for the command lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_driver import bluelabel

FENCE = '```json\n{"status":"error","error":"2 tests fail"}\n```\n\nTell me if you need more.'
RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "session_id": "s"}
FAILED = RESULT | {"subtype": "error_during_execution", "is_error": True, "result": "API Error: overloaded"}
GEMINI = {"session_id": "1", "response": "", "stats": {}}
CODEX = [{"type": "turn.started"}, {"type": "turn.failed", "error": {"message": "at capacity"}}]
CARDS = "# Task Cards\n\n## Active Tasks\n\n### TASK-1: Write it down\nStatus: NOT_STARTED\nAssigned: CC\n"

WRONG = {
    "nothing": ("claude-code", "", "it printed no answer"),
    "a fence, then a sentence": ("claude-code", json.dumps(RESULT | {"result": FENCE}), "2 tests fail"),
    "a warning line, then an error": ("claude-code", f"Warning: odd\n{json.dumps(FAILED)}", "API Error: overloaded"),
    "an array with an error": ("claude-code", json.dumps([{"type": "system"}, FAILED]), "API Error: overloaded"),
    "an empty response": ("gemini", json.dumps(GEMINI), "its answer is empty"),
    "a failed turn": ("codex", "".join(f"{json.dumps(event)}\n" for event in CODEX), "at capacity"),
    "an answer that breaks off": ("claude-code", json.dumps(RESULT)[:40], "its output breaks off"),
}  # fmt: skip
PROGRAMS = {"claude-code": "claude", "gemini": "gemini", "codex": "codex"}


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers") / "w"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert bluelabel(folder, "init").code == 0
    return folder


@pytest.fixture
def workspace(tmp_path: Path, pattern: Path) -> Path:
    folder = shutil.copytree(pattern, tmp_path / "w")
    (folder / "TASK_CARDS.md").write_text(CARDS)
    return folder


def agent(folder: Path, settings: str, program: str, printed: str) -> str:
    """Give CC a program that prints `printed` and ends with 0; return the PATH on which it is found."""
    programs = folder.parent / "bin"
    programs.mkdir()
    (programs / "printed").write_text(printed)
    (programs / program).write_text(f"#!/bin/sh\ncat > /dev/null\ncat '{programs / 'printed'}'\n")
    (programs / program).chmod(0o755)
    with (folder / "bluelabel.toml").open("a") as file:
        file.write(f"\n[agents.CC]\n{settings}\n")
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def work(folder: Path, path: str) -> tuple[str, str, list[str], dict[str, object]]:
    """Send CC a task and have it done; return progress, card status, kinds of events and the delivery."""
    bluelabel(folder, "send", "--from", "ARCH", "--to", "CC", "--type", "task_assignment", "--task", "TASK-1")
    done = bluelabel(folder, "worker", "--once", PATH=path)
    assert done.code == 0, done.err
    card = next(line for line in (folder / "TASK_CARDS.md").read_text().splitlines() if line.startswith("Status:"))
    kinds = [str(event["kind"]) for event in bluelabel(folder, "log", "--json").lines]
    waiting = bluelabel(folder, "inbox", "CC", "--json", "--peek").lines
    return done.out, card, kinds, waiting[0] if waiting else {}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_answer_completes_nothing_and_is_tried_again(workspace: Path, case: str) -> None:
    template, printed, why = WRONG[case]
    path = agent(workspace, f'template = "{template}"', PROGRAMS[template], printed)
    told, card, kinds, delivery = work(workspace, path)

    assert "again in 5 s" in told
    assert "COMPLETED" not in card
    assert "message.acked" not in kinds
    assert (delivery["state"], delivery["attempt"]) == ("sent", 1)
    assert why in str(delivery["reason"])


@pytest.mark.parametrize("case", WRONG)
def test_run_agent_says_no(workspace: Path, case: str) -> None:
    template, printed, why = WRONG[case]
    path = agent(workspace, f'template = "{template}"', PROGRAMS[template], printed)
    done = bluelabel(workspace, "run", "agent", "CC", "--input", '{"text": "x"}', PATH=path)

    assert done.code == 1
    assert why in done.err


def test_a_step_of_a_workflow_fails_on_what_is_no_answer(workspace: Path) -> None:
    path = agent(workspace, 'template = "claude-code"', "claude", json.dumps(FAILED))
    (workspace / "flow.yaml").write_text("name: flow\nversion: 1.0.0\nsteps:\n  - id: ask\n    agent: CC\n")
    done = bluelabel(workspace, "run", "dag", str(workspace / "flow.yaml"), "--json", PATH=path)

    assert done.code == 1
    assert "API Error: overloaded" in done.out


def test_a_plain_program_that_says_nothing_completes_its_message_and_not_its_card(workspace: Path) -> None:
    path = agent(workspace, 'command = ["quiet"]', "quiet", "\n")
    told, card, kinds, delivery = work(workspace, path)
    reports = bluelabel(workspace, "inbox", "ARCH", "--json", "--peek").lines

    assert "it answered nothing, so the card stays as it is" in told
    assert card == "Status: IN_PROGRESS"
    assert "message.acked" in kinds
    assert delivery == {}
    assert [each["content"]["summary"] for each in reports] == ["it answered nothing"]


def test_a_plain_program_that_says_something_completes_both(workspace: Path) -> None:
    path = agent(workspace, 'command = ["loud"]', "loud", "written\n")
    _, card, kinds, _ = work(workspace, path)

    assert card == "Status: COMPLETED"
    assert "message.acked" in kinds


@pytest.mark.parametrize("status", ["error", "pending"])
def test_only_a_success_leads_a_card_to_completed(workspace: Path, status: str) -> None:
    said = {"status": status, "result": {"card_status": "completed"}, "metadata": {"retryable": False}}
    path = agent(workspace, 'command = ["odd"]', "odd", json.dumps(said))
    _, card, kinds, _ = work(workspace, path)

    assert "COMPLETED" not in card
    assert "message.acked" in kinds


def test_a_word_that_is_no_status_leaves_the_card_and_is_told(workspace: Path) -> None:
    said = {"status": "success", "result": {"card_status": "quite good"}}
    path = agent(workspace, 'command = ["odd"]', "odd", json.dumps(said))
    told, card, _, _ = work(workspace, path)

    assert card == "Status: IN_PROGRESS"
    assert "“quite good” is no status that is known" in told
