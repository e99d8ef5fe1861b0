"""Changes to a repository: done once, undone whole, refused with a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import AlreadyExists, Conflict, NotFound, Refused, UsageError
from bluelabel.services.git import crash_recovery
from bluelabel.services.git.command import GitFailed
from bluelabel.services.git.crash_recovery import mend_index, remove_stale_locks, settle_merge, unfinished
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.git.writer import Changes, MergeConflict


def opened(scratch: Any) -> tuple[GitRepository, Changes]:
    found = GitRepository.find(scratch.root)
    assert found is not None
    return found, Changes(found)


def fork(scratch: Any, *, clash: bool = False) -> Any:
    scratch.commit("base", a="1\n", dir__b="1\n", gone="x")
    scratch.git("checkout", "-q", "-b", "side")
    (scratch.root / "gone").unlink()
    tip = scratch.commit("side", a="side\n", dir__b="2\n", new__deep__c="3\n" * 2000, link="l")
    scratch.git("checkout", "-q", "main")
    before = scratch.commit("main", d="main\n", **({"a": "main\n"} if clash else {}))
    return before, tip


def is_clean(scratch: Any) -> Any:
    return scratch.git("status", "--porcelain") == "" and scratch.code("fsck", "--strict", "--no-dangling") == 0


def hook(scratch: Any, name: Any, text: Any) -> None:
    file = scratch.write(f".git/hooks/{name}", f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_a_merge_is_made_once(scratch: Any) -> None:
    before, tip = fork(scratch)
    repository, changes = opened(scratch)
    made = changes.merge("side", tip, "Merge TASK-1: words")

    assert made.fresh
    assert scratch.git("log", "-1", "--format=%P|%s") == f"{before} {tip}|Merge TASK-1: words"
    assert changes.merge("side", tip, "again").fresh is False
    assert settle_merge(repository, before, tip) == "done"
    assert is_clean(scratch)


def test_a_branch_that_could_be_fast_forwarded_gets_a_merge_commit_whatever_the_config_says(scratch: Any) -> None:
    scratch.commit("base", a="1")
    scratch.git("checkout", "-q", "-b", "side")
    tip = scratch.commit("side", b="1")
    scratch.git("checkout", "-q", "main")
    scratch.git("config", "merge.ff", "only")
    scratch.git("config", "branch.main.mergeOptions", "--squash")
    _, changes = opened(scratch)
    changes.merge("side", tip, "Merge")

    assert len(scratch.git("log", "-1", "--format=%P").split()) == 2


def test_a_clash_names_the_files_and_leaves_nothing(scratch: Any) -> None:
    before, tip = fork(scratch, clash=True)
    repository, changes = opened(scratch)

    with pytest.raises(MergeConflict) as told:
        changes.merge("side", tip, "Merge")
    assert told.value.paths == ("a",)
    assert repository.resolve("HEAD") == before
    assert unfinished(repository) is None
    assert is_clean(scratch)


@pytest.mark.parametrize("name", ["pre-merge-commit", "commit-msg"])
def test_a_hook_that_says_no_undoes_the_merge_and_is_quoted(scratch: Any, name: str) -> None:
    before, tip = fork(scratch)
    hook(scratch, name, "echo 'not on my watch' >&2; exit 1")
    repository, changes = opened(scratch)

    with pytest.raises(GitFailed) as told:
        changes.merge("side", tip, "Merge")
    assert "not on my watch" in (told.value.hint or "")
    assert repository.resolve("HEAD") == before
    assert is_clean(scratch)


def test_an_untracked_file_in_the_way_is_kept(scratch: Any) -> None:
    before, tip = fork(scratch)
    scratch.write("new/deep/c", "mine")
    repository, changes = opened(scratch)

    with pytest.raises(GitFailed):
        changes.merge("side", tip, "Merge")
    assert (scratch.root / "new/deep/c").read_text() == "mine"
    assert repository.resolve("HEAD") == before


def test_ready_means_on_a_branch_with_nothing_half_done(scratch: Any) -> None:
    repository, changes = opened(scratch)
    with pytest.raises(Refused, match="no commit yet"):
        changes.require_ready()
    _, tip = fork(scratch, clash=True)
    scratch.write("untracked", "x")
    assert changes.require_ready() == "main"
    scratch.write("d", "changed")
    with pytest.raises(Refused, match=r"not committed: d"):
        changes.require_ready()
    scratch.git("checkout", "d")
    scratch.code("merge", "-q", "side")
    with pytest.raises(Refused, match="merge is half done"):
        changes.require_ready()
    assert settle_merge(repository, "0" * 40, tip) == "untouched"
    scratch.git("merge", "--abort")
    scratch.git("checkout", "-q", "--detach")
    with pytest.raises(Refused, match="detached"):
        changes.require_ready()


def test_a_commit_holds_the_given_paths_and_nothing_else(scratch: Any) -> None:
    scratch.commit("base", **{"a": "1", "b": "1", ".gitignore": "ignored\n"})
    for name in ("a", "b", "new [1].md", "ignored"):
        scratch.write(name, "2")
    scratch.git("add", "b")
    (scratch.root / "sub").mkdir()
    _, changes = opened(scratch)
    made = changes.commit(["a", "new [1].md", "ignored", "nowhere", "sub"], "Say it")

    assert made is not None
    assert scratch.git("show", "--name-only", "--format=%s").split("\n") == ["Say it", "", "a", "new [1].md"]
    assert scratch.git("status", "--porcelain") == "M  b"
    assert changes.commit(["a", "ignored"], "again") is None
    assert changes.commit([], "none") is None


def test_a_removed_file_is_committed_as_removed(scratch: Any) -> None:
    scratch.commit("base", a="1", b="1")
    (scratch.root / "a").unlink()
    _, changes = opened(scratch)

    assert changes.commit(["a"], "Remove it") is not None
    assert scratch.git("ls-files") == "b"


def test_a_first_commit_can_be_made(scratch: Any) -> None:
    scratch.write("a", "1")
    _, changes = opened(scratch)

    assert changes.commit(["a"], "First") is not None
    assert is_clean(scratch)


def test_a_commit_that_a_hook_refuses_is_unstaged(scratch: Any) -> None:
    scratch.commit("base", a="1")
    hook(scratch, "pre-commit", "exit 1")
    scratch.write("a", "2")
    _, changes = opened(scratch)

    with pytest.raises(GitFailed, match="commit"):
        changes.commit(["a"], "Say it")
    assert scratch.git("status", "--porcelain") == "M a"  # stripped: " M a"


def test_a_tag_is_annotated_made_once_and_never_moved(scratch: Any) -> None:
    first = scratch.commit("base", a="1")
    repository, changes = opened(scratch)
    made = changes.tag("v1", "Sprint 1\n\n# kept\nseq: 7\n", first)

    assert made.fresh
    assert repository.is_annotated("v1")
    assert repository.tag_message("v1") == "Sprint 1\n\n# kept\nseq: 7\n"
    assert changes.tag("v1", "other", first) == type(made)(made.name, fresh=False)
    second = scratch.commit("more", a="2")
    with pytest.raises(AlreadyExists, match="is an annotated tag at"):
        changes.tag("v1", "x", second)
    scratch.git("tag", "light")
    scratch.git("tag", "blob", "HEAD:a")
    for name in ("light", "blob"):
        with pytest.raises(AlreadyExists, match="not an annotated"):
            changes.tag(name, "x", second)


@pytest.mark.parametrize("name", ["-x", "", "a b", "a\nb", "--upload-pack=x", "a..b", "a\0b", "x.lock"])
def test_a_hostile_tag_name_is_refused(scratch: Any, name: str) -> None:
    first = scratch.commit("base", a="1")
    _, changes = opened(scratch)

    with pytest.raises(UsageError, match=r"not a name|NUL") as told:
        changes.tag(name, "x", first)
    assert told.value.exit_code == 2
    assert scratch.git("tag") == ""


def test_a_branch_is_deleted_only_when_merged_and_unused(scratch: Any, tmp_path: Path) -> None:
    _, tip = fork(scratch)
    _, changes = opened(scratch)
    with pytest.raises(Conflict, match="not merged"):
        changes.delete_branch("side", tip)
    changes.merge("side", tip, "Merge")
    scratch.git("worktree", "add", "-q", str(tmp_path / "second"), "side")
    with pytest.raises(Conflict, match="checked out"):
        changes.delete_branch("side", tip)
    scratch.git("worktree", "remove", str(tmp_path / "second"))

    assert changes.delete_branch("side", tip)
    assert not changes.delete_branch("side", tip)


def test_a_branch_named_like_an_option_is_merged_and_deleted(scratch: Any) -> None:
    scratch.commit("base", a="1")
    scratch.git("checkout", "-q", "-b", "side")
    tip = scratch.commit("side", b="1")
    scratch.git("checkout", "-q", "main")
    scratch.git("update-ref", "refs/heads/-x", tip)
    repository, changes = opened(scratch)
    changes.merge("-x", repository.branches()["-x"], "Merge -x")

    assert changes.delete_branch("-x", tip)


def test_a_push_goes_to_a_configured_remote_only(scratch: Any, tmp_path: Path) -> None:
    first = scratch.commit("base", a="1")
    scratch.git("tag", "-a", "v1", "-m", "x")
    scratch.git("init", "-q", "--bare", str(tmp_path / "far.git"))
    scratch.git("remote", "add", "origin", str(tmp_path / "far.git"))
    _, changes = opened(scratch)
    changes.push("origin", ["refs/heads/main", "refs/tags/v1"])

    assert scratch.git("ls-remote", "origin", "refs/heads/main").startswith(first)
    for name in (str(tmp_path / "far.git"), "--upload-pack=touch x", ""):
        with pytest.raises(NotFound):
            changes.push(name, ["refs/heads/main"])
    (tmp_path / "far.git").rename(tmp_path / "gone.git")
    with pytest.raises(GitFailed, match="push"):
        changes.push("origin", ["refs/heads/main"])


def test_stepping_back_keeps_what_people_wrote_since(scratch: Any) -> None:
    before, tip = fork(scratch)
    _, changes = opened(scratch)
    changes.merge("side", tip, "Merge")
    scratch.write("d", "edited since")
    changes.step_back(before)

    assert scratch.git("rev-parse", "HEAD") == before
    assert (scratch.root / "d").read_text() == "edited since"


def test_locks_of_the_dead_are_removed_and_those_of_the_living_are_not(scratch: Any, tmp_path: Path) -> None:
    scratch.commit("base", a="1")
    repository, _ = opened(scratch)
    assert remove_stale_locks(repository) == []
    scratch.write(".git/index.lock", "")
    scratch.write(".git/refs/heads/main.lock", "")
    # `git cat-file --batch` waits on its input: a living git process inside the repository
    with subprocess.Popen(
        ["git", "cat-file", "--batch-check"], cwd=scratch.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as living:
        try:
            assert living.stdin is not None
            assert living.stdout is not None
            living.stdin.write(b"HEAD\n")
            living.stdin.flush()
            living.stdout.readline()  # it has answered, so it is up
            with pytest.raises(Conflict, match="at work"):
                remove_stale_locks(repository)
        finally:
            living.kill()

    assert sorted(remove_stale_locks(repository)) == ["index.lock", "refs/heads/main.lock"]
    scratch.commit("works again", a="2")


def test_where_processes_cannot_be_seen_age_decides(
    scratch: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch.commit("base", a="1")
    repository, _ = opened(scratch)
    monkeypatch.setattr(crash_recovery, "_PROC", tmp_path)
    lock = scratch.write(".git/index.lock", "")
    with pytest.raises(Conflict):
        remove_stale_locks(repository)
    os.utime(lock, (time.time() - 3600,) * 2)

    assert remove_stale_locks(repository) == ["index.lock"]


def strace(calls: Any, number: Any, *argv: Any, cwd: Any) -> Any:
    inject = [f"--inject={call}:signal=SIGKILL:when={number}" for call in (calls,)]
    command = ["strace", "-f", "-qq", "-e", "signal=none", "-e", f"trace={calls}", "-o", "/dev/null", *inject, *argv]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False).returncode


def has_strace() -> Any:
    return subprocess.run(["strace", "-V"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_strace(), reason="strace is not installed")
@pytest.mark.parametrize("call", ["rename", "unlink", "openat", "write"])
def test_a_merge_killed_anywhere_is_finished_or_undone(scratch: Any, call: str) -> None:
    before, tip = fork(scratch)
    repository, changes = opened(scratch)
    points = killed = 0
    step = {"openat": 7, "write": 3}.get(call, 1)
    outcomes = set()
    for number in range(1, 200, step):
        code = strace(
            call, number, "git", "-c", "core.fsync=all", "merge", "-q", "--no-ff", "-m", "Merge", tip, cwd=scratch.root
        )
        points += 1
        killed += code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        remove_stale_locks(repository)
        outcomes.add(settle_merge(repository, before, tip))

        assert is_clean(scratch)
        made = changes.merge("side", tip, "Merge")
        assert settle_merge(repository, before, tip) == "done"
        assert is_clean(scratch)
        assert made.name == repository.resolve("HEAD")
        scratch.git("reset", "-q", "--hard", before)
        scratch.git("clean", "-qfd")
        if code == 0:
            break
    assert code == 0
    assert killed == points - 1
    assert killed >= 2


@pytest.mark.skipif(not has_strace(), reason="strace is not installed")
def test_an_edit_made_after_a_half_done_merge_is_not_overwritten(scratch: Any) -> None:
    before, tip = fork(scratch)
    repository, _ = opened(scratch)
    # Half an update: the merge's new text stands in one file, a person's in another, and the index is the old one.
    scratch.write("a", "side\n")
    scratch.write("dir/b", "a person was here\n")

    with pytest.raises(Refused, match=r"met an edit made since: dir/b"):
        settle_merge(repository, before, tip)
    assert (Path(scratch.root) / "dir/b").read_text() == "a person was here\n"
    scratch.git("checkout", "dir/b")
    assert settle_merge(repository, before, tip) == "undone"
    assert is_clean(scratch)
    assert settle_merge(repository, before, tip) == "untouched"


def test_files_that_a_power_loss_took_from_a_finished_merge_come_back(scratch: Any) -> None:
    before, tip = fork(scratch)
    repository, changes = opened(scratch)
    made = changes.merge("side", tip, "Merge")
    (scratch.root / "new/deep/c").write_text("3\n3\n")  # the end was lost
    (scratch.root / "a").write_text("1\n")  # the old text came back
    (scratch.root / "link").unlink()
    scratch.write("dir/b", "a person was here\n")

    assert settle_merge(repository, before, tip) == "done"
    assert scratch.git("status", "--porcelain") == "M dir/b"
    assert (scratch.root / "dir/b").read_text() == "a person was here\n"
    assert repository.resolve("HEAD") == made.name


@pytest.mark.parametrize("left", [b"", bytes(41)], ids=["empty", "zeroes"])
def test_a_finished_merge_whose_state_file_lost_its_text_is_done(scratch: Any, left: bytes) -> None:
    before, tip = fork(scratch)
    repository, changes = opened(scratch)
    made = changes.merge("side", tip, "Merge")
    (scratch.root / ".git/MERGE_HEAD").write_bytes(left)

    assert settle_merge(repository, before, tip) == "done"
    assert unfinished(repository) is None
    assert repository.resolve("HEAD") == made.name
    assert is_clean(scratch)


def test_an_index_that_was_cut_short_is_made_anew_and_kept(scratch: Any) -> None:
    scratch.commit("base", a="1")
    repository, _ = opened(scratch)
    assert not mend_index(repository)
    index = scratch.root / ".git/index"
    whole = index.read_bytes()
    for broken in (b"", whole[:20], whole[:40], whole[:-1], bytes(len(whole))):
        index.write_bytes(broken)
        assert mend_index(repository)
        assert (scratch.root / ".git/index.broken").read_bytes() == broken
        assert is_clean(scratch)
