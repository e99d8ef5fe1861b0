"""Whatever somebody does to a box file, the post office follows what can be followed and loses nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.boxes.counter import Counter

from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.records.reading import BoxMessage, BoxTask
from bluelabel.services.files import confined
from bluelabel.services.postbox.boxes import sync, view_files
from bluelabel.services.postbox.boxes.reader import read_box
from bluelabel.services.postbox.boxes.sync import BoxOffice
from bluelabel.services.postbox.boxes.view_format import is_own

DATA = Path(__file__).parents[2] / "data" / "boxes"


@pytest.fixture
def post(tmp_path: Path) -> Counter:
    counter = Counter(tmp_path)
    counter.send("CC", content={"body": "first"}, task_id="TASK-1")
    counter.refresh()
    return counter


def ids(post: Counter, agent: str, box: str) -> list[str]:
    return [line["id"] for line in post.lines(agent, box)]


# --- additions


def test_a_report_without_recipient_goes_to_the_coordinator(post: Counter) -> None:
    post.append("CC", "outbox", {"task_id": "TASK-7", "status": "completed", "summary": "All glue dried"})
    report = post.sweep()
    (message,) = post.received("ARCH")

    assert report.sent == [message["id"]] == ids(post, "CC", "outbox") == ids(post, "ARCH", "inbox")
    assert (message["sender"], message["recipients"], message["type"]) == ("CC", ["ARCH"], "task_result")
    assert (message["task_id"], message["subject"]) == ("TASK-7", "All glue dried")
    assert message["content"] == {"task_id": "TASK-7", "status": "completed", "summary": "All glue dried"}


def test_a_view_that_nobody_edited_asks_for_nothing(post: Counter) -> None:
    before = {path: path.read_bytes() for path in post.folder.rglob("*.json")}
    head = post.book.head().seq
    post.start_again()

    assert not post.sweep().says_something
    assert not post.refresh().says_something
    assert post.book.head().seq == head
    assert {path: path.read_bytes() for path in post.folder.rglob("*.json")} == before


def test_an_earlier_view_put_back_is_no_edit(post: Counter) -> None:
    earlier = post.text("CC", "inbox")
    held = post.box.claim("CC")
    assert held is not None
    post.box.ack(held.message.id, held.token or "")
    post.refresh("CC")
    post.file("CC", "inbox").write_text(earlier, encoding="utf-8")
    post.sweep()
    post.refresh("CC")

    assert [line["state"] for line in post.lines("CC", "inbox")] == ["acked"]
    assert [event.kind for event in post.book.read()].count("message.sent") == 1


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.json")))
@pytest.mark.parametrize("box", ["inbox", "outbox"])
def test_every_shape_of_box_is_taken_in(post: Counter, name: str, box: str) -> None:
    shutil.copy(DATA / name, post.file("WA", box))
    reading = read_box((DATA / name).read_bytes(), name)
    report = post.sweep()
    texts = [json.dumps(found, sort_keys=True) for agent in post.directory.mailboxes for found in post.received(agent)]

    assert len(report.sent) == len(reading.messages) + len(reading.tasks) + len(reading.history)
    assert report.problems == []
    records: list[BoxMessage | BoxTask] = [*reading.messages, *reading.tasks, *reading.history]
    for record in records:
        told = record.task_id or record.raw.get("session_id") or record.raw.get("plan_id") or record.raw.get("id")
        assert told is None or any(json.dumps(told) in text for text in texts)
    assert is_own(post.text("WA", box)) is not None
    assert bool(report.set_aside) == bool({p.code for p in reading.problems} - {"duplicate-id"})
    again = post.sweep()
    assert not again.says_something


def test_what_has_none_of_the_shapes_is_a_message_all_the_same(post: Counter) -> None:
    post.file("CC", "outbox").write_text('{"glue": "dry", "agent_id": "CC"}', encoding="utf-8")
    post.sweep()
    (message,) = post.received("ARCH")

    assert message["content"] == {"glue": "dry"}
    assert next((post.state / "originals").iterdir()).read_text(encoding="utf-8").startswith('{"glue"')


def test_an_entry_keeps_its_own_id_and_a_taken_one_is_replaced(post: Counter) -> None:
    entry = {"id": "job-1", "type": "info", "sender": "CC", "recipient": "CA", "content": {"n": 1}}
    post.append("CC", "outbox", entry, entry | {"content": {"n": 2}}, entry)
    post.sweep()
    post.append("CC", "outbox", entry, entry | {"content": {"n": 3}})
    post.sweep()
    found = post.received("CA")

    assert [message["content"]["n"] for message in found] == [1, 2, 3]
    assert found[0]["id"] == "job-1"
    assert [message.get("said_id") for message in found] == [None, "job-1", "job-1"]


def test_a_copied_line_is_a_new_message(post: Counter) -> None:
    (line,) = post.lines("CC", "inbox")
    post.append("CC", "inbox", line | {"content": {"body": "second"}})
    post.sweep()

    assert [message["content"]["body"] for message in post.received("CC")] == ["first", "second"]


def test_equal_entries_in_one_text_are_several_messages(post: Counter) -> None:
    post.append("CC", "outbox", {"note": "ping", "type": "info"}, {"note": "ping", "type": "info"})

    assert len(post.sweep().sent) == 2


def test_a_crash_after_the_import_doubles_nothing(post: Counter) -> None:
    post.append("CC", "outbox", {"note": "ping", "type": "info"})
    edited = post.file("CC", "outbox")
    os.link(edited, edited.with_name("kept"))
    assert len(post.sweep().sent) == 1

    edited.unlink()
    edited.with_name("kept").rename(edited)
    post.start_again()

    assert post.sweep().sent == []
    assert len(post.received("ARCH")) == 1


def test_a_text_without_header_is_known_again_by_the_file_it_stood_in(post: Counter) -> None:
    path = post.file("CC", "outbox")
    path.write_text('[{"note": "ping", "type": "info"}]', encoding="utf-8")
    os.link(path, path.with_name("kept"))
    post.sweep()
    path.unlink()
    path.with_name("kept").rename(path)
    assert post.sweep().sent == []

    path.write_text('[{"note": "ping", "type": "info"}]', encoding="utf-8")
    assert len(post.sweep().sent) == 1


def test_an_entry_with_a_moment_of_its_own_is_the_same_wherever_it_is_listed(post: Counter) -> None:
    report = {"task_id": "TASK-1", "status": "done", "timestamp": "2031-01-01T00:00:00Z"}
    for entries in ([report], [report, {"task_id": "TASK-2", "status": "done", "timestamp": "2031-01-02T00:00:00Z"}]):
        post.file("CC", "outbox").write_text(json.dumps(entries), encoding="utf-8")
        post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["TASK-1", "TASK-2"]


def test_who_sends_and_who_receives_is_decided_by_the_box(post: Counter) -> None:
    post.append("CC", "outbox", {"type": "info", "from": "CA", "to": "ca, wa", "content": {"n": 1}})
    post.append("WA", "inbox", {"type": "info", "from": "nobody", "to": "CC", "content": {"n": 2}})
    post.append("ARCH", "outbox", {"task_id": "T-1", "status": "done"})
    post.sweep()
    first, second = post.received("WA")

    assert (first["sender"], first["recipients"], first["said_sender"]) == ("CC", ["CA", "WA"], "CA")
    assert (second["sender"], second["recipients"]) == ("HUMAN", ["WA"])
    assert (second["said_sender"], second["said_recipients"]) == ("nobody", ["CC"])
    assert [message["sender"] for message in post.received("HUMAN")] == ["ARCH"]


def test_an_unknown_recipient_is_set_aside_with_the_nearest_names_and_the_next_one_flows(post: Counter) -> None:
    post.append(
        "CC", "outbox", {"type": "info", "to": "ARHC", "content": {"n": 1}}, {"task_id": "T-2", "status": "done"}
    )
    report = post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["T-2"]
    ((name, why),) = post.aside("CC").items()
    assert "ARHC" in why["reason"]
    assert "ARCH" in why["reason"]
    assert report.set_aside == [f"CC/quarantine/{name}"]
    assert json.loads((post.folder / report.set_aside[0]).read_text(encoding="utf-8"))["to"] == "ARHC"


# --- changes


def test_a_changed_text_is_amended_while_the_message_waits(post: Counter) -> None:
    post.edit("CC", "inbox", lambda text: text.replace("first", "better").replace("TASK-1", "TASK-2"))
    report = post.sweep()
    (message,) = post.received("CC")

    assert report.amended == [message["id"]]
    assert (message["content"], message["task_id"]) == ({"body": "better"}, "TASK-2")
    assert "better" in post.text("ARCH", "outbox")


def test_a_changed_text_loses_the_signature_of_the_text_before(post: Counter) -> None:
    post.append("CC", "outbox", {"type": "info", "to": "ARCH", "content": {"n": 1}, "signature": "ed25519:x"})
    post.sweep()
    before = post.received("ARCH")[-1]
    post.edit("ARCH", "inbox", lambda text: text.replace('"n":1', '"n":2'))
    post.sweep()
    after = post.received("ARCH")[-1]

    assert before["signature"] == "ed25519:x"
    assert after["content"] == {"n": 2}
    assert "signature" not in after


def test_the_same_change_read_twice_is_made_once(post: Counter) -> None:
    edited = post.text("CC", "inbox").replace("first", "better")
    for _ in range(2):
        post.file("CC", "inbox").write_text(edited, encoding="utf-8")
        post.sweep()

    assert [event.kind for event in post.book.read()].count("message.amended") == 1


def test_a_key_of_its_own_makes_an_entry_one_message(post: Counter) -> None:
    post.append("CC", "outbox", *({"type": "info", "key": "k", "content": {"n": n}} for n in range(3)))

    assert len(post.sweep().sent) == 1


def test_only_the_edited_field_is_amended(post: Counter) -> None:
    stale = post.text("CC", "inbox").replace("TASK-1", "TASK-2")
    post.edit("CC", "inbox", lambda text: text.replace("first", "better"))
    post.sweep()
    post.file("CC", "inbox").write_text(stale, encoding="utf-8")
    post.sweep()

    assert [(m["content"], m["task_id"]) for m in post.received("CC")] == [({"body": "better"}, "TASK-2")]


def test_a_field_taken_away_is_emptied(post: Counter) -> None:
    post.edit(
        "CC", "inbox", lambda text: text.replace('"task_id":"TASK-1",', "").replace('"content"', '"more":1,"content"')
    )
    post.sweep()
    (message,) = post.received("CC")

    assert "task_id" not in message
    assert message["more"] == 1


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"sender":"ARCH"', '"sender":"CA"', "cannot be changed after sending"),
        ('"content":{"body":"first"}', '"content":5', "content"),
        ('"task_id":"TASK-1"', '"task_id":"../x"', "task id"),
        ('"task_id":"TASK-1"', '"priority":"WOW"', "priority"),
    ],
)
def test_a_change_that_cannot_be_is_set_aside_and_the_message_stays(
    post: Counter, old: str, new: str, why: str
) -> None:
    before = post.received("CC")
    post.edit("CC", "inbox", lambda text: text.replace(old, new))
    report = post.sweep()

    assert post.received("CC") == before
    assert [why in found["reason"] for found in post.aside("CC").values()] == [True]
    assert (report.amended, report.problems) == ([], [])


def test_a_change_that_comes_too_late_is_set_aside(post: Counter) -> None:
    post.edit("CC", "inbox", lambda text: text.replace("first", "better"))
    post.box.claim("CC")
    post.sweep()

    assert "better" not in post.text("CC", "inbox")
    assert "does not wait any more" in next(iter(post.aside("CC").values()))["reason"]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("acked", "acked"),
        ("Done ", "acked"),
        ("dead", "dead"),
        ("withdrawn", "withdrawn"),
        ("sent", "sent"),
        ("hm", "sent"),
    ],
)
def test_an_edited_state_settles_the_message(post: Counter, word: str, state: str) -> None:
    (message_id,) = post.waiting("CC")
    post.edit("CC", "inbox", lambda text: text.replace('"state":"sent"', f'"state":"{word}","result":{{"ok":1}}'))
    report = post.sweep()

    assert post.state_of(message_id) == {"CC": state}
    assert [line["state"] for line in post.lines("ARCH", "outbox")] == [state]
    assert len(report.settled) == (state in ("acked", "dead"))
    assert len(post.received("HUMAN")) == (state == "dead")


def test_a_sender_may_withdraw_in_the_outbox_but_not_settle(post: Counter) -> None:
    (message_id,) = post.waiting("CC")
    post.edit("ARCH", "outbox", lambda text: text.replace('"state":"sent"', '"state":"acked"'))
    post.sweep()
    assert post.state_of(message_id) == {"CC": "sent"}

    post.edit("ARCH", "outbox", lambda text: text.replace('"state":"sent"', '"state":"cancelled"'))
    assert post.sweep().withdrawn == [message_id]
    assert post.state_of(message_id) == {"CC": "withdrawn"}


def without_messages(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if '"state"' not in line)


@pytest.mark.parametrize(("agent", "box"), [("CC", "inbox"), ("ARCH", "outbox")])
def test_a_removed_line_withdraws_what_waits(post: Counter, agent: str, box: str) -> None:
    (message_id,) = post.waiting("CC")
    post.edit(agent, box, without_messages)

    assert post.sweep().withdrawn == [message_id]
    assert post.state_of(message_id) == {"CC": "withdrawn"}


def test_a_removed_line_of_a_message_in_work_comes_back(post: Counter) -> None:
    post.box.claim("CC")
    post.edit("CC", "inbox", without_messages)
    post.sweep()

    assert [line["state"] for line in post.lines("CC", "inbox")] == ["claimed"]


# --- texts that may only add


def test_a_text_whose_view_is_not_known_can_only_add(post: Counter) -> None:
    (message_id,) = post.waiting("CC")
    shutil.rmtree(post.state / "views")
    post.edit("CC", "inbox", without_messages)
    post.append("CC", "inbox", {"type": "info", "content": {"n": 1}})
    report = post.sweep()

    assert (report.withdrawn, len(report.sent)) == ([], 1)
    assert message_id in post.waiting("CC")


def test_a_change_made_in_a_view_that_is_not_known_is_set_aside_and_not_forgotten(post: Counter) -> None:
    shutil.rmtree(post.state / "views")
    post.edit("CC", "inbox", lambda text: text.replace("first", "better"))
    report = post.sweep()

    assert [message["content"]["body"] for message in post.received("CC")] == ["first"]
    assert (report.amended, len(report.set_aside)) == ([], 1)
    assert "better" in (post.folder / report.set_aside[0]).read_text(encoding="utf-8")


def test_a_text_with_two_headers_can_only_add(post: Counter) -> None:
    first = post.text("CC", "inbox").split("\n")
    post.send("CC", content={"body": "second"})
    post.refresh("CC")
    second = post.text("CC", "inbox").split("\n")
    union = [first[0], first[1], second[1], '{"task_id":"T-3","status":"new"},', *second[3:]]
    post.file("CC", "inbox").write_text("\n".join(union), encoding="utf-8")
    report = post.sweep()

    assert (report.withdrawn, len(report.sent)) == ([], 1)
    assert len(post.waiting("CC")) == 3


def test_lines_merged_in_from_another_branch_are_known_or_taken_in(post: Counter) -> None:
    (line,) = post.lines("CC", "inbox")
    other = line | {"id": "m9999", "content": {"body": "from a clone"}}
    settled = line | {"id": "m9998", "state": "acked"}
    header = post.text("CC", "inbox").split("\n")[1]
    text = "\n".join(["[", header, header, *(json.dumps(item) + "," for item in (line, other, settled)), "null]", ""])
    post.file("CC", "inbox").write_text(text, encoding="utf-8")
    report = post.sweep()

    assert report.sent == ["m9999"]
    assert [message["content"]["body"] for message in post.received("CC")] == ["first", "from a clone"]


def test_a_clone_does_not_take_over_what_another_post_office_owns(post: Counter, tmp_path: Path) -> None:
    clone = Counter(tmp_path / "clone")
    clone.send("CA", id="other-1")
    clone.office._desk.home = "another"
    shutil.copytree(post.folder, clone.folder, dirs_exist_ok=True)
    clone.append("CC", "inbox", {"type": "info", "content": {"n": 1}})
    report = clone.sweep()

    assert [message["content"] for message in clone.received("CC")] == [{"n": 1}]
    assert report.withdrawn == []
    assert ["another post office" in why["reason"] for why in clone.aside("CC").values()] == [True]


def test_a_broken_text_is_left_alone_until_it_is_quiet(post: Counter) -> None:
    post.edit("CC", "outbox", lambda text: text.replace("null]", '{"task_id": "T-1", "status": "done"}, {"task_'))
    post.fresh(post.file("CC", "outbox"))
    broken = post.text("CC", "outbox")
    report = post.sweep()
    post.refresh("CC")

    assert report.waiting == ["postbox/CC/outbox.json"]
    assert report.notes() == ["left alone, it is still being written: postbox/CC/outbox.json"]
    assert (post.text("CC", "outbox"), post.received("ARCH")) == (broken, [])

    post.clock.advance(0.4)
    report = post.sweep()
    assert len(report.sent) == 1
    assert [message["task_id"] for message in post.received("ARCH")] == ["T-1"]
    ((name, why),) = post.aside("CC").items()
    assert (post.folder / "CC" / "quarantine" / name).read_text(encoding="utf-8") == broken
    assert [problem["code"] for problem in why["problems"]][-1] == "truncated"
    assert "outbox.json:3:" in why["reason"]
    assert report.notes() == [f"set aside, the reason is in the .why beside it: postbox/CC/quarantine/{name}"]
    assert "mail.quarantined" in [event.kind for event in post.book.read()]


def test_an_emptied_file_is_written_anew(post: Counter) -> None:
    for text in ("", " \n", "\0\0"):
        post.file("CC", "inbox").write_text(text, encoding="utf-8")
        report = post.sweep()
        assert not report.says_something
        assert len(post.lines("CC", "inbox")) == 1


def test_values_that_are_no_messages_are_set_aside_with_their_text(post: Counter) -> None:
    post.append("CC", "inbox", "hello", 5)
    report = post.sweep()

    assert len(report.set_aside) == 1
    assert "not all of it is mail" in next(iter(post.aside("CC").values()))["reason"]
    assert len(post.waiting("CC")) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_mutation_of_a_view_loses_a_waiting_message(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    post = Counter(tmp_path_factory.mktemp("office"))
    for number in range(3):
        post.send("CC", content={"body": f"text {number}"})
    post.refresh("CC")
    before = {message["id"]: message for message in post.received("CC")}
    text = post.text("CC", "inbox")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + data.draw(st.sampled_from([0, 1, 5, 200, 5000])))))
    mutated = text[:start] + data.draw(st.sampled_from(["", "{", "]", '"', ",", "null", "\n", "x"])) + text[end:]
    post.file("CC", "inbox").write_text(mutated, encoding="utf-8")
    report = post.sweep()
    after = {message["id"]: message for message in post.received("CC")}

    assert set(before) - set(report.withdrawn) - set(report.settled) <= set(after)
    assert set(after) - set(report.sent) <= set(before)
    assert all(after[name] == before[name] for name in before.keys() & after.keys() - set(report.amended))
    assert is_own(post.text("CC", "inbox")) is not None
    if report.withdrawn or report.amended or report.settled:
        assert isinstance(json.loads(mutated), list)


# --- files that are none, and races


def test_a_link_in_place_of_a_box_is_set_aside_and_never_followed(post: Counter, tmp_path: Path) -> None:
    canary = tmp_path / "canary.json"
    canary.write_text('[{"task_id": "T-1", "status": "done"}]', encoding="utf-8")
    post.file("CC", "outbox").unlink()
    post.file("CC", "outbox").symlink_to(canary)
    report = post.sweep()

    assert canary.read_text(encoding="utf-8") == '[{"task_id": "T-1", "status": "done"}]'
    assert post.received("ARCH") == []
    assert [why["reason"] for why in post.aside("CC").values()] == [
        "a symbolic link is in its place: postbox/CC/outbox.json"
    ]
    assert report.set_aside
    assert not post.file("CC", "outbox").is_symlink()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_directory_in_place_of_a_box_blocks_nobody(post: Counter, make: Callable[[Path], None]) -> None:
    post.file("CC", "inbox").unlink()
    make(post.file("CC", "inbox"))
    report = post.sweep()

    assert len(post.lines("CC", "inbox")) == 1
    assert len(report.set_aside) == 1


def test_a_box_that_is_too_large_is_set_aside(post: Counter) -> None:
    os.truncate(post.file("CC", "inbox"), MESSAGE_BYTES + 1)
    report = post.sweep()

    assert "over the limit" in next(iter(post.aside("CC").values()))["reason"]
    assert len(report.set_aside) == 1
    assert len(post.lines("CC", "inbox")) == 1


def test_a_linked_mailbox_is_refused_in_one_line_and_the_others_are_served(post: Counter, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.move(post.folder / "CC", outside)
    (post.folder / "CC").symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    post.append("CA", "outbox", {"task_id": "T-1", "status": "done"})
    report = post.sweep()
    problems = report.problems + post.refresh("CC").problems

    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before
    assert [message["task_id"] for message in post.received("ARCH")] == ["T-1"]
    assert all("CC is not a folder" in problem for problem in problems)
    assert problems


def test_a_linked_postbox_is_refused(post: Counter, tmp_path: Path) -> None:
    shutil.move(post.folder, tmp_path / "outside")
    post.folder.symlink_to(tmp_path / "outside")
    before = {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()}
    post.send("CC")
    problems = post.sweep().problems + post.refresh().problems

    assert {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()} == before
    assert all("postbox is not a folder" in problem for problem in problems)
    assert problems


def test_a_state_directory_that_cannot_be_made_is_told(post: Counter) -> None:
    post.state.parent.joinpath("blocked").write_text("", encoding="utf-8")
    office = BoxOffice(post.box, post.folder, post.state.parent / "blocked" / "tree", post.clock, post.office._ids)

    assert "keeping the boxes" in office.sweep().problems[0]


def test_a_missing_mailbox_is_made_by_a_refresh(post: Counter) -> None:
    shutil.rmtree(post.folder)
    post.sweep()
    post.refresh()

    assert len(post.lines("CC", "inbox")) == 1
    assert (post.folder / "CC" / "drop").is_dir()


def test_names_that_are_no_mailbox_are_left_alone(post: Counter) -> None:
    (post.folder / "strange").mkdir()
    (post.folder / "strange" / "outbox.json").write_text('[{"task_id": "T", "status": "x"}]', encoding="utf-8")

    assert not post.sweep().says_something
    assert not post.refresh("strange", "../..").says_something
    assert (post.folder / "strange" / "outbox.json").read_text(encoding="utf-8").startswith("[{")


def truncate_in_place(path: Path, text: str) -> None:
    with path.open("r+", encoding="utf-8") as file:
        file.truncate(0)
        file.write(text)


def rename_over(path: Path, text: str) -> None:
    temp = path.with_name(".outbox.json.swp")
    temp.write_text(text, encoding="utf-8")
    temp.replace(path)


def backup_and_write(path: Path, text: str) -> None:
    path.replace(path.with_name("outbox.json~"))
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("save", [truncate_in_place, rename_over, backup_and_write])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("swap", [True, False])
def test_a_save_at_the_instant_of_publishing_is_not_lost(
    post: Counter, monkeypatch: pytest.MonkeyPatch, save: Callable[[Path, str], None], moment: str, swap: bool
) -> None:
    """Three ways in which editors save, forced to either side of the swap."""
    path = post.file("CC", "outbox")
    edited = post.text("CC", "outbox").replace("null]", '{"task_id": "T-8", "status": "done"},\nnull]')
    saved: list[bool] = []
    real = confined.exchange

    def racing(folder: int, one: str, other: str) -> bool:
        if other != "outbox.json" or saved or path.parent.name != "CC":
            return real(folder, one, other) if swap else False
        saved.append(True)
        if moment == "before":
            save(path, edited)
        done = real(folder, one, other) if swap else False
        if moment == "after" and done:
            save(path, edited)
        return done

    monkeypatch.setattr(view_files, "exchange", racing)
    post.send("CA", sender="CC")
    post.refresh("CC")
    if moment == "after" and not swap:
        save(path, edited)
    post.start_again()
    post.sweep()
    post.sweep()

    assert saved
    assert [message["task_id"] for message in post.received("ARCH")] == ["T-8"]
    assert len(post.lines("CC", "outbox")) == 2


def test_an_editor_that_still_writes_to_the_swapped_out_file_is_heard(post: Counter) -> None:
    edited = post.text("CC", "outbox").replace("null]", '{"task_id": "T-8", "status": "done"},\nnull]')
    with post.file("CC", "outbox").open("r+", encoding="utf-8") as editor:
        post.send("CA", sender="CC")
        post.refresh("CC")
        editor.truncate(0)
        editor.write(edited)
    post.start_again()
    post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["T-8"]


def test_swapped_out_files_are_let_go_once_they_are_quiet(post: Counter) -> None:
    post.send("CA", sender="CC")
    post.refresh("CC")
    held = post.state / "held"
    assert list(held.iterdir())
    for path in held.iterdir():
        moment = int(post.clock.now().timestamp() * 1e9)
        os.utime(path, ns=(moment, moment))
    post.sweep()

    assert list(held.iterdir()) == []


def test_a_file_left_by_a_crash_in_the_middle_of_publishing_is_read(post: Counter) -> None:
    edited = post.text("CC", "outbox").replace("null]", '{"task_id": "T-8", "status": "done"},\nnull]')
    (post.folder / "CC" / ".outbox.json.0123.new").write_text(edited, encoding="utf-8")
    (post.folder / "CC" / ".inbox.json.0124.new").write_text(post.text("CC", "inbox"), encoding="utf-8")
    post.sweep()
    post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["T-8"]
    assert [path.name for path in (post.folder / "CC").iterdir() if path.name.startswith(".")] == []


def test_what_only_refreshes_a_box_also_clears_what_a_crash_left_beside_it(post: Counter) -> None:
    left = post.folder / "CC" / ".inbox.json.0123.new"
    left.write_text(post.text("CC", "inbox"), encoding="utf-8")
    dropped = post.folder / "CC" / "drop" / "note.json"
    dropped.write_text('{"to": "CA", "subject": "s"}', encoding="utf-8")
    post.refresh("CC")

    assert not left.exists()
    assert dropped.exists(), "what is dropped is taken in by those who read boxes"


def test_a_busy_worktree_is_left_to_the_one_that_is_busy_there(post: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "_LOCK_SECONDS", 0.01)
    other = BoxOffice(post.box, post.folder, post.state, post.clock, post.office._ids)
    post.append("CC", "outbox", {"task_id": "T-1", "status": "done"})
    with post.office._process_lock:
        report = other.sweep()

    assert "lock" in report.problems[0]
    assert report.sent == []
    assert len(other.sweep().sent) == 1


def test_old_bases_are_forgotten_and_the_newest_kept(post: Counter) -> None:
    for _ in range(40):
        post.send("CC")
        post.refresh("CC")
    kept = [path.name for path in (post.state / "views").iterdir() if path.name.startswith("CC.inbox.")]
    header: dict[str, Any] = json.loads(post.text("CC", "inbox"))[0]

    assert len(kept) == 32
    assert f"CC.inbox.{header['rev']}" in kept


def test_a_full_or_read_only_disk_is_told_and_the_view_stays(post: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    before = post.text("CC", "inbox")
    post.send("CC")

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(view_files, "write_new", full)
    report = post.refresh("CC")

    assert ["disk is full" in problem for problem in report.problems] == [True]
    assert post.text("CC", "inbox") == before


def test_a_mailbox_that_cannot_be_read_is_told_and_the_others_are_served(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if path == "CC":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *args, **kwargs)

    post.append("CA", "outbox", {"task_id": "T-1", "status": "done"})
    monkeypatch.setattr(os, "open", refuse)
    report = post.sweep()

    assert ["permission denied" in problem for problem in report.problems] == [True]
    assert len(report.sent) == 1


def test_a_swapped_out_file_that_cannot_be_followed_now_is_tried_again(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = post.state / "held"
    post.send("CA", sender="CC")
    post.refresh("CC")
    (held / "CC.outbox.new.7").write_text('[{"task_id": "T-1", "status": "done"}', encoding="utf-8")
    (held / "stray").touch()
    (held / "nobody.outbox.new.8").touch()

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(view_files.Held, "was_read", full)
    assert any("swapped-out" in problem for problem in post.sweep().problems)
    monkeypatch.undo()
    post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["T-1"]
    assert not (held / "CC.outbox.new.7").exists()


def test_a_save_that_is_still_going_on_when_it_is_swapped_out_is_read_later(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = post.file("CC", "outbox")
    real = confined.exchange

    def racing(folder: int, one: str, other: str) -> bool:
        if other == "outbox.json" and "half" not in path.read_text(encoding="utf-8"):
            path.write_text('[{"task_id": "T-1", "status": "done"}, {"task_id": "half', encoding="utf-8")
            post.fresh(path)
        return real(folder, one, other)

    monkeypatch.setattr(view_files, "exchange", racing)
    post.send("CA", sender="CC")
    assert post.refresh("CC").waiting == ["postbox/CC/outbox.json"]
    post.clock.advance(1)
    monkeypatch.undo()
    post.sweep()

    assert [message["task_id"] for message in post.received("ARCH")] == ["T-1"]
    assert len(post.aside("CC")) == 1
