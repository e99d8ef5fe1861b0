"""A view shows what the post office knows, no more and no less, in lines that merge."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.postbox.office import Office

from bluelabel.interfaces.limits import VIEW_HANDLED, VIEW_WAITING
from bluelabel.interfaces.messages import DeliveryState, Priority
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.boxes import view_format
from bluelabel.services.postbox.boxes.view_format import Box, Header, entries_of, is_own, render, same_content
from bluelabel.services.postbox.boxes.view_query import touched_by, view

actions = st.lists(
    st.tuples(
        st.sampled_from(["send", "claim", "ack", "nack", "withdraw"]),
        st.sampled_from(["CC", "CA", "ALL", "CC,CA"]),
        st.sampled_from(list(Priority)),
    ),
    max_size=12,
)


def shown(office: Office, agent: str, box: Box) -> str:
    with office.book.reading() as db:
        return view(db, agent, box, "home", office.book.head().seq)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_what_is_listed_is_rendered_and_read_back(steps: list[tuple[str, str, Priority]]) -> None:
    office = Office()
    held: dict[str, str] = {}
    for action, to, priority in steps:
        agent = "CA" if to == "CA" else "CC"
        if action == "send":
            office.send(to, priority=priority, content={"body": "ü\n\u2028"})
        elif action == "claim" and (found := office.box.claim(agent)):
            held[found.message.id] = found.token or ""
        elif action == "withdraw":
            with office.book.reading() as db:
                waiting = queries.in_state(db, agent, DeliveryState.SENT, 1)
            for delivery in waiting:
                office.box.withdraw(delivery.message.id, "ARCH")
        elif held:
            message_id, token = held.popitem()
            office.box.ack(message_id, token) if action == "ack" else office.box.nack(message_id, token)

    for agent in ("CC", "CA"):
        text = shown(office, agent, "inbox")
        with office.book.reading() as db:
            listed = [*queries.waiting(db, agent, VIEW_WAITING), *queries.handled(db, agent, VIEW_HANDLED)]
        assert [(name, line["state"]) for name, line in entries_of(text).items()] == [
            (d.message.id, d.state.value) for d in listed
        ]
        assert is_own(text) is not None
        assert text.count("\n") == len(listed) + 3
    sent = entries_of(shown(office, "ARCH", "outbox"))
    with office.book.reading() as db:
        assert set(sent) == {d.message.id for d in queries.sent_by(db, "ARCH", 1000)}


def test_every_line_but_the_last_ends_in_a_comma() -> None:
    office = Office()
    office.send()
    lines = shown(office, "CC", "inbox").splitlines()

    assert (lines[0], lines[-1]) == ("[", "null]")
    assert all(line.endswith(",") for line in lines[1:-1])


@given(st.data())
def test_no_change_of_a_view_goes_unseen(data: st.DataObject) -> None:
    header = Header("CC", "inbox", "home", more={"waiting": 3})
    text = render(header, 7, [{"id": "a", "state": "sent"}, {"id": "b", "content": {"x": [1, "\u2028"]}}])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    changed = text[:start] + data.draw(st.text('ab12"{}[],\n -', max_size=5)) + text[end:]

    assert is_own(text) == Header("CC", "inbox", "home", is_own(text).rev, 2, {"waiting": 3})  # type: ignore[union-attr]
    assert (is_own(changed) is None) == (changed != text)


def test_no_other_text_is_taken_for_a_view() -> None:
    for text in ("", "[]", "[\n1,\nnull]\n", "[\n{,\nnull]\n", '[\n{"rev":5},\nnull]\n', "[\n[],\nnull]\n"):
        assert is_own(text) is None


def test_a_view_is_bounded_and_says_how_many_more_there_are() -> None:
    office = Office()
    for number in range(VIEW_WAITING + 30):
        office.send(priority=Priority.CRITICAL if number >= VIEW_WAITING else Priority.LOW)
    for _ in range(VIEW_HANDLED + 5):
        held = office.box.claim("CC")
        assert held is not None
        office.box.ack(held.message.id, held.token or "")
    for _ in range(75):
        office.send(priority=Priority.HIGH)
    text = shown(office, "CC", "inbox")
    header = Header.of(json.loads(text)[0])
    states = [line["state"] for line in entries_of(text).values()]

    assert header.more == {"waiting": 30 + 75 - VIEW_HANDLED - 5, "handled": 5}
    assert states.count("sent") == VIEW_WAITING
    assert states.count("acked") == VIEW_HANDLED
    assert [line["priority"] for line in list(entries_of(text).values())[:75]] == ["HIGH"] * 75


def test_an_outbox_shows_the_last_messages_only() -> None:
    office = Office()
    ids = [office.send() for _ in range(VIEW_WAITING + VIEW_HANDLED + 3)]
    text = shown(office, "ARCH", "outbox")

    assert list(entries_of(text)) == ids[3:][:VIEW_WAITING]
    assert Header.of(json.loads(text)[0]).more == {"waiting": VIEW_HANDLED, "older": 1}


def test_an_outbox_line_tells_the_state_with_each_recipient() -> None:
    office = Office()
    message_id = office.send("CC,CA")
    held = office.box.claim("CC")
    assert held is not None
    office.box.ack(message_id, held.token or "", result={"ok": 1})

    assert entries_of(shown(office, "ARCH", "outbox"))[message_id]["state"] == {"CC": "acked", "CA": "sent"}
    assert entries_of(shown(office, "CC", "inbox"))[message_id]["result"] == {"ok": 1}
    assert "token" not in shown(office, "CC", "inbox")


def test_a_view_does_not_grow_past_what_a_person_can_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_format, "SHOWN_BYTES", 1000)
    entries = [{"id": str(number), "content": {"body": "x" * 300}} for number in range(9)]
    text = render(Header("CC", "inbox", "home"), 1, entries)

    assert len(text) < 1500
    assert Header.of(json.loads(text)[0]).more == {"too_long": 6}
    assert is_own(text) is not None
    assert len(entries_of(render(Header("CC", "inbox", "home"), 1, [{"id": "1", "body": "x" * 5000}]))) == 1


def test_views_of_two_moments_that_say_the_same_are_known_as_such() -> None:
    entries = [{"id": "a"}]
    one, two = (render(Header("CC", "inbox", "home"), seq, entries) for seq in (1, 2))

    assert one != two
    assert same_content(one, two)
    assert not same_content(one, render(Header("CC", "inbox", "other"), 1, entries))
    assert not same_content(one, render(Header("CC", "inbox", "home"), 1, []))
    assert not same_content(one, "")


def test_events_touch_the_boxes_of_sender_and_recipients() -> None:
    office = Office()
    message_id = office.send("CC,CA")
    held = office.box.claim("CC")
    assert held is not None
    office.box.ack(message_id, held.token or "")
    office.box.mark_seen("CA", [message_id])
    with office.book.reading() as db:
        found = {event.kind: touched_by(db, event) for event in office.book.read()}

    assert found["message.sent"] == {"ARCH", "CC", "CA"}
    assert found["message.acked"] == {"ARCH", "CC", "CA"}
    assert found["message.seen"] == set()
    assert found.get("ledger.opened", set()) == set()


def git(folder: Path, *args: str) -> str:
    options = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *options, *args], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_additions_of_two_branches_merge_into_json_and_none_is_lost(tmp_path: Path) -> None:
    office = Office()
    for _ in range(3):
        office.send()
    box = tmp_path / "postbox" / "CC" / "inbox.json"
    box.parent.mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text("postbox/**/*.json merge=union\n", encoding="utf-8")
    wanted = {"by hand 0", "by hand 1"}
    for number, branch in enumerate(("main", "one", "two")):
        if number:
            git(tmp_path, "checkout", "-q", "-b", branch, "main")
            office.send(priority=Priority.CRITICAL)
        text = shown(office, "CC", "inbox")
        if number:
            text = text.replace("null]", f'{{"task_id":"by hand {number - 1}"}},\nnull]')
        box.write_text(text, encoding="utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", branch)
    git(tmp_path, "merge", "-q", "-m", "merge", "one")
    merged = json.loads(box.read_text(encoding="utf-8"))
    items = [item for item in merged if item is not None]

    assert {item["task_id"] for item in items if "task_id" in item} == wanted
    assert {item["id"] for item in items if "id" in item} == {d["id"] for d in items if "state" in d}
    assert len({item["id"] for item in items if "id" in item}) == 5
    assert len([item for item in items if "rev" in item]) == 2
