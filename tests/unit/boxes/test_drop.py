"""Any JSON file put into a drop folder becomes a message, once; what is none is set aside and blocks nobody."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from unit.boxes.counter import Counter

from bluelabel.interfaces.errors import MachineError
from bluelabel.interfaces.limits import MESSAGE_BYTES


@pytest.fixture
def post(tmp_path: Path) -> Counter:
    counter = Counter(tmp_path)
    counter.send("CA")
    counter.refresh()
    return counter


def put(post: Counter, name: str, text: str, agent: str = "CC") -> Path:
    path = post.folder / agent / "drop" / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ('{"subject": "Saw", "content": {"n": 1}}', [{"n": 1}]),
        ('{"any": {"thing": 1}}', [{"any": {"thing": 1}}]),
        ('[{"task_id": "T-1", "status": "done"}, {"task_id": "T-2", "status": "done"}]',
         [{"task_id": "T-1", "status": "done"}, {"task_id": "T-2", "status": "done"}]),
        ('{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1,}', [{"a": 1}]),
        ('{"agent_id": "CA", "agent_name": "x", "version": "1", "tasks": [{"task_id": "T-3", "status": "pending"}], '
         '"history": []}', [{"task_id": "T-3", "status": "pending"}]),
        ('[1, "two"]', [{"value": [1, "two"]}]),
        ("[]", []),
        ("\ufeff{\"a\": 1}", [{"a": 1}]),
    ],
)  # fmt: skip
def test_a_dropped_file_becomes_messages_to_the_owner(post: Counter, text: str, contents: list[object]) -> None:
    path = put(post, "x.json", text)
    report = post.sweep()
    found = post.received("CC")

    assert [message.get("content", {}) for message in found] == contents
    assert all(message["recipients"] == ["CC"] for message in found)
    assert not path.exists()
    assert (len(report.sent), report.set_aside) == (len(contents), [])
    assert len(post.lines("CC", "inbox")) == len(contents)


def test_a_dropped_assignment_names_its_sender_and_task(post: Counter) -> None:
    put(post, "x.json", '{"sender": "ARCH", "task_id": "T-9", "content": {"description": "saw"}, "priority": "urgent"}')
    post.sweep()
    (message,) = post.received("CC")

    assert (message["sender"], message["task_id"]) == ("ARCH", "T-9")
    assert (message["type"], message["priority"]) == ("task_assignment", "CRITICAL")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": ',
        "words",
        "",
        '{"from": "A", "from": "B"}',
        '{"a": NaN}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a": "\\ud800"}',
        '{"a": x + 1}',
    ],
)
def test_what_leaves_a_doubt_is_set_aside_whole_and_the_next_file_is_read(post: Counter, text: str) -> None:
    put(post, "a.json", text)
    put(post, "b.json", '{"task_id": "T-1", "status": "done"}')
    report = post.sweep()
    ((name, why),) = post.aside("CC").items()

    assert [message["task_id"] for message in post.received("CC")] == ["T-1"]
    assert (post.folder / "CC" / "quarantine" / name).read_text(encoding="utf-8") == text
    assert (why["file"], report.set_aside) == ("a.json", [f"CC/quarantine/{name}"])
    assert why["reason"]
    assert list((post.folder / "CC" / "drop").iterdir()) == []
    assert "mail.quarantined" in [event.kind for event in post.book.read()]


def test_the_same_broken_text_is_kept_once_even_after_a_crash(post: Counter) -> None:
    path = put(post, "a.json", "{")
    os.link(path, path.with_name(".kept"))
    post.sweep()
    path.with_name(".kept").rename(path)
    post.sweep()

    assert len(post.aside("CC")) == 1


def test_a_crash_between_import_and_removal_doubles_nothing(post: Counter) -> None:
    path = put(post, "a.json", '{"a": 1}')
    os.link(path, path.with_name(".kept"))
    post.sweep()
    path.with_name(".kept").rename(path)
    report = post.sweep()

    assert report.sent == []
    assert not path.exists()
    assert len(post.received("CC")) == 1


def test_the_same_text_dropped_again_is_a_new_message(post: Counter) -> None:
    for _ in range(2):
        put(post, "a.json", '{"a": 1}')
        post.sweep()

    assert len(post.received("CC")) == 2


def test_a_message_that_cannot_be_stored_stays_where_it_was_dropped(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(post, "a.json", '{"a": 1}')

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise MachineError("the disk is full while appending to the ledger")

    monkeypatch.setattr(post.book, "append", refuse)
    with pytest.raises(MachineError):
        post.sweep()

    assert path.exists()
    monkeypatch.undo()
    assert len(post.sweep().sent) == 1


def test_a_refused_entry_takes_its_file_to_quarantine(post: Counter) -> None:
    put(post, "a.json", json.dumps({"content": {"x": "y"}, "sender": "ARCH", "type": "info", "key": "k"}))
    post.sweep()
    put(post, "b.json", json.dumps({"content": {"deep": _nested(80)}}))
    report = post.sweep()

    assert len(post.received("CC")) == 1
    assert len(report.set_aside) == 1


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_file_that_is_still_written_is_waited_for(post: Counter) -> None:
    path = put(post, "a.json", '{"a": ')
    post.fresh(path)
    assert post.sweep().waiting == ["a.json"]

    path.write_text('{"a": 1}', encoding="utf-8")
    assert len(post.sweep().sent) == 1


def test_a_file_that_somebody_has_open_for_writing_is_waited_for(post: Counter) -> None:
    path = post.folder / "CC" / "drop" / "a.json"
    with path.open("w", encoding="utf-8") as slow:
        for part in ('{"a": 1', "}", "\n", '{"b": 2}'):
            slow.write(part)
            slow.flush()
            post.fresh(path)
            post.clock.advance(2)
            assert post.sweep().waiting == ["a.json"]

    assert len(post.sweep().sent) == 2


def test_hidden_and_temporary_names_are_left_alone(post: Counter) -> None:
    names = (".a.json.swp", "a.json~", "a.tmp", "a.part")
    paths = [put(post, name, '{"a": 1}') for name in names]

    assert not post.sweep().says_something
    assert all(path.exists() for path in paths)


def test_what_is_no_file_is_set_aside_unopened(post: Counter, tmp_path: Path) -> None:
    drop = post.folder / "CC" / "drop"
    canary = tmp_path / "canary.json"
    canary.write_text('{"a": 1}', encoding="utf-8")
    (drop / "link.json").symlink_to(canary)
    (drop / "folder.json").mkdir()
    (drop / "folder.json" / "inner.json").write_text('{"a": 1}', encoding="utf-8")
    os.mkfifo(drop / "pipe.json")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(drop / "door.json"))
    (drop / "large.json").touch()
    os.truncate(drop / "large.json", MESSAGE_BYTES + 1)
    report = post.sweep()
    reasons = {why["file"]: why["reason"].split(":")[0] for why in post.aside("CC").values()}

    assert reasons == {
        "link.json": "a symbolic link is in its place",
        "folder.json": "a directory is in its place",
        "pipe.json": "a pipe is in its place",
        "door.json": "a socket is in its place",
        "large.json": reasons["large.json"],
    }
    assert "over the limit" in reasons["large.json"]
    assert (post.received("CC"), report.problems) == ([], [])
    assert list(drop.iterdir()) == []
    assert canary.read_text(encoding="utf-8") == '{"a": 1}'


@pytest.mark.parametrize(
    "name",
    ["a b.json", "-rf", "%2e%2e", "x\ny.json", "\u202egnp.json", "Ϲ.json", "con", "C:", "a\\b.json", "x" * 250, "..."],
)
def test_hostile_names_are_read_or_set_aside_inside_the_mailbox(post: Counter, tmp_path: Path, name: str) -> None:
    before = {path for path in tmp_path.rglob("*") if "postbox" not in path.parts and "state" not in path.parts}
    put(post, name, '{"a": 1}')
    put(post, f"b{name}"[:250], "{")
    post.sweep()
    after = {path for path in tmp_path.rglob("*") if "postbox" not in path.parts and "state" not in path.parts}

    assert after == before
    kept = [path.name for path in (post.folder / "CC" / "quarantine").iterdir()]
    assert all(kept_name.isascii() and "/" not in kept_name and "\n" not in kept_name for kept_name in kept)
    assert len(post.received("CC")) == (0 if name.startswith(".") else 1)


def test_a_name_that_is_not_utf8_is_read(post: Counter) -> None:
    drop = os.fsencode(post.folder / "CC" / "drop")
    for name, text in ((b"\xff.json", b'{"a": 1}'), (b"\xfe.json", b"{")):
        with open(drop + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(text)
    post.sweep()

    assert len(post.received("CC")) == 1
    assert len(post.aside("CC")) == 1


def test_a_linked_drop_folder_or_quarantine_is_not_followed(post: Counter, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.json").write_text('{"a": 1}', encoding="utf-8")
    (post.folder / "CC" / "drop").rmdir()
    (post.folder / "CC" / "drop").symlink_to(outside)
    (post.folder / "CA" / "quarantine").symlink_to(outside)
    put(post, "b.json", "{", agent="CA")
    report = post.sweep()

    assert [path.name for path in outside.iterdir()] == ["a.json"]
    assert post.received("CC") == []
    assert (post.folder / "CA" / "drop" / "b.json").exists()
    assert len(report.problems) == 2


def test_a_burst_of_files_is_taken_in_whole(post: Counter) -> None:
    for number in range(200):
        put(post, f"{number:04}.json", f'{{"n": {number}}}')
    report = post.sweep("CC")

    assert len(report.sent) == 200
    assert [message["content"]["n"] for message in post.received("CC")] == list(range(200))


def test_what_can_neither_be_read_nor_moved_is_told_and_stays(post: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = post.folder / "CC" / "drop"
    put(post, "a.json", "{")
    os.mkfifo(drop / "pipe")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("bluelabel.services.postbox.boxes.quarantine.write_new", refuse)
    monkeypatch.setattr(os, "rename", refuse)
    report = post.sweep()

    assert sorted(path.name for path in drop.iterdir()) == ["a.json", "pipe"]
    assert all("could not be set aside" in problem for problem in report.problems)
    assert len(report.problems) == 2


def test_a_file_that_may_not_be_read_is_told_and_stays(post: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(post, "a.json", "{}")
    real = os.open

    def refuse(name: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if name == "a.json":
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    report = post.sweep()

    assert path.exists()
    assert ["Permission denied" in problem for problem in report.problems] == [True]


def test_a_file_that_is_gone_or_replaced_meanwhile_is_left_to_the_next_look(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(post, "a.json", '{"a": 1}')
    put(post, "b.json", "{")
    intake, real = post.office._desk.intake, post.office._desk.intake.follow_all

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        for name in ("a.json", "b.json"):
            new = path.with_name(f".{name}")
            new.write_text('{"b": 2}', encoding="utf-8")
            new.replace(path.with_name(name))
        monkeypatch.undo()
        return found

    monkeypatch.setattr(intake, "follow_all", slow)
    post.sweep()
    post.sweep()

    assert [message["content"] for message in post.received("CC")] == [{"a": 1}, {"b": 2}, {"b": 2}]


def test_a_file_that_is_written_again_in_its_place_meanwhile_is_read_again(
    post: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(post, "a.json", '{"a": 1}')
    intake, real = post.office._desk.intake, post.office._desk.intake.follow_all

    def slow(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        path.write_text('{"a": 2}', encoding="utf-8")
        monkeypatch.undo()
        return found

    monkeypatch.setattr(intake, "follow_all", slow)
    post.sweep()
    post.sweep()

    assert [message["content"] for message in post.received("CC")] == [{"a": 1}, {"a": 2}]
    assert not path.exists()


def test_a_number_beyond_all_numbers_is_set_aside(post: Counter) -> None:
    put(post, "a.json", '{"n": 1e999}')

    assert len(post.sweep().set_aside) == 1
