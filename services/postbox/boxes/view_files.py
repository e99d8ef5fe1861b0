"""Putting a view in its place while somebody may be saving over it, and keeping what it replaced.

Two names are swapped at once, so that whatever stood there, even a save that came in at the same instant, is in our
hands afterwards and not lost. It is kept and read again after a while: an editor may still have it open.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.services.files.confined import FileText, exchange, names_in, opened, read_at, write_new
from bluelabel.services.files.disk import make_directory, may_write

NEW: Final = "new"
"""In the place of the digest in a held file's name: its text has not been read yet."""

_TEMP = ".new"
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK})


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that was swapped out: of which box, the digest of the text that was read from it, and its text now."""

    name: str
    agent: str
    box: str
    digest: str
    found: FileText


def publish(folder: int, name: str, text: str, token: str) -> str | None:
    """Put `text` under `name` in an open folder.

    Args:
        folder: the open folder.
        name: of the view.
        text: of the view.
        token: makes the temporary name unique.

    Returns:
        The name under which whatever stood there is now, in the same folder; None when nothing did.

    Raises:
        OSError: the old file is still in its place.
    """
    temp = f".{name}.{token}{_TEMP}"
    write_new(folder, temp, text.encode())
    try:
        return _swap_in(folder, name, temp)
    except BaseException:
        with suppress(OSError):
            os.unlink(temp, dir_fd=folder)
        raise


def _swap_in(folder: int, name: str, temp: str) -> str | None:
    with suppress(FileNotFoundError):  # nothing stands there
        return temp if exchange(folder, temp, name) else _replace(folder, name, temp)
    try:
        os.link(temp, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:  # somebody made it just now
        return temp if exchange(folder, temp, name) else _replace(folder, name, temp)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
        return None
    os.unlink(temp, dir_fd=folder)
    return None


def _replace(folder: int, name: str, temp: str) -> str:
    """Swap as well as it goes without an exchange: a save between these two calls would be overwritten.

    Raises:
        FileNotFoundError: nothing stands under `name`.
    """
    old = f"{temp}.old"
    _keep(folder, name, folder, old)
    try:
        os.rename(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:  # the box is not ours to replace: what it says still stands there
        os.unlink(old, dir_fd=folder)
        raise
    return old


def _keep(folder: int, name: str, there: int, kept: str) -> None:
    """Give a file a second name in another open folder; where there are no links across, copy its text."""
    try:
        os.link(name, kept, src_dir_fd=folder, dst_dir_fd=there, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        found = read_at(folder, name, name)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from None
        write_new(there, kept, found.data, sync=True, mode=0o600)


def leftovers(folder: int) -> Iterator[tuple[str, str]]:
    """Yield files that a crash left behind in the middle of `publish`: the box's file name, and theirs."""
    for name in names_in(folder):
        if name.startswith(".") and name.endswith((_TEMP, f"{_TEMP}.old")) and ".json." in name:
            yield name[1 : name.index(".json.") + 5], name


class Held:
    """The files that views replaced, kept in the state directory until they have been quiet for a while.

    Args:
        state: the state directory of one worktree.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "held"

    def check(self) -> None:
        """See to it that a file can be taken, before one is swapped out: it would be left beside the box.

        Raises:
            OSError: this folder is not ours to write.
        """
        make_directory(self._path)
        if not may_write(self._path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self._path))

    def take(self, folder: int, name: str, agent: str, box: str, token: str) -> str:
        """Move a swapped-out file from an open mailbox here; return its new name.

        It is linked and unlinked, not renamed: a file renamed out of a watched tree holds up the watcher's next event
        for half a second. On another file system only its text can be kept.
        """
        make_directory(self._path)
        kept = f"{agent}.{box}.{NEW}.{token}"
        with opened(self._path) as held:
            _keep(folder, name, held, kept)
            os.unlink(name, dir_fd=folder)
        return kept

    def read(self, name: str) -> HeldFile | None:
        """Return a held file, or None when it is gone or no text."""
        parts = name.split(".")
        if len(parts) != 4:
            return None
        try:
            with opened(self._path) as held:
                found = read_at(held, name, name)
        except (UnreadableInput, OSError):
            return None
        return HeldFile(name, parts[0], parts[1], parts[2], found) if found is not None else None

    def names(self) -> list[str]:
        """Return the names of all held files."""
        try:
            return sorted(path.name for path in self._path.iterdir())
        except FileNotFoundError:
            return []

    def was_read(self, name: str, digest: str) -> str:
        """Remember in the name that a text with this digest has been read; return the new name."""
        parts = name.split(".")
        new = ".".join([*parts[:2], digest, *parts[3:]])
        if new != name:
            with opened(self._path) as held:
                os.rename(name, new, src_dir_fd=held, dst_dir_fd=held)
        return new

    def forget(self, name: str) -> None:
        """Remove a held file."""
        with suppress(FileNotFoundError):
            (self._path / name).unlink()


class Bases:
    """The views that were written in one worktree, kept as bases for reading edits of them.

    Args:
        state: the state directory of the worktree.
        keep: how many of each box.
    """

    def __init__(self, state: Path, keep: int = 32) -> None:
        self._path = state / "views"
        self._keep = keep

    def add(self, agent: str, box: str, rev: str, text: str) -> None:
        """Keep a view under its revision, and forget the oldest ones of the same box."""
        make_directory(self._path)
        with opened(self._path) as folder, suppress(FileExistsError):
            write_new(folder, f"{agent}.{box}.{rev}", text.encode(), mode=0o600)
        known = [path for path in self._path.iterdir() if path.name.startswith(f"{agent}.{box}.")]
        for path in sorted(known, key=_seq)[: -self._keep]:
            path.unlink(missing_ok=True)

    def get(self, agent: str, box: str, rev: str) -> str | None:
        """Return the view with this revision, or None when it is not known any more."""
        if not rev.replace("-", "").isalnum():
            return None
        try:
            with opened(self._path) as folder:
                found = read_at(folder, f"{agent}.{box}.{rev}", rev)
        except (FileNotFoundError, UnreadableInput):
            return None
        return found.data.decode() if found is not None else None


class Originals:
    """Texts of other shapes as they were before a view took their place: of these no view keeps the form.

    Args:
        state: the state directory of one worktree.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "originals"

    def keep(self, agent: str, box: str, data: bytes) -> None:
        """Keep a text; the same one is kept once."""
        make_directory(self._path)
        with opened(self._path) as folder, suppress(FileExistsError):
            write_new(folder, f"{agent}.{box}.{hashlib.sha256(data).hexdigest()[:16]}.json", data, mode=0o600)


def _seq(path: Path) -> tuple[int, str]:
    number = path.name.rsplit(".", 1)[-1].split("-", 1)[0]
    return (int(number) if number.isdecimal() else 0, path.name)
