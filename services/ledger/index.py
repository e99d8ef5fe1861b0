"""The index: tables computed from the ledger, so that questions cost nothing that grows with history.

It is disposable. It is never synced, remembers how far it has read, and is thrown away and computed anew when it was
made under another start of the machine, by another set of projections, or from another ledger.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from bluelabel.interfaces.errors import Conflict, MachineError
from bluelabel.interfaces.events import Event
from bluelabel.interfaces.ports import Ledger
from bluelabel.services.ledger.codec import GENESIS
from bluelabel.services.ledger.write_batch import Writes

_META = "CREATE TABLE index_meta (made_by TEXT NOT NULL, boot TEXT NOT NULL, seq INTEGER NOT NULL, h TEXT NOT NULL)"
_HINT = "check the disk; the index may be deleted at any time, it is computed anew"
_TOGETHER = 1000
"""Events whose rows may wait for one another."""

_CACHE_KIB = 65536
"""What SQLite may keep of the file in memory: with its usual 2 MiB, making a large index anew takes twice as long."""

_FAMILY = ("", "-wal", "-shm", "-journal")


class Projection(Protocol):
    """Tables of one service, computed from events alone.

    Attributes:
        name: of the service.
        version: raise it when tables or rules change; the index is then computed anew.
        ddl: ``CREATE`` statements of tables, indexes and triggers; names begin with the service's noun.
    """

    name: str
    version: int
    ddl: str

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event; ignore kinds that mean nothing here."""
        ...


class Index:
    """The SQLite file (or memory) that holds the tables of all projections.

    Args:
        path: the file; None for memory.
        projections: whose tables it holds.
        boot: id of this start of the machine.

    Attributes:
        made_by: names and versions of the projections.
        generation: changes whenever the database is closed or thrown away; what was opened beside it is then stale.
    """

    def __init__(self, path: Path | None, projections: Sequence[Projection], boot: str) -> None:
        self._path = path
        self._projections = tuple(projections)
        self._boot = boot
        self.made_by = ";".join(f"{p.name}/{p.version}" for p in self._projections)
        self._db: sqlite3.Connection | None = None
        self._dropped: weakref.finalize[[], Index] | None = None  # closes the database of an index nobody closed
        self.generation = 0

    @property
    def file(self) -> Path | None:
        """Where the database is; None while it is in memory, so that nobody else can open it."""
        return self._path

    @property
    def db(self) -> sqlite3.Connection:
        """The open database: the file's, made anew where it is damaged, in memory where it cannot be used."""
        tried = False
        while self._db is None:
            try:
                self._db = self._prepare()
                self._dropped = weakref.finalize(self, self._db.close)
                self._dropped.atexit = False
            except sqlite3.DatabaseError as error:
                if self._path is None:
                    raise
                if tried:
                    self._path = None
                self._give_up(error)
                tried = True
        return self._db

    def catch_up(self, ledger: Ledger) -> None:
        """Apply every event of `ledger` that is not in the index yet.

        Raises:
            MachineError: the index can neither be used nor made anew.
        """
        try:
            self._read_on(ledger)
            return
        except (sqlite3.DatabaseError, Conflict) as error:
            self._give_up(error)
        with self.usable():
            self._read_on(ledger)

    @contextmanager
    def usable(self) -> Generator[None]:
        """Tell what SQLite cannot do as an error of the machine.

        Raises:
            MachineError: a statement in the block met a disk that is full, broken or closed to us.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self.unusable(error) from error

    def unusable(self, error: sqlite3.OperationalError) -> MachineError:
        """Return the error to raise for one of SQLite."""
        return MachineError(f"the index cannot be used ({error})", where=str(self._path or "memory"), hint=_HINT)

    def _give_up(self, error: Exception) -> None:
        """Throw a wrong index away; where it only cannot be used, work without a file, from memory."""
        name = getattr(error, "sqlite_errorname", "")
        if isinstance(error, Conflict) or name.startswith(
            ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_CONSTRAINT")
        ):
            try:
                self.discard()
            except OSError:  # it is wrong, and not ours to delete
                self._path = None
        else:
            self.close()
            self._path = None

    def discard(self) -> None:
        """Throw the index away; the next `catch_up` computes it anew."""
        self.close()
        if self._path is not None:
            for ending in _FAMILY:
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database."""
        if self._db is not None and self._dropped is not None:
            self._dropped()
            self._db = None
            self.generation += 1

    def position(self) -> tuple[int, str]:
        """Return sequence number and hash of the last event whose rows are in the tables."""
        row = self.db.execute("SELECT seq, h FROM index_meta").fetchone()
        return int(row[0]), str(row[1])

    def _read_on(self, ledger: Ledger) -> None:
        db = self.db
        head = ledger.head()
        if self.position() == (head.seq, head.h):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            seq, h = self.position()  # another process may have been here in between
            last = self._project(ledger.read(seq, h))
            if last is not None:
                db.execute("UPDATE index_meta SET seq = ?, h = ?", (last.seq, last.h))
            db.execute("COMMIT")
        except BaseException:
            _roll_back(db)
            raise

    def _project(self, events: Iterable[Event]) -> Event | None:
        writes, last = Writes(self.db), None
        for event in events:
            for projection in self._projections:
                projection.apply(writes, event)
            if event.seq % _TOGETHER == 0:
                writes.flush()
            last = event
        writes.flush()
        return last

    def _prepare(self) -> sqlite3.Connection:
        name = ":memory:" if self._path is None else str(self._path)
        db = sqlite3.connect(name, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=OFF")
            db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            self._make_tables(db)
        except BaseException:
            db.close()
            raise
        return db

    def _make_tables(self, db: sqlite3.Connection) -> None:
        if self._fits(db):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            if not self._fits(db):
                names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                for (table,) in db.execute(names).fetchall():
                    with suppress(sqlite3.OperationalError):  # a shadow table of FTS5 goes with its owner
                        db.execute(f'DROP TABLE IF EXISTS "{table}"')
                db.execute(_META)
                db.execute("INSERT INTO index_meta VALUES (?, ?, 0, ?)", (self.made_by, self._boot, GENESIS))
                for projection in self._projections:
                    for statement in _statements(projection.ddl):
                        db.execute(statement)
            db.execute("COMMIT")
        except BaseException:
            _roll_back(db)
            raise

    def _fits(self, db: sqlite3.Connection) -> bool:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'index_meta'").fetchone() is None:
            return False
        row = db.execute("SELECT made_by, boot FROM index_meta").fetchone()
        return row is not None and tuple(row) == (self.made_by, self._boot)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; those of a trigger belong to it."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _roll_back(db: sqlite3.Connection) -> None:
    """End a transaction; after a full disk SQLite has done so itself, and that must not hide what had happened."""
    if db.in_transaction:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
