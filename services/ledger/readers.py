"""Connections to the index that only read, so that a long question of one thread holds up no other thread.

SQLite in WAL mode gives each connection a snapshot of its own: the one that writes goes on meanwhile.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

_IDLE: Final = 4
"""How many connections are kept open between questions. More are opened when more threads ask at once."""

_CACHE_KIB: Final = 8192


class Readers:
    """Lends connections to one index file. Threads may share it.

    A connection is lent with its snapshot taken, so the caller asks for one while nobody moves the index.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._path: Path | None = None
        self._generation = -1
        weakref.finalize(self, _close, self._idle).atexit = False  # for a store that nobody closed

    def take(self, path: Path, generation: int, made_by: str, seq: int) -> sqlite3.Connection | None:
        """Return a connection whose snapshot is the index as it is now.

        Args:
            path: the index file.
            generation: changes when the file is thrown away and made anew.
            made_by: which projections the tables belong to.
            seq: of the last event that the caller knows to be in the index.

        Returns:
            The connection; None where the file at `path` is behind or another, or cannot be opened to be read: another
            process may have thrown the file away and be making it anew, while the caller still has the old one open.
        """
        found = self._idle_one(path, generation)
        try:
            if found is None:
                found = _open(path)
            found.execute("BEGIN")
            row = found.execute("SELECT made_by, seq FROM index_meta").fetchone()
            if row is not None and row[0] == made_by and row[1] >= seq:
                return found
        except sqlite3.Error:
            pass
        if found is not None:
            found.close()
        return None

    def give_back(self, reader: sqlite3.Connection, generation: int) -> None:
        """End the snapshot of a connection, and keep it for the next question where few are kept."""
        with suppress(sqlite3.Error):
            if reader.in_transaction:
                reader.execute("ROLLBACK")
            with self._lock:
                if generation == self._generation and len(self._idle) < _IDLE:
                    self._idle.append(reader)
                    return
        reader.close()

    def close(self) -> None:
        """Close every connection that is not lent; one that is lent is closed when it comes back."""
        with self._lock:
            self._generation = -1
            _close(self._idle)

    def _idle_one(self, path: Path, generation: int) -> sqlite3.Connection | None:
        with self._lock:
            if (path, generation) == (self._path, self._generation):
                return self._idle.pop() if self._idle else None
        self.close()
        with self._lock:
            self._path, self._generation = path, generation
        return None


def _close(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()


def _open(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=ro"
    reader = sqlite3.connect(uri, uri=True, timeout=10.0, isolation_level=None, check_same_thread=False)
    try:
        reader.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    except BaseException:
        reader.close()
        raise
    return reader
