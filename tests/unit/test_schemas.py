"""The shipped JSON Schemas: current, valid, and true of what the models write."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from bluelabel.apps.cli.main import cli
from bluelabel.interfaces import schema_catalogue, schemas
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus, ContentMetadata
from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.events import KINDS, RESERVED, Event
from bluelabel.interfaces.messages import MESSAGE_FIELDS, Delivery, DeliveryState, Message, MessageType, Priority
from bluelabel.runner.operations.read_file import FileReading, read_file
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus

ROOT = Path(__file__).parents[2]
TEXT = st.text(max_size=12)
MAYBE = st.none() | TEXT
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
OBJECT = st.dictionaries(
    TEXT, st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=4
)
MOMENTS = st.datetimes(timezones=st.just(UTC))
WORDS = st.sampled_from([word.value for word in MessageType]) | st.from_regex(r"\A[A-Za-z_]{1,20}\Z")
NAMES = st.from_regex(r"\A[A-Z][A-Za-z0-9_-]{0,10}\Z")
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)

INPUTS = st.builds(
    AgentInput, task_id=TEXT, task_type=MAYBE, source=TEXT, content=OBJECT, metadata=OBJECT, context=OBJECT,
    timestamp=MOMENTS,
)  # fmt: skip
OUTPUTS = st.builds(
    AgentOutput, task_id=TEXT, status=st.sampled_from(AgentStatus), result=OBJECT, error=MAYBE, metadata=OBJECT,
    timestamp=MOMENTS, duration_ms=st.none() | st.floats(0, 1e9),
)  # fmt: skip
CAPABILITIES = st.builds(AgentCapability, name=TEXT, description=TEXT, parameters=OBJECT)
CONTENTS = st.builds(
    ContentMetadata, content_id=TEXT, content_type=TEXT, source=TEXT, title=MAYBE, author=MAYBE,
    created_at=st.none() | MOMENTS, processed_at=MOMENTS, content_length=st.integers(0, 10**9),
    additional_metadata=OBJECT,
)  # fmt: skip
MESSAGES = st.builds(
    Message, id=TEXT, type=WORDS, sender=NAMES, recipients=st.lists(NAMES, min_size=1, max_size=4).map(tuple),
    subject=TEXT, content=OBJECT, task_id=MAYBE, thread=MAYBE, reply_to=MAYBE, priority=st.sampled_from(Priority),
    created_at=TEXT, not_before=MAYBE, expires_at=MAYBE, key=MAYBE, attempt=st.integers(0, 99), signature=MAYBE,
)  # fmt: skip
DELIVERIES = st.builds(
    Delivery, message=MESSAGES, recipient=NAMES, state=st.sampled_from(DeliveryState), seq=st.integers(1, 10**9),
    attempt=st.integers(0, 99), result=st.none() | OBJECT, reason=MAYBE, token=MAYBE, claimed_by=st.none() | NAMES,
)  # fmt: skip
STRATEGIES = {
    "agent_input": INPUTS,
    "agent_output": OUTPUTS,
    "agent_capability": CAPABILITIES,
    "content_metadata": CONTENTS,
    "message": MESSAGES,
}
EVENTS = st.builds(
    Event, seq=st.integers(1, 2**53), at=st.just("2026-01-31T09:30:00.000000Z"), by=NAMES,
    kind=st.sampled_from(sorted(KINDS)) | st.just("plugin.own_word"),
    data=OBJECT.map(lambda data: {key: value for key, value in data.items() if key not in RESERVED}), h=HASHES,
)  # fmt: skip


def shipped(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schemas.text(name)))


def reading(**keys: Any) -> dict[str, Any]:
    return {"schema": "bluelabel.read/1", "file": "a.json", "kind": "postbox", "problems": [], **keys}


def test_every_model_has_a_strategy_here() -> None:
    assert set(STRATEGIES) == set(schema_catalogue.MODELS)


@pytest.mark.parametrize("name", sorted(schema_catalogue.build()))
def test_a_shipped_schema_is_what_the_models_say_now(name: str) -> None:
    assert schemas.text(name) == schema_catalogue.render(schema_catalogue.build()[name]), "run `make schemas`"


@pytest.mark.parametrize("name", schemas.names())
def test_every_shipped_schema_is_a_valid_schema_with_a_title(name: Any) -> None:
    document = json.loads(schemas.text(name))

    Draft202012Validator.check_schema(document)

    assert document["$schema"] == schema_catalogue.DIALECT
    assert document["title"]


@given(st.data(), st.sampled_from(sorted(STRATEGIES)))
def test_what_a_model_writes_its_schema_accepts_and_it_reads_back_the_same(data: Any, name: Any) -> None:
    made = data.draw(STRATEGIES[name])
    if isinstance(made, BaseModel):
        written = json.loads(made.model_dump_json())
        back = type(made).model_validate(written)
    else:
        written = json.loads(json.dumps(made.as_json()))
        back = type(made).from_json(written)

    assert list(shipped(name).iter_errors(written)) == []
    assert back == made


@given(MESSAGES)
def test_the_short_form_of_a_message_is_accepted_and_read_back_the_same(message: Any) -> None:
    short = message.as_json()

    assert list(shipped("message").iter_errors(short)) == []
    assert Message.from_json(short) == message


@given(DELIVERIES)
def test_a_delivery_is_accepted_and_holds_the_whole_message(delivery: Any) -> None:
    written = json.loads(json.dumps(delivery.as_json()))

    assert list(shipped("delivery").iter_errors(written)) == []
    assert Message.from_json({**written, "attempt": delivery.message.attempt}).content == delivery.message.content
    assert set(written) >= MESSAGE_FIELDS | {"recipient", "state", "seq"}


@given(EVENTS)
def test_a_line_of_the_ledger_is_accepted(event: Any) -> None:
    assert list(shipped("event").iter_errors(event.as_json())) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("agent_input", {}),
        ("agent_output", {"task_id": "T", "status": "perhaps"}),
        ("agent_capability", {"name": "x"}),
        ("content_metadata", {"content_id": "x", "content_type": "pdf", "source": 5}),
        ("message", {"id": "1", "sender": "CA", "recipients": [], "created_at": ""}),
        ("message", {"id": "1", "sender": "CA", "recipients": ["CC"], "created_at": "", "type": "two words"}),
        ("delivery", {"id": "1", "recipient": "CC", "state": "sent", "seq": 1}),
        ("event", {"seq": 0, "at": "", "by": "CA", "kind": "message.sent", "h": "0" * 64}),
        ("event", {"seq": 1, "at": "", "by": "CA", "kind": "message.sent", "h": "short"}),
        ("read", {"schema": "bluelabel.read/2", "file": "a", "kind": "postbox", "problems": []}),
        ("read", reading(kind="recipe")),
        ("read", reading(messages=[{"id": "1"}])),
        ("run", {"dag_id": "d", "run_id": "r", "status": "SUCCESS", "steps": {}}),
        ("run", {"dag_id": "d", "run_id": "r", "status": "success", "steps": {"a": {"step_id": "a"}}}),
    ],
)
def test_a_schema_refuses_what_is_wrong(name: str, wrong: Mapping[str, Any]) -> None:
    assert not shipped(name).is_valid(wrong)


def test_a_reading_of_a_box_is_accepted() -> None:
    message = {"id": None, "task_id": "TASK-7", "type": None, "sender": "CA", "recipient": None, "status": "done"}
    problem = {"code": "trailing-comma", "message": "a comma before ]", "line": 3, "column": None}

    assert shipped("read").is_valid(reading(messages=[message], tasks=[], history=[], problems=[problem]))


def files_of_this_project() -> list[Path]:
    folders = (ROOT / name for name in ("docs", "interfaces", "tests"))
    return [
        path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"
    ]


def files_of_other_projects() -> list[Path]:
    folder = os.environ.get("BLUELABEL_CORPUS")
    if folder is None:
        pytest.skip("BLUELABEL_CORPUS names no collection of real files")
    return [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]


@pytest.mark.parametrize("listed", [files_of_this_project, files_of_other_projects])
def test_what_is_read_from_any_file_is_accepted(listed: Callable[[], list[Path]]) -> None:
    files = listed()

    refused = {
        path.name: [error.message for error in shipped("read").iter_errors(as_written(read_file(str(path))))]
        for path in files
    }

    assert {name: errors for name, errors in refused.items() if errors} == {}
    assert len(files) > 20


def as_written(found: FileReading) -> dict[str, Any]:
    return dict(json.loads(json.dumps({"schema": "bluelabel.read/1", **found.as_json()})))


def test_the_file_of_a_run_is_accepted_in_every_state() -> None:
    run = DAGRun("nightly", "run-1")
    for step_id in ("fetch", "check", "later"):
        run.add_step(step_id, max_retries=1)
    snapshots = [run.to_dict()]
    run.start()
    run.get_step("fetch").start()
    run.get_step("fetch").complete({"pages": [1, 2]})
    run.get_step("check").start()
    snapshots.append(run.to_dict())
    run.get_step("check").fail("no")
    run.get_step("later").skip("check failed")
    run.fail("check failed")
    snapshots.append(run.to_dict())

    assert [list(shipped("run").iter_errors(json.loads(json.dumps(each)))) for each in snapshots] == [[], [], []]


def test_the_statuses_of_runs_and_steps_are_those_of_the_tracker() -> None:
    assert set(schema_catalogue.RUN_STATUSES) == {status.value for status in DAGRunStatus}
    assert set(schema_catalogue.STEP_STATUSES) == {status.value for status in DAGStepStatus}


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    first = schema_catalogue.write(tmp_path)
    second = schema_catalogue.write(tmp_path)

    assert (len(first), second) == (len(schema_catalogue.build()), [])


def test_an_unknown_schema_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(NotFound) as caught:
        schemas.text("mesage")

    assert "message" in str(caught.value.hint)


def test_the_command_lists_all_and_prints_one() -> None:
    listed = CliRunner().invoke(cli, ["schema"]).stdout.splitlines()
    printed = CliRunner().invoke(cli, ["schema", "message"]).stdout

    assert [line.split()[0] for line in listed] == schemas.names()
    assert printed == schemas.text("message")


def test_the_command_speaks_json_lines() -> None:
    listed = [json.loads(line) for line in CliRunner().invoke(cli, ["schema", "--json"]).stdout.splitlines()]
    one = json.loads(CliRunner().invoke(cli, ["schema", "event", "--json"]).stdout)

    assert [line["name"] for line in listed] == schemas.names()
    assert {line["schema"] for line in [*listed, one]} == {"bluelabel.schema/1"}
    assert one["document"] == json.loads(schemas.text("event"))
