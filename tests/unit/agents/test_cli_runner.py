"""What `--input` may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bluelabel.agents.registry import AgentRegistry
from bluelabel.interfaces.agent_models import AgentInput
from bluelabel.interfaces.errors import MachineError, NotFound, TooLarge, UnknownAgent, UnreadableInput
from bluelabel.runner import cli_runner
from bluelabel.runner.cli_runner import CLIRunner


@pytest.fixture
def runner(tmp_path: Path) -> CLIRunner:
    return CLIRunner(AgentRegistry(root=tmp_path, entry_points=list), root=tmp_path, source="ARCH")


def test_an_object_without_marks_is_the_content(runner: CLIRunner) -> None:
    given = runner.read_input('{"task_type": "text", "text": "words"}', task_id="T")

    assert (given.task_id, given.task_type, given.source, given.content) == ("T", "text", "ARCH", {"text": "words"})


def test_an_object_with_marks_is_the_input(runner: CLIRunner) -> None:
    given = runner.read_input(' {"task_id": "X", "content": {"a": 1}, "extra": 2}', task_id="T")

    assert (given.task_id, given.content, given.model_extra) == ("X", {"a": 1}, {"extra": 2})


def test_a_file_that_begins_like_an_object_is_one(runner: CLIRunner, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text('\n {"a": 1}')

    assert runner.read_input(f"@{tmp_path / 'in.txt'}", task_id="T").content == {"a": 1}


def test_a_document_is_named_by_its_path_in_the_workspace(runner: CLIRunner, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.md").write_text("# A")

    assert runner.read_input(str(tmp_path / "d" / "a.md"), task_id="T").content == {"file_path": "d/a.md"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("nothing", NotFound),
        ("a\0b", NotFound),
        ("x" * 300, NotFound),
        ("[1]", NotFound),
        ('{"a": 1, "a": 2}', UnreadableInput),
        ('{"content": []}', UnreadableInput),
        ('{"task_id": 7}', UnreadableInput),
    ],
)
def test_what_is_no_input_is_told(runner: CLIRunner, given: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        runner.read_input(given, task_id="T")


def test_a_file_that_may_not_be_read_is_told(
    runner: CLIRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.json").write_text("{}")
    opened = Path.open

    def refuse(path: Path, *args: object, **more: object) -> object:
        raise PermissionError(13, os.strerror(13), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(MachineError, match="permission denied while reading the input"):
            runner.read_input(str(tmp_path / "in.json"), task_id="T")
        calls: list[int] = []

        def second(path: Path, *args: object, **more: object) -> object:
            calls.append(1)
            return opened(path, *args, **more) if len(calls) == 1 else refuse(path)  # type: ignore[call-overload]

        patch.setattr(Path, "open", second)
        with pytest.raises(MachineError, match="permission denied"):
            runner.read_input(str(tmp_path / "in.json"), task_id="T")


def test_a_file_over_the_limit_is_told(runner: CLIRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_runner, "MESSAGE_BYTES", 5)
    (tmp_path / "in.json").write_text('{"a": 1}')

    with pytest.raises(TooLarge):
        runner.read_input(str(tmp_path / "in.json"), task_id="T")


def test_an_input_may_be_given_as_one(runner: CLIRunner) -> None:
    output = runner.run("ingestion", AgentInput(task_id="X", content={"text": "words"}), task_id="T")

    assert (output.task_id, output.status) == ("X", "success")


def test_an_unknown_agent_is_told(runner: CLIRunner) -> None:
    with pytest.raises(UnknownAgent):
        runner.run("digst", "{}", task_id="T")
