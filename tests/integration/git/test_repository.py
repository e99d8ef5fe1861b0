"""Questions to a real repository, with the names and states that break naive ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import MachineError, UsageError
from bluelabel.interfaces.repository import Repository
from bluelabel.services.git.command import Git, GitFailed
from bluelabel.services.git.repository import GitRepository

HOSTILE = ["-x", "--help", "--upload-pack=touch x", "a\nb", "$(touch x)", "HEAD\n", "", "\0", "@{-1}", ":/work", "a..b"]


def opened(scratch: Any) -> GitRepository:
    found = GitRepository.find(scratch.root)
    assert found is not None
    return found


def test_it_answers_the_port(scratch: Any) -> None:
    repository: Repository = opened(scratch)

    assert repository.root == scratch.root
    assert repository.common_dir == scratch.root / ".git"


def test_nothing_is_found_outside_a_repository(tmp_path: Path) -> None:
    assert GitRepository.find(tmp_path) is None


def test_a_repository_without_a_commit_answers_emptily(scratch: Any) -> None:
    repository = opened(scratch)
    scratch.write("new.txt", "x")

    assert repository.branch() == "main"
    assert repository.resolve("HEAD") is None
    assert dict(repository.branches()) == {}
    assert dict(repository.tags()) == {}
    assert repository.commits(None, "HEAD") == ()
    assert repository.changes("new.txt", "HEAD") == ()
    assert repository.paths() == {"new.txt"}
    assert repository.paths("HEAD") == frozenset()
    assert repository.status() == (("??", "new.txt"),)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name_that_is_not_there(scratch: Any, name: Any) -> None:
    scratch.commit(a="1")
    repository = opened(scratch)
    before = sorted(scratch.root.iterdir())

    assert repository.resolve(name) is None
    assert repository.read("a", name) is None
    assert repository.paths(name or "-") == frozenset()
    assert repository.commits(None, name) == ()
    assert repository.commits(name or "-", "HEAD") == ()
    assert not repository.is_ancestor(name, "HEAD")
    assert not repository.is_annotated(name)
    assert repository.merge_base(name, "HEAD") is None
    assert sorted(scratch.root.iterdir()) == before


def test_a_branch_named_like_an_option_is_found(scratch: Any) -> None:
    first = scratch.commit(a="1")
    scratch.git("update-ref", "refs/heads/-x", first)
    repository = opened(scratch)

    assert repository.branches() == {"main": first, "-x": first}
    assert repository.resolve("refs/heads/-x") == first


def test_branches_and_tags_lead_to_commits(scratch: Any, tmp_path: Path) -> None:
    first = scratch.commit(a="1")
    scratch.git("tag", "light")
    scratch.git("tag", "-a", "heavy", "-m", "words\n\nmore")
    scratch.git("tag", "-a", "twice", "-m", "x", "heavy")
    scratch.git("tag", "tree", "HEAD^{tree}")
    scratch.git("clone", "-q", str(scratch.root), str(tmp_path / "clone"))
    clone = GitRepository.find(tmp_path / "clone")
    assert clone is not None

    assert clone.branches() == {"main": first, "origin/main": first}
    assert clone.tags() == {"light": first, "heavy": first, "twice": first}
    assert [clone.is_annotated(name) for name in ("light", "heavy", "none", "heavy^{commit}")] == [
        False,
        True,
        False,
        False,
    ]
    assert clone.tag_message("heavy") == "words\n\nmore\n"
    assert clone.tag_message("light") is None
    assert clone.remotes() == ("origin",)


def test_a_detached_head_has_no_branch(scratch: Any) -> None:
    scratch.commit(a="1")
    scratch.git("checkout", "-q", "--detach")

    assert opened(scratch).branch() is None


def test_paths_and_texts_with_odd_names(scratch: Any) -> None:
    odd = ["ä ö.txt", "new\nline", "-rf", 'quo"te', "tab\there"]
    for name in odd:
        scratch.write(name, name)
    scratch.write(".gitignore", "skipped\n")
    scratch.write("skipped", "x")
    scratch.commit()
    repository = opened(scratch)
    (scratch.root / "-rf").unlink()
    scratch.write("fresh", "x")

    assert repository.paths("HEAD") == {*odd, ".gitignore"}
    assert repository.paths() == {*odd, ".gitignore", "fresh"} - {"-rf"}
    assert [repository.read(name, "HEAD") for name in odd] == [name.encode() for name in odd]
    assert repository.read("none", "HEAD") is None
    assert repository.read("../a", "HEAD") is None
    assert {path: state for state, path in repository.status()} == {"-rf": " D", "fresh": "??"}


def test_bytes_that_are_not_utf8_survive_in_a_name(scratch: Any) -> None:
    name = os.fsdecode(b"caf\xe9")
    scratch.write(name, "x")
    scratch.commit()

    assert opened(scratch).paths("HEAD") == {name}
    assert opened(scratch).read(name, "HEAD") == b"x"


def test_history_says_what_was_done_to_a_path(scratch: Any) -> None:
    added = scratch.commit("add it", f="1")
    changed = scratch.commit("change it", f="2", g="1")
    scratch.git("mv", "g", "h")
    moved = scratch.commit("move g")
    scratch.git("rm", "-q", "f")
    removed = scratch.commit("remove it")
    repository = opened(scratch)

    def story(path: Any, until: str = "HEAD") -> Any:
        return [(change.commit, change.action) for change in repository.changes(path, until)]

    assert story("f") == [(removed, "D"), (changed, "M"), (added, "A")]
    assert story("f", added) == [(added, "A")]
    assert story("g") == [(moved, "D"), (changed, "A")]
    assert story("h") == [(moved, "A")]
    assert story("*") == []
    assert [commit.subject for commit in repository.commits(added, "HEAD")] == ["remove it", "move g", "change it"]
    assert repository.commits(None, added)[0].parents == ()


def test_a_change_on_a_merged_branch_is_in_the_history(scratch: Any) -> None:
    scratch.commit(a="1")
    scratch.git("checkout", "-q", "-b", "side")
    side = scratch.commit("on the side", b="1")
    scratch.git("checkout", "-q", "main")
    scratch.commit("on main", c="1")
    scratch.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    repository = opened(scratch)

    assert [change.commit for change in repository.changes("b", "HEAD")] == [side]
    assert len(repository.commits(None, "HEAD")[0].parents) == 2
    assert repository.is_ancestor("side", "HEAD")
    assert not repository.is_ancestor("HEAD", "side")
    assert repository.merge_base("side", "HEAD") == side


def test_a_commit_with_a_damaged_date_and_control_bytes_is_read(scratch: Any) -> None:
    scratch.commit(a="1")
    tree = scratch.git("rev-parse", "HEAD^{tree}")
    dated = "committer C <c@d> 1700000000 +0000"
    text = f"tree {tree}\nauthor A\x1fB <a@b> 99999999999999999999 +0000\n{dated}\n\n\x1b[31mred\n"
    made = subprocess.run(
        ["git", "hash-object", "--literally", "-t", "commit", "-w", "--stdin"],
        cwd=scratch.root, input=text.encode(), capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    [commit] = opened(scratch).commits(None, made)

    assert commit.hash == made
    assert commit.author == "A\x1fB"
    assert commit.at.endswith("Z")


def test_the_worktree_of_a_branch_is_found(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")

    assert opened(scratch).worktree_of("side") == tmp_path / "second"
    assert opened(scratch).worktree_of("none") is None


def test_a_hook_variable_does_not_lead_us_elsewhere(
    scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = scratch.commit(a="1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert opened(scratch).resolve("HEAD") == commit
    assert opened(scratch).status() == ()


def test_a_question_runs_no_program_of_the_config(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    canary = tmp_path / "canary"
    program = scratch.write("evil.sh", f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "core.editor"):
        scratch.git("config", key, str(program))
    repository = opened(scratch)
    repository.status()
    repository.paths()
    repository.changes("a", "HEAD")
    repository.commits(None, "HEAD")

    assert not canary.exists()


def test_what_git_refuses_is_told(scratch: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git = Git(scratch.root)

    with pytest.raises(GitFailed) as told:
        git.must("read a thing", "cat-file", "-p", "nothing")
    assert told.value.what == "git could not read a thing"
    assert told.value.hint is not None
    assert "nothing" in told.value.hint
    with pytest.raises(UsageError):
        git.ask("rev-parse", "a\0b")
    with pytest.raises(MachineError):
        Git(tmp_path / "nowhere").ask("status")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="not installed"):
        git.ask("status")


def test_a_git_that_hangs_is_given_up(scratch: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec sleep 30\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")

    with pytest.raises(MachineError, match="did not answer"):
        Git(scratch.root).change("status", seconds=0.05)


def test_a_repository_of_another_format_is_told(scratch: Any) -> None:
    scratch.git("config", "core.repositoryformatversion", "99")

    with pytest.raises(MachineError, match="refuses this repository"):
        opened(scratch).branch()
