"""The few ways in which this room touches the disk: whole writes, synced directories, safe opening."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bluelabel.interfaces.errors import MachineError

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def make_directory(path: Path) -> None:
    """Make `path` and what is missing above it, private to the user, and make the new names durable."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def may_write(path: Path) -> bool:
    """Tell whether a file, or the names in a folder, may be changed by the user that this process acts for."""
    how = os.W_OK | (os.X_OK if path.is_dir() else os.R_OK)
    return os.access(path, how, effective_ids=os.access in os.supports_effective_ids)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, where the system can."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_append(path: str, *, create: bool) -> int:
    """Open a file for reading and appending; never through a symbolic link."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | _NOFOLLOW | (os.O_CREAT if create else 0)
    return os.open(path, flags, 0o600)


def write_once(fd: int, data: bytes, where: str) -> None:
    """Write `data` with one call.

    Raises:
        OSError: the system refused.
        MachineError: the system took only a part of it.
    """
    written = os.write(fd, data)
    if written != len(data):
        text = f"the disk is full, or a limit is reached: only {written:,} of {len(data):,} bytes could be written"
        raise MachineError(text, where=where, hint="free some space and run the same command again")


def replace_file(path: Path, data: bytes, *, suffix: str = ".new") -> None:
    """Put `data` in the place of `path`: whole or not at all, durable on return, its mode kept.

    Raises:
        OSError: the old file is still there, untouched.
    """
    temp = path.with_name(path.name + suffix)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | _NOFOLLOW, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if mode != 0o600:
                os.chmod(temp, mode)  # noqa: PTH101
            os.fsync(fd)
        finally:
            os.close(fd)
        temp.replace(path)
    except OSError:
        temp.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
