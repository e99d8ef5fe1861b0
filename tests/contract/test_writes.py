"""What `Writes` promises: rows that were gathered leave the same tables as rows written one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.ledger.write_batch import Writes

MOVES = (
    "INSERT OR IGNORE INTO things VALUES (?, 0)",
    "UPDATE things SET size = size + 1 WHERE name = ?",
    "UPDATE things SET size = size * 3 WHERE name = ?",
    "DELETE FROM things WHERE name = ?",
)


def tables(moves: Sequence[tuple[int, str]], looks: set[int] | None) -> list[tuple[object, ...]]:
    """Return the rows after `moves`, written one by one, or gathered with a look at the database before some."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER)")
        writes = Writes(db)
        for place, (kind, name) in enumerate(moves):
            if looks is None:
                db.execute(MOVES[kind], (name,))
            else:
                writes.put(name, MOVES[kind], (name,))
                if place in looks:
                    assert writes.db is db
        writes.flush()
        return db.execute("SELECT * FROM things ORDER BY name").fetchall()


@given(
    st.lists(st.tuples(st.integers(0, len(MOVES) - 1), st.sampled_from("abc")), max_size=40),
    st.sets(st.integers(0, 39), max_size=5),
)
def test_gathered_rows_leave_what_rows_one_by_one_leave(moves: list[tuple[int, str]], looks: set[int]) -> None:
    assert tables(moves, looks) == tables(moves, None)


def test_a_look_at_the_database_sees_every_row_that_was_put() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER)")
        writes = Writes(db)
        writes.put("a", MOVES[0], ("a",))

        assert db.execute("SELECT * FROM things").fetchall() == []
        assert writes.db.execute("SELECT * FROM things").fetchall() == [("a", 0)]
