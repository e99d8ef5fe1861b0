"""What git has of some paths, wherever they are in the work tree: for what makes files and must not make them anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bluelabel.services.git.command import Git


def in_git(root: Path, paths: Iterable[Path]) -> frozenset[Path]:
    """Return the files at or below `paths` that the index or HEAD of a repository has, checked out or not.

    Args:
        root: the top of the worktree.
        paths: absolute; those outside of the worktree are passed over.
    """
    names = [path.relative_to(root).as_posix() for path in paths if path.is_relative_to(root) and path != root]
    if not names:
        return frozenset()
    git = Git(root)
    staged = git.must("list what it tracks", "--literal-pathspecs", "ls-files", "-z", "--", *names).lines()
    committed = git.ask("--literal-pathspecs", "ls-tree", "-r", "-z", "--name-only", "HEAD", "--", *names)
    return frozenset(root / name for name in (*staged, *(committed.lines() if committed.code == 0 else ())))


def left_out(root: Path, folder: Path) -> frozenset[str]:
    """Return the files below `folder` that a sparse checkout leaves out, relative to it, with ``/``.

    Args:
        root: the top of the worktree.
        folder: below it.
    """
    name = folder.relative_to(root).as_posix()
    lines = Git(root).must("list what it leaves out", "--literal-pathspecs", "ls-files", "-t", "-z", "--", name).lines()
    return frozenset(line[2:].removeprefix(f"{name}/") for line in lines if line.startswith("S "))
