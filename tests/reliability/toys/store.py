"""A store of numbered words in one JSON file, good or with one fault; each `put` is acknowledged on stdout.

store.py VARIANT DIRECTORY put FIRST COUNT | recover
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIANTS = {
    "good": "nothing",
    "in-place": "crash fault power",
    "no-fsync": "order power",
    "no-directory-fsync": "order power",
    "early-ack": "crash fault power",
    "ignored-sync-error": "fault",
    "no-lock": "race",
    "unbroken-lock": "crash",
}
"""Each fault, and the harnesses that must catch it."""


class Store:
    """The file, its lock, and the fault."""

    def __init__(self, variant: str, where: Path) -> None:
        self.variant = variant
        self.path = where / "store.json"
        self.where = where

    def read(self) -> list[str]:
        """Return what is kept."""
        found: list[str] = json.loads(self.path.read_bytes()) if self.path.exists() else []
        return found

    def put(self, word: str) -> None:
        """Keep one word, then say so."""
        with self.locked():
            words = [*self.read(), word]
            if self.variant == "early-ack":
                tell(word)
            self.write(json.dumps(words).encode())
        if self.variant != "early-ack":
            tell(word)

    def write(self, text: bytes) -> None:
        """Replace the file: temporary file, sync, rename, sync of the directory."""
        if self.variant == "in-place":
            self._filled(self.path, text)
            return
        temporary = self.where / f".store-{os.getpid()}.tmp"
        try:
            self._filled(temporary, text)
            temporary.replace(self.path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        if self.variant != "no-directory-fsync":
            synced(self.where)

    def _filled(self, path: Path, text: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(text)
            if self.variant == "ignored-sync-error":
                with suppress(OSError):
                    os.fsync(file.fileno())
            elif self.variant != "no-fsync":
                os.fsync(file.fileno())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; the kernel frees it when the holder dies, unless the fault is a lock that is a mere file."""
        path = self.where / "lock"
        if self.variant == "no-lock":
            yield
        elif self.variant == "unbroken-lock":
            while True:
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                    break
                time.sleep(0.01)
            try:
                yield
            finally:
                path.unlink()
        else:
            with path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield


def synced(directory: Path) -> None:
    """Make names durable."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tell(word: str) -> None:
    """Acknowledge, in one write."""
    os.write(1, f"kept {word}\n".encode())


def main(argv: list[str]) -> int:
    """Run one command."""
    variant, where, command, *rest = argv
    store = Store(variant, Path(where))
    try:
        if command == "recover":
            for left in store.where.glob(".store-*.tmp"):
                left.unlink()
            store.put("recovered")
        else:
            first, count = rest
            for number in range(int(count)):
                store.put(f"{first}-{os.getpid()}-{number}")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 6
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
