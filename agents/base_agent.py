"""What every agent is: a name, capabilities, and work that never raises at its caller."""

from __future__ import annotations

import inspect
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, AgentStatus
from bluelabel.interfaces.errors import BluelabelError, Conflict, NotFound, Refused, UnreadableInput, UsageError

_log = logging.getLogger(__name__)

FINAL_ERRORS: Final = (Refused, UsageError, NotFound, UnreadableInput)
"""Errors that the same input meets again: trying once more is a waste. All others may pass with time."""


ANSWERED: Final = "answered"
"""The key of `metadata` that is false when an agent said nothing: if it ended well, its work is done but not proven."""


class BaseAgent(ABC):
    """An agent takes an AgentInput and gives an AgentOutput.

    Subclasses write `process`; callers use `run`, which also catches what `process` raises.

    Args:
        name: what people call it, for example ``Ingestion``.
        description: one line.
        agent_id: the name it is registered under; the default is `name` in lower case.
        version: of the agent, not of the platform.
    """

    reads_reports: bool = False
    """Whether a worker hands it messages that only report (results, errors, signals); it never answers those."""

    def __init__(self, name: str, description: str, agent_id: str | None = None, version: str = "1.0.0") -> None:
        self.name = name
        self.description = description
        self.agent_id = agent_id or name.lower()
        self.version = version
        self._capabilities: dict[str, AgentCapability] = {}
        self._ready = False

    def initialize(self) -> None:
        """Get ready: open what the work needs. Called once by `run`; calling it again does no harm."""
        self._ready = True

    @abstractmethod
    def process(self, agent_input: AgentInput) -> AgentOutput:
        """Do the work and say what came of it. A coroutine function is allowed too; `run` awaits it."""

    def shutdown(self) -> None:
        """Let go of everything. The next `run` initializes again."""
        self._ready = False

    def cancel(self) -> None:  # noqa: B027 - most agents have nothing to stop
        """Ask work that is going on in another thread to end early. Agents that cannot simply finish."""

    def add_capability(self, capability: AgentCapability) -> None:
        """Add a capability; one of the same name is replaced."""
        self._capabilities[capability.name] = capability

    def get_capabilities(self) -> list[AgentCapability]:
        """Return the capabilities in the order in which they were added."""
        return list(self._capabilities.values())

    def run(self, agent_input: AgentInput) -> AgentOutput:
        """Initialize if needed, process, and measure.

        Returns:
            The output with `duration_ms`. Whatever goes wrong comes back as status error, never as an exception.
        """

        def ready_and_process(given: AgentInput) -> AgentOutput:
            if not self._ready:
                self.initialize()
            output: object = self.process(given)
            return _awaited(output)

        return self.attempt(agent_input, ready_and_process)

    def attempt(
        self, agent_input: AgentInput, work: Callable[[AgentInput], AgentOutput | Mapping[str, Any]]
    ) -> AgentOutput:
        """Run `work` on the input; a mapping it returns becomes the result of a success.

        Returns:
            An output with the task id of the input and `duration_ms`. On an error, `metadata` says ``error_type``,
            ``retryable`` (whether trying again may help) and, where known, ``where`` and ``hint``.
        """
        started = time.perf_counter()
        try:
            made = work(agent_input)
            output = made if isinstance(made, AgentOutput) else _success(agent_input, made)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - this place promises "never raised"
            _log.debug("agent %s failed", self.agent_id, exc_info=True)
            output = failure(agent_input, error)
        if output.duration_ms is None:
            output.duration_ms = round((time.perf_counter() - started) * 1000, 3)
        return output


def failure(agent_input: AgentInput, error: BaseException) -> AgentOutput:
    """Return the output that tells of `error`."""
    facts: dict[str, Any] = {"error_type": type(error).__name__, "retryable": not isinstance(error, FINAL_ERRORS)}
    if isinstance(error, BluelabelError):
        text = str(error)
        facts |= {key: value for key, value in (("where", error.where), ("hint", error.hint)) if value}
        facts["retryable"] = facts["retryable"] or isinstance(error, Conflict)
    else:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return AgentOutput(
        task_id=agent_input.task_id, status=AgentStatus.ERROR, error=one_line(text) or "failed", metadata=facts
    )


def _success(agent_input: AgentInput, result: Mapping[str, Any]) -> AgentOutput:
    return AgentOutput(task_id=agent_input.task_id, status=AgentStatus.SUCCESS, result=dict(result))


def _awaited(output: object) -> AgentOutput:
    if inspect.iscoroutine(output):
        import asyncio

        output = asyncio.run(output)
    if not isinstance(output, AgentOutput):
        raise TypeError(f"process returned {type(output).__name__}, not AgentOutput")
    return output
