"""The post office does what the plain dict says, through restarts, lost indexes, lapsed leases and jumping clocks."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from model.mailbox_model import AGENTS, MAILBOXES, MAX_ATTEMPTS, RANKS, Clock, Item, Model
from reliability.disk import read_disk
from reliability.history import history

from bluelabel.interfaces.errors import IllegalTransition, StaleToken
from bluelabel.interfaces.messages import Priority
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemIds
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.dead_letters import purge, retry
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.projection import PostboxProjection

FAST = Path("/dev/shm")
PEOPLE = Directory(AGENTS, {"team": ("CA", "WA")}, {"jobs": ("CA", "WA")}, "CC", "HUMAN")
BUSY = ("send", "urgent", "later", "claim", "claim", "ack", "nack", "switch", "wait")
SECONDS = st.just(5) | st.sampled_from([1, 60])


class Mailbox(RuleBasedStateMachine):
    """Every way in which messages move, in any order, beside the model."""

    messages: Bundle[str] = Bundle("messages")
    claims: Bundle[tuple[str, str]] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="mailbox.", dir=FAST if FAST.is_dir() else None))
        self.clock = Clock()
        self.model = Model(self.clock)
        self.acked: set[tuple[str, str]] = set()
        self.given: set[tuple[str, str]] = set()
        self.open()

    @initialize()
    def open(self) -> None:
        """Open the book, as a new process would."""
        self.offices = [self.opened(), self.opened()]
        self.book, self.postbox = self.offices[0]

    def opened(self) -> tuple[Book, Postbox]:
        """Return a book and its post office, as a process of its own has them."""
        book = Book.open(self.home, (PostboxProjection(),), clock=self.clock)
        return book, Postbox(book, PEOPLE, self.clock, SystemIds(), max_attempts=MAX_ATTEMPTS)

    def close(self) -> None:
        """End all processes."""
        for book, _ in self.offices:
            book.close()

    @rule()
    def switch(self) -> None:
        """Let the other process go on."""
        self.offices.reverse()
        self.book, self.postbox = self.offices[0]

    def teardown(self) -> None:
        """Compare the bytes on the disk with all that was said."""
        self.close()
        disk = read_disk(self.home)
        if disk.segments:
            story = history(disk.facts)
            assert disk.faults + story.faults == []
            assert set(story.messages) == set(self.model.senders)
            assert self.acked <= {key for key, course in story.courses.items() if course.state == "acked"} <= self.given
        shutil.rmtree(self.home)

    @rule(
        target=messages,
        sender=st.just("CC") | st.sampled_from(AGENTS),
        to=st.sampled_from([("CA",), ("jobs",)])
        | st.sampled_from([("CA",), ("WA",), ("CA", "WA"), ("jobs",), ("team",), ("ALL",), ("HUMAN", "jobs")]),
        priority=st.sampled_from(list(Priority)),
        delay=st.none() | SECONDS,
        expires=st.none() | SECONDS,
        key=st.none() | st.sampled_from(["k1", "k2"]),
    )
    def send(
        self,
        sender: str,
        to: tuple[str, ...],
        priority: Priority,
        delay: int | None,
        expires: int | None,
        key: str | None,
    ) -> str:
        now = self.postbox.now()
        outgoing = OutgoingMessage(
            sender, to, priority=priority, key=key,
            not_before=now.after(delay) if delay else None, expires_at=now.after(expires) if expires else None,
        )  # fmt: skip
        sent = self.postbox.send(outgoing)
        earlier = self.model.keys.get((sender, key or ""))
        assert sent.duplicate == (earlier is not None)
        if earlier is not None:
            assert sent.id == earlier
            return sent.id
        if key is not None:
            self.model.keys[sender, key] = sent.id
        self.model.sent(sent.id, sender, to, RANKS[priority.value], delay=delay or 0, expires=expires)
        return sent.id

    @rule(target=claims, agent=st.sampled_from([*AGENTS, "HUMAN"]), lease=SECONDS)
    def claim(self, agent: str, lease: int) -> Any:
        held = self.postbox.claim(agent, lease=lease)
        item, dead = self.model.claim(agent, lease, held.token if held else None)
        self.alarm(dead)
        given = (held.message.id, held.recipient) if held else None
        assert given == ((item.id, item.recipient) if item else None)
        if held is None or item is None or held.token is None:
            return multiple()
        assert (held.attempt, held.message.attempt) == (item.attempt, item.attempt)
        self.given.add((item.id, item.recipient))
        return item.id, held.token

    @rule(
        agent=st.just("CA") | st.sampled_from([*AGENTS, "HUMAN"]),
        then=st.sampled_from(["ack", "nack", "nack later", "nothing", "nothing"]),
        times=st.integers(1, 4),
    )
    def work(self, agent: str, then: str, times: int) -> None:
        for _ in range(times):
            claim = self.claim(agent, 5)
            if not isinstance(claim, tuple):
                return
            if then == "ack":
                self.ack(claim)
            elif then != "nothing":
                self.nack(claim, 5 if then == "nack later" else 0)
            if then != "nack":
                self.clock.advance(5)
            self.what_is_listed_is_what_is_counted_is_what_is_there()

    @rule(steps=st.lists(st.sampled_from(BUSY), min_size=4, max_size=12))
    def a_busy_hour(self, steps: list[str]) -> None:
        held: list[tuple[str, str]] = []
        for step in steps:
            if step in ("send", "urgent", "later"):
                priority = Priority.CRITICAL if step == "urgent" else Priority.MEDIUM
                self.send("CC", ("CA",), priority, 5 if step == "later" else None, None, None)
            elif step == "claim":
                claim = self.claim("CA", 60)
                held += [claim] if isinstance(claim, tuple) else []
            elif step in ("ack", "nack") and held:
                claim = held.pop(0)
                self.ack(claim) if step == "ack" else self.nack(claim, 0)
            elif step == "switch":
                self.switch()
            elif step == "wait":
                self.clock.advance(5)

    @rule(claim=claims)
    def ack(self, claim: tuple[str, str]) -> None:
        item = self.model.held(*claim, "claimed", "acked")
        if item is None:
            with pytest.raises(StaleToken):
                self.postbox.ack(*claim)
            return
        assert self.postbox.ack(*claim, result={"by": "test"}).state == "acked"
        item.state = "acked"
        self.acked.add((item.id, item.recipient))

    @rule(claim=claims, delay=st.sampled_from([0, 5, 60]))
    def nack(self, claim: tuple[str, str], delay: int) -> None:
        item = self.model.held(*claim, "claimed")
        if item is None:
            with pytest.raises(StaleToken):
                self.postbox.nack(*claim, delay=delay)
            return
        self.postbox.nack(*claim, delay=delay, reason="no")
        if self.model.nack(item, delay):
            self.alarm([item])

    @rule(claim=claims, lease=SECONDS)
    def renew(self, claim: tuple[str, str], lease: int) -> None:
        item = self.model.held(*claim, "claimed")
        if item is None:
            with pytest.raises(StaleToken):
                self.postbox.renew(*claim, lease=lease)
            return
        self.postbox.renew(*claim, lease=lease)
        self.model.renew(item, lease)

    @rule(message=messages)
    def withdraw(self, message: str) -> None:
        if self.model.withdraw(message):
            self.postbox.withdraw(message, self.model.senders[message])
            return
        with pytest.raises(IllegalTransition):
            self.postbox.withdraw(message, self.model.senders[message])

    @rule(message=messages)
    def retry(self, message: str) -> None:
        if self.model.retry(message):
            retry(self.postbox, message, "HUMAN")
            return
        with pytest.raises(IllegalTransition):
            retry(self.postbox, message, "HUMAN")

    @precondition(lambda self: any(item.state == "dead" for item in self.model.items.values()))
    @rule()
    def retry_what_died_last(self) -> None:
        self.retry([item.id for item in self.model.items.values() if item.state == "dead"][-1])

    @rule()
    def purge(self) -> None:
        dead = [item for item in self.model.items.values() if item.state == "dead"]
        assert purge(self.postbox, "HUMAN") == len(dead)
        for item in dead:
            item.state = "purged"

    @rule(seconds=st.just(5) | st.sampled_from([1, 4, 6, 61]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(hours=st.sampled_from([-25, -1, 1, 24]))
    def somebody_sets_the_wall_clock(self, hours: int) -> None:
        up = self.clock.up
        self.clock.advance(hours * 3600.0)
        self.clock.up = up

    @rule()
    def the_process_starts_anew(self) -> None:
        self.close()
        self.open()

    @rule(seconds=st.sampled_from([1, 100]))
    def the_machine_starts_anew(self, seconds: int) -> None:
        self.close()
        self.clock.advance(seconds)
        self.clock.up = 5.0
        self.clock.starts += 1
        self.open()

    @precondition(lambda self: (self.home / "index.db").exists())
    @rule(size=st.sampled_from([0, 100, None]))
    def the_index_is_lost_or_damaged(self, size: int | None) -> None:
        self.close()
        if size is None:
            (self.home / "index.db").unlink()
        else:
            os.truncate(self.home / "index.db", size)
        self.open()

    @invariant()
    def what_is_listed_is_what_is_counted_is_what_is_there(self) -> None:
        expected = self.model.counts()
        with self.book.reading() as db:
            assert queries.counts(db) == expected
            for box in MAILBOXES:
                assert [d.message.id for d in queries.waiting(db, box, 1000)] == self.model.listed(box)

    def alarm(self, dead: list[Item]) -> None:
        """Take over the messages that told the human about dead letters."""
        with self.book.reading() as db:
            for item in dead:
                if item.recipient == "HUMAN":
                    continue
                like = f"alarm:{item.id}:{item.recipient}:%"
                query = (
                    "SELECT id, key FROM mail_messages WHERE sender = 'HUMAN' AND key LIKE ? ORDER BY seq DESC LIMIT 1"
                )
                told, key = db.execute(query, (like,)).fetchone()
                if ("HUMAN", key) not in self.model.keys:
                    self.model.keys["HUMAN", key] = told
                    self.model.sent(told, "HUMAN", ("HUMAN",), RANKS["HIGH"])


COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=False, database=None)

TestMailbox = Mailbox.TestCase
TestMailbox.settings = settings(COMMON, max_examples=50, stateful_step_count=40)


class MailboxAtNight(Mailbox):
    """The same for longer."""


TestMailboxAtNight = pytest.mark.nightly(pytest.mark.timeout(3600)(MailboxAtNight.TestCase))
MailboxAtNight.TestCase.settings = settings(COMMON, max_examples=1500, stateful_step_count=60)
