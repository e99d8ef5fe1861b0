"""An agent at work in a thread of its own, so that the worker can keep the lease and listen for its end."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.interfaces.agent_models import AgentOutput
from bluelabel.interfaces.events import Draft

_log = logging.getLogger(__name__)


class Call(Enum):
    """What a worker is woken for."""

    DONE = "the agent has finished"
    STOP = "somebody asked the worker to stop"


class Calls:
    """Where a worker waits. Safe to call from a signal handler: it never waits for a lock that the worker holds."""

    def __init__(self) -> None:
        # The only thread-safe thing of the standard library that may be used from a handler is this queue.
        self._queue: queue.SimpleQueue[Call] = queue.SimpleQueue()

    def put(self, call: Call) -> None:
        """Wake the worker."""
        self._queue.put(call)

    def get(self, timeout: float) -> Call | None:
        """Wait for a call; None when `timeout` seconds passed without one."""
        try:
            return self._queue.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None


@dataclass(frozen=True, slots=True)
class Work:
    """What was done.

    Args:
        output: what the agent says.
        moves: what it means for the card.
        remark: something about the card, for people.
    """

    output: AgentOutput
    moves: Sequence[Draft] = ()
    remark: str = ""


class Task:
    """One piece of work.

    Args:
        agent: who does it, and is asked to stop.
        work: does it; called in the thread.
        calls: told when it is done.
    """

    def __init__(self, agent: BaseAgent, work: Callable[[], Work], calls: Calls) -> None:
        self.agent = agent
        self._work = work
        self._calls = calls
        self._result: Work | None = None
        self._done = False
        # A daemon: an agent that does not end must not keep the worker from ending.
        self._thread = threading.Thread(target=self._run, name=f"agent-{agent.agent_id}", daemon=True)

    @property
    def done(self) -> bool:
        """Whether it has ended. A call alone does not say so: it may be of an earlier task that was given up."""
        return self._done

    @property
    def result(self) -> Work | None:
        """What came of it, once it is done; None when the thread died."""
        return self._result

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the agent to end early."""
        self.agent.cancel()

    def join(self, timeout: float) -> bool:
        """Wait for its end; False when `timeout` seconds passed without it."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException:  # noqa: BLE001 - nobody waits for a thread's exception; the worker sees no result
            _log.debug("agent %s left without an answer", self.agent.agent_id, exc_info=True)
        finally:
            self._done = True
            self._calls.put(Call.DONE)
