"""What services may ask of a git repository. `bluelabel.services.git` answers by git's command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: full hash, parents' hashes, author's name, author time (UTC text), subject line."""

    hash: str
    parents: tuple[str, ...]
    author: str
    at: str
    subject: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did to one path: ``A`` added, ``M`` modified, ``D`` removed, ``R`` renamed."""

    commit: str
    path: str
    action: str


@dataclass(frozen=True, slots=True)
class Version:
    """A text that git has: the name of its blob, and whether HEAD and the index have it at that path."""

    blob: str
    is_head: bool
    is_staged: bool


class Repository(Protocol):
    """Questions about a repository. None of these changes anything.

    Every revision is resolved before use and passed to git so that it can never be taken for an option.
    """

    @property
    def root(self) -> Path:
        """The top of this worktree."""
        ...

    @property
    def common_dir(self) -> Path:
        """The directory that all worktrees share (``.git`` of the main one)."""
        ...

    def resolve(self, revision: str) -> str | None:
        """Return the full hash of the commit that `revision` names, or None."""
        ...

    def branch(self) -> str | None:
        """Return the branch that is checked out, or None when HEAD is detached."""
        ...

    def branches(self) -> Mapping[str, str]:
        """Return every local and remote branch (``main``, ``origin/main``) with its commit."""
        ...

    def tags(self) -> Mapping[str, str]:
        """Return every tag with the commit it leads to."""
        ...

    def is_annotated(self, tag: str) -> bool:
        """Tell whether `tag` is an annotated tag."""
        ...

    def paths(self, revision: str | None = None) -> frozenset[str]:
        """Return the files of a revision, or of the working tree (tracked, and untracked but not ignored).

        Paths are relative to the root, with ``/``.
        """
        ...

    def read(self, path: str, revision: str) -> bytes | None:
        """Return a file's bytes at a revision, or None."""
        ...

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Tell whether `commit` is contained in `of`."""
        ...

    def missing(self, commit: str, from_: str) -> tuple[str, ...] | None:
        """Return the paths that merging `commit` into `from_` would change; None when git cannot say."""
        ...

    def squashed(self, commit: str, into: str) -> str | None:
        """Return the commit of `into` that makes the very changes of a branch up to `commit`, if there is one."""
        ...

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        """Return the commits reachable from `until` and not from `since`, newest first."""
        ...

    def changes(self, path: str, until: str) -> tuple[Change, ...]:
        """Return what was done to one path up to `until`, newest first."""
        ...

    def last_tip(self, branch: str) -> str | None:
        """Return the commit that a branch was at when it was last left in this worktree, though it is gone by now."""
        ...

    def is_shallow(self) -> bool:
        """Tell whether the history of this clone is cut short."""
        ...

    def status(self) -> tuple[tuple[str, str], ...]:
        """Return ``(XY, path)`` for every file that differs from HEAD, as `git status --porcelain` gives them."""
        ...

    def version(self, path: str, data: bytes) -> Version | None:
        """Return what git has of a file's text, byte for byte or but for its line endings; None when it has none."""
        ...

    def had(self, path: str, blob: str, commit: str) -> bool:
        """Tell whether a file was that blob in the history of `commit`."""
        ...

    def is_busy(self) -> bool:
        """Tell whether a git command is just changing this worktree."""
        ...
