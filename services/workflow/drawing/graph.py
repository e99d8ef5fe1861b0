"""What there is to draw of a workflow or of a run: boxes, lines between them, and how far each box has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.services.workflow.definition.definition import Definition, StepKind, StepSpec


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One step.

    Args:
        id: unique in the graph.
        label: what stands in the box.
        detail: a second, smaller line; empty for none.
        status: ``pending``, ``running`` and so on; None where nothing runs.
    """

    id: str
    label: str
    detail: str = ""
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """A title, the steps in the file's order, and the pairs (waited for, waiting)."""

    title: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str], ...]
    status: str | None = None


def graph_of(definition: Definition, run: Mapping[str, Any] | None = None) -> Graph:
    """Return the graph of a workflow, with the statuses of a run of it where one is given.

    Args:
        definition: the workflow.
        run: a run as its JSON object; steps it does not know have no status.
    """
    states = _states(run)
    nodes = [GraphNode(step.id, step.name, detail(step), _status(states.get(step.id))) for step in definition.steps]
    edges = [(before, step.id) for step in definition.steps for before in step.depends_on]
    title = definition.name + (f" {definition.version}" if definition.version else "")
    return _graph(title, nodes, edges, None if run is None else _word(run.get("status")))


def graph_of_run(run: Mapping[str, Any]) -> Graph:
    """Return the graph of a run from its JSON object alone.

    A run that keeps its definition is drawn by it; in others, steps name what they wait for in their metadata.
    """
    from bluelabel.services.workflow.definition.stored import definition_from_json  # takes the loader with it

    kept = _mapping(run.get("metadata")).get("workflow_def")
    if kept is not None:
        try:
            return graph_of(definition_from_json(kept, str(run.get("dag_id"))), run)
        except UnreadableInput:
            pass
    return _graph_of_steps(run)


def _graph_of_steps(run: Mapping[str, Any]) -> Graph:
    nodes: list[GraphNode] = []
    edges: list[tuple[str, str]] = []
    for step_id, state in _states(run).items():
        metadata = _mapping(state.get("metadata"))
        retries = state.get("retry_count")
        note = f"{retries}/{state.get('max_retries')} retries" if retries else ""
        nodes.append(GraphNode(step_id, str(metadata.get("name") or step_id), note, _status(state)))
        waits: object = metadata.get("depends_on") or metadata.get("dependencies") or []
        if isinstance(waits, list):
            edges += [(str(before), step_id) for before in cast("list[object]", waits)]
    title = f"{run.get('dag_id') or 'run'} {str(run.get('run_id') or '')[:8]}".rstrip()
    return _graph(title, nodes, edges, _word(run.get("status")))


def detail(step: StepSpec) -> str:
    """Return in a few words what does the work of a step."""
    target = step.target
    if isinstance(target, tuple):
        return " ".join(("command", *target))
    if isinstance(target, str):
        return f"{step.kind} {target}"
    if step.kind is StepKind.HANDOFF:
        return f"handoff to {target.get('to')}"
    if step.kind is StepKind.APPROVAL:
        return f"approval by {target.get('by')}"
    return f"sleep until {target['until']}" if "until" in target else f"sleep {target.get('seconds')} s"


def _graph(title: str, nodes: Iterable[GraphNode], edges: Iterable[tuple[str, str]], status: str | None) -> Graph:
    found = {node.id: node for node in nodes}
    known = tuple(dict.fromkeys((a, b) for a, b in edges if a in found and b in found and a != b))
    return Graph(title, tuple(found.values()), known, status)


def _states(run: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    steps = None if run is None else run.get("steps")
    if isinstance(steps, list):
        rows = [_mapping(row) for row in cast("list[object]", steps)]
        return {str(row.get("step_id", place)): row for place, row in enumerate(rows)}
    return {name: _mapping(state) for name, state in _mapping(steps).items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _status(state: Mapping[str, Any] | None) -> str | None:
    return None if state is None else _word(state.get("status"))


def _word(status: object) -> str | None:
    return None if status is None else str(status).lower()
