"""Boxes that another post office wrote: set aside until it is adopted, then taken over, each message once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from unit.boxes.counter import Counter

from bluelabel.interfaces.events import Draft
from bluelabel.services.postbox.archive import archive
from bluelabel.services.postbox.outgoing import OutgoingMessage


class Clone(Counter):
    """A post office with a home of its own, and ids of its own."""

    def __init__(self, root: Path, home: str) -> None:
        super().__init__(root)
        self.home = home
        self.book.append(lambda _db: [Draft("ledger.opened", "HUMAN", {"home": home})])

    def say(self, to: str, name: str, sender: str = "ARCH", **fields: object) -> str:
        outgoing = OutgoingMessage(sender, tuple(to.split(",")), id=name, content={"body": name}, **fields)  # type: ignore[arg-type]
        return self.box.send(outgoing).id

    def settle(self, agent: str, result: dict[str, object] | None = None) -> str:
        held = self.box.claim(agent)
        assert held is not None
        assert held.token is not None
        return self.box.ack(held.message.id, held.token, result=result).message.id

    def gets(self, other: Clone, agents: Iterable[str] = ("CC", "CA", "WA", "ARCH", "HUMAN")) -> None:
        """Get the boxes of another clone as git brings them when there is nothing to merge."""
        other.refresh()
        for agent in agents:
            for box in ("inbox", "outbox"):
                self.file(agent, box).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(other.file(agent, box), self.file(agent, box))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.book.read()]


@pytest.fixture
def one(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "one", "home-1")


@pytest.fixture
def two(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "two", "home-2")


def test_what_was_set_aside_of_a_clone_is_taken_over_by_adopting_it(one: Clone, two: Clone) -> None:
    one.say("CC", "a", priority="HIGH", task_id="TASK-1", key="k", subject="first")
    two.gets(one)
    report = two.sweep()

    assert (report.sent, two.received("CC")) == ([], [])
    assert "`bluelabel adopt`" in next(iter(two.aside("CC").values()))["reason"]

    report = two.office.adopt("HUMAN")

    assert report.sent == ["a"]
    assert two.received("CC") == one.received("CC")
    assert json.loads(two.text("CC", "inbox"))[0]["home"] == "home-2"


def test_adopting_twice_brings_nothing_twice(one: Clone, two: Clone) -> None:
    one.say("CC,CA", "a")
    two.gets(one)
    two.office.adopt("HUMAN")
    before = two.kinds()
    report = two.office.adopt("HUMAN")

    assert (report.sent, report.settled, report.set_aside) == ([], [], [])
    assert [kind for kind in two.kinds()[len(before) :] if kind.startswith("message.")] == []


def test_an_office_without_strange_boxes_adopts_nothing(one: Clone) -> None:
    one.say("CC", "a")
    one.refresh()

    assert one.office.strangers() == []
    assert not one.office.adopt("HUMAN").says_something
    assert "mail.adopted" not in one.kinds()


def test_a_message_to_several_reaches_each_of_them_once(one: Clone, two: Clone) -> None:
    one.say("ALL", "a", sender="HUMAN")
    one.say("builders,WA", "b")
    one.say("review", "c")
    two.gets(one)
    two.office.adopt("HUMAN")

    assert two.state_of("a") == dict.fromkeys(("CC", "CA", "WA", "ARCH"), "sent")
    assert two.state_of("b") == dict.fromkeys(("CC", "CA", "WA"), "sent")
    assert two.state_of("c") == {"review": "sent"}
    assert two.kinds().count("message.sent") == 3


def test_what_ended_there_ends_here_and_is_not_handed_out(one: Clone, two: Clone) -> None:
    one.say("CC,CA", "a")
    one.settle("CC", {"done": True})
    one.say("WA", "b")
    one.box.withdraw("b", "ARCH")
    two.gets(one)
    two.office.adopt("HUMAN")

    assert two.state_of("a") == {"CA": "sent", "CC": "acked"}
    assert two.state_of("b") == {"WA": "withdrawn"}
    assert [d.result for d in two.box.deliveries("a")] == [None, {"done": True}]
    assert two.box.claim("CC") is None


def test_a_dead_letter_is_a_dead_letter_here_and_alarms_nobody_again(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    held = one.box.claim("CC")
    assert held is not None
    one.box.nack("a", held.token or "", reason="no", final=True)
    two.gets(one)
    two.office.adopt("HUMAN")

    assert two.state_of("a") == {"CC": "dead"}
    assert len(two.received("HUMAN")) == len(one.received("HUMAN")) == 1


def test_a_purged_letter_stays_purged(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    held = one.box.claim("CC")
    assert held is not None
    one.box.nack("a", held.token or "", final=True)
    one.book.append(lambda _db: [Draft("message.purged", "HUMAN", {"id": "a", "recipient": "CC"})])
    two.gets(one)
    two.office.adopt("HUMAN")

    assert two.state_of("a") == {"CC": "purged"}


def test_later_boxes_of_an_adopted_clone_come_in_by_themselves(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    two.gets(one)
    two.office.adopt("HUMAN")
    one.settle("CC")
    one.say("CC", "b")
    two.say("CC", "mine")
    two.gets(one)
    report = two.sweep()

    assert (report.sent, report.set_aside) == (["b"], [])
    assert two.state_of("a") == {"CC": "acked"}
    assert two.waiting("CC") == ["mine", "b"]


def test_two_clones_that_exchange_boxes_agree_on_every_message(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    two.gets(one)
    two.office.adopt("HUMAN")
    two.say("CA,WA", "b", sender="CC")
    two.settle("CC")
    two.settle("CA")
    one.gets(two)
    one.sweep()
    one.office.adopt("HUMAN")
    for _ in range(2):
        two.gets(one)
        two.sweep()
        one.gets(two)
        one.sweep()

    for clone in (one, two):
        assert clone.state_of("a") == {"CC": "acked"}
        assert clone.state_of("b") == {"CA": "acked", "WA": "sent"}
        assert clone.kinds().count("message.sent") == 2


def test_an_old_box_does_not_bring_back_what_was_archived(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    two.gets(one)
    two.office.adopt("HUMAN")
    two.settle("CC")
    assert archive(two.box, two.folder, -1.0, "HUMAN") == ["a"]
    two.gets(one)
    report = two.sweep()

    assert not report.says_something
    assert two.received("CC") == []


def test_one_key_of_one_sender_is_one_message_in_both_clones(one: Clone, two: Clone) -> None:
    one.say("CC", "a", key="k")
    two.say("CC", "b", key="k")
    two.gets(one)
    two.office.adopt("HUMAN")

    assert two.waiting("CC") == ["b"]


def test_a_line_that_does_not_fit_here_is_set_aside_with_the_reason(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    one.refresh()
    one.edit("CC", "inbox", lambda text: text.replace('"sender":"ARCH"', '"sender":"NOBODY"'))
    two.file("CC", "inbox").parent.mkdir()
    shutil.copy(one.file("CC", "inbox"), two.file("CC", "inbox"))
    report = two.office.adopt("HUMAN")

    assert report.sent == []
    assert ["NOBODY" in why["reason"] for why in two.aside("CC").values()] == [True]


def test_a_torn_box_of_a_clone_settles_nothing(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    two.gets(one)
    two.office.adopt("HUMAN")
    one.settle("CC")
    two.gets(one, ["CC"])
    two.edit("CC", "inbox", lambda text: text.replace("null]", '{"torn'))
    two.clock.advance(60)
    two.sweep()

    assert two.state_of("a") == {"CC": "sent"}


def test_only_boxes_are_looked_at(one: Clone, two: Clone) -> None:
    one.say("CC", "a")
    one.refresh()
    (two.folder / "CC" / "quarantine").mkdir(parents=True)
    for name, text in {
        "x-inbox.json.why": "{}",
        "x-note.json": "[]",
        "x-inbox.json": "[]",
        "y-outbox.json": "",
    }.items():
        (two.folder / "CC" / "quarantine" / name).write_text(text, encoding="utf-8")
    (two.folder / "CC" / "inbox.json").mkdir()

    assert two.office.strangers() == []
