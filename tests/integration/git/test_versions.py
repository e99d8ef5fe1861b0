"""Which texts git has: of commits, the index, stashes and merges, whatever its line endings and kind of hash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import MachineError
from bluelabel.services.git.repository import GitRepository


def opened(scratch: Any) -> GitRepository:
    found = GitRepository.find(scratch.root)
    assert found is not None
    return found


def test_a_text_of_a_commit_the_index_or_a_stash_is_a_version(scratch: Any) -> None:
    first = scratch.commit(a="one\n")
    scratch.commit(a="two\n")
    scratch.write("a", "three\n")
    scratch.git("add", "a")
    scratch.write("a", "four\n")
    scratch.git("stash", "push", "-q")
    repository = opened(scratch)
    found = [repository.version("a", f"{text}\n".encode()) for text in ("one", "two", "three", "four", "five")]

    assert [version and version.is_head for version in found] == [False, True, False, False, None]
    scratch.git("checkout", "-q", "HEAD~1", "--", "a")
    staged = repository.version("a", b"one\n")
    assert staged is not None
    assert (staged.is_head, staged.is_staged) == (False, True)
    blob = found[0].blob if found[0] else ""
    assert repository.had("a", blob, "HEAD")
    assert repository.had("a", blob, first)
    assert not repository.had("a", found[1].blob if found[1] else "", first)
    assert not repository.had("b", blob, "HEAD")
    assert not repository.had("", blob, "HEAD")
    assert not repository.had("a", blob, "nothing")


def test_the_empty_text_and_one_outside_any_history_are_no_versions(scratch: Any) -> None:
    repository = opened(scratch)

    assert repository.version("a", b"") is None
    assert repository.version("a\nb", b"text") is None
    scratch.commit(empty="")
    assert repository.version("empty", b"") is None


def test_line_endings_that_git_takes_out_do_not_matter(scratch: Any) -> None:
    scratch.git("config", "core.autocrlf", "true")
    scratch.commit(a="one\r\ntwo\r\n")
    version = opened(scratch).version("a", b"one\r\ntwo\r\n")

    assert version is not None
    assert version.is_head


def test_a_repository_of_the_longer_hash_is_asked_in_its_own_names(scratch: Any) -> None:
    root = scratch.root / "long"
    scratch.git("init", "-q", "--object-format=sha256", str(root))
    (root / "a").write_text("one\n")
    scratch.git("add", "a", cwd=root)
    scratch.git("commit", "-q", "-m", "one", cwd=root)
    repository = GitRepository.find(root)
    assert repository is not None
    version = repository.version("a", b"one\n")

    assert version is not None
    assert (len(version.blob), version.is_head) == (64, True)


@pytest.mark.parametrize("name", ["a b", "-x", "ü", '"q"', "HEAD:a"])
def test_a_file_of_any_name_is_found_in_head(scratch: Any, name: str) -> None:
    scratch.write(name, "one\n")
    scratch.commit()
    version = opened(scratch).version(name, b"one\n")

    assert version is not None
    assert version.is_head
    assert opened(scratch).had(name, version.blob, "HEAD")


def test_what_is_missing_in_a_clone_is_not_fetched_for_the_question(scratch: Any) -> None:
    scratch.commit(a="one\n")
    scratch.commit(a="two\n")
    scratch.git("config", "uploadpack.allowFilter", "true")
    clone = scratch.root.parent / "clone"
    scratch.git("clone", "-q", "--filter=blob:none", f"file://{scratch.root}", str(clone))
    scratch.root.rename(scratch.root.parent / "gone")
    repository = GitRepository.find(clone)
    assert repository is not None

    assert repository.version("a", b"one\n") is None
    assert repository.version("a", b"two\n") is not None


def test_a_worktree_is_busy_while_git_holds_its_index(scratch: Any) -> None:
    scratch.commit(a="one\n")
    repository = opened(scratch)
    lock = scratch.root / ".git" / "index.lock"

    assert not repository.is_busy()
    lock.touch()
    assert repository.is_busy()


def test_a_git_that_is_killed_has_not_said_no(scratch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch.commit(a="one\n")
    repository = opened(scratch)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nkill -9 $$\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    with pytest.raises(MachineError, match="ended by signal 9"):
        repository.version("a", b"one\n")
    with pytest.raises(MachineError, match="ended by signal 9"):
        repository.branch()
