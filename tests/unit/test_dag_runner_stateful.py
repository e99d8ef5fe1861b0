"""The stateful runner: new runs, resumed runs, retries, failures, order, parallel steps, and how a run is left."""

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import (
    AlreadyExists,
    Conflict,
    IllegalTransition,
    LockTimeout,
    NotDurable,
    NotFound,
    UsageError,
)
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner import RetryBackoffStrategy, StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_factory import DAGRunnerFactory
from bluelabel.services.workflow.engine.ownership import claim_run, run_lock
from bluelabel.services.workflow.engine.retry import PermanentFailure
from bluelabel.services.workflow.model.codec import parse_moment
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus
from bluelabel.services.workflow.store.projection import RunsProjection


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return DAGRunStore(tmp_path, book=Book.in_memory([RunsProjection()]))


class Work:
    """Steps that note when they ran, and fail as often as told."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, name: Any, failures: int = 0, result: Any = None) -> Any:
        left = [failures]

        async def work(context: Any) -> Any:
            self.ran.append(name)
            if left[0]:
                left[0] -= 1
                raise ValueError(f"{name} broke")
            return result

        return work


class Delays:
    """A timer that notes the delays and does not wait."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def __call__(self, seconds: Any, call: Any) -> None:
        self.asked.append(seconds)
        asyncio.get_running_loop().call_soon(call)


def a_runner(store: Any, run_id: str = "run-1", **settings: Any) -> Any:
    return StatefulDAGRunner("dag", store, run_id, **settings)


def execute(runner: Any, *args: Any) -> Any:
    return asyncio.run(runner.execute(*args))


def test_create_new_run(store: Any) -> None:
    runner = a_runner(store, metadata={"inputs": {"a": 1}})
    runner.register_step("one", Work()("one"))
    run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert store.get("run-1").to_dict() == run.to_dict()
    assert store.get("run-1").metadata["inputs"] == {"a": 1}


def test_run_id_is_generated_when_none_is_given(store: Any) -> None:
    first, second = StatefulDAGRunner("dag", store), StatefulDAGRunner("dag", store)

    assert len({first.run_id, second.run_id}) == 2
    assert first.dag_id == "dag"


def test_register_step_keeps_its_configuration(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"), max_retries=5, retry_delay=2.0, critical=False)
    step = execute(runner).get_step("one")

    assert step.max_retries == 5
    assert step.metadata["retry_delay"] == 2.0
    assert step.metadata["critical"] is False


def test_register_step_twice_is_refused(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"))

    with pytest.raises(AlreadyExists):
        runner.register_step("one", Work()("one"))
    with pytest.raises(UsageError):
        runner.register_step("two", object())


def test_execute_runs_all_steps_in_registration_order(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    for name in "cab":
        runner.register_step(name, work(name))
    execute(runner)

    assert work.ran == ["c", "a", "b"]


def test_execute_with_custom_step_order(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    for name in "abc":
        runner.register_step(name, work(name))
    execute(runner, ["c", "a"])

    assert work.ran == ["c", "a", "b"]
    with pytest.raises(UsageError, match="not registered"):
        execute(a_runner(store, "run-2"), ["z"])


def test_step_results_are_handed_to_later_steps(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one", result={"n": 2}))
    runner.register_step("two", lambda context: context.results["one"]["n"] * 21)

    assert execute(runner).get_step("two").result == 42


def test_sync_async_and_argumentless_executors_all_work(store: Any) -> None:
    async def alone() -> str:
        return "async"

    class Object:
        def execute(self, context: Any) -> Any:
            return context.key

    runner = a_runner(store)
    runner.register_step("a", lambda: threading.current_thread().name)
    runner.register_step("b", alone)
    runner.register_step("c", Object())
    runner.register_step("d", partial(lambda text, context: text + context.step_id, "x"))
    runner.register_step("e", lambda _context: alone())
    results = [step.result for step in execute(runner).steps.values()]

    assert results == ["bluelabel-step", "async", "run-1:c:1", "xd", "async"]


def test_step_retry_then_success(store: Any) -> None:
    work, runner = Work(), a_runner(store, timer=Delays())
    runner.register_step("one", work("one", failures=2), max_retries=3)
    run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert run.get_step("one").retry_count == 2
    assert run.total_retries == 2


def test_step_failure_exhausted_retries(store: Any) -> None:
    work, runner = Work(), a_runner(store, timer=Delays())
    runner.register_step("one", work("one", failures=9), max_retries=2)
    runner.register_step("two", work("two"))
    run = execute(runner)

    assert run.status is DAGRunStatus.FAILED
    assert run.error == "step one failed: one broke"
    assert run.get_step("two").status is DAGStepStatus.SKIPPED
    assert work.ran == ["one"] * 3


def test_resume_partial_completion(store: Any) -> None:
    work = Work()
    first = a_runner(store)
    first.register_step("one", work("one"))
    first.register_step("two", work("two", failures=1), max_retries=0)
    first.register_step("three", work("three"))
    assert execute(first).status is DAGRunStatus.FAILED
    second = a_runner(store)
    for name in ("one", "two", "three"):
        second.register_step(name, work(name))
    run = execute(second)

    assert run.status is DAGRunStatus.SUCCESS
    assert work.ran == ["one", "two", "two", "three"]
    assert run.metadata["resume_count"] == 1
    assert [move.status for move in run.history][-4:] == ["failed", "retry", "running", "success"]


def test_resume_of_a_finished_run_runs_nothing(store: Any) -> None:
    work = Work()
    for _ in range(2):
        runner = a_runner(store)
        runner.register_step("one", work("one"))
        run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert work.ran == ["one"]


def test_resume_of_a_cancelled_run_is_refused_until_retry(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    runner.register_step("one", work("one"))
    runner.cancel("not now")
    assert execute(runner).status is DAGRunStatus.CANCELLED
    again = a_runner(store)
    again.register_step("one", work("one"))
    with pytest.raises(IllegalTransition, match="cancelled"):
        execute(again)
    again.retry(reason="changed my mind")

    assert execute(again).status is DAGRunStatus.SUCCESS
    assert work.ran == ["one"]


def test_get_status_counts_steps(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"))
    execute(runner)

    assert runner.get_status()["completed_steps"] == 1


def test_exponential_backoff_retry(store: Any) -> None:
    delays, work = Delays(), Work()
    runner = a_runner(store, retry_delay=2.0, retry_backoff=RetryBackoffStrategy.EXPONENTIAL, timer=delays)
    runner.register_step("one", work("one", failures=4), max_retries=4)
    execute(runner)

    assert delays.asked == [2.0, 4.0, 8.0, 16.0]
    assert runner.backoff("one", 3) == 8.0


def test_linear_backoff_retry(store: Any) -> None:
    delays, work = Delays(), Work()
    runner = a_runner(store, retry_delay=1.5, retry_backoff="LINEAR", timer=delays)
    runner.register_step("one", work("one", failures=3), max_retries=3)
    execute(runner)

    assert delays.asked == [1.5, 3.0, 4.5]


def test_constant_backoff_retry(store: Any) -> None:
    delays, work = Delays(), Work()
    runner = a_runner(store, retry_delay=0.5, retry_backoff=RetryBackoffStrategy.CONSTANT, timer=delays)
    runner.register_step("one", work("one", failures=3), max_retries=3)
    execute(runner)

    assert delays.asked == [0.5, 0.5, 0.5]


def test_per_step_retry_configuration(store: Any) -> None:
    delays, work = Delays(), Work()
    runner = a_runner(store, retry_delay=1.0, timer=delays)
    own = {"max_retries": 2, "retry_delay": 5.0, "retry_backoff": RetryBackoffStrategy.CONSTANT, "critical": False}
    runner.register_step("a", work("a", failures=9), **own)
    runner.register_step("b", work("b", failures=3))
    run = execute(runner)

    assert delays.asked == [5.0, 5.0, 1.0, 2.0, 4.0]
    assert [(step.status.value, step.retry_count, step.max_retries) for step in run.steps.values()] == [
        ("failed", 2, 2), ("success", 3, 3),
    ]  # fmt: skip
    assert run.get_step("a").metadata["retry_backoff"] == "constant"
    assert run.status is DAGRunStatus.PARTIAL_SUCCESS


def test_error_metadata_logging(store: Any) -> None:
    runner = a_runner(store, timer=Delays())
    runner.register_step("one", Work()("one", failures=2), max_retries=1)
    run = execute(runner)
    errors = run.get_step("one").metadata["error_history"]
    moments = [parse_moment(entry["timestamp"]) for entry in errors]

    assert [entry["attempt"] for entry in errors] == [1, 2]
    assert [entry["error"] for entry in errors] == ["one broke", "one broke"]
    assert run.start_time <= moments[0] <= moments[1] <= run.end_time
    assert {entry["error_type"] for entry in errors} == {"ValueError"}
    assert all("in work" in entry["traceback"] and "run_loop" not in entry["traceback"] for entry in errors)
    assert run.to_dict()["metadata"]["step_failures"][0]["attempts"] == 2
    assert len(run.get_execution_summary()["errors"]) == 2
    assert store.get("run-1").to_dict() == run.to_dict()


def test_non_critical_step_failure_allows_completion(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    runner.register_step("optional", work("optional", failures=1), max_retries=0, critical=False)
    runner.register_step("needed", work("needed"))
    run = execute(runner)

    assert run.status is DAGRunStatus.PARTIAL_SUCCESS
    assert run.end_time is not None
    assert work.ran == ["optional", "needed"]


def test_mixed_critical_non_critical_execution(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    runner.register_step("a", work("a"))
    runner.register_step("b", work("b", failures=1), max_retries=0, critical=False)
    runner.register_step("c", work("c", failures=1), max_retries=0, critical=True)
    runner.register_step("d", work("d"))
    run = execute(runner)

    assert run.status is DAGRunStatus.FAILED
    assert [step.status.value for step in run.steps.values()] == ["success", "failed", "failed", "skipped"]


def test_the_usage_of_the_seed_works_word_for_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = StatefulDAGRunner(
        dag_run_id="my-dag-123", retry_delay=2.0, retry_backoff=RetryBackoffStrategy.EXPONENTIAL, max_parallel=2
    )
    runner.register_step("fetch_data", lambda: 1, max_retries=5, critical=True)
    runner.register_step("optional_enrichment", lambda: 2, critical=False)
    runner.register_step("save_results", lambda: 3, retry_delay=5.0, depends_on=["fetch_data"])
    result = asyncio.run(runner.execute())
    runner.store.close()

    assert result.status is DAGRunStatus.SUCCESS
    assert (tmp_path / "data" / "dag_runs" / "run_my-dag-123.json").is_file()


def test_independent_steps_run_at_once_up_to_the_limit(store: Any) -> None:
    at_once, most = [0], [0]

    async def work() -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        for _ in range(5):
            await asyncio.sleep(0)
        at_once[0] -= 1

    runner = a_runner(store, max_parallel=3)
    for n in range(8):
        runner.register_step(f"s{n}", work)
    execute(runner)

    assert most[0] == 3


def test_a_step_begins_only_after_all_it_depends_on(store: Any) -> None:
    work, runner = Work(), a_runner(store, max_parallel=4)
    runner.register_step("last", work("last"), depends_on=["left", "right"])
    runner.register_step("left", work("left"), depends_on=["root"])
    runner.register_step("right", work("right"), depends_on=["root"])
    runner.register_step("root", work("root"))
    execute(runner)

    assert (work.ran[0], work.ran[-1]) == ("root", "last")


def test_success_is_in_the_ledger_before_a_dependant_begins(store: Any) -> None:
    seen = []

    def look() -> None:
        with store.book.reading() as db:
            seen.extend(db.execute("SELECT status FROM dag_steps WHERE step_id = 'one'").fetchone())

    runner = a_runner(store)
    runner.register_step("one", Work()("one"))
    runner.register_step("two", look, depends_on=["one"])
    execute(runner)

    assert seen == ["success"]


def test_a_chain_costs_one_append_a_step(store: Any) -> None:
    runner = a_runner(store)
    for n in range(20):
        runner.register_step(f"s{n}", Work()("x"), depends_on=[f"s{n - 1}"] if n else [])
    appends = []
    append = store.book.append

    def counted(decide: Any, **options: Any) -> Any:
        appends.append(options)
        return append(decide, **options)

    store.book.append = counted
    execute(runner)

    assert len(appends) == 20 + 3  # created, owned, the first start


def test_steps_that_end_together_share_one_append(store: Any) -> None:
    runner = a_runner(store, max_parallel=200)
    runner.register_step("root", Work()("root"))
    for n in range(100):
        runner.register_step(f"s{n}", Work()("x"), depends_on=["root"])
    appends = []
    append = store.book.append

    def counted(decide: Any, **options: Any) -> Any:
        appends.append(options)
        return append(decide, **options)

    store.book.append = counted
    execute(runner)

    assert len(appends) == 5


def test_a_mere_start_rides_with_the_next_sync_unless_it_asks_for_its_own(store: Any) -> None:
    asked = []
    append = store.book.append

    def noted(decide: Any, **options: Any) -> Any:
        asked.append(options.get("durable"))
        return append(decide, **options)

    store.book.append = noted
    for durable in (False, True):
        runner = a_runner(store, f"run-{durable}", timer=Delays())
        runner.register_step("one", Work()("one", failures=1), durable_start=durable)
        asked.clear()
        execute(runner)

        assert asked[-2] is durable  # the start of the second attempt


def test_conditions_skip_a_step_and_what_depends_on_it_alone(store: Any) -> None:
    work, runner = Work(), a_runner(store)
    runner.register_step("check", work("check", result={"go": False}))
    runner.register_step("yes", work("yes"), depends_on=["check"], when="steps.check.result.go")
    runner.register_step("no", work("no"), depends_on=["check"], unless="steps.check.result.go")
    runner.register_step("after_yes", work("after_yes"), depends_on=["yes"])
    runner.register_step("join", work("join"), depends_on=["yes", "no"])
    run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert work.ran == ["check", "no", "join"]
    assert "condition is false" in run.get_step("yes").metadata["skip_reason"]


def test_a_condition_that_cannot_be_read_fails_its_step(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"), when="steps.nobody.result")
    run = execute(runner)

    assert run.status is DAGRunStatus.FAILED
    assert run.get_step("one").metadata["error_history"][0]["error_type"] == "ExpressionError"


def test_unless_that_holds_skips(store: Any) -> None:
    runner = a_runner(store, metadata={"inputs": {"dry": True}})
    runner.register_step("one", Work()("one"), unless="inputs.dry")

    assert execute(runner).get_step("one").status is DAGStepStatus.SKIPPED


def test_map_runs_a_step_for_each_item_and_gathers_the_results_in_order(store: Any) -> None:
    seen = []

    async def double(context: Any) -> Any:
        seen.append(context.names["index"])
        return context.names["item"] * 2

    runner = a_runner(store, max_parallel=3)
    runner.register_step("list", Work()("list", result=[3, 1, 2]))
    runner.register_step("each", double, depends_on=["list"], map="{{ steps.list.result }}")
    run = execute(runner)

    assert run.get_step("each").result == [6, 2, 4]
    assert sorted(seen) == [0, 1, 2]
    assert run.get_step("each@2").status is DAGStepStatus.SUCCESS


def test_map_over_nothing_gives_nothing_and_over_no_list_fails(store: Any) -> None:
    runner = a_runner(store, metadata={"inputs": {"none": [], "text": "abc"}}, fail_fast=False)
    runner.register_step("empty", Work()("x"), map="{{ inputs.none }}")
    runner.register_step("wrong", Work()("x"), map="{{ inputs.text }}")
    run = execute(runner)

    assert run.get_step("empty").result == []
    assert "yields no list" in run.get_step("wrong").error


def test_a_resumed_map_repeats_only_the_items_that_did_not_succeed(store: Any) -> None:
    calls = []

    def part(fail: Any) -> Any:
        async def work(context: Any) -> None:
            calls.append(context.names["item"])
            if fail and context.names["item"] == "b":
                raise PermanentFailure("no b")

        return work

    for fail in (True, False):
        runner = a_runner(store, max_parallel=1, metadata={"inputs": {"all": ["a", "b", "c"]}})
        runner.register_step("each", part(fail), map="{{ inputs.all }}")
        run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert calls == ["a", "b", "c", "b"]


def test_a_permanent_failure_and_a_predicate_end_the_retries(store: Any) -> None:
    calls = []

    def work(error: Any) -> None:
        calls.append(1)
        raise error

    runner = a_runner(store, timer=Delays(), fail_fast=False)
    runner.register_step("a", lambda: work(PermanentFailure("never")))
    runner.register_step("b", lambda: work(KeyError("k")), retry_if=lambda error: isinstance(error, OSError))
    runner.register_step("c", lambda: work(OSError("o")), retry_if=lambda error: 1 / 0)
    run = execute(runner)

    assert len(calls) == 3
    assert run.get_step("c").error == "division by zero"


def test_fail_fast_off_runs_every_branch_that_can(store: Any) -> None:
    work, runner = Work(), a_runner(store, fail_fast=False)
    runner.register_step("bad", work("bad", failures=1), max_retries=0)
    runner.register_step("after_bad", work("after_bad"), depends_on=["bad"])
    runner.register_step("other", work("other"))
    runner.register_step("after_other", work("after_other"), depends_on=["other"])
    run = execute(runner)

    assert run.status is DAGRunStatus.FAILED
    assert work.ran == ["bad", "other", "after_other"]
    assert "depends on bad" in run.get_step("after_bad").metadata["skip_reason"]


def test_fail_fast_gives_up_what_only_waits_and_lets_work_end(store: Any) -> None:
    release, order = asyncio.Event(), []

    async def bad() -> None:
        raise PermanentFailure("bad")

    async def worker() -> str:
        order.append("worker")
        await asyncio.sleep(0)
        return "done"

    async def waiter() -> None:
        await release.wait()

    runner = a_runner(store, max_parallel=2)
    runner.register_step("waiter", waiter, waits=True)
    runner.register_step("worker", worker)
    runner.register_step("bad", bad)
    run = execute(runner)

    assert run.get_step("waiter").status is DAGStepStatus.CANCELLED
    assert run.get_step("worker").status is DAGStepStatus.SUCCESS
    assert run.status is DAGRunStatus.FAILED


def test_a_step_without_slots_waits_beside_the_limit(store: Any) -> None:
    began = []

    async def waiter() -> None:
        began.append("waiter")
        await asyncio.sleep(0)

    runner = a_runner(store, max_parallel=1)
    runner.register_step("waiter", waiter, waits=True)
    runner.register_step("worker", Work()("x"))
    run = execute(runner)

    assert run.status is DAGRunStatus.SUCCESS
    assert began == ["waiter"]


def test_a_timeout_ends_an_attempt_and_tells_the_function(store: Any) -> None:
    told = threading.Event()

    def slow(context: Any) -> None:
        context.stopped.wait(10)
        told.set()

    runner = a_runner(store)
    runner.register_step("slow", slow, max_retries=0, timeout=0.02)
    run = execute(runner)

    assert run.get_step("slow").error == "no result after 0.02 s"
    assert told.wait(5)


def test_a_step_that_gives_no_sign_of_life_is_given_up_and_one_that_does_is_not(store: Any) -> None:
    async def silent() -> None:
        await asyncio.Event().wait()

    async def lively(context: Any) -> str:
        for _ in range(6):
            await asyncio.sleep(0.01)
            context.heartbeat()
        return "alive"

    runner = a_runner(store, fail_fast=False)
    runner.register_step("lively", lively, heartbeat=0.05)
    runner.register_step("silent", silent, max_retries=0, heartbeat=0.02)
    run = execute(runner)

    assert run.get_step("lively").result == "alive"
    assert run.get_step("silent").error == "no sign of life for 0.02 s"


def test_a_timeout_error_of_the_step_itself_is_told_as_it_is(store: Any) -> None:
    async def work() -> None:
        raise TimeoutError("the server")

    runner = a_runner(store)
    runner.register_step("one", work, max_retries=0, timeout=30)

    assert execute(runner).get_step("one").error == "the server"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration("x")])
def test_a_step_cannot_take_the_runner_with_it(store: Any, error: Any) -> None:
    def work() -> None:
        raise error

    runner = a_runner(store)
    runner.register_step("one", work, max_retries=0)

    assert execute(runner).status is DAGRunStatus.FAILED


def test_a_step_that_cancels_itself_has_failed(store: Any) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    runner = a_runner(store)
    runner.register_step("one", work, max_retries=0)

    assert execute(runner).get_step("one").error == "the step cancelled itself"


def test_cancel_ends_what_is_under_way(store: Any) -> None:
    runner = a_runner(store, max_parallel=2)

    async def forever() -> None:
        runner.cancel("enough")
        await asyncio.Event().wait()

    runner.register_step("one", forever)
    runner.register_step("two", Work()("two"), depends_on=["one"])
    run = execute(runner)

    assert run.status is DAGRunStatus.CANCELLED
    assert {step.status for step in run.steps.values()} == {DAGStepStatus.CANCELLED}
    assert run.error == "enough"


def test_stop_leaves_a_run_that_the_next_runner_finishes(store: Any) -> None:
    calls = []

    def part(runner: Any, stop: Any) -> Any:
        async def work(context: Any) -> None:
            calls.append((context.attempt, context.interruptions, context.key))
            if stop:
                runner.stop("closing time")
                await asyncio.Event().wait()

        return work

    for stop in (True, False):
        runner = a_runner(store)
        runner.register_step("one", part(runner, stop))
        run = execute(runner)
        if stop:
            assert run.status is DAGRunStatus.RETRY
            assert run.get_step("one").status is DAGStepStatus.PENDING

    assert run.status is DAGRunStatus.SUCCESS
    assert calls == [(1, 0, "run-1:one:1"), (2, 1, "run-1:one:1")]


def test_a_cancelled_task_leaves_a_run_that_can_be_resumed(store: Any) -> None:
    began = asyncio.Event()

    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    async def main() -> None:
        runner = a_runner(store)
        runner.register_step("one", forever)
        task = asyncio.create_task(runner.execute())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert store.get("run-1").status is DAGRunStatus.RETRY
    assert store.get("run-1").get_step("one").metadata["interruptions"] == 1


def test_two_runners_on_one_run_one_proceeds(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"))
    with run_lock(store.home / "runs", "run-1"), pytest.raises(LockTimeout, match="another runner"):
        execute(runner)

    assert store.get("run-1") is None


def test_a_runner_that_overslept_writes_nothing_more(store: Any) -> None:
    runner = a_runner(store)

    async def usurped() -> None:
        claim_run(store, store.require("run-1"))

    runner.register_step("one", usurped)
    runner.register_step("two", Work()("two"))
    with pytest.raises(Conflict, match="taken this run over"):
        execute(runner)

    assert store.get("run-1").get_step("one").status is DAGStepStatus.RUNNING


def test_a_disk_that_does_not_confirm_ends_the_runner_and_nothing_more_begins(store: Any) -> None:
    work = Work()

    async def break_disk() -> None:
        def broken(*_args: Any, **_options: Any) -> None:
            raise NotDurable("the disk did not confirm", where="ledger")

        store.book.append = broken

    runner = a_runner(store)
    runner.register_step("one", break_disk)
    runner.register_step("two", work("two"))
    with pytest.raises(NotDurable):
        execute(runner)

    assert work.ran == []


def test_a_step_that_must_not_run_twice_is_failed_after_a_kill(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("pay", Work()("pay"), durable_start=True)
    runner.prepare()
    run = store.require("run-1")
    run.start()
    run.get_step("pay").start()
    store.update(run)
    again = a_runner(store)
    work = Work()
    again.register_step("pay", work("pay"), durable_start=True)
    run = execute(again)

    assert run.status is DAGRunStatus.FAILED
    assert "must not run twice" in run.get_step("pay").error
    assert work.ran == []


def test_a_step_in_retry_when_its_runner_died_goes_on_with_the_next_attempt(store: Any) -> None:
    delays = Delays()
    runner = a_runner(store)
    runner.register_step("one", Work()("one"), retry_delay=3600.0)
    runner.prepare()
    run = store.require("run-1")
    run.start()
    run.get_step("one").start()
    run.get_step("one").retry("lost")
    store.update(run)
    again = a_runner(store, timer=delays)
    again.register_step("one", Work()("one"), retry_delay=3600.0)
    run = execute(again)

    assert run.get_step("one").retry_count == 1
    assert 3500 < delays.asked[0] <= 3600


def test_retry_from_a_step_runs_it_and_everything_downstream_again(store: Any) -> None:
    work = Work()

    def prepared() -> Any:
        runner = a_runner(store, max_parallel=4)
        runner.register_step("a", work("a"))
        runner.register_step("b", work("b"), depends_on=["a"])
        runner.register_step("c", work("c"), depends_on=["b"])
        runner.register_step("other", work("other"), depends_on=["a"])
        return runner

    execute(prepared())
    work.ran.clear()
    runner = prepared()
    again = runner.retry("b", "new numbers")
    run = execute(runner)

    assert again == ["b", "c"]
    assert work.ran == ["b", "c"]
    assert "new numbers" in [move.reason for move in run.get_step("c").history]
    with pytest.raises(NotFound):
        runner.retry("z")
    with pytest.raises(Conflict, match="every step"):
        runner.retry()


def test_a_run_with_steps_that_nobody_registered_is_refused(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("one", Work()("one"))
    runner.prepare()

    with pytest.raises(UsageError, match="nothing is registered"):
        execute(a_runner(store))


def test_dependencies_in_a_circle_and_unknown_ones_are_refused(store: Any) -> None:
    runner = a_runner(store)
    runner.register_step("a", Work()("a"), depends_on=["b"])
    runner.register_step("b", Work()("b"), depends_on=["a"])
    with pytest.raises(UsageError, match="circle"):
        execute(runner)
    runner = a_runner(store, "run-2")
    runner.register_step("fetch", Work()("a"))
    runner.register_step("save", Work()("b"), depends_on=["fecth"])
    with pytest.raises(UsageError, match="not there") as raised:
        execute(runner)

    assert raised.value.hint == "did you mean fetch?"


def test_news_can_be_had_only_while_the_run_is_under_way(store: Any) -> None:
    with pytest.raises(Conflict):
        _ = a_runner(store).feed


def test_the_factory_makes_and_resumes_runners(store: Any) -> None:
    factory = DAGRunnerFactory(store, max_parallel=2)
    runner = factory.create_runner("dag", run_id="r")
    runner.register_step("one", Work()("one"))
    execute(runner)

    assert factory.resume_runner("r").dag_id == "dag"
    with pytest.raises(AlreadyExists):
        factory.create_runner("dag", run_id="r")
    with pytest.raises(NotFound):
        factory.resume_runner("zz")


def test_a_run_that_only_a_file_knows_is_taken_in_and_finished(tmp_path: Path, store: Any) -> None:
    work = Work()
    (tmp_path / "run_old.json").write_text(
        '{"dag_id": "older", "run_id": "old", "status": "running", "steps": {"a": {"status": "success"},'
        ' "b": {"status": "retry", "retry_count": 1}}, "total_retries": 1, "metadata": {}}'
    )
    runner = StatefulDAGRunner(store=store, run_id="old", timer=Delays())
    runner.register_step("a", work("a"))
    runner.register_step("b", work("b"))
    run = execute(runner)

    assert (runner.dag_id, run.status) == ("older", DAGRunStatus.SUCCESS)
    assert work.ran == ["b"]
    assert run.get_step("b").retry_count == 1


def test_a_slow_disk_does_not_hold_up_the_loop(store: Any) -> None:
    append, threads = store.book.append, set()

    def slow(decide: Any, **options: Any) -> Any:
        threads.add(threading.current_thread() is threading.main_thread())
        events = append(decide, **options)
        threading.Event().wait(0.006)
        return events

    store.book.append = slow
    ended = asyncio.Event()

    async def last() -> None:
        ended.set()

    runner = a_runner(store, max_parallel=2)
    runner.register_step("beside", lambda _context: ended.wait())
    runner.register_step("first", Work()("x"))
    runner.register_step("last", last, depends_on=["first"])

    assert execute(runner).status is DAGRunStatus.SUCCESS
    assert threads == {True, False}


@pytest.mark.parametrize(("slots", "order"), [(1, ["a", "a", "b"]), (2, ["a", "b", "a"])])
def test_while_a_step_waits_for_its_next_attempt_others_run_unless_order_matters(
    store: Any, slots: int, order: list[str]
) -> None:
    work, later = Work(), list[Any]()
    runner = StatefulDAGRunner(
        "x", store, max_parallel=slots, pools={"gpu": 1}, timer=lambda _s, call: later.append(call)
    )
    runner.register_step("a", work("a", failures=1), pool="gpu")

    def second() -> str:
        work.ran.append("b")
        return "done"

    runner.register_step("b", second, pool="gpu")

    async def scene() -> Any:
        task = asyncio.create_task(runner.execute())
        while not later or (slots == 2 and work.ran[-1] != "b"):
            await asyncio.sleep(0)
        later.pop()()
        return await task

    assert asyncio.run(scene()).status is DAGRunStatus.SUCCESS
    assert work.ran == order


@pytest.mark.parametrize("slots", [1, 2])
def test_runs_of_one_store_never_take_more_of_a_pool_than_there_is(tmp_path: Path, slots: int) -> None:
    inside: list[str] = []
    most: list[int] = []

    async def work(context: Any) -> None:
        inside.append(context.run_id)
        most.append(len(inside))
        await asyncio.sleep(0)
        inside.remove(context.run_id)

    async def main() -> list[Any]:
        later = asyncio.get_running_loop().call_later
        with DAGRunStore(tmp_path) as store:
            runners = [
                StatefulDAGRunner(
                    *("flow", store, name),
                    pools={"a/b": slots},
                    max_parallel=4,
                    timer=lambda _, call: later(0.001, call),
                )
                for name in ("one", "two")
            ]
            for runner in runners:
                for n in range(4):
                    runner.register_step(f"s{n}", work, pool="a/b")
            return await asyncio.gather(*(runner.execute() for runner in runners))

    runs = asyncio.run(main())

    assert [run.status.value for run in runs] == ["success", "success"]
    assert (max(most), len(most)) == (slots, 8)
