"""`recover` also puts right what a killed git left in the repository."""

from __future__ import annotations

import subprocess

import pytest
from cli_driver import bluelabel

from .conftest import Scratch


@pytest.fixture
def workspace(scratch: Scratch) -> Scratch:
    bluelabel(scratch.root, "init", "--agents", "CC,CA")
    scratch.commit("first")
    return scratch


def test_locks_of_a_dead_git_are_removed_and_a_cut_index_is_made_anew(workspace: Scratch) -> None:
    index = workspace.root / ".git" / "index"
    index.write_bytes(index.read_bytes()[:40])
    (workspace.root / ".git" / "index.lock").touch()
    done = bluelabel(workspace.root, "recover", "--json")

    assert done.code == 0, done.err
    assert ["index" in line for line in done.object["done"]] == [True, True]
    assert workspace.git("ls-files", "bluelabel.toml") == "bluelabel.toml"
    assert bluelabel(workspace.root, "recover", "--json").object["done"] == []


def test_locks_of_a_git_at_work_are_left_alone(workspace: Scratch) -> None:
    lock = workspace.write(".git/index.lock", "")
    with subprocess.Popen(
        ["git", "cat-file", "--batch-check"], cwd=workspace.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        try:
            assert living.stdin is not None
            assert living.stdout is not None
            living.stdin.write(b"HEAD\n")
            living.stdin.flush()
            living.stdout.readline()  # it has answered, so it is up
            done = bluelabel(workspace.root, "recover", "--json")
        finally:
            living.kill()

    assert done.code == 0, done.err
    assert ["left alone" in line for line in done.object["done"]] == [True]
    assert lock.exists()
