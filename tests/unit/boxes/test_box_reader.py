"""Every shape that agents write is read: what is in it, in file order, with values as they stand there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.records.reading import BoxReading
from bluelabel.services.postbox.boxes.reader import read_box

DATA = Path(__file__).parents[2] / "data" / "boxes"
CORPUS = os.environ.get("BLUELABEL_CORPUS")
SHORT = ("task_id", "status")


def read(name: str) -> BoxReading:
    return read_box((DATA / name).read_bytes(), name)


def codes(reading: BoxReading) -> list[str]:
    return [problem.code for problem in reading.problems]


MESSAGES: dict[str, list[tuple[str | None, ...]]] = {
    "o1_messages.json": [
        (None, "TASK-1", "task", "CC", "CA", None),
        (None, "TASK-2", "task_completion", "CC", None, "completed"),
    ],
    "o2_envelopes.json": [
        ("m-1", "TASK-3", "task_status", "CA", "ARCH", "in_progress"),
        ("m-2", None, "error", "CA", "ALL", None),
    ],
    "o4_concatenated.json": [
        (None, "TASK-7", None, None, None, "completed"),
        (None, "TASK-8", None, None, None, None),
        (None, "TASK-9", "task_completion", "CA", None, None),
    ],
    "o5_mixed.json": [
        (None, "TASK-10", None, None, None, None),
        (None, None, None, None, None, None),
        (None, None, "plan_escalation", None, None, None),
        ("TASK-12", None, "task_status", None, None, "completed"),
        ("m-3", None, "info", "WA", "CC", None),
    ],
    "o7_reports.json": [
        (None, "TASK-13", None, None, None, "complete"),
        (None, "TASK-14", None, None, None, "complete"),
    ],
    "o9_report.json": [(None, "TASK-19", None, None, None, "completed")],
    "o10_empty.json": [],
    "o11_javascript.json": [(None, "TASK-20", None, None, None, "completed")],
    "o12_envelope_b.json": [
        ("t-1", "TASK-21", "task_result", "WA", "ARCH", "partial_success"),
        ("t-2", None, "needs_input", "CC", "ARCH", None),
        ("t-3", "TASK-22", "doc_update", "CC", "ARCH", None),
    ],
    "single_message.json": [("m-4", None, "task_completion_notification", "WA", "ARCH", "pending")],
    "reports.json": [(None, "TASK-24", None, None, None, "completed")],
    "signal.json": [("SIG-1", None, "NEEDS_HELP", "CB", "ARCH", None)],
    "conflict.json": [
        (None, "TASK-25", None, None, None, "completed"),
        (None, "TASK-26", None, None, None, "completed"),
        (None, "TASK-28", None, None, None, "completed"),
        (None, "TASK-27", None, None, None, "failed"),
    ],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_messages_of_each_shape(name: str) -> None:
    found = [(m.id, m.task_id, m.type, m.sender, m.recipient, m.status) for m in read(name).messages]

    assert found == MESSAGES[name]


def test_tasks_and_history_keep_their_own_lists() -> None:
    reading = read("o3_tasks_history.json")

    assert [(t.task_id, t.status, t.path) for t in reading.tasks] == [("TASK-4", "ready_for_review", "tasks/0")]
    assert [(t.task_id, t.status) for t in reading.history] == [("TASK-5", "completed"), ("TASK-6", "failed")]
    assert (reading.messages, reading.problems) == ((), ())


def test_a_status_object_lists_its_open_and_its_finished_tasks() -> None:
    reading = read("o8_status.json")

    assert [(t.task_id, t.status, t.path) for t in reading.tasks] == [
        ("TASK-15", None, "active_tasks/0"),
        ("TASK-16", "ACKNOWLEDGED", "current_task"),
    ]
    assert [(t.task_id, t.status) for t in reading.history] == [("TASK-17", "completed"), ("Task 018", "COMPLETED")]
    assert reading.messages == ()


def test_only_damaged_files_have_problems() -> None:
    found = {path.name: sorted(set(codes(read(path.name)))) for path in sorted(DATA.glob("*.json"))}

    assert {name: faults for name, faults in found.items() if faults} == {
        "conflict.json": ["conflict-marker"],
        "o11_javascript.json": ["expression", "trailing-comma"],
        "o4_concatenated.json": ["several-documents"],
    }


def test_program_code_is_kept_as_text_and_what_is_json_beside_it_is_read() -> None:
    raw = read("o11_javascript.json").messages[0].raw

    assert raw["timestamp"] == "new Date().toISOString()"
    assert raw["summary"] == "`made ${count} files`"
    assert raw["files"] == "Object.keys(files).map(f => ({ path: f, size: files[f].length }))"
    assert raw["details"]["list"] == ["a", "b"]


def test_every_entry_says_where_it_stands() -> None:
    assert [m.path for m in read("o4_concatenated.json").messages] == [
        "documents/0",
        "documents/1",
        "documents/2/messages/0",
    ]
    assert [m.path for m in read("o1_messages.json").messages] == ["messages/0", "messages/1"]
    assert [m.path for m in read("o7_reports.json").messages] == ["0", "1"]
    assert [m.path for m in read("o9_report.json").messages] == [""]


def test_a_box_inside_an_array_is_opened() -> None:
    inner = json.loads((DATA / "o3_tasks_history.json").read_text(encoding="utf-8"))
    reading = read_box(json.dumps([inner, {"task_id": "TASK-1", "status": "x"}]).encode(), "box.json")

    assert [t.path for t in reading.tasks] == ["0/tasks/0"]
    assert [m.task_id for m in reading.messages] == ["TASK-1"]


def test_an_id_used_twice_is_told_and_both_messages_are_kept() -> None:
    text = json.dumps([{"id": "m", "type": "info", "sender": "A", "content": {"n": n}} for n in (1, 2)])
    reading = read_box(text.encode(), "box.json")

    assert [m.raw["content"]["n"] for m in reading.messages] == [1, 2]
    assert codes(reading) == ["duplicate-id"]


def test_numbers_serve_as_ids_and_several_recipients_are_all_named() -> None:
    text = json.dumps([{"id": 7, "type": "info", "sender": "A", "recipients": ["B", "C"]}])
    (message,) = read_box(text.encode(), "box.json").messages

    assert (message.id, message.recipient) == ("7", "B,C")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "plan_escalation", "sender": "ARCH", "run_id": "r", "steps": []},
        [{"type": "plan_escalation", "recipient": "HUMAN", "workflow": "w"}],
        {"timestamp": "2031-01-01", "report": "no task at all"},
        {"messages": ["stray", {"id": "m", "type": "info"}]},
        {"CA Report": {"summary": "s"}},
        {"type": "task_status", "id": "TASK-067B", "status": "completed", "progress": 100},
    ],
)
def test_a_message_may_be_about_other_things(value: object) -> None:
    reading = read_box(json.dumps(value).encode(), "x.json")

    assert (len(reading.messages), codes(reading)) == (1, [])


@pytest.mark.parametrize(
    "value",
    [
        {},
        5,
        [1, 2],
        {"$schema": "x", "properties": {}, "type": "object"},
        {"dag_id": "d", "run_id": "r", "status": "success", "steps": {}},
        {"step_id": "s", "status": "success", "timestamp": "2031-01-01"},
        [{"workflow_id": "w", "run_id": "r", "timestamp": "2031-01-01", "status": "success"}],
        {"sprint": "current", "tasks": [{"id": "TASK-1", "status": "pending"}]},
        {"agent_id": "CA", "version": "1.0.0", "history": {"tasks_processed": 0}},
        {"name": "w", "tasks": {"a": {"agent_id": "CA"}}},
    ],
)
def test_what_is_no_box_is_said_to_be_none(value: object) -> None:
    reading = read_box(json.dumps(value).encode(), "x.json")

    assert (reading.messages, reading.tasks, reading.history) == ((), (), ())
    assert codes(reading) == ["not-a-box"]


@given(st.binary(max_size=200))
def test_no_file_makes_the_reader_raise(data: bytes) -> None:
    read_box(data, "x.json")


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_no_mutation_of_a_real_file_makes_the_reader_raise(name: str, data: st.DataObject) -> None:
    text = (DATA / name).read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    reading = read_box(text[:start] + data.draw(st.binary(max_size=4)) + text[end:], name)

    assert len(reading.messages) <= len(MESSAGES[name]) + 40


@pytest.mark.skipif(CORPUS is None, reason="BLUELABEL_CORPUS names no folder of real files")
def test_real_files_read_as_their_truth_says() -> None:
    root = Path(CORPUS or "")
    truth = json.loads((root / "EXPECT.json").read_text(encoding="utf-8"))["postbox"]
    different: list[str] = []
    for name, want in truth.items():
        reading = read_box((root / name).read_bytes(), name)
        if "note" in want:
            assert reading.problems
            continue
        for key in ("messages", "tasks", "history"):
            fields = ("id", "task_id", "type", "sender", "recipient", "status") if key == "messages" else SHORT
            found = [tuple(getattr(record, field) for field in fields) for record in getattr(reading, key)]
            if found != [tuple(record[field] for field in fields) for record in want[key]]:
                different.append(f"{name}: {key}")
        if bool(reading.problems) == want["json_valid"]:
            different.append(f"{name}: problems")

    assert different == []
