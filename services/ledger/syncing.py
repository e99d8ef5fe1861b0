"""Group commit: whoever syncs, syncs for all who have written before."""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bluelabel.interfaces.errors import BluelabelError, MachineError
from bluelabel.services.files.disk import open_append
from bluelabel.services.files.lock import try_lock, unlock
from bluelabel.services.ledger.segments import Segments

_WIDTH = 120
_PATIENCE = 2.0
_DAMAGED = "damaged"


class Syncer:
    """Makes segments durable, and shares with all processes of this machine how much of them already is.

    The shared record saves syncs, and never promises more than its writer has seen: it is bound to the present start
    of the machine and to the very file. It is mapped, because a write would put one more block into every commit of
    the file system's journal. After a failed sync the kernel may have dropped the pages that it could not write, and
    call them clean: the next sync would succeed behind a hole. The segment is then marked damaged until it has been
    written anew.

    Args:
        segments: of the ledger.
        path: of the record; made when missing.
        boot: returns the id of this start of the machine.
        heal: writes a segment anew, durably.
    """

    def __init__(self, segments: Segments, path: Path, boot: Callable[[], str], heal: Callable[[int], None]) -> None:
        self._segments = segments
        self._path = path
        self._boot = boot
        self._heal = heal
        self._thread = threading.Lock()
        self._record_fd: int | None = None
        self._map: mmap.mmap | None = None
        self._fd: int | None = None
        self._opened = ""
        self._name = ""
        self._known = 0

    def confirm(self, segment: int, offset: int) -> None:
        """Return once `segment` is durable up to `offset` bytes.

        Raises:
            OSError: the disk did not confirm it.
            MachineError: the file was replaced by an older one.
        """
        with self._thread:
            name = self._name_of(segment)
            if name == self._name and self._known >= offset:
                return
            record = self._locked()
            try:
                self._confirm(record, segment, offset, name)
            finally:
                if record is not None and self._record_fd is not None:
                    unlock(self._record_fd)

    def close(self) -> None:
        """Close the files."""
        if self._map is not None:
            self._map.close()
        for fd in (self._fd, self._record_fd):
            if fd is not None:
                os.close(fd)
        self._map = self._fd = self._record_fd = None
        self._name = self._opened = ""

    def _confirm(self, record: mmap.mmap | None, segment: int, offset: int, name: str) -> None:
        shared = record[:].decode("ascii", "replace").strip() if record is not None else ""
        if shared == f"{name} {_DAMAGED}":
            self._mend(record, segment)
            name = self._name
        elif shared.startswith(name + " ") and (known := shared.removeprefix(name).strip()).isdigit():
            self._name, self._known = name, int(known)
        if self._name == name and self._known >= offset:
            return
        fd = self._open(segment, name)
        size = os.fstat(fd).st_size
        try:
            os.fdatasync(fd)
        except OSError:
            self._write(record, f"{name} {_DAMAGED}")
            with suppress(OSError, BluelabelError):
                self._mend(record, segment)
            raise
        if self._name_of(segment) != name or size < offset:
            raise MachineError("the ledger was replaced while it was written", where=self._segments.path(segment))
        self._note(record, name, size)

    def _mend(self, record: mmap.mmap | None, segment: int) -> None:
        self._heal(segment)
        self._note(record, self._name_of(segment), self._segments.size(segment))

    def _note(self, record: mmap.mmap | None, name: str, size: int) -> None:
        self._name, self._known = name, size
        self._write(record, f"{name} {size}")

    @staticmethod
    def _write(record: mmap.mmap | None, text: str) -> None:
        if record is not None:
            record[:] = text.ljust(_WIDTH - 1).encode() + b"\n"

    def _name_of(self, segment: int) -> str:
        there = os.stat(self._segments.path(segment))  # noqa: PTH116
        return f"{self._boot()} {segment} {there.st_ino}"

    def _open(self, segment: int, name: str) -> int:
        if self._fd is not None and name == self._opened:
            return self._fd
        fd = open_append(self._segments.path(segment), create=False)
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._opened = fd, f"{self._boot()} {segment} {os.fstat(fd).st_ino}"
        return fd

    def _locked(self) -> mmap.mmap | None:
        """Return the record with its lock held; None when it cannot be had and the caller must sync for itself."""
        try:
            if self._record_fd is None or self._map is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
                self._record_fd = os.open(self._path, flags, 0o600)
                if os.fstat(self._record_fd).st_size < _WIDTH:
                    os.pwrite(self._record_fd, b" " * _WIDTH, 0)
                self._map = mmap.mmap(self._record_fd, _WIDTH)
            deadline = time.monotonic() + _PATIENCE
            while not try_lock(self._record_fd):
                if time.monotonic() > deadline:  # its holder may be stopped
                    return None
                time.sleep(0.0002)
        except (OSError, ValueError):
            return None
        return self._map
