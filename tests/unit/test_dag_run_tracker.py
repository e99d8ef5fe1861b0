"""The tracker: which moves are allowed, what the history keeps, and how long things took."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bluelabel.interfaces.errors import AlreadyExists, IllegalTransition, NotFound, UnreadableInput
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGRunStatus, DAGStepState, DAGStepStatus
from bluelabel.services.workflow.model.states import OPEN_RUN, RUN_MOVES, STEP_MOVES

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class Ticking:
    """A clock that moves on by one second each time it is read."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> Any:
        self.at += timedelta(seconds=1)
        return self.at


def a_run(*steps: Any) -> Any:
    run = DAGRun("dag", "run-1", now=Ticking())
    for step_id in steps:
        run.add_step(step_id, 2)
    return run


def step_in(status: Any) -> Any:
    run = a_run("s")
    step = run.get_step("s")
    if status is not DAGStepStatus.PENDING:
        step._status = status
    return step


def test_statuses_are_the_words_of_run_files() -> None:
    assert [status.value for status in DAGStepStatus] == [
        "pending", "running", "success", "failed", "retry", "skipped", "cancelled",
    ]  # fmt: skip
    assert {status.name for status in DAGRunStatus} == {
        "CREATED", "RUNNING", "SUCCESS", "FAILED", "RETRY", "CANCELLED", "PARTIAL_SUCCESS",
    }  # fmt: skip


@pytest.mark.parametrize("was", DAGStepStatus)
@pytest.mark.parametrize("to", DAGStepStatus)
def test_a_step_moves_only_where_the_table_allows(was: Any, to: Any) -> None:
    step = step_in(was)
    if to is was:
        step.status = to

        assert step.history == ()
    elif to in STEP_MOVES[was]:
        step.status = to

        assert (step.history[-1].was, step.history[-1].status) == (was.value, to.value)
    else:
        with pytest.raises(IllegalTransition, match=f"{was.name} and cannot become {to.name}"):
            step.status = to
        assert step.status is was
        assert step.history == ()


@pytest.mark.parametrize("was", DAGRunStatus)
@pytest.mark.parametrize("to", DAGRunStatus)
def test_a_run_moves_only_where_the_table_allows(was: Any, to: Any) -> None:
    run = DAGRun("dag", "r", was)
    if to is was or to in RUN_MOVES[was]:
        run.status = to.value

        assert run.status is to
    else:
        with pytest.raises(IllegalTransition):
            run.status = to
        assert run.status is was


def test_a_finished_step_cannot_be_started_completed_or_failed() -> None:
    step = step_in(DAGStepStatus.SUCCESS)
    for act in (step.start, step.complete, lambda: step.fail("x"), step.cancel, lambda: step.skip("x"), step.retry):
        with pytest.raises(IllegalTransition):
            act()

    assert step.retry_count == 0


def test_a_step_lives_through_retry_to_success() -> None:
    run = a_run("s")
    step = run.get_step("s")
    run.start()
    step.start()
    assert step.retry(ValueError("no luck"), delay=2.0, trace="trace") is True
    step.start()
    step.complete({"n": 1})

    assert step.status is DAGStepStatus.SUCCESS
    assert step.result == {"n": 1}
    assert step.error is None
    assert (step.retry_count, run.total_retries) == (1, 1)
    assert [move.status for move in step.history] == ["running", "retry", "running", "success"]
    assert step.metadata["error_history"] == [
        {
            "timestamp": "2026-01-31T09:30:04.000000",
            "attempt": 1,
            "error": "no luck",
            "error_type": "ValueError",
            "traceback": "trace",
        }
    ]


def test_retry_says_no_when_none_is_left() -> None:
    step = step_in(DAGStepStatus.RUNNING)
    step.max_retries = 0

    assert step.retry("x") is False
    assert step.status is DAGStepStatus.RUNNING


def test_a_failed_step_may_be_retried_and_keeps_its_error_on_record() -> None:
    run = a_run("s")
    step = run.get_step("s")
    step.start()
    step.fail(ValueError())
    assert step.error == "ValueError"
    assert step.end_time is not None
    assert step.retry() is True

    assert step.error is None
    assert step.end_time is None
    assert [entry["error"] for entry in step.metadata["error_history"]] == ["ValueError"]


def test_duration_counts_from_the_first_start_to_the_end() -> None:
    step = a_run("s").get_step("s")
    assert step.duration_seconds is None
    step.start()
    assert step.duration_seconds is None
    step.retry("x")
    step.start()
    step.fail("y")

    assert step.duration_seconds == 3.0


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    step = DAGStepState("s", "success", START, START - timedelta(hours=1))

    assert step.duration_seconds == 0.0


@pytest.mark.parametrize("end", ["complete", "fail", "cancel", "partial"])
def test_a_run_has_end_and_duration_in_every_ending(end: str) -> None:
    run = a_run("a", "b")
    run.start()
    if end == "cancel":
        run.cancel("enough")
    elif end == "fail":
        run.fail("bad")
    else:
        for step in run.steps.values():
            step.start()
        run.get_step("a").complete()
        run.get_step("b").fail("x") if end == "partial" else run.get_step("b").complete()
        run.complete()

    assert run.is_complete
    assert run.end_time is not None
    assert run.duration_seconds is not None
    assert run.duration_seconds > 0


def test_a_run_that_never_began_may_be_cancelled() -> None:
    run = a_run("a")
    run.cancel()

    assert run.status is DAGRunStatus.CANCELLED
    assert run.duration_seconds == 0.0
    assert run.get_step("a").status is DAGStepStatus.CANCELLED


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((), "success"),
        (("complete",), "success"),
        (("complete", "skip"), "success"),
        (("complete", "fail"), "partial_success"),
        (("fail", "skip"), "failed"),
    ],
)
def test_complete_judges_by_how_the_steps_ended(ends: Any, expected: str) -> None:
    run = a_run(*(f"s{n}" for n in range(len(ends))))
    run.start()
    for step, end in zip(run.steps.values(), ends, strict=True):
        if end == "skip":
            step.skip("not needed")
            continue
        step.start()
        getattr(step, end)("x")

    assert run.complete() == expected


def test_a_run_cannot_complete_while_a_step_is_open() -> None:
    run = a_run("a")
    run.start()

    with pytest.raises(IllegalTransition, match="while a is PENDING"):
        run.complete()


def test_fail_skips_what_had_not_begun() -> None:
    run = a_run("a", "b", "c")
    run.start()
    run.get_step("a").start()
    run.get_step("a").fail("x")
    run.get_step("b").start()
    run.get_step("b").retry("y")
    run.fail("step a failed")

    assert [step.status.value for step in run.steps.values()] == ["failed", "skipped", "skipped"]
    assert run.get_step("c").metadata["skip_reason"] == "the run failed: step a failed"
    assert run.error == "step a failed"


def test_an_ended_run_cannot_be_cancelled_and_its_steps_stay() -> None:
    run = a_run("a")
    run.start()
    run.get_step("a").skip("x")
    run.complete()

    with pytest.raises(IllegalTransition):
        run.cancel()


def test_reopen_and_reset_clear_the_end_and_keep_the_errors() -> None:
    run = a_run("a")
    run.start()
    step = run.get_step("a")
    step.start()
    step.retry("first")
    step.start()
    step.fail("second")
    run.fail("a failed")
    step.reset("by hand")
    run.reopen("by hand")

    assert (step.status, step.retry_count, step.start_time, step.error) == (DAGStepStatus.PENDING, 0, None, None)
    assert (run.status, run.end_time, run.error, run.total_retries) == (DAGRunStatus.RETRY, None, None, 0)
    assert len(step.metadata["error_history"]) == 2
    assert run.history[-1].reason == "by hand"


def test_an_interrupted_attempt_keeps_start_and_retries_and_is_counted() -> None:
    run = a_run("a")
    step = run.get_step("a")
    step.start()
    began = step.start_time
    step.retry("x")
    step.start()
    step.reset("killed", interrupted=True)
    step.start()
    step.reset("killed", interrupted=True)

    assert (step.start_time, step.retry_count) == (began, 1)
    assert step.metadata["interruptions"] == 2


def test_the_history_cannot_be_changed_from_outside() -> None:
    step = step_in(DAGStepStatus.PENDING)
    step.start()
    moves = step.history

    assert isinstance(moves, tuple)
    with pytest.raises(AttributeError):
        moves[0].status = "success"


def test_an_unknown_step_is_named_with_its_nearest() -> None:
    with pytest.raises(NotFound) as raised:
        a_run("ingest", "digest").get_step("ingets")

    assert raised.value.hint == "did you mean ingest, digest?"
    with pytest.raises(NotFound) as raised:
        a_run().get_step("x")
    assert "--status" in str(raised.value.hint)


def test_steps_are_unique_and_ended_runs_take_none() -> None:
    run = a_run("a")
    with pytest.raises(AlreadyExists):
        run.add_step("a")
    run.cancel()

    with pytest.raises(IllegalTransition):
        run.add_step("b")


def test_the_file_has_the_ten_keys_and_naive_times() -> None:
    run = a_run("a")
    run.start()
    run.get_step("a").start()
    run.get_step("a").complete({"ok": True})
    run.complete()
    data = run.to_dict()

    assert list(data) == [
        "dag_id", "run_id", "status", "steps", "start_time", "end_time", "total_retries", "error", "metadata",
        "duration_seconds",
    ]  # fmt: skip
    assert list(data["steps"]["a"]) == [
        "step_id", "status", "start_time", "end_time", "retry_count", "max_retries", "error", "result", "metadata",
        "duration_seconds",
    ]  # fmt: skip
    assert data["start_time"] == "2026-01-31T09:30:02.000000"
    assert data["status"] == "success"
    assert json.loads(json.dumps(data)) == data


def test_what_was_written_is_read_back_whole() -> None:
    run = a_run("a", "b")
    run.start()
    run.get_step("a").start()
    run.get_step("a").retry("x", trace="t")
    run.get_step("a").start()
    run.get_step("a").fail("y")
    run.fail("a failed")
    again = DAGRun.from_dict(json.loads(json.dumps(run.to_dict())))

    assert again.to_dict() == run.to_dict()
    assert again.history == run.history
    assert again.to_dict()["metadata"]["step_failures"][0]["final_error"] == "y"


def test_a_file_of_another_program_is_read_as_it_stands() -> None:
    data = {
        "dag_id": "older",
        "run_id": "r-9",
        "status": "RUNNING",
        "steps": {"one": {"status": "retry", "retry_count": 1, "start_time": "2025-05-28T21:40:48.733720"}, "two": {}},
        "start_time": "2025-05-28T21:40:48.732314",
        "end_time": None,
        "total_retries": 1,
        "error": None,
        "metadata": {"history": [{"timestamp": "nonsense"}, "x"]},
        "more": 1,
    }
    run = DAGRun.from_dict(data)

    assert run.status is DAGRunStatus.RUNNING
    assert run.get_step("one").status is DAGStepStatus.RETRY
    assert run.get_step("two").max_retries == 3
    assert run.start_time == datetime(2025, 5, 28, 21, 40, 48, 732314, tzinfo=UTC)
    assert run.history == ()
    assert DAGRun.from_dict({"run_id": "x", "steps": [{"step_id": "a", "error": 5}]}).get_step("a").error == "5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run_id": None}, "`run_id` is missing"),
        ({"status": "done"}, "unknown status"),
        ({"start_time": "yesterday"}, "`start_time` is not a moment"),
        ({"total_retries": -1}, "`total_retries` is not a count"),
        ({"steps": "none"}, "neither an object nor a list"),
        ({"steps": {"a": 5}}, "not an object"),
        ({"metadata": []}, "not an object"),
    ],
)
def test_a_file_that_cannot_be_a_run_is_refused_with_the_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableInput, match=message) as raised:
        DAGRun.from_dict({"dag_id": "d", "run_id": "r", "status": "created", **change})

    assert raised.value.where


def test_changes_are_taken_once_and_can_be_put_back() -> None:
    run = a_run("a")
    run.start()
    run.metadata["note"] = 1
    assert run.has_changes
    changes = run.take_changes()

    assert [change["status"] for change in changes] == ["pending", "running", "running"]
    assert changes[-1]["meta"] == {"note": 1}
    assert not run.has_changes
    run.put_back(changes)
    assert run.count_changes() == 3


def test_the_summary_counts_steps_and_gathers_errors() -> None:
    run = a_run("a", "b", "c")
    run.start()
    for name in "ab":
        run.get_step(name).start()
    run.get_step("a").complete()
    run.get_step("b").fail(KeyError("k"))
    run.get_step("c").skip("no")
    run.complete()
    summary = run.get_execution_summary()

    assert (summary["total_steps"], summary["completed_steps"], summary["failed_steps"]) == (3, 1, 1)
    assert summary["steps_by_status"]["skipped"] == 1
    assert [(entry["step_id"], entry["error_type"]) for entry in summary["errors"]] == [("b", "KeyError")]
    assert run.update_retry_count() == 0
    assert summary["status"] == "partial_success"


def test_is_running_and_is_complete_follow_the_status() -> None:
    for status in DAGRunStatus:
        run = DAGRun("d", "r", status)

        assert run.is_complete is (status not in OPEN_RUN)
        assert run.is_running is (status is DAGRunStatus.RUNNING)


def test_a_refused_reset_leaves_the_count_of_retries() -> None:
    run = DAGRun("dag", "r1")
    step = run.add_step("one")
    step.start()
    step.retry("again")
    step.reset("cut off", interrupted=True)

    with pytest.raises(IllegalTransition):
        step.reset("from the start")

    assert (step.retry_count, run.total_retries) == (1, 1)
