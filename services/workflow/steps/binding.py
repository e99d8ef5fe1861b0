"""From a definition to a runner: every step gets what does its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import BluelabelError, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.definition.definition import Definition, StepKind, StepSpec
from bluelabel.services.workflow.definition.stored import definition_to_json
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.steps.agent import agent_step
from bluelabel.services.workflow.steps.approval import approval_step, sleep_step
from bluelabel.services.workflow.steps.call import call_step
from bluelabel.services.workflow.steps.command import command_step
from bluelabel.services.workflow.steps.handoff import handoff_step
from bluelabel.services.workflow.steps.pending import facts_of
from bluelabel.services.workflow.steps.services import Tools
from bluelabel.services.workflow.steps.subworkflow import Child, workflow_step

Work = Callable[[StepContext], Any]

WAITING = frozenset({StepKind.HANDOFF, StepKind.APPROVAL, StepKind.SLEEP, StepKind.WORKFLOW})
"""Kinds that take no slot: they wait, or their work is done under slots of their own."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def bind(
    definition: Definition,
    tools: Tools,
    run_id: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    base: Path | None = None,
    max_parallel: int | None = None,
) -> StatefulDAGRunner:
    """Return a runner for a run of `definition`, new or known.

    Args:
        definition: what to run.
        tools: what its steps need.
        run_id: the run; a new one when None.
        inputs: the values of the run's inputs, for a new run; see `check_inputs`.
        base: the folder that paths of sub-workflows begin from; the tools' root when None.
        max_parallel: instead of the definition's.
    """
    folder = base or tools.root
    runner = StatefulDAGRunner(
        *(definition.name, tools.store, run_id),
        max_parallel=max_parallel or definition.max_parallel,
        fail_fast=definition.fail_fast,
        pools=definition.pools,
        metadata={
            "inputs": dict(inputs or {}),
            **definition_facts(definition),
            "base": from_root(folder, tools.root),
        },
    )
    for spec in definition.steps:
        _register(runner, spec, tools, folder)
    return runner


def definition_facts(definition: Definition) -> dict[str, Any]:
    """Return what the metadata of a run says of its definition."""
    return {
        "workflow_version": definition.version,
        "description": definition.description,
        "workflow_def": definition_to_json(definition),
    }


def from_root(path: Path, root: Path) -> str:
    """Return a path as a run keeps it: from the workspace on, so that its file says nothing of the machine."""
    inside = path.resolve()
    return inside.relative_to(root.resolve()).as_posix() if inside.is_relative_to(root.resolve()) else str(inside)


def check_inputs(definition: Definition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a run: what was given, and defaults.

    Raises:
        UsageError: one is missing, unknown, of another type or not among the values allowed.
    """
    for name in given:
        if name not in definition.inputs and definition.inputs:
            close = nearest(name, definition.inputs)
            hint = f"did you mean {', '.join(close)}?" if close else f"it takes {', '.join(definition.inputs)}"
            raise UsageError(f"workflow {definition.name} has no such input", where=name, hint=hint)
    found = dict(given)
    for name, spec in definition.inputs.items():
        if name not in found:
            if spec.required and spec.default is None:
                hint = f"give it with --input {name}=…"
                raise UsageError(f"workflow {definition.name} needs an input", where=name, hint=hint)
            found[name] = spec.default
            continue
        value = found[name]
        kinds = _KINDS.get(spec.type)
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise UsageError(f"input {name} is not of type {spec.type}", where=repr(value)[:60])
        if spec.enum and value not in spec.enum:
            allowed = ", ".join(str(item) for item in spec.enum)
            raise UsageError(
                f"input {name} does not allow this value", where=repr(value)[:60], hint=f"one of: {allowed}"
            )
    return found


def read_input(definition: Definition, name: str, text: str) -> Any:
    """Return the value that `text` stands for on a command line: text for a string, else JSON where it is JSON."""
    from bluelabel.interfaces import strict_json

    spec = definition.inputs.get(name)
    if spec is not None and spec.type == "string":
        return text
    try:
        return strict_json.loads(text, f"--input {name}")
    except BluelabelError:
        return text


def _register(runner: StatefulDAGRunner, spec: StepSpec, tools: Tools, base: Path) -> None:
    facts: dict[str, Any] = {"kind": spec.kind.value, **facts_of(spec)}
    runner.register_step(
        *(spec.id, work_of(spec, tools, lambda: runner.feed, base)),
        critical=spec.critical,
        depends_on=spec.depends_on,
        retry=spec.retry,
        timeout=spec.timeout,
        heartbeat=spec.heartbeat,
        when=spec.when,
        unless=spec.unless,
        map=spec.map,
        priority=spec.priority,
        pool=spec.pool,
        durable_start=spec.durable_start,
        waits=spec.kind in WAITING,
        facts=facts,
    )


def work_of(spec: StepSpec, tools: Tools, feed: Callable[[], Feed], base: Path) -> Work:
    """Return the work of a step."""
    if spec.kind is StepKind.AGENT:
        return agent_step(spec, tools)
    if spec.kind is StepKind.CALL:
        return call_step(spec, tools)
    if spec.kind is StepKind.COMMAND:
        return command_step(spec, tools)
    if spec.kind is StepKind.HANDOFF:
        return handoff_step(spec, tools, feed)
    if spec.kind is StepKind.APPROVAL:
        return approval_step(spec, tools, feed)
    if spec.kind is StepKind.SLEEP:
        return sleep_step(spec, tools, feed)

    def start(path: Path, run_id: str, inputs: Mapping[str, Any]) -> Child:
        definition = tools.load(path) if tools.load is not None else None
        if definition is None:
            raise UsageError("sub-workflows cannot be read here", where=str(path))
        return definition, bind(definition, tools, run_id, check_inputs(definition, inputs), base=path.parent)

    return workflow_step(spec, tools, start, base)
