"""Tells which of the known ways of writing a workflow a file follows, and finds its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bluelabel.services.workflow.definition.definition import StepKind
from bluelabel.services.workflow.definition.diagnostics import Place
from bluelabel.services.workflow.definition.nodes import Node, NodeKind


class Dialect(StrEnum):
    """How a file is written.

    ``canonical`` is ours. The others are read too: three with ``steps`` (one under a ``workflow`` head with
    ``input_from``, one flat with ``{{variables}}``, one with ``inputs`` and ``retry_config``), two with ``tasks``
    (under a ``workflow`` head; a map with ``agent_id`` and ``dependencies``), two plans for agents with mailboxes, and
    the policy that goes with the plans and has no steps.
    """

    CANONICAL = "canonical"
    HEADED = "headed-steps"
    FLAT = "flat-steps"
    SCENARIO = "scenario-steps"
    TEMPLATE = "headed-tasks"
    TASK_MAP = "task-map"
    PLAN = "plan"
    PLAN_TEMPLATE = "plan-template"
    POLICY = "policy"


PLANS: Final = frozenset({Dialect.PLAN, Dialect.PLAN_TEMPLATE})

_OURS_STEP: Final = frozenset(StepKind) - {StepKind.AGENT} | {
    "retry", "map", "critical", "pool", "durable_start", "heartbeat",
}  # fmt: skip
_OURS_TOP: Final = frozenset({"inputs", "max_parallel", "pools", "schedule", "fail_fast"})
_SCENARIO: Final = frozenset({"inputs", "expected_duration", "retry_config", "error_handling", "always_run"})
_FLAT: Final = frozenset({
    "output", "outputs", "retry_count", "action", "parameters", "input_mapping", "output_mapping", "input_from",
    "input_file", "config", "type",
})  # fmt: skip
_POLICY: Final = frozenset({
    "autonomy_level", "active_phase", "policy_version", "escalation_rules", "permissions", "cto_scope",
})  # fmt: skip
_TASK: Final = frozenset({"content", "dependencies", "task_type", "type", "deadline", "priority", "description"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A step or an output that a step waits for, as the file names it."""

    value: object
    text: str
    place: Place


@dataclass(slots=True)
class FoundStep:
    """A step as the file has it.

    Args:
        node: the whole step.
        place: where it is named, or begins.
        id: what other steps call it: its id, else its name; None where it has neither.
        value: the id as the file has it (a number stays a number).
        named: whether it has an id of its own and not only a name.
        agent: the agent, or None.
        depends_on: what it waits for, in the order of the file.
        output: the name it gives to its result.
    """

    node: Node
    place: Place
    id: str | None
    value: object
    named: bool
    agent: Node | None
    depends_on: list[Reference] = field(default_factory=list[Reference])
    output: str | None = None


def detect(root: Node) -> Dialect | None:
    """Return the dialect of a file, or None where it is no workflow at all."""
    if root.kind is not NodeKind.MAPPING:
        return None
    steps, tasks, head = root.get("steps"), root.get("tasks"), root.get("workflow")
    if (
        head is not None
        and head.kind is NodeKind.MAPPING
        and ({"name", "version"} & set(head.entries) or steps or tasks)
    ):
        return Dialect.TEMPLATE if tasks is not None and steps is None else Dialect.HEADED
    if steps is not None and steps.kind is NodeKind.LIST:
        return _with_steps(root, steps)
    if tasks is not None:
        return _with_tasks(root, tasks)
    return Dialect.POLICY if len(_POLICY & set(root.entries)) > 1 else None


def found_steps(root: Node, dialect: Dialect) -> list[FoundStep]:
    """Return the steps of a file, in its order. What is not a mapping is left out."""
    holder = root.get("tasks") if dialect in PLANS | {Dialect.TEMPLATE, Dialect.TASK_MAP} else root.get("steps")
    if holder is None or dialect is Dialect.POLICY:
        return []
    if holder.kind is NodeKind.MAPPING:
        pairs: list[tuple[Node | None, Node]] = list(holder.entries.values())
    else:
        pairs = [(None, item) for item in holder.items]
    return [_found(node, key) for key, node in pairs if node.kind is NodeKind.MAPPING]


def _with_steps(root: Node, steps: Node) -> Dialect | None:
    keys = {key for step in steps.items for key in step.entries}
    if keys & _OURS_STEP or _OURS_TOP & set(root.entries):
        return Dialect.CANONICAL
    if keys & _SCENARIO:
        return Dialect.SCENARIO
    if keys & _FLAT or any(step.get("id") is None and step.get("name") for step in steps.items):
        return Dialect.FLAT
    if "agent" in keys or "id" in keys or (not steps.items and root.get("name") is not None):
        return Dialect.CANONICAL
    return None


def _with_tasks(root: Node, tasks: Node) -> Dialect | None:
    if tasks.kind is NodeKind.MAPPING:
        keys = {key for task in tasks.entries.values() for key in task[1].entries}
        return Dialect.TASK_MAP if {"agent_id", "dependencies"} & keys and "action" in keys | {"action"} else None
    if tasks.kind is not NodeKind.LIST:
        return None
    metadata = root.get("metadata")
    keys = {key for task in tasks.items for key in task.entries}
    if metadata is not None and metadata.get("plan_id") is not None:
        return Dialect.PLAN
    if root.get("plan_id") is not None:
        return Dialect.PLAN_TEMPLATE
    # Boxes keep lists of tasks too, but theirs have a status and no agent to give them to.
    if "agent" not in keys or not {"task_id", "id"} & keys or not _TASK & keys or "status" in keys:
        return None
    if metadata is not None:
        return Dialect.PLAN
    return Dialect.PLAN_TEMPLATE if root.get("name") is not None else None


def _found(node: Node, key: Node | None) -> FoundStep:
    own = key or node.get("id") or node.get("task_id")
    if own is not None and (own.kind is not NodeKind.SCALAR or own.value is None):
        own = None
    name = node.get("name")
    shown = own or (name if name is not None and name.kind is NodeKind.SCALAR and name.value is not None else None)
    agent = node.get("agent") or node.get("agent_id")
    return FoundStep(
        node=node,
        place=shown.place if shown else node.place,
        id=None if shown is None else shown.text,
        value=None if shown is None else shown.value,
        named=own is not None,
        agent=agent if agent is not None and agent.kind is NodeKind.SCALAR and agent.value is not None else None,
        depends_on=_references(node),
        output=_output(node),
    )


def _references(node: Node) -> list[Reference]:
    content = node.get("content")
    places = [node.get(key) for key in ("depends_on", "dependencies", "input_from")]
    places.insert(2, None if content is None else content.get("requires"))
    found: dict[str, Reference] = {}
    for place in places:
        items = [] if place is None else place.items if place.kind is NodeKind.LIST else [place]
        for item in items:
            if item.kind is NodeKind.SCALAR and item.value is not None:
                found.setdefault(item.text, Reference(item.value, item.text, item.place))
    return list(found.values())


def _output(node: Node) -> str | None:
    output = node.get("output")
    return str(output.value) if output is not None and isinstance(output.value, str) else None
