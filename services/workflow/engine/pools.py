"""Concurrency pools that all runs of a repository share: a slot is a lock of the operating system."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bluelabel.services.files.disk import make_directory
from bluelabel.services.files.lock import try_lock
from bluelabel.services.workflow.engine.scheduler import Pools


class SharedPools(Pools):
    """Pools whose slots are counted over every run that uses the same folder.

    A slot is free again when its step ends, and the kernel frees it when its runner dies, however it dies.

    Args:
        folder: where the lock files are; made with the first slot.
        sizes: slots of each pool; a pool that is not named here has one.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int]) -> None:
        super().__init__(sizes)
        self._folder = folder
        self._held: dict[str, list[int]] = {}

    def take(self, pool: str) -> bool:
        """Take a slot if one is free here and everywhere; tell whether it was."""
        if not super().take(pool):
            return False
        fd = self._lock_one(pool)
        if fd is None:
            super().give(pool)
            return False
        self._held.setdefault(pool, []).append(fd)
        return True

    def give(self, pool: str) -> None:
        """Give a slot back."""
        os.close(self._held[pool].pop())
        super().give(pool)

    def close(self) -> None:
        """Give back whatever is still held."""
        for fds in self._held.values():
            while fds:
                os.close(fds.pop())

    def _lock_one(self, pool: str) -> int | None:
        make_directory(self._folder)
        for number in range(self.size(pool)):
            path = self._folder / f"{quote(pool, safe='')}.{number}.lock"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            if try_lock(fd):
                return fd
            os.close(fd)
        return None
