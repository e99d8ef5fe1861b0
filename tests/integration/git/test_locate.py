"""Where a repository is: every layout that git itself makes, and marks that lead nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bluelabel.services.git.locate import locate


def test_a_folder_inside_finds_the_top(scratch: Any) -> None:
    inner = scratch.root / "a" / "b"
    inner.mkdir(parents=True)

    found = locate(inner)

    assert found is not None
    assert (found.root, found.git_dir, found.common_dir) == (scratch.root, scratch.root / ".git", scratch.root / ".git")


def test_a_worktree_shares_the_common_directory(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")

    found = locate(tmp_path / "second")

    assert found is not None
    assert found.root == tmp_path / "second"
    assert found.git_dir == scratch.root / ".git" / "worktrees" / "second"
    assert found.common_dir == scratch.root / ".git"


def test_a_submodule_is_a_repository_of_its_own(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    outer = tmp_path / "outer"
    scratch.git("init", "-q", str(outer))
    scratch.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(scratch.root), "sub", cwd=outer)

    found = locate(outer / "sub")

    assert found is not None
    assert found.root == outer / "sub"
    assert found.common_dir == outer / ".git" / "modules" / "sub"


def test_outside_and_bare_there_is_none(scratch: Any, tmp_path: Path) -> None:
    scratch.git("init", "-q", "--bare", str(tmp_path / "bare.git"))

    assert locate(tmp_path) is None
    assert locate(tmp_path / "bare.git") is None
    assert locate(tmp_path / "not" / "there") is None


def test_marks_that_lead_nowhere_are_passed_over(scratch: Any) -> None:
    for number, text in enumerate(["", "gitdir: /nowhere", "gitdir:", "nonsense", "gitdir: \udcff"]):
        folder = scratch.root / f"f{number}"
        folder.mkdir()
        (folder / ".git").write_bytes(os.fsencode(text))

        assert locate(folder) == locate(scratch.root)
    empty = scratch.root / "empty"
    (empty / ".git").mkdir(parents=True)

    assert locate(empty) == locate(scratch.root)


def test_a_fifo_in_place_of_the_mark_does_not_block(scratch: Any) -> None:
    folder = scratch.root / "pipe"
    folder.mkdir()
    os.mkfifo(folder / ".git")

    assert locate(folder) == locate(scratch.root)


def test_a_link_to_a_repository_is_followed_to_its_real_place(scratch: Any, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(scratch.root)

    found = locate(link)

    assert found is not None
    assert found.root == scratch.root


def test_it_agrees_with_git_in_every_layout(scratch: Any, tmp_path: Path) -> None:
    scratch.commit(a="1")
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    separate = tmp_path / "separate"
    scratch.git("init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere"), str(separate))
    for place in (scratch.root, tmp_path / "second", separate):
        found = locate(place)
        said = scratch.git(
            "rev-parse", "--show-toplevel", "--absolute-git-dir", "--git-common-dir", cwd=place
        ).splitlines()

        assert found is not None
        assert [found.root, found.git_dir] == [Path(said[0]), Path(said[1])]
        assert found.common_dir == Path(os.path.realpath(place / said[2]))
