"""The git commands: what they print and what they exit with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bluelabel.apps.cli.main import main


@pytest.fixture
def bl(scratch: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*args: Any, code: int = 0, root: Any = None) -> Any:
        monkeypatch.setattr(sys, "argv", ["bluelabel", "--root", str(root or scratch.root), *args])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        assert left.value.code == code, told.out + told.err
        return told.out + told.err

    return call


def test_install_and_uninstall_say_what_they_did(bl: Any) -> None:
    first = json.loads(bl("git", "install", "--json"))

    assert first["schema"] == "bluelabel.git/1"
    assert first["changed"]
    assert bl("git", "install") == "already installed\n"
    assert "config: merge.bluelabel-boxes" in bl("git", "uninstall")
    assert bl("git", "uninstall") == "nothing was installed\n"


def test_check_names_every_reason(bl: Any, scratch: Any) -> None:
    assert bl("git", "check") == ""
    scratch.write("TASK_CARDS.md", "# Task Cards\n\n### TASK-1: One\n\n### TASK-1: Two\n<<<<<<< HEAD\n")
    scratch.git("add", "-A")
    told = bl("git", "check", code=1)

    assert "TASK_CARDS.md:5:1: the id TASK-1 stands 2 times" in told
    assert "TASK_CARDS.md:6:1: a conflict marker" in told
    assert "2 reasons" in told
    found = [json.loads(line) for line in bl("git", "check", "--json", code=1).splitlines() if line.startswith("{")]
    assert [one["code"] for one in found] == ["conflict-marker", "duplicate-id"]
    scratch.write("TASK_CARDS.md", "# Task Cards\n<<<<<<< HEAD\n")
    scratch.git("add", "-A")
    assert "not to be committed" in bl("git", "check", code=1)


def test_check_knows_the_prefixes_of_the_project_and_what_is_quoted(bl: Any, scratch: Any) -> None:
    scratch.write("TASK_CARDS.md", "# Task Cards\n\n### T1: One\n\n### T1: Two\n\n```md\n### T1: x\n```\n")
    scratch.git("add", "-A")
    assert bl("git", "check") == ""
    scratch.write("bluelabel.toml", '[cards]\nprefixes = ["T"]\n')

    assert "TASK_CARDS.md:5:1: the id T1 stands 2 times" in bl("git", "check", code=1)
    scratch.write("bluelabel.toml", "no settings")
    assert bl("git", "check") == ""


def test_outside_a_repository_there_is_nothing_to_install(bl: Any, tmp_path: Path) -> None:
    assert "not inside a git repository" in bl("git", "install", code=3, root=tmp_path)


def test_the_driver_merges_boxes_and_cards_and_says_what_clashes(bl: Any, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    for file, text in zip(files, ("[]", '[{"id": "1", "x": 1}]', '[{"id": "1", "x": 2}, {"id": "2"}]'), strict=True):
        file.write_text(text)
    told = bl("git", "merge-driver", "boxes", *map(str, files), "postbox/CA/inbox.json")

    assert "both sides changed 'x' of 1" in told
    assert json.loads(files[1].read_text()) == [{"id": "1", "x": 1, "x.theirs": 2}, {"id": "2"}]
    base = "# Task Cards\n\n### TASK-1: One\nStatus: NOT_STARTED\nPriority: LOW\n"
    for file, text in zip(
        files, (base, base.replace("LOW", "HIGH"), base.replace("NOT_STARTED", "BLOCKED")), strict=True
    ):
        file.write_text(text)
    bl("git", "merge-driver", "cards", *map(str, files), "TASK_CARDS.md")
    assert "Status: BLOCKED\nPriority: HIGH\n" in files[1].read_text()


def test_the_driver_leaves_a_person_what_it_cannot_read(bl: Any, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    for file, text in zip(files, ("[]\n", "[1\n", '[{"id": "2"}]\n'), strict=True):
        file.write_text(text)
    told = bl("git", "merge-driver", "boxes", *map(str, files), "postbox/CA/inbox.json", code=1)

    assert "a person has to look at the merge" in told
    assert "<<<<<<< ours" in files[1].read_text()
