"""Opening, reading, writing and swapping files in a folder that anybody may write to.

Every path is walked from an open directory, no link is followed, nothing that is not a regular file is opened for
longer than it takes to see that, and no name leads outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import TooLarge, UnreadableInput
from bluelabel.interfaces.limits import MESSAGE_BYTES

DROP: Final = "drop"
"""The folder of a mailbox where anybody may leave a message."""

_FOLDER = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# O_NONBLOCK: opening a pipe nobody writes to must not hold the post office up.
_READ = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_EXCHANGE: Final = 2
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class FileText:
    """The bytes of a file, and the state it was in when they were read."""

    data: bytes
    inode: int
    modified_ns: int
    changed_ns: int = 0
    open_for_writing: bool = False

    @property
    def stamp(self) -> str:
        """Names this state of this file."""
        return f"{self.inode}.{self.modified_ns}"


@contextmanager
def opened(path: Path, *parts: str, make: bool = False) -> Generator[int]:
    """Open `path`, or a folder below it, step by step and through no link; `make` makes what is missing.

    What is above `path` is the user's own affair.

    Raises:
        FileNotFoundError: there is none.
        UnreadableInput: a link or a file is in its place.
    """
    fd = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0))
    try:
        for part in (path.name, *parts):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o777, dir_fd=fd)
            try:
                inner = os.open(part, _FOLDER, dir_fd=fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    where = str(path.joinpath(*parts))
                    hint = "links are not followed here; put a folder in its place"
                    raise UnreadableInput(f"{part} is not a folder", where=where, hint=hint) from None
                raise
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def read_at(folder: int, name: str, where: str, *, max_bytes: int = MESSAGE_BYTES) -> FileText | None:
    """Read a regular file; None when there is none.

    Raises:
        UnreadableInput: it is something else than a regular file, or may not be read.
        TooLarge: over `max_bytes`.
    """
    try:
        fd = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        kind = kind_at(folder, name)
        what = f"{kind} is in its place" if kind else (error.strerror or str(error))
        raise UnreadableInput(what, where=where, hint="put a file of text there") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableInput(
                f"{_kind(status.st_mode)} is in its place", where=where, hint="put a file of text there"
            )
        if status.st_size > max_bytes:
            text = f"{status.st_size:,} bytes are over the limit of {max_bytes:,}"
            raise TooLarge(text, where=where, hint="split it, or send a reference")
        parts: list[bytes] = []
        while part := os.read(fd, 1 << 20):
            parts.append(part)
            if sum(map(len, parts)) > max_bytes:
                raise TooLarge(f"it grew past the limit of {max_bytes:,}", where=where, hint="split it")
        return FileText(b"".join(parts), status.st_ino, status.st_mtime_ns, status.st_ctime_ns, _has_writer(fd))
    finally:
        os.close(fd)


def kind_at(folder: int, name: str) -> str | None:
    """Return what stands under a name if it is no regular file, in words; None for a regular file or nothing."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    return None if stat.S_ISREG(status.st_mode) else _kind(status.st_mode)


def shown(name: str) -> str:
    """Return a file's name as a text that can be written as UTF-8, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")


def names_in(folder: int) -> list[str]:
    """Return the names in an open folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def signature_at(folder: int, name: str) -> tuple[int, ...]:
    """Return what changes whenever a file is written or replaced; empty when there is none."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def is_as_read(folder: int, name: str, found: FileText) -> bool:
    """Tell whether a name still stands for the file that was read, and nobody has written to it since."""
    try:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (found.inode, len(found.data), found.modified_ns)


def write_new(folder: int, name: str, data: bytes, *, sync: bool = False, mode: int = 0o666) -> None:
    """Write a file that must not exist yet.

    Raises:
        FileExistsError: it does.
        OSError: it could not be written; nothing is left behind.
    """
    fd = os.open(name, _NEW, mode, dir_fd=folder)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if sync:
            os.fsync(fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(fd)
    if sync:
        os.fsync(folder)


def exchange(folder: int, one: str, other: str) -> bool:
    """Swap two names at once; False where the system or the file system cannot.

    Raises:
        FileNotFoundError: one of them does not exist.
        OSError: the system refused.
    """
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    if renameat2(folder, os.fsencode(one), folder, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number), one)


def _kind(mode: int) -> str:
    return next((words for test, words in _KINDS if test(mode)), "something else")


def _has_writer(fd: int) -> bool:
    """Tell whether some process has the file open for writing, as far as the system says.

    A read lease is granted only on a file that nobody writes to (fcntl(2)); it is given back at once. Should a writer
    come in between, the kernel sends a signal: one that is ignored by default, for the usual SIGIO would end us.
    """
    try:
        import fcntl
        import signal

        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
    except (ImportError, AttributeError):
        return False
    return False
