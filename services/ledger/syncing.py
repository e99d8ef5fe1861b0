"""Group commit: whoever syncs, syncs for all who have written before."""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bluelabel.services.ledger.lock import fcntl, try_lock

_WIDTH = 120
_PATIENCE = 2.0


class SyncRecord:
    """How much of which segment is known to be durable, shared by all processes of one machine.

    The record is a hint that saves syncs, never a promise: it is bound to the present start of the machine and to
    the very file, and a missing or odd one only means that the caller syncs for itself. It is mapped, because a
    write would put one more block into every commit of the file system's journal.

    Args:
        path: the file; made when missing.
        boot: returns the id of this start of the machine.
    """

    def __init__(self, path: Path, boot: Callable[[], str]) -> None:
        self._path = path
        self._boot = boot
        self._fd: int | None = None
        self._map: mmap.mmap | None = None
        self._thread = threading.Lock()
        self._name = ""
        self._known = 0

    def share(self, fd: int, segment: int, offset: int, sync: Callable[[], int]) -> None:
        """Return once the file behind `fd` is durable up to `offset`.

        Args:
            fd: the segment, open.
            segment: its number.
            offset: in bytes.
            sync: makes the segment durable and returns how many of its bytes are.

        Raises:
            OSError: the sync failed.
        """
        with self._thread:
            name = f"{self._boot()} {segment} {os.fstat(fd).st_ino}"
            if self._name == name and self._known >= offset:
                return
            record = self._locked()
            try:
                self._name, self._known = name, self._read(record, name)
                if self._known >= offset:
                    return
                self._known = sync()
                if record is not None:
                    record[:] = f"{name} {self._known} ".ljust(_WIDTH - 1).encode() + b"\n"
            finally:
                if record is not None and self._fd is not None:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _locked(self) -> mmap.mmap | None:
        """Return the record with its lock held; None when it cannot be had and the caller must sync for itself."""
        if fcntl is None:  # pragma: no cover
            return None
        try:
            if self._fd is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
                self._fd = os.open(self._path, flags, 0o600)
                if os.fstat(self._fd).st_size < _WIDTH:
                    os.pwrite(self._fd, b" " * _WIDTH, 0)
                self._map = mmap.mmap(self._fd, _WIDTH)
            deadline = time.monotonic() + _PATIENCE
            while not try_lock(self._fd):
                if time.monotonic() > deadline:  # its holder may be stopped
                    return None
                time.sleep(0.0002)
        except (OSError, ValueError):
            self.close()
            return None
        return self._map

    def _read(self, record: mmap.mmap | None, name: str) -> int:
        if record is None:
            return 0
        text = record[:].decode("ascii", "replace")
        known = text.removeprefix(name).strip()
        return int(known) if text.startswith(name + " ") and known.isdigit() else 0
