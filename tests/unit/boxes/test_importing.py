"""A message is made of whatever was written, and nothing that was said is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.postbox.address_book import Directory
from bluelabel.services.postbox.boxes.entry_to_message import outgoing_of
from bluelabel.services.postbox.boxes.shapes import Entry
from bluelabel.services.postbox.outgoing import OutgoingMessage

ENVELOPE = ["id", "type", "content", "payload", "task_id", "status", "priority", "recipient", "sender", "subject"]
KEYS = [*ENVELOPE, "key", "thread", "not_before", "timestamp", "metadata", "state", "recipients", "created_at", "x"]
WHO = Directory(("CC", "CA", "WA", "ARCH"), {"builders": ("CC", "CA")})


def made(raw: dict[str, Any], box: str = "outbox", sort: str = "message") -> OutgoingMessage:
    return outgoing_of(Entry(sort, raw, ""), "CC", box, WHO, "key")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "box", "type_"),
    [
        ({"type": "task status"}, "outbox", "task_status"),
        ({"message_type": "task_completion"}, "outbox", "task_completion"),
        ({"signal_type": "READY"}, "outbox", "READY"),
        ({"payload": {"type": "doc_update"}}, "outbox", "doc_update"),
        ({"task_id": "T", "status": "completed"}, "outbox", "task_result"),
        ({"task_id": "T", "status": "in_progress"}, "outbox", "task_status"),
        ({"task_id": "T"}, "inbox", "task_assignment"),
        ({"task_id": "T"}, "outbox", "message"),
        ({"type": "  "}, "drop", "message"),
        ({"type": "x" * 99}, "drop", "x" * 64),
    ],
)
def test_the_type_is_the_one_that_was_written_or_follows_from_the_status(
    raw: dict[str, Any], box: str, type_: str
) -> None:
    assert made(raw, box).type == type_


def test_open_tasks_in_an_inbox_are_assignments_and_history_is_a_result() -> None:
    task = {"task_id": "T-1", "title": "Saw", "status": "pending"}

    assert made(task, "inbox", "task").type == "task_assignment"
    assert made(task, "outbox", "task").type == "task_status"
    assert made(task | {"status": "completed"}, "outbox", "history").type == "task_result"
    assert made({"id": "T-2", "title": "Saw"}, "inbox", "task").task_id == "T-2"
    assert made(task, "inbox", "task").subject == "Saw"


@pytest.mark.parametrize(
    ("raw", "recipients"),
    [
        ({"to": "BROADCAST"}, ("ALL",)),
        ({"recipient": "all"}, ("ALL",)),
        ({"recipients": ["CA", "builders"]}, ("CA", "builders")),
        ({"recipient_id": "arch"}, ("ARCH",)),
        ({"to_agent": "USER"}, ("HUMAN",)),
        ({"to": ["CA", 5, ""]}, ("CA",)),
        ({"to": "nobody"}, ("nobody",)),
        ({}, ("ARCH",)),
    ],
)
def test_recipients_are_found_under_any_key(raw: dict[str, Any], recipients: tuple[str, ...]) -> None:
    assert made(raw | {"content": {}}).recipients == recipients


@pytest.mark.parametrize(
    ("raw", "field", "value", "said"),
    [
        ({"id": "a b"}, "id", None, {"said_id": "a b"}),
        ({"task_id": "Task 002"}, "task_id", None, {"said_task_id": "Task 002"}),
        ({"priority": 3}, "priority", "MEDIUM", {"said_priority": 3}),
        ({"priority": "urgent"}, "priority", "CRITICAL", {}),
        ({"timestamp": "2031-01-01"}, "key", "key", {"said_at": "2031-01-01"}),
        ({"key": "mine"}, "key", "mine", {}),
        ({"key": ""}, "key", "key", {}),
        ({"expires_at": "2031-01-01"}, "expires_at", "2031-01-01T00:00:00.000000Z", {}),
        ({"expires_at": "soon"}, "expires_at", None, {"said_expires_at": "soon"}),
        ({"reply_to": "../x"}, "reply_to", None, {"said_reply_to": "../x"}),
        ({"thread": 7}, "thread", None, {"said_thread": 7}),
        ({"signature": "ed25519:x"}, "signature", "ed25519:x", {}),
        ({"signature": {"alg": "x"}}, "signature", None, {"said_signature": {"alg": "x"}}),
        ({"subject": "one\ntwo"}, "subject", "one", {"said_subject": "one\ntwo"}),
        ({"result": {"a": 1}, "reason": "b"}, "key", "key", {"said_result": {"a": 1}, "said_reason": "b"}),
    ],
)
def test_what_a_field_cannot_hold_is_kept_beside_it(
    raw: dict[str, Any], field: str, value: object, said: dict[str, object]
) -> None:
    message = made(raw | {"content": {"x": 1}})

    assert getattr(message, field) == value
    assert {key: message.extra[key] for key in message.extra if key.startswith("said_")} == said


def test_an_envelope_keeps_what_it_carries_beside_its_content() -> None:
    message = made({"content": {"x": 1}, "metadata": {"branch": "b"}, "version": "1.0.0", "sender": "CC"})

    assert message.content == {"x": 1}
    assert message.extra == {"metadata": {"branch": "b"}, "version": "1.0.0"}


def test_a_signature_is_about_the_content_and_no_part_of_it() -> None:
    envelope = {"type": "message", "sender": "CA", "content": {"n": 1}, "signature": "ed25519:x"}
    report = {"task_id": "TASK-7", "status": "completed", "signature": "ed25519:x"}

    for raw in (envelope, report):
        stamped = made(raw).stamped("m1", "2031-01-01T00:00:00.000000Z").as_json()

        assert stamped["signature"] == "ed25519:x"
        assert "signature" not in stamped["content"]


@given(
    st.dictionaries(st.text(min_size=1, max_size=12), st.integers() | st.text(max_size=9) | st.just({"a": [1]})),
    st.sampled_from(["content", "payload", None]),
)
def test_what_the_envelope_does_not_know_is_found_again(beside: dict[str, Any], under: str | None) -> None:
    unknown = {f"x_{name}": item for name, item in beside.items()}
    raw = unknown | ({under: {"n": 1}} if under else {"text": "tea"})
    stamped = made(raw).stamped("m1", "2031-01-01T00:00:00.000000Z").as_json()

    assert unknown.items() <= (stamped if under else stamped["content"]).items()


def test_a_payload_beside_the_content_is_kept() -> None:
    assert made({"content": {"n": 1}, "payload": {"m": 2}}).extra == {"payload": {"m": 2}}


def test_a_plain_text_is_a_body() -> None:
    assert made({"content": "do it", "type": "info"}).content["body"] == "do it"


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({"a": 1}),
    )
)
def test_no_object_is_refused_for_its_shape(raw: dict[str, Any]) -> None:
    message = made(raw)

    assert message.stamped("m1", "2031-01-01T00:00:00.000000Z").sender == "CC"
