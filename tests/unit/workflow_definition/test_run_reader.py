"""Run files and indexes of runs: values as they stand, and what is odd about them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.store.run_reader import looks_like_index, looks_like_run, read_index, read_run

START, END = "2025-01-01T10:00:00.000000", "2025-01-01T10:00:05.000000"


def step(**more: Any) -> dict[str, Any]:
    return {
        "step_id": "a",
        "status": "success",
        "start_time": START,
        "end_time": END,
        "retry_count": 0,
        "max_retries": 3,
        "error": None,
        "result": None,
        "metadata": {},
        "duration_seconds": 5.0,
        **more,
    }


def run(**more: Any) -> dict[str, Any]:
    return {
        "dag_id": "d",
        "run_id": "r",
        "status": "success",
        "steps": {"a": step()},
        "start_time": START,
        "end_time": END,
        "total_retries": 0,
        "error": None,
        "metadata": {},
        "duration_seconds": 5.0,
        **more,
    }


def codes(value: Any) -> list[str]:
    return [problem.code for problem in read_run(json.dumps(value).encode(), "run.json")[1]]


def test_a_run_is_read_as_it_stands() -> None:
    record, problems = read_run(json.dumps(run()).encode(), "run.json")

    assert problems == ()
    assert record == {
        "dag_id": "d",
        "run_id": "r",
        "status": "success",
        "total_retries": 0,
        "steps": {"a": {"status": "success", "retry_count": 0, "max_retries": 3}},
    }


def test_what_is_missing_is_null_and_upper_case_is_kept() -> None:
    value = {"dag_id": "d", "run_id": "r", "steps": [{"step_id": "x", "status": "PENDING", "max_retries": 1}]}
    record, _ = read_run(json.dumps(value).encode(), "r.json")

    assert record == {
        "dag_id": "d",
        "run_id": "r",
        "status": None,
        "total_retries": None,
        "steps": {"x": {"status": "PENDING", "retry_count": None, "max_retries": 1}},
    }


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (run(steps={}, start_time=None, end_time=None), "ended-without-steps"),
        (run(status="failed", end_time=None), "no-end"),
        (run(status="running", end_time=None, steps={"a": step(status="retry")}), "left-behind"),
        (run(status="created"), "status-clash"),
        (run(steps={"a": step(status="running", end_time=None)}), "status-clash"),
        (run(steps={"a": step(status="failed")}), "status-clash"),
        (run(status="done"), "unknown-status"),
        (run(status=None), "unknown-status"),
        (run(run_id=None), "no-id"),
        (run(total_retries=4), "retry-sum"),
        (run(end_time="2024-01-01T00:00:00"), "time-order"),
        (run(start_time="yesterday"), "not-a-time"),
        (run(steps=None), "no-steps"),
        (run(steps={"a": 5}), "not-a-step"),
        (run(steps={"a": step(step_id="b")}), "other-id"),
        (run(steps={"a": step(status="won")}), "unknown-status"),
        (run(steps={"a": step(retry_count=5)}), "too-many-retries"),
        (run(steps={"a": step(retry_count=-1)}), "not-a-count"),
        (run(steps={"a": step(max_retries=True)}), "not-a-count"),
        (run(steps={"a": step(end_time=None)}), "no-times"),
    ],
)
def test_what_is_odd_is_said(value: dict[str, Any], code: str) -> None:
    assert code in codes(value)


def test_broken_json_has_its_place() -> None:
    record, problems = read_run(b'{"dag_id": "d",\n "run_id": }', "run.json")

    assert record["run_id"] is None
    assert (problems[0].code, problems[0].line, problems[0].column) == ("not-json", 2, 12)


def test_a_key_that_stands_twice_is_a_problem_and_the_rest_is_shown() -> None:
    record, problems = read_run(b'{"dag_id": "d", "dag_id": "e", "run_id": "r", "steps": {}}', "run.json")

    assert record["dag_id"] == "e"
    assert problems[0].code == "not-json"


def test_a_list_is_no_run() -> None:
    record, problems = read_run(b"[]", "run.json")

    assert record["steps"] == {}
    assert "not-an-object" in [problem.code for problem in problems]


ROW = {"dag_id": "d", "status": "success", "created_at": START, "updated_at": END, "file": "run_r1.json"}


def test_an_index_is_read_as_it_stands() -> None:
    runs, problems = read_index(json.dumps({"r1": ROW}).encode(), "dag_runs_index.json")

    assert runs == {"r1": {"status": "success"}}
    assert problems == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (5, "not-a-run"),
        ({**ROW, "status": "ok"}, "unknown-status"),
        ({**ROW, "updated_at": "2020-01-01T00:00:00"}, "time-order"),
        ({**ROW, "created_at": "x"}, "not-a-time"),
        ({**ROW, "file": "run_other.json"}, "other-file"),
    ],
)
def test_what_is_odd_in_an_index_is_said(row: object, code: str) -> None:
    _, problems = read_index(json.dumps({"r1": row}).encode(), "dag_runs_index.json")

    assert [problem.code for problem in problems] == [code]


@pytest.mark.parametrize(
    ("data", "name", "is_run", "is_index"),
    [
        (json.dumps(run()).encode(), "run.json", True, False),
        (b"\xef\xbb\xbf" + json.dumps(run()).encode(), "run.json", True, False),
        (json.dumps(run()).encode()[:-1], "run.json", True, False),
        (json.dumps(run()).encode(), "run.txt", False, False),
        (json.dumps({"r1": ROW}).encode(), "any.json", False, True),
        (json.dumps({"r1": ROW, "r2": 5}).encode(), "any.json", False, False),
        (json.dumps({"r1": ROW, "r2": 5}).encode(), "a/dag_runs_index.json", False, True),
        (b"{}", "data\\dag_runs_index.json", False, True),
        (b"{", "dag_runs_index.json", False, True),
        (b"{}", "other.json", False, False),
        (b'{"dag_id": 5, "run_id": 1, "steps": 1}', "x.json", False, False),
        (b'["dag_id", "run_id"]', "x.json", False, False),
        (b'{"note": {"x": 1, "y": "dag_id"}}', "x.json", False, False),
        (b'x "dag_id" "run_id" "steps"', "x.json", False, False),
    ],
)
def test_files_are_recognised(data: bytes, name: str, is_run: bool, is_index: bool) -> None:
    assert (looks_like_run(data, name), looks_like_index(data, name)) == (is_run, is_index)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from([START, "running", "retry"]),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from([*run(), *step(), *ROW, "a"]), below, max_size=5)
    ),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(run(), JSON)))
def test_any_json_is_read_without_an_exception(value: Any) -> None:
    data = json.dumps(value).encode()
    record, _ = read_run(data, "x.json")
    runs, _ = read_index(data, "dag_runs_index.json")

    assert set(record) == {"dag_id", "run_id", "status", "total_retries", "steps"}
    assert all(set(row) == {"status"} for row in runs.values())
    looks_like_run(data, "x.json")
    looks_like_index(data, "x.json")


@given(st.binary(max_size=40))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    read_run(data, "x.json")
    read_index(data, "x.json")
    looks_like_run(data + b'"dag_id""run_id"', "x.json")
    looks_like_index(data + b'"dag_id"', "x.json")
