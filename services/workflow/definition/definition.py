"""What a workflow definition says, once it is read: plain frozen records, whatever file they came from.

Templates and conditions see these names: ``inputs.<name>``; ``steps.<id>.<field>`` with the fields of `STEP_FIELDS`, of
steps that were waited for; ``run.<field>`` with those of `RUN_FIELDS`; in a step with ``map`` also ``item`` and
``index``; in ``retry.when`` also ``error.type``, ``error.message`` and ``attempt``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

STEP_FIELDS: Final = ("status", "result", "error", "attempts")
"""What templates see of a step; ``status`` is in lower case, ``result`` and ``error`` are null where there is none."""

RUN_FIELDS: Final = ("id", "dag_id")
"""What templates see of the run."""


class StepKind(StrEnum):
    """What does the work of a step. In a file, exactly one of these keys stands in each step."""

    AGENT = "agent"
    CALL = "call"
    COMMAND = "command"
    HANDOFF = "handoff"
    APPROVAL = "approval"
    WORKFLOW = "workflow"
    SLEEP = "sleep"


class RetryBackoffStrategy(StrEnum):
    """How the delay before the n-th retry grows: ``d * 2**(n-1)``, ``d * n``, or ``d``."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    CONSTANT = "constant"


class CatchUp(StrEnum):
    """What happens to the firings of a schedule that were missed: none is made up for, the last one, or all."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class Overlap(StrEnum):
    """What happens to a firing while an earlier run of its schedule has not ended.

    It is left out, it waits for the end of that run, or it starts all the same.
    """

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


Target = str | tuple[str, ...] | Mapping[str, Any]
"""What a step's kind points to:

* agent: the agent's name; call: ``package.module:function``; workflow: a path, relative to the file it stands in;
* command: the argument list;
* handoff: a mapping with ``to`` and, where given, ``subject``, ``body``, ``content``, ``type``, ``priority``,
  ``task_id``, ``deadline`` (seconds) and ``escalate_to``;
* approval: a mapping with ``by`` and, where given, ``prompt``, ``deadline`` (seconds) and ``escalate_to``;
* sleep: a mapping with either ``seconds`` (a number, or a template that yields a number or a span such as ``30s``) or
  ``until`` (a moment, or a template that yields one).
"""


@dataclass(frozen=True, slots=True)
class RetrySpec:
    """When a failed attempt is made again.

    Args:
        max_retries: retries after the first attempt.
        delay: seconds before the first retry.
        backoff: how the delay grows.
        max_delay: no delay is longer than this many seconds; None for no bound.
        jitter: share of the delay (0 to 1) by which it may differ at random.
        when: an expression over ``error.type``, ``error.message`` and ``attempt``; retry only where it is true.
    """

    max_retries: int = 0
    delay: float = 1.0
    backoff: RetryBackoffStrategy = RetryBackoffStrategy.EXPONENTIAL
    max_delay: float | None = None
    jitter: float = 0.0
    when: str | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a workflow.

    Args:
        type: ``string``, ``integer``, ``number``, ``boolean``, ``array``, ``object`` or ``any``.
        required: a run without it is refused.
        default: the value when the run gives none.
        enum: the values allowed; empty for all.
        description: one line.
    """

    type: str = "any"
    required: bool = False
    default: Any = None
    enum: tuple[Any, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step.

    Args:
        id: unique in its workflow.
        kind: what does the work.
        name: what people call it; the id where the file gives no name.
        target: see `Target`.
        input: what it is given; values may hold templates.
        depends_on: ids of the steps that must be finished before.
        retry: when a failed attempt is made again.
        timeout: seconds that one attempt may take.
        critical: whether its failure fails the run.
        when: run only where this expression is true.
        unless: run only where this expression is false.
        map: a template that yields a list; the step runs once for each item, seen as ``item`` and ``index``.
        priority: among steps that are ready, the higher goes first.
        pool: the concurrency pool whose slot it takes.
        durable_start: its start is on disk before the work begins.
        heartbeat: seconds without a sign of life after which an attempt is given up.
        description: for people.
        metadata: what the file says and the platform does not use.
        line: where the step begins in its file, 1-based; None where it does not come from a file.
    """

    id: str
    kind: StepKind
    name: str
    target: Target
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])
    depends_on: tuple[str, ...] = ()
    retry: RetrySpec = field(default_factory=RetrySpec)
    timeout: float | None = None
    critical: bool = True
    when: str | None = None
    unless: str | None = None
    map: str | None = None
    priority: int = 0
    pool: str | None = None
    durable_start: bool = False
    heartbeat: float | None = None
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """When `bluelabel up` starts the workflow by itself.

    Args:
        cron: five fields: minute, hour, day of month, month, day of week.
        catch_up: what happens to missed firings.
        overlap: what happens to a firing while an earlier run of the schedule goes on.
        timezone: the name of the time zone whose local time `cron` is about.
    """

    cron: str
    catch_up: CatchUp = CatchUp.NONE
    overlap: Overlap = Overlap.ALLOW
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow.

    Args:
        name: what it is called; also the ``dag_id`` of its runs.
        version: as the file writes it.
        description: for people.
        inputs: what a run may be given.
        max_parallel: how many steps may run at once.
        steps: in the file's order.
        metadata: what the file says and the platform does not use.
        pools: how many slots each concurrency pool has.
        fail_fast: whether the failure of a critical step stops the branches that do not depend on it.
        schedule: when it starts by itself.
        output: a template (or a structure of them) that gives the result of a run; None for none.
    """

    name: str
    version: str | None = None
    description: str | None = None
    inputs: Mapping[str, InputSpec] = field(default_factory=dict[str, InputSpec])
    max_parallel: int = 4
    steps: tuple[StepSpec, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pools: Mapping[str, int] = field(default_factory=dict[str, int])
    fail_fast: bool = True
    schedule: ScheduleSpec | None = None
    output: Any = None

    def step(self, step_id: str) -> StepSpec | None:
        """Return the step called `step_id`, or None."""
        return next((step for step in self.steps if step.id == step_id), None)
