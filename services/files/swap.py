"""Reads and replaces a card file that people may have open in an editor, so that nobody's bytes are lost.

A new version is written beside the file and swapped with it in one step. What the swap brings back is read again: when
it is not what the change was made from, somebody saved in that moment, and the change is made anew on their text. A
file that somebody is just writing is waited for: the kernel says so through a lease, which it grants only on a file
that nobody has open for writing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import Conflict, NotFound, TooLarge, UnreadableInput, machine_error
from bluelabel.interfaces.limits import CARDS_BYTES

if sys.platform == "linux":
    import fcntl
    import signal

Compute = Callable[[bytes], bytes]
"""Makes the new text from the present one; called again when the present one changed meanwhile."""

_PATIENCE: Final = 5.0
_TRIES: Final = 50
_EXCHANGE: Final = 2
_HERE: Final = -100
_MADE, _SWAPPED = ".bluelabel-new", ".bluelabel-swap"


def read_settled(path: Path, patience: float = _PATIENCE) -> bytes | None:
    """Return the bytes of a file that nobody is writing at this moment, or None when there is no such file.

    Args:
        path: the file.
        patience: how many seconds a writer is waited for.

    Raises:
        Conflict: somebody still has it open for writing.
        UnreadableInput: it is no regular file.
        TooLarge: it is over the limit.
        MachineError: it cannot be read.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise machine_error(error, "reading the card file", str(path)) from error
        try:
            found = _read_unwritten(fd, path)
        finally:
            os.close(fd)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise Conflict("another program is writing the file", where=str(path), hint="let it finish, then try again")
        time.sleep(0.005)


def _read_unwritten(fd: int, path: Path) -> bytes | None:
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode):
        raise UnreadableInput("not a regular file", where=str(path), hint="name the card file")
    if about.st_size > CARDS_BYTES:
        text = f"{about.st_size:,} bytes are over the limit of {CARDS_BYTES:,}"
        raise TooLarge(text, where=str(path), hint="archive cards into another file")
    if _has_writer(fd):
        return None
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            data = file.read()
    except OSError as error:
        raise machine_error(error, "reading the card file", str(path)) from error
    after = os.fstat(fd)
    same = (about.st_mtime_ns, about.st_size) == (after.st_mtime_ns, after.st_size) and not _has_writer(fd)
    return data if same else None


def _has_writer(fd: int) -> bool:
    """Ask the kernel whether anybody has the file open for writing; where it cannot tell, nobody has."""
    if sys.platform != "linux":
        return False
    try:
        # A lease that is broken sends a signal; this one is ignored by default, SIGIO would end the process.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
    with suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def publish(path: Path, compute: Compute) -> bytes:
    """Replace a card file by what `compute` makes of it, whole and durable; what anybody saves meanwhile is kept.

    Args:
        path: the file; it may not exist yet, then `compute` gets no bytes.
        compute: makes the new text from the present one.

    Returns:
        the bytes that now stand there.

    Raises:
        Conflict: others changed it again and again.
        MachineError: nothing was changed.
    """
    path = Path(os.path.realpath(path))
    owed: bytes | None = None  # a person's text that a swap brought back, to be built upon
    ours: bytes | None = None  # what we put in its place meanwhile
    for _ in range(_TRIES):
        current = read_settled(path)
        if current is None and path.name and not path.parent.is_dir():
            raise NotFound("no such directory", where=str(path.parent), hint="make it first")
        base = owed if owed is not None and current == ours else current
        new = compute(base or b"")
        if new == current:
            return new
        back = _swap(path, current, new)
        if back is None:
            continue
        if back == (current or b""):
            return new
        owed, ours = back, new
    raise Conflict("the file changes faster than it can be edited", where=str(path), hint="close what writes it")


def _swap(path: Path, current: bytes | None, new: bytes) -> bytes | None:
    """Put `new` in the place of the file; return what stood there, or None when it has to be tried again."""
    made, swap = (path.with_name(f".{path.name}{ending}-{os.getpid()}") for ending in (_MADE, _SWAPPED))
    swapped = False
    try:
        _write(made, new, path if current is not None else None)
        if current is None:
            return _first(made, path)
        made.replace(swap)
        if not exchange(swap, path):
            swap.unlink()
            return None
        swapped = True
        sync_folder(path.parent)
        back = read_settled(swap)
        swap.unlink(missing_ok=True)
        return back
    except OSError as error:
        with suppress(OSError):
            made.unlink(missing_ok=True)
            if not swapped:  # else it is what stood there before: the next command looks at it
                swap.unlink(missing_ok=True)
        raise machine_error(error, "writing the card file", str(path)) from error


def _first(made: Path, path: Path) -> bytes | None:
    try:
        os.link(made, path)
    except FileExistsError:
        return None
    finally:
        made.unlink()
    sync_folder(path.parent)
    return b""


def _write(made: Path, data: bytes, like: Path | None) -> None:
    made.unlink(missing_ok=True)
    about = like.stat() if like else None
    mode = stat.S_IMODE(about.st_mode) if about else 0o644
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), mode)
    with os.fdopen(fd, "wb") as file:
        if about and hasattr(os, "fchown"):
            with suppress(PermissionError):
                os.fchown(fd, about.st_uid, about.st_gid)
            os.fchmod(fd, mode)
        file.write(data)
        file.flush()
        os.fsync(fd)


def exchange(one: Path, two: Path) -> bool:
    """Swap two files in one step; False when one of them is not there any more.

    Where the system cannot swap, `two` is kept under the name of `one` by a link and then replaced: a save in the
    instant between the two is only found by its absence.
    """
    if sys.platform == "linux":
        code = _renameat2(os.fsencode(one), os.fsencode(two))
        if code == 0:
            return True
        if code == errno.ENOENT:
            return False
        if code not in (errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENOTTY):
            raise OSError(code, os.strerror(code), str(two))
    beside = one.with_name(one.name + "-old")
    beside.unlink(missing_ok=True)
    try:
        os.link(two, beside)
    except FileNotFoundError:
        return False
    try:
        one.replace(two)
    except OSError:  # not ours to replace: the text still stands in its place, and nothing is left beside it
        beside.unlink(missing_ok=True)
        raise
    beside.replace(one)
    return True


def _renameat2(one: bytes, two: bytes) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "renameat2", None)
    if call is None:
        return errno.ENOSYS
    if call(_HERE, one, _HERE, two, _EXCHANGE) == 0:
        return 0
    return ctypes.get_errno()


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def leftovers(path: Path) -> list[bytes]:
    """Take away what a killed change left beside a file; return whole texts that a person may have saved.

    A text that was only being written is ours and goes; one that was swapped out may be somebody's save.
    """
    path = Path(os.path.realpath(path))
    found: list[bytes] = []
    for made in path.parent.glob(f".{path.name}{_MADE}-*"):
        made.unlink(missing_ok=True)
    for swap in path.parent.glob(f".{path.name}{_SWAPPED}-*"):
        data = read_settled(swap)
        if data is not None:
            found.append(data)
    return found


def drop_leftovers(path: Path) -> None:
    """Remove the swapped-out texts, once they are taken care of."""
    path = Path(os.path.realpath(path))
    for swap in path.parent.glob(f".{path.name}{_SWAPPED}-*"):
        swap.unlink(missing_ok=True)
