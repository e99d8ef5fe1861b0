"""Every question to the post office's tables finds its rows by an index: none costs more with each message."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any

import pytest
from unit.postbox.office import Office

from bluelabel.services.postbox import queries
from bluelabel.services.postbox.dead_letters import purge, retry
from bluelabel.services.postbox.escalation import escalate_overdue
from bluelabel.services.postbox.outgoing import OutgoingMessage

SMALL = "SCAN mail_counts"
"""A row for each mailbox and state, however many messages there are."""


class Watched(sqlite3.Connection):
    """Asks for the plan of each statement before it is run."""

    plans: dict[str, list[str]]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.explain(sql, parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        rows = list(parameters)
        self.explain(sql, rows[0])
        return super().executemany(sql, rows)

    def explain(self, sql: str, parameters: Any) -> None:
        if "mail_" in sql and sql.startswith(("SELECT", "UPDATE", "DELETE")):
            self.plans[sql] = [row[3] for row in super().execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return the plans of what everyday use asks, by statement."""
    found: dict[str, list[str]] = {}
    watched = type("WatchedHere", (Watched,), {"plans": found})
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=watched))
    use(Office(max_attempts=2))
    return found


def use(office: Office) -> None:
    first = office.send(key="k")
    office.send(key="k")
    office.box.send(OutgoingMessage("CA", ("CC", "review"), id="own", not_before=office.box.now().after(60)))
    for _ in range(2):
        held = office.box.claim("CC", lease=5)
        assert held is not None
        office.box.renew(first, held.token or "")
        office.clock.advance(10_000)
    held = office.box.claim("CA")
    assert held is not None
    office.box.nack("own", held.token or "", final=True)
    office.box.mark_seen("CC", [first])
    retry(office.box, "own", "CA")
    purge(office.box, "HUMAN")
    escalate_overdue(office.box, 60)
    office.box.withdraw("own", "CA")
    with office.book.reading() as db:
        for ask in (queries.waiting, queries.handled, queries.sent_by):
            ask(db, "CC", 10)
        queries.in_thread(db, "own")
        queries.message(db, "own")
        queries.ids_like(db, "ow")
        queries.counts(db)
        queries.counts_of(db, "CC")


def test_no_question_reads_a_whole_table(plans: dict[str, list[str]]) -> None:
    scans = {sql: steps for sql, steps in plans.items() if any("SCAN" in step and step != SMALL for step in steps)}

    assert len(plans) > 20
    assert scans == {}


def test_what_comes_next_is_found_in_order(plans: dict[str, list[str]]) -> None:
    (ready,) = [steps for sql, steps in plans.items() if "d.state = 'sent' AND d.nb = '' ORDER BY d.sort" in sql]

    assert ready[0] == "SEARCH d USING INDEX mail_order (recipient=? AND state=? AND nb=?)"
    assert not any("TEMP B-TREE" in step for step in ready)


def test_a_key_is_found_among_the_keys_alone(plans: dict[str, list[str]]) -> None:
    (key,) = [steps for sql, steps in plans.items() if "key = ?" in sql]

    assert key == ["SEARCH mail_messages USING INDEX mail_keys (sender=? AND key=?)"]
