"""What the steps of a definition need beside the definition itself, handed in from the room above."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bluelabel.interfaces.errors import UsageError
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_runner_interface import AgentCaller, Courier
from bluelabel.services.workflow.definition.definition import Definition
from bluelabel.services.workflow.engine.ledger_poll import Feed

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Tools:
    """The hands of a run.

    Args:
        store: where runs are kept.
        root: the directory in which commands run, modules are found and workflow paths begin.
        load: reads a workflow file; for sub-workflows.
        agents: calls in-process agents; None where there are none.
        courier: carries handoffs; None where there is no postbox.
        environment: what commands find in their environment; the process's own when empty.
        grace: seconds that a command has between being asked to stop and being killed.
    """

    store: DAGRunStore
    root: Path
    load: Callable[[Path], Definition] | None = None
    agents: AgentCaller | None = None
    courier: Courier | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    grace: float = 5.0

    def need_agents(self) -> AgentCaller:
        """Return the caller of agents; UsageError where there is none."""
        if self.agents is None:
            raise UsageError("agents cannot be called here", hint="run the workflow inside a workspace")
        return self.agents

    def need_courier(self) -> Courier:
        """Return the courier; UsageError where there is none."""
        if self.courier is None:
            raise UsageError("nothing can be handed off here", hint="run the workflow inside a workspace")
        return self.courier


async def wait_for(
    feed: Feed, look: Callable[[], Found | None], until: datetime | None, now: Callable[[], datetime]
) -> Found | None:
    """Return what `look` finds, looking again after each piece of news; None once `until` has passed.

    The wall clock may jump, and a laptop may sleep: no single wait is longer than a minute.
    """
    while True:
        since = feed.count
        found = look()
        if found is not None:
            return found
        left = 60.0 if until is None else (until - now()).total_seconds()
        if left <= 0:
            return None
        await feed.wait(since, min(60.0, left))
