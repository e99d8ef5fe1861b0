"""Rows on their way into the index, gathered: SQLite takes many of one kind in half the time of one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable
from typing import Any, Protocol, TypeVar, cast


class Gathered(Protocol):
    """What a projection gathers of many events, to write it as one."""

    def write(self, db: sqlite3.Connection) -> None:
        """Write everything that was taken in."""
        ...


G = TypeVar("G", bound=Gathered)


class Writes:
    """What is to be written to the tables of the index.

    What is about one thing gets there in the order in which it was put; the rest may overtake one another.

    Args:
        db: the index, in a transaction.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._groups: dict[str, tuple[int, list[tuple[Any, ...]]]] = {}
        self._last: dict[Hashable, int] = {}
        self._gathered: dict[type[Gathered], Gathered] = {}

    @property
    def db(self) -> sqlite3.Connection:
        """The index with all in it that was put so far, to ask it or to write to it at once."""
        self.flush()
        return self._db

    def put(self, about: Hashable, sql: str, row: tuple[Any, ...]) -> None:
        """Write a row some time before the next look at `db`.

        Args:
            about: what it changes: a message, a step; a table that only ever grows.
            sql: a statement that touches nothing else.
            row: its values.
        """
        group = self._groups.get(sql)
        if group is not None and self._last.get(about, 0) > group[0]:
            self.flush()
            group = None
        if group is None:
            group = self._groups[sql] = (len(self._groups), [])
        self._last[about] = group[0]
        group[1].append(row)

    def gather(self, kind: type[G]) -> G:
        """Return the one `kind` that gathers until the next look at `db`, and writes after all that was put."""
        found = self._gathered.get(kind)
        if found is None:
            found = self._gathered[kind] = kind()
        return cast("G", found)

    def flush(self) -> None:
        """Write everything that was put, then what was gathered."""
        for sql, (_, rows) in self._groups.items():
            self._db.executemany(sql, rows)
        self._groups.clear()
        self._last.clear()
        for gathered in self._gathered.values():
            gathered.write(self._db)
        self._gathered.clear()
