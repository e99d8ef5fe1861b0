"""Where `init` makes a workspace, and what it leaves alone: in folders of repositories, and in sparse checkouts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_driver import bluelabel


def git(where: Path, *args: str) -> str:
    names = ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *names, *args], cwd=where, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    return root


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and ".git" not in p.parts}


def in_folder(where: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Call the program in a folder, without --root."""
    program = [sys.executable, "-m", "bluelabel.apps.cli.main"]
    return subprocess.run([*program, *args], cwd=where, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["sub", "deep/er/sub", "."])
def test_init_of_a_folder_is_in_that_folder(repository: Path, name: str) -> None:
    target = repository / name
    done = in_folder(repository, "init", name, "--json")

    assert done.returncode == 0, done.stderr
    assert (target / "bluelabel.toml").is_file()
    assert (target / "TASK_CARDS.md").is_file()
    assert (target / "postbox" / "CC" / "inbox.json").is_file()
    if name != ".":
        assert sorted(path.name for path in repository.iterdir()) == [".git", name.split("/", maxsplit=1)[0]]
    bluelabel(target, "send", "--from", "CC", "--to", "CA", "--subject", "x")
    assert bluelabel(target / "postbox", "inbox", "CA", "--json").object["subject"] == "x"
    home = Path(bluelabel(target, "status", "--json").object["home"])
    assert home.is_relative_to(repository / ".git")


def test_a_workspace_in_a_folder_and_the_one_around_it_have_mail_of_their_own(repository: Path) -> None:
    bluelabel(repository, "init")
    assert in_folder(repository, "init", "sub").returncode == 0
    bluelabel(repository, "send", "--from", "CC", "--to", "CA", "--subject", "around")
    bluelabel(repository / "sub", "send", "--from", "CC", "--to", "CA", "--subject", "inside")

    assert bluelabel(repository, "inbox", "CA", "--json").object["subject"] == "around"
    assert bluelabel(repository / "sub", "inbox", "CA", "--json").object["subject"] == "inside"


def test_a_folder_of_a_worktree_shares_the_mail_of_the_same_folder(repository: Path, tmp_path: Path) -> None:
    assert in_folder(repository, "init", "sub").returncode == 0
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "start")
    git(repository, "worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    bluelabel(repository / "sub", "send", "--from", "CC", "--to", "CA", "--subject", "shared")

    assert bluelabel(tmp_path / "second" / "sub", "inbox", "CA", "--json").object["subject"] == "shared"


def test_a_ledger_that_an_earlier_version_made_in_the_folder_is_gone_on_with(repository: Path) -> None:
    target = repository / "sub"
    target.mkdir()
    (target / "bluelabel.toml").write_text("")
    assert bluelabel(target, "init", BLUELABEL_HOME=".bluelabel").code == 0

    assert bluelabel(target, "status", "--json").object["home"] == str(target / ".bluelabel")


def test_init_of_a_folder_that_is_not_there_makes_it(tmp_path: Path) -> None:
    done = in_folder(tmp_path, "init", "new/place")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "place" / "bluelabel.toml").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.fixture
def remote(repository: Path) -> Path:
    bluelabel(repository, "init", "--agents", "XX,YY")
    bluelabel(repository, "send", "--from", "XX", "--to", "YY", "--subject", "old")
    (repository / "src").mkdir()
    (repository / "src" / "a.py").write_text("a = 1\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "start")
    return repository


@pytest.mark.parametrize(
    "how",
    [
        ["sparse-checkout", "set", "--no-cone", "/src/"],
        ["sparse-checkout", "set", "--cone", "src"],
        ["sparse-checkout", "set", "--cone", "--sparse-index", "src"],
        ["sparse-checkout", "set", "--no-cone", "/src/", "/bluelabel.toml", "/postbox/XX/"],
    ],
    ids=["files", "folders", "sparse index", "some"],
)
def test_init_in_a_sparse_checkout_leaves_alone_what_git_has(remote: Path, tmp_path: Path, how: list[str]) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-checkout", str(remote), str(clone))
    git(clone, *how)
    git(clone, "checkout", "-q", "main")
    done = bluelabel(clone, "init", "--json")
    bluelabel(clone, "status")
    git(clone, "sparse-checkout", "disable")
    text = (clone / "postbox" / "YY" / "inbox.json").read_text()

    assert done.code == 0, done.err
    assert done.object["left"]
    assert "left alone, git has it and it is not checked out here" in done.err
    assert sorted(path.name for path in (clone / "postbox").iterdir()) == ["HUMAN", "XX", "YY"]
    assert git(clone, "diff", "--stat", "HEAD", "--", "TASK_CARDS.md", "bluelabel.toml", "postbox/YY") == ""
    assert "old" in text


def test_init_without_a_checkout_makes_nothing_that_git_has(remote: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-checkout", str(remote), str(clone))
    done = bluelabel(clone, "init", "--json")
    left = {Path(path).name for path in done.object["left"]}
    git(clone, "checkout", "-q", "main")

    assert done.code == 0, done.err
    assert {"bluelabel.toml", "TASK_CARDS.md", ".gitignore", ".gitattributes"} <= left
    assert git(clone, "status", "--porcelain", "--", "TASK_CARDS.md", "bluelabel.toml", "postbox/YY") == ""


def test_boxes_that_a_sparse_checkout_leaves_out_stay_out_when_mail_comes(remote: Path) -> None:
    git(remote, "sparse-checkout", "set", "--cone", "src")
    bluelabel(remote, "send", "--from", "XX", "--to", "YY", "--subject", "new")
    found = bluelabel(remote, "doctor", "--json")

    assert not (remote / "postbox" / "YY" / "inbox.json").exists()
    assert "new" in bluelabel(remote, "inbox", "YY").out
    assert not (remote / "postbox" / "YY" / "inbox.json").exists()
    assert [line["state"] for line in found.lines if "left out of this sparse checkout" in line["what"]]
