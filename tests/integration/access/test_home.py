"""A state directory inside the work tree, for agents that may write nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_driver import Result, bluelabel
from powerless import close_off, open_up, powerless


def git(root: Path, *args: str) -> str:
    names = ["-c", "user.name=T", "-c", "user.email=t@example.invalid"]
    return subprocess.run(["git", *names, *args], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    return made


def here(root: Path, *args: str, home: str = ".bluelabel") -> Result:
    return bluelabel(root, *args, BLUELABEL_HOME=home)


@pytest.mark.parametrize("home", [".bluelabel", "tools/state"])
def test_git_never_sees_it(root: Path, home: str) -> None:
    close_off(root / ".git")
    with powerless():
        made = here(root, "init", home=home)
        sent = here(root, "send", "--from", "CC", "--to", "CA", "--subject", "x", home=home)
        new = here(root, "card", "new", "First", home=home)
    open_up(root / ".git")

    assert (made.code, sent.code, new.code) == (0, 0, 0)
    assert home not in git(root, "status", "--porcelain", "--untracked-files=all")
    git(root, "add", "-A")
    git(root, "clean", "-dfq")
    assert here(root, "inbox", "CA", "--json", home=home).object["subject"] == "x"


def test_where_git_is_read_only_init_names_this_way(root: Path) -> None:
    close_off(root / ".git")
    with powerless():
        found = bluelabel(root, "init")
    open_up(root / ".git")

    assert found.code == 6
    assert "BLUELABEL_HOME=.bluelabel" in found.err


def test_doctor_tells_what_git_clean_would_do(root: Path) -> None:
    here(root, "init")
    found = [line for line in here(root, "doctor", "--json").lines if "git clean" in line["what"]]

    assert [line["state"] for line in found] == ["note"]


@pytest.mark.parametrize("text", [None, "", "*.log"])
def test_one_that_git_does_not_ignore_is_found_and_hidden(root: Path, text: str | None) -> None:
    here(root, "init")
    file = root / ".bluelabel" / ".gitignore"
    file.unlink() if text is None else file.write_text(text)
    found = [line["what"] for line in here(root, "doctor", "--json").lines if line["state"] == "bad"]
    here(root, "doctor", "--fix")

    assert found == [f"git does not ignore the state directory {root}/.bluelabel"]
    assert ".bluelabel" not in git(root, "status", "--porcelain")
    assert here(root, "doctor").code == 0


def test_one_that_git_tracks_is_refused_and_found(root: Path) -> None:
    here(root, "init")
    git(root, "add", "-A")
    git(root, "add", "--force", ".bluelabel/ledger")
    git(root, "commit", "-qm", "mistake")
    found = [line for line in here(root, "doctor", "--json").lines if line["state"] == "bad"]
    clone = root.parent / "clone"
    git(root.parent, "clone", "-q", str(root), str(clone))
    (clone / ".bluelabel" / "ledger" / "00000001.jsonl").unlink()
    (clone / ".bluelabel" / "ledger").rmdir()
    refused = here(clone, "init")

    assert [line["hint"] for line in found] == [f"git rm -r --cached -- {root}/.bluelabel"]
    assert refused.code == 1
    assert "git tracks 1 file of the state directory" in refused.err


@pytest.mark.parametrize("home", [".", "postbox", "postbox/CC/state", "x/.."])
def test_a_place_full_of_other_files_is_refused(root: Path, home: str) -> None:
    found = here(root, "init", home=home)

    assert found.code == 2
    assert found.err.startswith("error: the state directory cannot be here")
    assert [path.name for path in root.iterdir()] == [".git"]
