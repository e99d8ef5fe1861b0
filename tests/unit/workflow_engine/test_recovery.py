"""Which steps run again: after a cut, after a failure, from a step on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bluelabel.interfaces.errors import Conflict, NotFound
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.engine.recovery import children_of, graph_of, reopen, take_up, waited


def a_run(statuses: Any, needs: Any = None, status: str = "failed") -> Any:
    run = DAGRun("dag", "r", "created")
    for name in statuses:
        run.add_step(name, 2, dependencies=list((needs or {}).get(name, ())))
    for name, found in statuses.items():
        step = run.get_step(name)
        if found == "skipped":
            step.skip("it depends on x, which did not succeed")
        elif found == "unwanted":
            step.skip("its condition is false: x")
        elif found != "pending":
            step.start()
            moves: dict[str, Callable[[], object]] = {
                "success": step.complete,
                "failed": partial(step.fail, "x"),
                "cancelled": step.cancel,
                "retry": partial(step.retry, "x"),
                "running": lambda: None,
            }
            moves[found]()
    run.start()
    run._status = type(run.status)(status)
    run.take_changes()
    return run


def statuses(run: Any) -> Any:
    return {name: step.status.value for name, step in run.steps.items()}


def test_reopen_takes_what_did_not_succeed_and_leaves_what_did() -> None:
    run = a_run({"a": "success", "b": "failed", "c": "skipped", "d": "cancelled", "e": "unwanted"})

    assert reopen(run) == ["b", "c", "d"]
    assert statuses(run) == {"a": "success", "b": "pending", "c": "pending", "d": "pending", "e": "skipped"}
    assert run.status.value == "retry"


def test_what_its_own_condition_skipped_is_asked_again_only_behind_a_step_that_runs_again() -> None:
    run = a_run({"a": "failed", "b": "unwanted", "c": "unwanted"}, {"b": ["a"]})

    assert reopen(run) == ["a", "b"]
    assert statuses(run)["c"] == "skipped"


def test_from_a_step_takes_it_and_all_downstream_whatever_came_of_them() -> None:
    run = a_run(dict.fromkeys("abcd", "success"), {"b": ["a"], "c": ["b"]}, "success")

    assert reopen(run, "b", "new data") == ["b", "c"]
    assert run.get_step("c").history[-1].reason == "new data"
    with pytest.raises(NotFound):
        reopen(run, "zz")


def test_from_a_map_takes_its_items_and_from_an_item_takes_the_map() -> None:
    run = a_run({"list": "success", "each": "success", "after": "success"}, {"each": ["list"], "after": ["each"]})
    run._status = type(run.status)("running")
    for n in range(2):
        run.add_step(f"each@{n}", 0, index=n, item=n, parent="each")
        run.get_step(f"each@{n}").start()
        run.get_step(f"each@{n}").complete(n)
    run._status = type(run.status)("success")
    assert [step.step_id for step in children_of(run, "each")] == ["each@0", "each@1"]

    assert reopen(run, "each@1") == ["each", "after", "each@1"]
    assert statuses(run)["each@0"] == "success"
    run._status = type(run.status)("success")
    assert reopen(run, "list") == ["list", "each", "after", "each@0", "each@1"]


def test_nothing_to_run_again_is_told() -> None:
    with pytest.raises(Conflict, match="every step"):
        reopen(a_run({"a": "success"}, status="success"))


def test_an_open_run_may_be_run_again_from_a_step_and_keeps_the_reason() -> None:
    run = a_run({"a": "success", "b": "pending"}, {"b": ["a"]}, "running")

    assert reopen(run, "a", "wrong input") == ["a", "b"]
    assert run.metadata["retry_reason"] == "wrong input"
    assert run.status.value == "running"


def test_take_up_makes_cut_attempts_again_and_leaves_the_rest() -> None:
    run = a_run({"a": "success", "b": "running", "c": "retry", "d": "pending"}, status="running")
    run.get_step("b").metadata["durable_start"] = False
    take_up(run)

    assert statuses(run) == {"a": "success", "b": "pending", "c": "retry", "d": "pending"}
    assert run.metadata["resume_count"] == 1
    assert run.get_step("b").metadata["interruptions"] == 1
    run.metadata["resume_count"] = "odd"
    take_up(run)
    assert run.metadata["resume_count"] == 1


def test_take_up_fails_a_cut_attempt_that_must_not_be_made_twice() -> None:
    run = a_run({"b": "running"}, status="running")
    run.get_step("b").metadata["durable_start"] = True
    take_up(run)

    assert statuses(run) == {"b": "failed"}


def test_dependencies_that_are_gone_do_not_count() -> None:
    assert graph_of(a_run({"a": "success"}, {"a": ["gone"]})) == {"a": ()}


def test_a_delay_counts_from_the_failure() -> None:
    run = a_run({"a": "retry"})
    step = run.get_step("a")
    at = step.history[-1].at

    assert waited(step, 10.0, at) == 10.0
    step.restore(())
    assert waited(step, 10.0, at) == 10.0
