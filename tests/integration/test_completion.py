"""The Tab key: what a shell is told while a person types."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "bluelabel.apps.cli.main"]


def bluelabel(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), **more}
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )  # fmt: skip


def completed(folder: Path, line: str) -> list[str]:
    """Return what bash is offered when Tab is pressed at the end of `line`."""
    words = line.split(" ")
    more = {"_BLUELABEL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    answer = bluelabel(folder, **more)
    return [entry.partition(",")[2] for entry in answer.stdout.splitlines()]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    assert bluelabel(tmp_path, "init").returncode == 0
    return tmp_path


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "bluelabel sch") == ["schema"]
    assert "--subject" in completed(tmp_path, "bluelabel send --sub")


def test_names_of_schemas_are_completed(tmp_path: Path) -> None:
    assert completed(tmp_path, "bluelabel schema agent_i") == ["agent_input"]


def test_agents_are_completed(workspace: Path) -> None:
    assert completed(workspace, "bluelabel inbox C") == ["CC", "CA"]
    assert completed(workspace, "bluelabel send --from W") == ["WA"]


def test_message_ids_are_completed(workspace: Path) -> None:
    sent = bluelabel(workspace, "send", "--from", "ARCH", "--to", "CC", "--subject", "Look here", "--json")
    message_id = json.loads(sent.stdout)["id"]

    assert completed(workspace, f"bluelabel thread {message_id[:4]}") == [message_id]


def test_outside_a_workspace_nothing_is_offered_and_nothing_is_said(tmp_path: Path) -> None:
    environment = {"_BLUELABEL_COMPLETE": "bash_complete", "COMP_WORDS": "bluelabel inbox C", "COMP_CWORD": "2"}
    answer = bluelabel(tmp_path, **environment)

    assert (answer.stdout.strip(), answer.stderr) == ("", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_calls_the_program_back(tmp_path: Path, shell: str) -> None:
    script = bluelabel(tmp_path, "completion", shell)

    assert script.returncode == 0, script.stderr
    assert f"_BLUELABEL_COMPLETE={shell}_complete" in script.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_accepts_its_script(tmp_path: Path) -> None:
    script = bluelabel(tmp_path, "completion", "bash").stdout
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, timeout=10)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_shell_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    refused = bluelabel(tmp_path, "completion", "tcsh")

    assert refused.returncode == 2
    assert "bash" in refused.stderr
