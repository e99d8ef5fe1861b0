"""Every kind of step, its helpers in memory: agents, functions, programs, handoffs, approvals, waits, workflows."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.errors import (
    Conflict,
    MachineError,
    NotFound,
    Refused,
    UnknownAgent,
    UnreadableInput,
    UsageError,
)
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner_interface import Answer, Sent, StepContext
from bluelabel.services.workflow.definition.definition import (
    CatchUp,
    Definition,
    InputSpec,
    RetrySpec,
    ScheduleSpec,
    StepKind,
    StepSpec,
)
from bluelabel.services.workflow.definition.stored import definition_from_json, definition_to_json
from bluelabel.services.workflow.engine.results import LARGE, Results
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus
from bluelabel.services.workflow.runs import Runs, load_definition
from bluelabel.services.workflow.steps import approvals
from bluelabel.services.workflow.steps.approval import wake_time
from bluelabel.services.workflow.steps.binding import bind, check_inputs, read_input
from bluelabel.services.workflow.steps.pending import waiting
from bluelabel.services.workflow.steps.processes import Footprint, started
from bluelabel.services.workflow.steps.services import Tools
from bluelabel.services.workflow.steps.subworkflow import child_id
from bluelabel.services.workflow.store.projection import RunsProjection

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> Any:
        return self.at

    def uptime(self) -> Any:
        return self.at.timestamp()

    def boot(self) -> str:
        return "boot"


@dataclass
class MemoryCourier:
    """Keeps messages in a list and answers as told."""

    clock: Clock
    answers: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    withdrawn: list[Any] = field(default_factory=list)
    on_send: Callable[[Any], object] | None = None

    def send(self, handoff: Any) -> Any:
        if handoff.key not in self.sent:
            self.sent[handoff.key] = handoff
            if self.on_send:
                self.on_send(handoff)
        return Sent(handoff.key, self.clock.at)

    def answer(self, sent: Any) -> Any:
        return self.answers.get(sent.id)

    def withdraw(self, sent: Any, reason: Any) -> None:
        self.withdrawn.append((sent.id, reason))


class Agents:
    """Answers with what it was told to."""

    def __init__(self, **outputs: Any) -> None:
        self.outputs = outputs
        self.tasks: list[Any] = []

    async def call(self, agent: Any, task: Any) -> Any:
        self.tasks.append(task)
        if agent not in self.outputs:
            raise UnknownAgent("no agent has this name", where=agent)
        status, result, error = self.outputs[agent]
        return AgentOutput(task_id=task.task_id, status=status, result=result, error=error)


@pytest.fixture
def clock() -> Any:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Any:
    return DAGRunStore(tmp_path / "runs", book=Book.in_memory([RunsProjection()]), clock=clock)


@pytest.fixture
def tools(store: Any, tmp_path: Path, clock: Any) -> Any:
    return Tools(store, tmp_path, load=load_definition, courier=MemoryCourier(clock), grace=0.2)


def spec(kind: Any, target: Any, step_id: str = "s", **more: Any) -> Any:
    return StepSpec(step_id, StepKind(kind), step_id, target, **more)


def run(tools: Any, *steps: Any, inputs: Any = None, **more: Any) -> Any:
    definition = Definition("flow", "1", inputs={}, steps=steps, **more)
    return asyncio.run(bind(definition, tools, "r", inputs).execute())


def with_(tools: Any, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(tools, **changes)


def test_an_agent_gets_the_input_and_its_result_is_the_steps(tools: Any) -> None:
    agents = Agents(digest=(AgentStatus.SUCCESS, {"text": "short"}, None))
    step = spec("agent", "digest", input={"text": "{{ inputs.text }}"}, metadata={"task_type": "text"})
    found = run(with_(tools, agents=agents), step, inputs={"text": "long"})

    assert found.get_step("s").result == {"text": "short"}
    (task,) = agents.tasks
    assert (task.content, task.task_type, task.task_id, task.source) == (
        {"text": "long"},
        "text",
        "r:s",
        "workflow:flow",
    )
    assert task.context["idempotency_key"] == "r:s:1"
    assert task.metadata == {"attempt": 1, "idempotency_key": "r:s:1"}


@pytest.mark.parametrize(
    ("agent", "words"),
    [("bad", "it broke"), ("later", "ended with status pending"), ("nobody", "no agent has this name")],
)
def test_an_agent_that_fails_fails_the_step(tools: Any, agent: str, words: str) -> None:
    agents = Agents(bad=(AgentStatus.ERROR, {}, "it broke"), later=(AgentStatus.PENDING, {}, None))
    found = run(with_(tools, agents=agents), spec("agent", agent))

    assert words in found.get_step("s").error


def test_without_agents_or_a_postbox_the_step_says_so(tools: Any) -> None:
    tools = with_(tools, courier=None, load=None)
    for step, words in (
        (spec("agent", "x"), "agents cannot be called"),
        (spec("handoff", {"to": "CC"}), "nothing can be handed off"),
        (spec("workflow", "x.yaml"), "sub-workflows cannot be read here"),
    ):
        found = run(tools, step)
        assert words in found.get_step("s").error
        tools.store.delete("r")


def test_a_function_is_found_under_the_root_and_called_by_name(tools: Any, tmp_path: Path) -> None:
    (tmp_path / "engine_functions.py").write_text(
        "async def later(n):\n    return n + 1\n\ndef deferred(n):\n    return later(n)\n\n"
        "def told(context, n=0):\n    return [context.step_id, n]\n\n"
        "class Box:\n    double = staticmethod(lambda n: n * 2)\n\n"
        "number = 5\n"
    )
    steps = [
        spec("call", f"engine_functions:{name}", name.split(".")[-1], input=given)
        for name, given in (("later", {"n": 1}), ("deferred", {"n": 2}), ("told", {}), ("Box.double", {"n": 4}))
    ]
    steps.append(spec("call", "builtins:dict", "plain", input={"a": 1}))
    found = run(tools, *steps)

    assert [step.result for step in found.steps.values()] == [2, 3, ["told", 0], 8, {"a": 1}]
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize("target", ["no_such_module:x", "os:no_such_function", "os:sep", "os"])
def test_a_function_that_is_not_there_fails_for_good(tools: Any, target: str) -> None:
    found = run(tools, spec("call", target, retry=RetrySpec(5)))

    assert found.get_step("s").retry_count == 0
    assert found.get_step("s").metadata["error_history"][0]["error_type"] == "PermanentFailure"


def test_a_program_tells_json_and_is_told_who_it_is(tools: Any) -> None:
    key = "os.environ['BLUELABEL_IDEMPOTENCY_KEY']"
    script = f"import json, os, sys; print(json.dumps({{'key': {key}, 'in': sys.stdin.read()}}))"
    found = run(tools, spec("command", (sys.executable, "-c", script, "{{ run.id }}"), input={"a": 1}))

    assert found.get_step("s").result["json"] == {"key": "r:s:1", "in": '{"a": 1}'}
    assert not (tools.store.home / "runs" / "r").exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (("/no/such/program",), "cannot run"),
        ("echo x", "not a text"),
        (("echo", "a\0b"), "NUL"),
        (("sh", "-c", "echo why >&2; exit 3"), "exit code 3: why"),
        (("sh", "-c", "kill -9 $$"), "ended by signal 9"),
    ],
)
def test_a_program_that_fails_says_how(tools: Any, target: Any, words: str) -> None:
    assert words in run(tools, spec("command", target)).get_step("s").error


def test_a_program_that_reads_nothing_and_says_no_json_is_fine(tools: Any) -> None:
    found = run(tools, spec("command", ("sh", "-c", "exec <&-; echo '[1'"), input={"a": "x" * 200_000}))

    assert "json" not in found.get_step("s").result


def test_only_the_end_of_long_output_is_kept(tools: Any) -> None:
    found = run(tools, spec("command", (sys.executable, "-c", "print('x' * 100000 + 'end')")))

    from bluelabel.services.workflow.engine.results import Results

    result = Results(tools.store.home / "results").load(found.get_step("s").result)
    assert result["stdout"].endswith("xend\n")
    assert len(result["stdout"]) == 64 * 1024


def test_a_program_past_its_time_is_killed_with_its_children(tools: Any, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    script = f"trap '' TERM; sleep 1000 & echo $! $$ > {note}; wait; wait"
    found = run(tools, spec("command", ("sh", "-c", script), timeout=0.5))

    assert found.get_step("s").error == "no result after 0.5 s"
    assert [started(int(pid)) for pid in note.read_text().split()] == ["", ""]


def test_a_process_whose_runner_was_killed_before_it_could_say_who_it_is_is_found(tmp_path: Path) -> None:
    footprint = Footprint(tmp_path / "deep" / "s.pid")
    mark = footprint.promise()
    command = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
    ours, other = (
        subprocess.Popen(command, env={**os.environ, **more}, stdout=subprocess.PIPE, start_new_session=True)
        for more in (mark, {name: f"{value}.other" for name, value in mark.items()})
    )
    with ours, other:
        assert [process.stdout.readline() for process in (ours, other) if process.stdout] == [b"up\n", b"up\n"]
        assert Footprint(footprint.path).end_leftover() is True
        assert ours.wait(60) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert not footprint.path.exists()


def test_a_footprint_ends_only_the_process_it_was_left_for(tmp_path: Path) -> None:
    footprint = Footprint(tmp_path / "deep" / "s.pid")
    assert footprint.end_leftover() is False
    for text in ("nonsense", "1 5", f"{2**22 + 5} 7"):
        footprint.path.parent.mkdir(exist_ok=True)
        footprint.path.write_text(text)
        assert footprint.end_leftover() is False
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError):
        Footprint(tmp_path / "file" / "s.pid").leave(1)


def test_a_handoff_is_sent_and_its_answer_is_the_result(tools: Any) -> None:
    courier = tools.courier
    courier.on_send = lambda handoff: courier.answers.update({handoff.key: Answer("CC", ok=True, result={"v": "ok"})})
    target = {
        "to": "CC",
        "subject": "Look at {{ inputs.file }}",
        "body": "please",
        "content": {"a": 1},
        "priority": "high",
    }
    found = run(tools, spec("handoff", target, input={"b": 2}), inputs={"file": "a.py"})

    assert found.get_step("s").result == {"v": "ok"}
    (handoff,) = courier.sent.values()
    assert (handoff.to, handoff.subject, handoff.priority, handoff.thread) == ("CC", "Look at a.py", "HIGH", "r")
    assert {"a": 1, "b": 2, "body": "please"}.items() <= handoff.content.items()


def test_an_answer_that_is_an_error_fails_the_step(tools: Any) -> None:
    courier = tools.courier
    courier.on_send = lambda handoff: courier.answers.update({handoff.key: Answer("CC", ok=False)})

    assert run(tools, spec("handoff", {"to": "CC"})).get_step("s").error == "CC: it was not done"


def test_a_deadline_that_passes_fails_the_step_or_tells_somebody_else(tools: Any, clock: Any) -> None:
    courier = tools.courier

    def late(handoff: Any) -> None:
        if handoff.key.endswith("escalated"):
            courier.answers[handoff.key] = Answer("HUMAN", ok=True, result={"by": "HUMAN"})
        else:
            clock.at += timedelta(seconds=20)

    send = courier.send
    courier.on_send = late
    courier.send = lambda handoff: Sent(send(handoff).id, START)
    found = run(tools, spec("handoff", {"to": "CC", "deadline": 10, "task_id": "T-1"}))
    assert found.get_step("s").error == "CC did not answer in time"
    assert courier.withdrawn == [("r:s:1", "its deadline has passed")]
    tools.store.delete("r")
    courier.sent.clear()
    found = run(tools, spec("handoff", {"to": "CC", "deadline": 10, "escalate_to": "HUMAN"}))

    assert found.get_step("s").result == {"by": "HUMAN"}
    assert courier.sent["r:s:1:escalated"].content["escalated_from"] == "CC"


def end_when_asked(tools: Any, runner: Any, how: Any) -> Any:
    """Run, and end the run by `how` while the first message is on its way."""

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        tools.courier.on_send = lambda _handoff: loop.call_soon_threadsafe(getattr(runner, how), "enough")
        return await runner.execute()

    return asyncio.run(main())


def test_a_cancelled_handoff_is_taken_back_and_a_stopped_one_is_not(tools: Any) -> None:
    for how in ("stop", "cancel"):
        definition = Definition("flow", "1", steps=(spec("handoff", {"to": "CC"}),))
        end_when_asked(tools, bind(definition, tools, f"r-{how}"), how)

    assert tools.courier.withdrawn == [("r-cancel:s:1", "the run r-cancel was cancelled")]


def approve_when_asked(tools: Any, approved: Any, by: str = "HUMAN") -> None:
    def on_send(handoff: Any) -> None:
        approvals.give(
            tools.store.book,
            handoff.content["run_id"],
            handoff.content["step_id"],
            approved=approved,
            by=by,
            reason="so",
        )

    tools.courier.on_send = on_send


def test_an_approval_ends_with_the_word_of_whoever_was_asked(tools: Any) -> None:
    approve_when_asked(tools, approved=True)
    found = run(tools, spec("approval", {"by": "HUMAN", "prompt": "Go?\nReally?"}))

    assert {"approved": True, "by": "HUMAN", "reason": "so"}.items() <= found.get_step("s").result.items()
    assert tools.courier.sent["r:s:1:approval"].subject == "Go?"
    assert waiting(found) == []
    assert [name for name, _ in tools.courier.withdrawn] == ["r:s:1:approval"]


def test_a_cancelled_question_is_taken_back_and_one_that_was_only_stopped_is_not(tools: Any) -> None:
    for how in ("cancel", "stop"):
        definition = Definition("flow", "1", steps=(spec("approval", {"by": "HUMAN"}),))
        end_when_asked(tools, bind(definition, tools, f"r-{how}"), how)

    assert tools.courier.withdrawn == [("r-cancel:s:1:approval", "there is nothing left to decide")]


def test_a_rejection_is_a_failure_that_no_retry_mends_but_a_reset_asks_anew(tools: Any) -> None:
    approve_when_asked(tools, approved=False)
    found = run(tools, spec("approval", {"by": "HUMAN"}, retry=RetrySpec(3)))
    assert found.get_step("s").error == "rejected by HUMAN: so"
    assert found.get_step("s").retry_count == 0
    definition = Definition("flow", "1", steps=(spec("approval", {"by": "HUMAN"}),))
    runner = bind(definition, tools, "r")
    runner.retry()

    assert approvals.given(tools.store.book, "r", "s") is None


def test_an_approval_in_time_or_escalated(tools: Any, clock: Any) -> None:
    asked = []

    def on_send(handoff: Any) -> None:
        asked.append(handoff.to)
        clock.at += timedelta(seconds=20)
        if handoff.to == "ARCH":
            approvals.give(tools.store.book, "r", "s", approved=True, by="ARCH")

    tools.courier.on_send = on_send
    found = run(tools, spec("approval", {"by": "HUMAN", "deadline": 10}))
    assert found.get_step("s").error == "HUMAN did not decide in time"
    tools.store.delete("r")
    tools.courier.sent.clear()
    found = run(tools, spec("approval", {"by": "HUMAN", "deadline": 10, "escalate_to": "ARCH"}))

    assert found.get_step("s").result["by"] == "ARCH"
    assert asked == ["HUMAN", "HUMAN", "ARCH"]


def test_whoever_has_no_mailbox_is_not_told_but_a_full_disk_is(tools: Any) -> None:
    def refuse(handoff: Any) -> None:
        approvals.give(tools.store.book, "r", "s", approved=True, by="nobody")
        raise UnknownAgent("no mailbox")

    tools.courier.on_send = refuse
    assert run(tools, spec("approval", {"by": "nobody"})).status is DAGRunStatus.SUCCESS
    tools.store.delete("r")

    def full(handoff: Any) -> None:
        raise MachineError("the disk is full")

    tools.courier.on_send = full
    tools.courier.sent.clear()
    with pytest.raises(MachineError, match="the disk is full"):
        run(tools, spec("approval", {"by": "HUMAN"}))


def test_a_disk_that_fails_while_a_step_waits_costs_neither_the_run_nor_the_answer(
    tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_when_asked(tools, approved=True)
    definition = Definition(
        "flow", "1", max_parallel=2, steps=(spec("approval", {"by": "HUMAN"}), spec("sleep", {"seconds": 600}, "z"))
    )

    def full(sent: Sent, reason: str) -> None:
        raise MachineError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(tools.courier, "withdraw", full)
        with pytest.raises(MachineError, match="the disk is full"):
            asyncio.run(bind(definition, tools, "r").execute())
    left = tools.store.require("r")
    assert (left.status, left.get_step("s").status) == (DAGRunStatus.RUNNING, DAGStepStatus.RUNNING)

    definition = Definition("flow", "1", steps=(spec("approval", {"by": "HUMAN"}), spec("sleep", {"seconds": 0}, "z")))
    found = asyncio.run(bind(definition, tools, "r").execute())
    assert (found.status, found.get_step("s").result["by"]) == (DAGRunStatus.SUCCESS, "HUMAN")
    assert len(tools.courier.sent) == 1


def test_only_a_step_that_waits_takes_an_approval_and_only_from_whom_it_waits_for(tools: Any) -> None:
    definition = Definition("flow", "1", steps=(spec("approval", {"by": "HUMAN"}), spec("command", ("true",), "c")))
    bind(definition, tools, "r").prepare()
    book, store = tools.store.book, tools.store

    def give(step_id: str = "s", by: str = "HUMAN", run_id: str = "r") -> None:
        approvals.give(book, run_id, step_id, approved=True, by=by)

    for error, words, arguments in (
        (NotFound, "no such run", {"run_id": "zz"}),
        (NotFound, "no step", {"step_id": "zz"}),
        (Conflict, "needs no approval", {"step_id": "c"}),
        (Conflict, "does not wait", {}),
    ):
        with pytest.raises(error, match=words):
            give(**arguments)
    found = store.require("r")
    found.start()
    found.get_step("s").start()
    store.update(found)
    assert [(item.step_id, item.kind, item.by) for item in waiting(found)] == [("s", "approval", "HUMAN")]
    with pytest.raises(Refused, match="waits for HUMAN, not for CC"):
        give(by="CC")
    give()
    with pytest.raises(Conflict, match="approved by HUMAN already"):
        give()


def test_a_sleep_counts_from_its_first_start(tools: Any) -> None:
    assert wake_time({"seconds": 90}, START) == START + timedelta(seconds=90)
    assert wake_time({"seconds": "2m"}, START) == START + timedelta(minutes=2)
    assert wake_time({"until": "2026-02-01T00:00:00Z"}, START) == datetime(2026, 2, 1, tzinfo=UTC)
    for nothing in ({}, {"seconds": True}):
        with pytest.raises(UsageError):
            wake_time(nothing, START)

    found = run(tools, spec("sleep", {"until": "2026-01-01T00:00:00Z"}))
    assert found.get_step("s").result == {"until": "2026-01-01T00:00:00.000000Z"}


CHILD = "name: child\nversion: 1.0.0\ninputs: {n: {type: integer}}\nsteps:\n  - {id: c, command: [%s]}\n"


def test_a_workflow_is_run_as_a_step_and_goes_on_where_it_failed(tools: Any, tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(CHILD % "'sh', '-c', 'test -e flag'")
    step = spec("workflow", "child.yaml", input={"n": 1})
    found = run(tools, step)
    assert "run r.s ended as FAILED: step c failed" in found.get_step("s").error
    (tmp_path / "flag").write_text("")
    found = run(tools, step)

    assert found.status is DAGRunStatus.SUCCESS
    assert found.get_step("s").result["c"]["exit_code"] == 0
    assert [row.run_id for row in tools.store.list_runs()] == ["r.s", "r"]
    definition = Definition("flow", "1", steps=(step,))
    runner = bind(definition, tools, "r")
    runner.retry("s")
    asyncio.run(runner.execute())
    assert [row.run_id for row in tools.store.list_runs()] == ["r.s.1", "r.s", "r"]


def test_a_workflow_that_cannot_be_read_or_started_fails_for_good(tools: Any, tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(CHILD % "'true'")
    assert "no such workflow file" in run(tools, spec("workflow", "gone.yaml")).get_step("s").error
    tools.store.delete("r")
    error = run(tools, spec("workflow", "child.yaml", input={"m": 1})).get_step("s").error
    assert "no such input: m (it takes n)" in error


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_a_workflow_ends_with_its_parent_and_comes_back_with_it(tools: Any, tmp_path: Path, how: str) -> None:
    (tmp_path / "child.yaml").write_text("name: child\nversion: 1.0.0\nsteps:\n  - {id: c, approval: {by: HUMAN}}\n")
    definition = Definition("flow", "1", steps=(spec("workflow", "child.yaml"),))
    runner = bind(definition, tools, "r")

    found = end_when_asked(tools, runner, how)
    child = tools.store.require("r.s")
    assert (found.status.value, child.status.value) == (("retry",) * 2 if how == "stop" else ("cancelled",) * 2)
    approve_when_asked(tools, approved=True)
    tools.courier.sent.clear()
    again = bind(definition, tools, "r")
    if how == "cancel":
        again.retry(reason="after all")
    assert asyncio.run(again.execute()).status is DAGRunStatus.SUCCESS
    assert tools.store.require("r.s").status is DAGRunStatus.SUCCESS


def test_the_name_of_a_workflow_s_run_never_grows_too_long(tools: Any) -> None:
    name = "x" * 120
    definition = Definition("flow", "1", steps=(spec("command", ("true",), "y" * 60),))
    bind(definition, tools, name).prepare()
    context = StepContext("flow", name, "y" * 60, 1, 0, "k", START, {})

    assert len(child_id(tools, context)) <= 128


def test_large_results_stand_beside_and_are_checked(tmp_path: Path) -> None:
    results = Results(tmp_path)
    value = {"text": "x" * (LARGE + 1)}
    kept = results.keep("r", value)

    assert set(kept) == {"$ref", "bytes"}
    assert results.load(kept) == value
    (tmp_path / kept["$ref"]).write_text("{}")
    with pytest.raises(UnreadableInput, match="changed"):
        results.load(kept)
    (tmp_path / kept["$ref"]).unlink()
    with pytest.raises(UnreadableInput, match="gone"):
        results.load(kept)
    assert Results(None).keep("r", value) == value
    (tmp_path / "q").write_text("")
    with pytest.raises(MachineError):
        results.keep("q", value)


def test_whatever_a_step_returns_becomes_json() -> None:
    output = AgentOutput(task_id="t", status=AgentStatus.SUCCESS, timestamp=START)

    @dataclass
    class Point:
        x: int

    keep = Results(None).keep
    assert keep("r", output)["task_id"] == "t"
    assert keep("r", {"p": Point(1), "s": {2, 1}, "b": b"x\xff", "o": START}) == {
        "p": {"x": 1}, "s": [1, 2], "b": "x\\xff", "o": "2026-01-31 09:30:00+00:00",
    }  # fmt: skip
    assert keep("r", {(1, 2): 3}) == "{(1, 2): 3}"
    assert keep("r", "x" * 5000) == "x" * 5000


def test_a_definition_is_kept_and_read_back_whole() -> None:
    definition = Definition(
        "flow", "2", "words", {"n": InputSpec("integer", required=True, enum=(1, 2))}, 3,
        (
            spec("command", ("a", "b"), retry=RetrySpec(2, jitter=0.5), depends_on=(), when="true", durable_start=True),
            spec("handoff", {"to": "CC"}, "t", depends_on=("s",), map="{{ inputs.n }}"),
        ),
        pools={"gpu": 2}, fail_fast=False, schedule=ScheduleSpec("@daily", CatchUp.ALL), output={"a": ["{{ x }}"]},
    )  # fmt: skip

    assert definition_from_json(definition_to_json(definition), "flow") == definition
    for bad in (None, {"definition": 1}, {"definition": 1, "name": "x", "steps": [{"kind": "zzz"}]}, {"steps": 5}):
        with pytest.raises(UnreadableInput):
            definition_from_json(bad, "flow")


def test_inputs_are_checked_and_given_their_defaults() -> None:
    definition = Definition(
        "flow", inputs={"n": InputSpec("integer", required=True), "c": InputSpec(enum=("a", "b"), default="a")}
    )

    assert check_inputs(definition, {"n": 1}) == {"n": 1, "c": "a"}
    for bad, words in (
        ({}, "needs an input"),
        ({"n": True}, "not of type"),
        ({"n": 1, "c": "z"}, "not allow"),
        ({"zzzz": 1}, "no such input"),
    ):
        with pytest.raises(UsageError, match=words):
            check_inputs(definition, bad)
    assert check_inputs(Definition("free"), {"x": 1}) == {"x": 1}
    texts = Definition("flow", inputs={"t": InputSpec("string")})
    assert (read_input(texts, "t", "5"), read_input(definition, "n", "5"), read_input(definition, "c", "a b")) == (
        "5",
        5,
        "a b",
    )


def test_schedules_start_each_firing_once_and_keep_count(tools: Any, clock: Any, tmp_path: Path) -> None:
    runs = Runs(tools)
    definition = Definition("nightly", "1", steps=(spec("command", ("true",)),))
    schedules = {"nightly": (ScheduleSpec("0 * * * *", CatchUp.ALL), definition, tmp_path)}
    assert runs.start_due(schedules) == []
    clock.at += timedelta(hours=2, minutes=1)

    assert runs.start_due(schedules) == ["nightly-20260131T1000Z", "nightly-20260131T1100Z"]
    assert runs.start_due(schedules) == []
    assert runs.adrift() == ["nightly-20260131T1000Z", "nightly-20260131T1100Z"]
    schedules["nightly"] = (ScheduleSpec("0 * * * *"), definition, tmp_path)
    clock.at += timedelta(hours=5)
    assert runs.start_due(schedules) == []
    clock.at += timedelta(minutes=30)
    assert runs.start_due(schedules) == ["nightly-20260131T1700Z"]


def test_of_two_clerks_one_starts_the_firing(tools: Any, clock: Any, tmp_path: Path) -> None:
    from bluelabel.services.workflow.schedules import Schedules

    runs = Runs(tools)
    definition = Definition("n", "1", steps=(spec("command", ("true",)),))
    clerk = Schedules(tools.store.book, clock, "HUMAN")
    every = {"n": ScheduleSpec("0 * * * *")}
    assert clerk.due(every) == []
    clock.at += timedelta(minutes=31)
    (firing,) = clerk.due(every)
    (same,) = clerk.due(every)

    assert runs._fire(clerk, firing, definition, tmp_path) is True
    assert runs._fire(clerk, same, definition, tmp_path) is False
    assert clerk.next_due(every["n"]) == START + timedelta(minutes=90)
