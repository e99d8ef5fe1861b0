"""Where a repository is, read from the files that mark it: no git process is started, because every command asks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_POINTER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Location:
    """A worktree and the directories behind it.

    Args:
        root: the top of the worktree.
        git_dir: what is this worktree's own (HEAD, index): ``.git``, or ``.git/worktrees/<name>``.
        common_dir: what all worktrees share (objects, refs, config): ``.git`` of the main one.
    """

    root: Path
    git_dir: Path
    common_dir: Path


def locate(path: Path) -> Location | None:
    """Return the worktree that `path` lies in, or None outside of any (and inside a bare repository).

    The nearest ``.git`` above wins: a directory, or the file that worktrees and submodules have. One that leads
    nowhere is passed over. The environment (``GIT_DIR``) is not consulted: inside a hook it would name the wrong place.
    """
    start = Path(os.path.realpath(path))
    for folder in (start, *start.parents):
        git_dir = _git_dir(folder)
        if git_dir is not None:
            return Location(folder, git_dir, _common_dir(git_dir))
    return None


def _git_dir(folder: Path) -> Path | None:
    mark = folder / ".git"
    if mark.is_dir():
        return mark if _looks_right(mark) else None
    pointer = _pointer(mark)
    if pointer is None or not pointer.startswith("gitdir:"):
        return None
    target = Path(os.path.realpath(folder / pointer.removeprefix("gitdir:").strip()))
    return target if _looks_right(target) else None


def _looks_right(git_dir: Path) -> bool:
    # HEAD may be a link to a branch that is not born yet, so it is not followed.
    return os.path.lexists(git_dir / "HEAD")


def _common_dir(git_dir: Path) -> Path:
    pointer = _pointer(git_dir / "commondir")
    if not pointer:
        return Path(os.path.realpath(git_dir))
    return Path(os.path.realpath(git_dir / pointer))


def _pointer(file: Path) -> str | None:
    """Return the text of a one-line file, or None; anything but a regular file (a FIFO would block) is left alone."""
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            return os.fsdecode(stream.read(_POINTER_BYTES)).strip()
    except OSError:
        return None
