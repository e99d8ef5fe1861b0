"""What a runner of workflows offers, what a step is handed, and what steps need from other rooms."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.definition.definition import RetryBackoffStrategy

if TYPE_CHECKING:
    from bluelabel.interfaces.agent_models import AgentInput, AgentOutput


_MAKING: Final = threading.Lock()


@dataclass(slots=True)
class StepContext:
    """What a step is handed: who it is, what came before, and the two things it should do while it works.

    Attributes:
        dag_id: the workflow.
        run_id: the run.
        step_id: the step.
        attempt: which attempt this is, from 1: every beginning counts, also of those that were cut off.
        interruptions: how many of those before it were cut off (kill, shutdown, cancellation) and cost no retry.
        key: idempotency key ``run:step:n``, where only failed attempts count: made again after it was cut off, an
            attempt has the same, so that whoever heard of it before does not do it twice.
        started: when the step first began, UTC; kept over retries and restarts.
        names: what expressions may use: ``inputs``, ``steps``, ``run`` and, in a `map`, ``item`` and ``index``.
    """

    dag_id: str
    run_id: str
    step_id: str
    attempt: int
    interruptions: int
    key: str
    started: datetime
    names: Mapping[str, Any]
    beat: Callable[[], None] = field(default=lambda: None, repr=False)
    _stopped: threading.Event | None = field(default=None, repr=False)
    cancelled_for_good: bool = False
    """Once `stopped` is set: the run was cancelled, and is not only to be taken up later."""

    @property
    def stopped(self) -> threading.Event:
        """Set once the step should stop; made when somebody first asks for it, as most steps never do."""
        with _MAKING:
            if self._stopped is None:
                self._stopped = threading.Event()
            return self._stopped

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The inputs of the run."""
        return self.names["inputs"]  # type: ignore[no-any-return]

    @property
    def results(self) -> Mapping[str, Any]:
        """The results of the steps that have succeeded, by id."""
        steps = self.names["steps"]
        return {step_id: steps[step_id]["result"] for step_id in steps if steps[step_id]["status"] == "success"}

    def heartbeat(self) -> None:
        """Give a sign of life; from any thread. A step with a `heartbeat` limit is given up without one."""
        self.beat()

    @property
    def is_cancelled(self) -> bool:
        """Whether the step should stop. A plain function must look by itself: no thread can be killed."""
        return self._stopped is not None and self._stopped.is_set()


StepExecutor = Callable[..., Any] | Callable[..., Awaitable[Any]]
"""The work of a step: a function, sync or async, of no argument or of the `StepContext`; its result is a JSON value."""


class IDAGRunner(ABC):
    """Runs one run."""

    @property
    @abstractmethod
    def run_id(self) -> str:
        """The run's name."""

    @property
    @abstractmethod
    def dag_id(self) -> str:
        """The workflow's name."""

    @abstractmethod
    def register_step(
        self,
        step_id: str,
        executor: StepExecutor,
        max_retries: int = 3,
        retry_delay: float | None = None,
        retry_backoff: RetryBackoffStrategy | str | None = None,
        *,
        critical: bool = True,
        depends_on: tuple[str, ...] = (),
    ) -> None:
        """Say what does the work of a step, and how it is to be run."""

    @abstractmethod
    async def execute(self) -> DAGRun:
        """Run every step that has not ended, and return the run."""

    @abstractmethod
    def cancel(self, reason: str | None = None) -> None:
        """Ask the run to stop for good; steps under way are ended first."""

    @abstractmethod
    def get_status(self) -> dict[str, Any]:
        """Return the run in numbers."""


class IDAGRunnerFactory(ABC):
    """Makes runners."""

    @abstractmethod
    def create_runner(self, dag_id: str, store: Any = None, run_id: str | None = None) -> IDAGRunner:
        """Return a runner for a new run."""

    @abstractmethod
    def resume_runner(self, run_id: str, store: Any = None) -> IDAGRunner:
        """Return a runner for a run that is there."""


class AgentCaller(Protocol):
    """Calls an in-process agent by name. The runner room ties it to the registry."""

    async def call(self, agent: str, task: AgentInput) -> AgentOutput:
        """Let `agent` work on `task`.

        Raises:
            UnknownAgent: no agent has this name.
        """
        ...


@dataclass(frozen=True, slots=True)
class Handoff:
    """Work for somebody with a mailbox.

    Args:
        to: the agent, group or queue.
        key: sending twice with one key is one message.
        subject: one line.
        content: what to do, as a JSON object.
        type: the kind of message.
        priority: LOW, MEDIUM, HIGH or CRITICAL.
        task_id: the task it belongs to.
        thread: the conversation; the run's name.
        expires: when the answer is no longer wanted; None for never.
    """

    to: str
    key: str
    subject: str
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])
    type: str = "task_assignment"
    priority: str = "MEDIUM"
    task_id: str | None = None
    thread: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted: its id, and when."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        by: who answered.
        ok: False when the answer is an error, a refusal or a dead letter.
        result: the JSON object of the answer.
        text: one line for a person; the reason when it is not ok.
    """

    by: str
    ok: bool
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""


class Courier(Protocol):
    """Carries handoffs and their answers. The runner room ties it to the postbox."""

    def send(self, handoff: Handoff) -> Sent:
        """Send it, or find it where it was sent before with the same key."""
        ...

    def answer(self, sent: Sent) -> Answer | None:
        """Return the answer to a message: a reply, or the result its receiver acknowledged it with; None so far."""
        ...

    def withdraw(self, sent: Sent, reason: str) -> None:
        """Take a message back that nobody needs to answer any more; do nothing where it has ended."""
        ...
