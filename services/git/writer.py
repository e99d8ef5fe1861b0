"""The few things that are done to a repository: merge, commit, tag, delete a branch, push, step back.

Each is synced to disk when it returns, does nothing when it was done before, and leaves nothing half done behind when
it fails. Whether it may be done at all is the caller's to ask a person.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bluelabel.interfaces.errors import AlreadyExists, Conflict, InvalidName, NotFound, Refused
from bluelabel.services.git.command import Answer, GitFailed
from bluelabel.services.git.crash_recovery import abort_merge, changed_paths, sync_files, unfinished
from bluelabel.services.git.repository import GitRepository

_NUL_LIST: Final = ("--pathspec-from-file=-", "--pathspec-file-nul")
PUSH_SECONDS: Final = 300.0


class MergeConflict(Refused):
    """Two branches changed the same lines; nothing was merged. `paths` names the files."""

    def __init__(self, branch: str, paths: Sequence[str]) -> None:
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        hint = f"merge {branch!r} by hand, resolve {shown}, commit; then run the same command again"
        super().__init__(f"merging {branch!r} conflicts in {shown}", hint=hint)
        self.paths = tuple(paths)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a change: the commit or object it led to, and whether it was made now or stood already."""

    name: str
    fresh: bool


class Changes:
    """Changes one worktree and its repository."""

    def __init__(self, repository: GitRepository) -> None:
        self.repository = repository

    def require_ready(self, own: tuple[str, ...] = ()) -> str:
        """Return the branch that is checked out, if the worktree is fit to be changed.

        Args:
            own: paths that may have changes, as files or as beginnings that end in ``/``.

        Raises:
            Refused: HEAD is detached or unborn, an operation is half done, or tracked files have changes.
        """
        branch = self.repository.branch()
        if branch is None:
            raise Refused("HEAD is detached", hint="check out the branch to work on: `git switch main`")
        if self.repository.resolve("HEAD") is None:
            raise Refused(f"{branch!r} has no commit yet", hint="make a first commit")
        state = unfinished(self.repository)
        if state is not None:
            raise Refused(f"a {state} is half done", hint=f"finish it, or `git {state} --abort`")
        dirty = [path for path in self.dirty() if not is_own(path, own)]
        if dirty:
            shown = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")
            raise Refused("there are changes that are not committed", where=shown, hint="commit or stash them")
        return branch

    def dirty(self) -> list[str]:
        """Return the tracked files that differ from HEAD."""
        return [path for mark, path in self.repository.status() if mark != "??"]

    def merge(self, branch: str, tip: str, message: str) -> Made:
        """Merge the commit `tip` of `branch` into HEAD with a merge commit; one that is contained already stays as is.

        Raises:
            MergeConflict: the sides clash; the merge was undone.
            GitFailed: a hook said no, or git did; undone as well.
        """
        before = self.repository.resolve("HEAD") or ""
        if self.repository.is_ancestor(tip, before):
            return Made(before, fresh=False)
        options = ("--no-ff", "--no-squash", "--commit", "--no-edit", "--no-stat", "--no-autostash")
        answer = self.repository.git.change("merge", *options, "-m", message, tip)
        after = self.repository.resolve("HEAD")
        if answer.code == 0 and after not in (None, before):
            sync_files(self.repository.root, changed_paths(self.repository, before, after or ""))
            return Made(after or "", fresh=True)
        clashes = self.repository.git.ask("diff", "--name-only", "--diff-filter=U", "-z").lines()
        if self.repository.resolve("MERGE_HEAD") is not None:
            abort_merge(self.repository)
        if clashes:
            raise MergeConflict(branch, clashes)
        raise GitFailed(f"merge {branch!r}", answer)

    def commit(self, paths: Sequence[str], message: str) -> Made | None:
        """Commit these paths as they are, and nothing else; None when they hold nothing new.

        Raises:
            GitFailed: a hook said no, or git did; the paths are unstaged again.
        """
        wanted = self._committable(list(dict.fromkeys(paths)))
        listed = os.fsencode("\0".join(wanted))
        if not wanted:
            return None
        self._must("stage files", "--literal-pathspecs", "add", *_NUL_LIST, data=listed)
        before = self.repository.resolve("HEAD")
        if (
            before is not None
            and self.repository.git.ask("diff", "--cached", "--quiet", before, "--", *_literal(wanted)).code == 0
        ):
            return None
        staged = set(
            self.repository.git.must("compare", "diff", "--cached", "--name-only", "-z", "--no-renames").lines()
        )
        if staged <= set(wanted):  # git syncs the index of such a commit, but not that of one of given paths
            answer = self.repository.git.change("commit", "-q", "-m", message)
        else:
            args = ("--literal-pathspecs", "commit", "-q", "-m", message, "--only", *_NUL_LIST)
            answer = self.repository.git.change(*args, data=listed)
            sync_files(self.repository.location.git_dir, ["index"])
        if answer.code != 0:
            self.repository.git.change("--literal-pathspecs", "reset", "-q", *_NUL_LIST, data=listed)
            raise GitFailed("commit", answer, ", ".join(wanted[:3]))
        return Made(self.repository.resolve("HEAD") or "", fresh=True)

    def tag(self, name: str, message: str, commit: str) -> Made:
        """Make an annotated tag; one that stands already at that commit is left as it is.

        Raises:
            InvalidName: git allows no tag of this name.
            AlreadyExists: the name is taken by something else.
        """
        if name.startswith("-") or self.repository.git.ask("check-ref-format", f"refs/tags/{name}").code != 0:
            raise InvalidName("not a name for a tag", where=ascii(name[:60]), hint="use letters, digits, '.' and '-'")
        there = self.repository.tags().get(name)
        if there is not None or self.repository.ref(f"refs/tags/{name}") is not None:
            made = self.repository.tag_object(name)
            if made is not None and there == commit:
                return Made(made, fresh=False)
            what = "is an annotated tag" if made else "is not an annotated tag"
            at = f" at {there[:12]}" if there else ""
            raise AlreadyExists(f"the tag {name!r} {what}{at}", hint="choose another name, or remove it yourself")
        self._must(
            "make the tag", "tag", "-a", "-F", "-", "--cleanup=verbatim", "--", name, commit, data=message.encode()
        )
        return Made(self.repository.tag_object(name) or "", fresh=True)

    def delete_branch(self, name: str, tip: str) -> bool:
        """Delete a local branch that is still at `tip`, merged into HEAD and checked out nowhere; False if it is gone.

        Raises:
            Conflict: it has moved on, is not merged, or is checked out.
        """
        found = self.repository.ref(f"refs/heads/{name}")
        if found is None:
            return False
        place = self.repository.worktree_of(name)
        if place is not None:
            raise Conflict(f"{name!r} is checked out", where=str(place), hint="remove that worktree first")
        if found != tip or not self.repository.is_ancestor(tip, "HEAD"):
            raise Conflict(f"{name!r} has commits that are not merged", hint="merge it again")
        self._must("delete the branch", "update-ref", "-d", f"refs/heads/{name}", tip)
        return True

    def push(self, remote: str, references: Sequence[str]) -> str:
        """Push full reference names to a configured remote, all or none; return what git reported.

        Raises:
            NotFound: no remote of this name.
            GitFailed: the remote or a hook said no, or it could not be reached.
        """
        if remote not in self.repository.remotes():
            raise NotFound("no such remote", where=ascii(remote[:60]), hint="see `git remote`")
        pairs = [f"{name}:{name}" for name in references]
        answer = self.repository.git.change(
            "push", "--porcelain", "--atomic", "--", remote, *pairs, seconds=PUSH_SECONDS
        )
        if answer.code != 0:
            raise GitFailed(f"push to {remote!r}", answer)
        return answer.text

    def step_back(self, commit: str) -> None:
        """Move the branch back to `commit`, keeping what people have changed since in their files.

        Raises:
            GitFailed: a file that would have to change was edited.
        """
        self._must("step back", "reset", "--keep", "-q", commit)

    def _committable(self, paths: Sequence[str]) -> list[str]:
        """Return the paths that git knows, or may: files that are there and not ignored."""
        if not paths:
            return []
        git = self.repository.git
        known = set(git.must("list files", "ls-files", "-z", "--full-name", "--", *_literal(paths)).lines())
        fresh = [path for path in paths if path not in known and (self.repository.root / path).is_file()]
        listed = os.fsencode("\0".join(fresh))
        ignored = set(git.ask("check-ignore", "-z", "--stdin", data=listed).lines()) if fresh else set[str]()
        return [path for path in paths if path in known or (path in fresh and path not in ignored)]

    def _must(self, doing: str, *args: str, data: bytes | None = None) -> Answer:
        answer = self.repository.git.change(*args, data=data)
        if answer.code != 0:
            raise GitFailed(doing, answer, str(self.repository.root))
        return answer


def is_own(path: str, own: Sequence[str]) -> bool:
    """Tell whether `path` is one of the files, or below one of the folders (ending in ``/``), of `own`."""
    return any(path == name or (name.endswith("/") and path.startswith(name)) for name in own)


def _literal(paths: Sequence[str]) -> list[str]:
    return [f":(top,literal){path}" for path in paths]
