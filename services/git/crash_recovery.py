"""What a killed git leaves behind: lock files that nobody holds, and half an update of the working tree."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import Conflict, Refused, machine_error
from bluelabel.services.git.command import GitFailed
from bluelabel.services.git.locate import Location, locate
from bluelabel.services.git.repository import GitRepository

_PROC: Final = Path("/proc")
_OLD_SECONDS: Final = 600.0
"""Where the processes cannot be seen, a lock that is older than this counts as left behind."""

_STATES: Final = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


def unfinished(repository: GitRepository) -> str | None:
    """Return the operation that this worktree stands in the middle of (``merge``, ``rebase`` …), or None."""
    git_dir = repository.location.git_dir
    return next((word for name, word in _STATES.items() if os.path.lexists(git_dir / name)), None)


def remove_stale_locks(repository: GitRepository) -> list[str]:
    """Remove the lock files of dead git processes; return what was removed, relative to the repository.

    Raises:
        Conflict: there are locks, and a git process is at work in the repository.
        MachineError: a lock could not be removed.
    """
    location = repository.location
    found = [(lock, lock.lstat()) for lock in _locks(location)]
    if not found:
        return []
    if _busy(location, max(stat.st_mtime for _, stat in found)):
        hint = "wait for it to end, then run the same command again"
        raise Conflict("another git process is at work", where=str(found[0][0]), hint=hint)
    removed: list[str] = []
    for lock, before in found:
        try:
            now = lock.lstat()
            if (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns):
                lock.unlink()
                removed.append(os.path.relpath(lock, location.common_dir))
        except FileNotFoundError:
            continue  # its owner was alive after all
        except OSError as error:
            raise machine_error(error, "removing the lock of a dead git process", str(lock)) from None
    return removed


def mend_index(repository: GitRepository) -> bool:
    """Make the index anew from HEAD if a power loss left it cut short; return whether it was. The old one is kept."""
    index = repository.location.git_dir / "index"
    if not index.is_file() or _is_whole(index.read_bytes()):
        return False
    index.replace(index.with_name("index.broken"))
    _must(repository, "make the index anew", "reset", "-q")
    return True


def _is_whole(index: bytes) -> bool:
    """Tell whether an index ends in the digest of what stands before: git itself reads on past a missing end.

    Zeroes stand for a digest that was left out (``index.skipHash``).
    """
    for algorithm, size in (("sha1", 20), ("sha256", 32)):
        rest, end = index[:-size], index[-size:]
        if rest.startswith(b"DIRC") and end in (
            bytes(size),
            hashlib.new(algorithm, rest, usedforsecurity=False).digest(),
        ):
            return True
    return False


def settle_merge(repository: GitRepository, before: str, tip: str) -> str:
    """Finish or undo a merge that was begun at the commit `before` with `tip` and may have been killed anywhere.

    Returns:
        ``done`` when the merge commit is there, ``undone`` when traces of it were removed, ``untouched`` when there
        were none.

    Raises:
        Refused: a file is neither as it was, nor as the merge would have it: somebody has edited it since.
    """
    head = repository.resolve("HEAD")
    merging = repository.resolve("MERGE_HEAD")
    if head is not None and _parents(repository, head) == (before, tip):
        if merging == tip or (merging is None and unfinished(repository) == "merge"):  # git does not sync MERGE_HEAD
            _must(repository, "clear the merge state", "merge", "--quit")
        _complete_update(repository, before, head)
        return "done"
    if head != before:
        return "untouched"
    if merging is not None:
        if merging != tip:
            return "untouched"
        abort_merge(repository)
        return "undone"
    undone = _undo_half_update(repository, before, tip)
    if unfinished(repository) != "merge":
        return undone
    _must(repository, "clear the merge state", "merge", "--quit")  # git died while it wrote down what it merges
    return "undone"


def abort_merge(repository: GitRepository) -> None:
    """Undo a merge that stands in the middle.

    git does that only where the index has the files as they were last seen, so it is made to look again first: a copy
    of the repository, or a power loss, leaves other times.
    """
    repository.git.change("update-index", "-q", "--refresh")
    _must(repository, "undo the merge", "merge", "--abort")


@dataclass(frozen=True, slots=True)
class _Difference:
    path: str
    old: str | None
    new: str | None


def _complete_update(repository: GitRepository, before: str, head: str) -> None:
    """Bring files that a power loss took back to the merged text; files that somebody edited since are left alone."""
    torn: list[str] = []
    for difference in _differences(repository, before, head):
        swapped = _Difference(difference.path, difference.new, difference.old)
        there = os.path.lexists(repository.root / difference.path)
        if difference.new is None:
            continue
        if not there or _state(repository, swapped) == "new" or _begins(repository, difference):
            torn.append(difference.path)
    if torn:
        listed = os.fsencode("\0".join(torn))
        args = ("--literal-pathspecs", "restore", f"--source={head}", "--staged", "--worktree")
        _must(repository, "restore files", *args, "--pathspec-from-file=-", "--pathspec-file-nul", data=listed)
    sync_files(repository.root, [d.path for d in _differences(repository, before, head)])


def _begins(repository: GitRepository, difference: _Difference) -> bool:
    """Tell whether a file is a true beginning of the merged text: its end was lost."""
    file = repository.root / difference.path
    if not file.is_file() or file.is_symlink() or difference.new is None:
        return False
    whole, found = repository.git.ask("cat-file", "blob", difference.new).out, file.read_bytes()
    return len(found) < len(whole) and whole.startswith(found)


def sync_files(root: Path, paths: Iterable[str]) -> None:
    """Have the disk confirm files of the working tree and the folders they stand in: git itself does not."""
    folders: set[Path] = set()
    for path in paths:
        file = root / path
        folders |= {folder for folder in file.parents if folder.is_relative_to(root)}
        if file.is_file() and not file.is_symlink():
            _sync(file, os.O_RDONLY)
    for folder in folders:
        if folder.is_dir():
            _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW)
    except OSError:
        return  # gone again, or not ours to read: nothing to confirm
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise machine_error(error, "syncing a merged file", str(path)) from None
    finally:
        os.close(descriptor)


def changed_paths(repository: GitRepository, before: str, after: str) -> list[str]:
    """Return the paths that differ between two commits."""
    return [difference.path for difference in _differences(repository, before, after)]


def _undo_half_update(repository: GitRepository, before: str, tip: str) -> str:
    answer = repository.git.change("merge-tree", "--write-tree", "-z", before, tip)
    merged = answer.text.split("\0", 1)[0].strip()
    if answer.code not in (0, 1) or not merged:
        return "untouched"
    everything = list(_differences(repository, before, merged))
    states = {difference.path: _state(repository, difference) for difference in everything}
    staged = repository.git.ask("diff", "--cached", "--quiet", before).code != 0
    if "new" not in states.values() and not staged:
        return "untouched"
    edited = next((path for path, state in states.items() if state == "edited"), None)
    if edited is not None:
        hint = f"look at it, then `git checkout {before[:12]} -- <file>` or keep it, and run the same command again"
        raise Refused("a half-done merge met an edit made since", where=edited, hint=hint)
    _restore(repository, before, everything)
    return "undone"


def _restore(repository: GitRepository, before: str, differences: list[_Difference]) -> None:
    kept = "\0".join(d.path for d in differences if d.old is not None)
    fresh = [d.path for d in differences if d.old is None]
    if kept:
        args = ("--literal-pathspecs", "restore", f"--source={before}", "--staged", "--worktree")
        _must(
            repository, "restore files", *args, "--pathspec-from-file=-", "--pathspec-file-nul", data=os.fsencode(kept)
        )
    if fresh:
        _must(
            repository,
            "restore the index",
            "update-index",
            "--force-remove",
            "-z",
            "--stdin",
            data=os.fsencode("\0".join(fresh)),
        )
    for path in fresh:
        file = repository.root / path
        file.unlink(missing_ok=True)
        for folder in file.parents:
            if folder == repository.root or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


def _differences(repository: GitRepository, before: str, merged: str) -> Iterator[_Difference]:
    args = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", before, merged)
    fields = repository.git.must("compare two trees", *args).lines()
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        _, _, old, new, _ = meta.split(" ")
        yield _Difference(path, None if set(old) == {"0"} else old, None if set(new) == {"0"} else new)


def _state(repository: GitRepository, difference: _Difference) -> str:
    """Return ``old``, ``new`` (in full or in part: a killed git leaves the beginning of a file) or ``edited``."""
    file = repository.root / difference.path
    if not os.path.lexists(file):
        return "old" if difference.old is None else "new"
    if not file.is_file() or file.is_symlink():
        return "new" if file.is_symlink() else "edited"
    found = repository.git.ask("hash-object", f"--path={difference.path}", "--", str(file)).text.strip()
    if found == difference.old:
        return "old"
    if found == difference.new:
        return "new"
    whole = repository.git.ask("cat-file", "blob", difference.new).out if difference.new else b""
    return "new" if whole.startswith(file.read_bytes()) else "edited"


def _parents(repository: GitRepository, commit: str) -> tuple[str, ...]:
    return tuple(repository.git.must("read a commit", "rev-list", "--parents", "-n", "1", commit).text.split()[1:])


def _must(repository: GitRepository, doing: str, *args: str, data: bytes | None = None) -> None:
    answer = repository.git.change(*args, data=data)
    if answer.code != 0:
        raise GitFailed(doing, answer, str(repository.root))


def _locks(location: Location) -> Iterator[Path]:
    for folder in {location.git_dir, location.common_dir}:
        yield from sorted(folder.glob("*.lock"))
        yield from sorted((folder / "refs").rglob("*.lock"))


def _busy(location: Location, newest: float) -> bool:
    """Tell whether a git process works in the repository, or, where that cannot be seen, may still."""
    if not (_PROC / "self" / "comm").exists():
        return time.time() - newest < _OLD_SECONDS
    return any(_works_in(process, location) for process in _PROC.iterdir() if process.name.isdigit())


def _works_in(process: Path, location: Location) -> bool:
    try:
        if not (process / "comm").read_text().startswith("git"):
            return False
        if (process / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return False
        place = locate((process / "cwd").readlink())
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return True  # another user's git: it may be ours to wait for
    return place is not None and place.common_dir == location.common_dir
