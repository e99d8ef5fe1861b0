"""An agent never raises at its caller."""

from __future__ import annotations

import pytest

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import Conflict, MachineError, NotFound, Refused, TooLarge, UsageError

TASK = AgentInput(task_id="TASK-1", content={"text": "hello"})


class Loud(BaseAgent):
    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__("Loud", "Says it louder.")
        self.error = error
        self.events: list[str] = []

    def initialize(self) -> None:
        super().initialize()
        self.events.append("initialize")

    def process(self, agent_input: AgentInput) -> AgentOutput:
        self.events.append("process")
        if self.error is not None:
            raise self.error
        text = agent_input.content["text"].upper()
        return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, result={"text": text})


def test_an_agent_is_initialized_once_and_again_after_shutdown() -> None:
    agent = Loud()
    agent.run(TASK)
    agent.run(TASK)
    agent.shutdown()
    agent.run(TASK)

    assert agent.events == ["initialize", "process", "process", "initialize", "process"]


def test_the_output_is_measured() -> None:
    output = Loud().run(TASK)

    assert (output.status, output.result) == ("success", {"text": "HELLO"})
    assert output.duration_ms is not None
    assert output.duration_ms >= 0


def test_a_measurement_of_the_agent_itself_is_kept() -> None:
    class Timed(Loud):
        def process(self, agent_input: AgentInput) -> AgentOutput:
            return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, duration_ms=7.0)

    assert Timed().run(TASK).duration_ms == 7.0


@pytest.mark.parametrize(
    ("error", "text", "retryable"),
    [
        (ValueError("no\nnumber"), "ValueError: no number", True),
        (KeyError(), "KeyError", True),
        (SystemExit(3), "SystemExit: 3", True),
        (UsageError("the call is wrong", where="here", hint="do this"), "the call is wrong: here", False),
        (NotFound("no such thing"), "no such thing", False),
        (Refused("no"), "no", False),
        (TooLarge("too large"), "too large", False),
        (MachineError("the disk is full"), "the disk is full", True),
        (Conflict("taken"), "taken", True),
    ],
)
def test_what_is_raised_comes_back_as_an_error(error: BaseException, text: str, retryable: bool) -> None:
    output = Loud(error).run(TASK)

    assert (output.task_id, output.status, output.error) == ("TASK-1", "error", text)
    assert output.metadata["error_type"] == type(error).__name__
    assert output.metadata["retryable"] is retryable


def test_where_and_hint_of_an_error_are_kept() -> None:
    output = Loud(UsageError("wrong", where="a.md:3", hint="correct it")).run(TASK)

    assert (output.metadata["where"], output.metadata["hint"]) == ("a.md:3", "correct it")


def test_a_failing_initialize_is_an_error_too() -> None:
    class Unready(Loud):
        def initialize(self) -> None:
            raise MachineError("no disk")

    assert Unready().run(TASK).error == "no disk"


def test_a_coroutine_is_awaited() -> None:
    class Slow(Loud):
        async def process(self, agent_input: AgentInput) -> AgentOutput:  # type: ignore[override]
            return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS)

    assert Slow().run(TASK).status == "success"


def test_an_agent_that_returns_something_else_is_an_error() -> None:
    class Wrong(Loud):
        def process(self, agent_input: AgentInput) -> AgentOutput:
            return "done"  # type: ignore[return-value]

    assert Wrong().run(TASK).error == "TypeError: process returned str, not AgentOutput"


def test_capabilities_keep_their_order_and_the_last_of_a_name() -> None:
    agent = Loud()
    agent.add_capability(AgentCapability(name="a", description="first"))
    agent.add_capability(AgentCapability(name="b", description="b"))
    agent.add_capability(AgentCapability(name="a", description="second"))

    assert [(c.name, c.description) for c in agent.get_capabilities()] == [("a", "second"), ("b", "b")]


def test_the_id_is_the_name_unless_given() -> None:
    agent = Loud()
    agent.cancel()

    assert (agent.agent_id, agent.name, agent.version) == ("loud", "Loud", "1.0.0")
