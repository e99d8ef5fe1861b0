"""Turns a file of another dialect into a `Definition`: its steps, what they wait for, its inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from bluelabel.services.workflow.definition.check_graph import check_circles, check_reference, check_unique
from bluelabel.services.workflow.definition.definition import Definition, InputSpec, StepSpec
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.dialects import PLANS, Dialect, FoundStep, found_steps
from bluelabel.services.workflow.definition.foreign_names import Names
from bluelabel.services.workflow.definition.foreign_step import build_step
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.definition.schema import INPUT_TYPES

_WITH_HEAD: Final = frozenset({Dialect.HEADED, Dialect.TEMPLATE})
_IN_PROCESS: Final = ("ingestion", "digest", "command", "system")


def build_foreign(root: Node, dialect: Dialect, file: str, findings: Findings) -> Definition:
    """Return what `root` says in our own terms.

    Args:
        root: the file.
        dialect: how it is written; not our own, and no policy.
        file: what to call a workflow without a name.
        findings: is told everything that is wrong.
    """
    found = _usable(root, dialect, findings)
    outputs: dict[str, list[str]] = {}
    for step in found:
        if step.output is not None and step.id is not None:
            outputs.setdefault(step.output, []).append(step.id)
    declared = _inputs(root)
    ids = [step.id for step in found if step.id is not None]
    names = Names(ids, outputs, list(declared), findings)
    policy = root.get("error_handling")
    steps: list[StepSpec] = []
    for step in found:
        names.used = set()
        spec = build_step(step, dialect, names, policy)
        waits = [*_waits(step, names.steps, outputs, findings), *sorted(names.used & names.steps - {spec.id})]
        steps.append(replace(spec, depends_on=tuple(dict.fromkeys(waits))))
    _check(found, steps, dialect, findings)
    for name in sorted(names.asked - set(declared)):
        declared[name] = InputSpec(required=name not in names.optional)
    return _definition(root, dialect, file, steps, declared)


def _definition(
    root: Node, dialect: Dialect, file: str, steps: list[StepSpec], inputs: Mapping[str, InputSpec]
) -> Definition:
    head: Node = root
    if dialect in _WITH_HEAD:
        head = root.get("workflow") or root
    elif dialect is Dialect.PLAN:
        head = root.get("metadata") or root
    name = head.get("name") or head.get("plan_id") or head.get("title")
    metadata = root.get("metadata")
    version, description = head.get("version"), head.get("description")
    return Definition(
        name=name.text if name is not None and name.text else file,
        version=None if version is None or version.value is None else version.text,
        description=None if description is None or description.value is None else description.text,
        inputs=inputs,
        steps=tuple(steps),
        metadata=metadata.plain() if metadata is not None and metadata.kind is NodeKind.MAPPING else {},
    )


def _usable(root: Node, dialect: Dialect, findings: Findings) -> list[FoundStep]:
    key = "tasks" if dialect in PLANS | {Dialect.TEMPLATE, Dialect.TASK_MAP} else "steps"
    holder = root.get(key)
    found = found_steps(root, dialect)
    if not found:
        place = root.place if holder is None else holder.place
        findings.error("missing", f"the workflow has no {key}", place, f"add `{key}:` with a list of them")
    elif holder is not None:
        for item in holder.items:
            if item.kind is not NodeKind.MAPPING:
                findings.error("not-a-mapping", f"a step is {item.shape}", item.place, "write its keys")
    for step in found:
        if step.id is None:
            findings.error("missing", "a step has no id", step.place, "add `id: …`")
        elif not step.named and dialect is Dialect.HEADED:
            findings.warn("no-id", f"step {step.id!r} has no id; its name is used", step.place, "add `id: …`")
        if step.agent is None:
            shown = f"step {step.id!r}" if step.id else "a step"
            findings.error("missing", f"{shown} has no agent", step.place, "add `agent: …`")
    check_unique([(step.id, step.place) for step in found if step.id is not None], findings)
    return found


def _waits(step: FoundStep, ids: Collection[str], outputs: Mapping[str, list[str]], findings: Findings) -> list[str]:
    waits: list[str] = []
    for reference in step.depends_on:
        if reference.text not in ids and reference.text in outputs:
            waits += [name for name in outputs[reference.text] if name != step.id]
        elif check_reference(reference.text, ids, reference.place, findings):
            waits.append(reference.text)
    return waits


def _check(found: list[FoundStep], steps: list[StepSpec], dialect: Dialect, findings: Findings) -> None:
    places = {step.id: step.place for step in found if step.id is not None}
    check_circles({spec.id: spec.depends_on for spec in steps if spec.id in places}, places, findings)
    for step, spec in zip(found, steps, strict=True):
        if dialect not in PLANS:
            _check_agent(step, findings)
        if dialect is Dialect.HEADED and not spec.input and not spec.depends_on:
            findings.warn("no-input", f"step {spec.id!r} names no input", step.place, "add input_file or input_from")


def _check_agent(step: FoundStep, findings: Findings) -> None:
    if step.agent is None:
        return
    name = step.agent.text
    short = name.removesuffix("_agent")
    if "{{" in name or "${" in name or short in _IN_PROCESS or (name.isupper() and len(name) < 9):
        return
    close = findings.meant(short, _IN_PROCESS)
    hint = f"did you mean {close!r}?" if close else "`bluelabel agent list` shows the agents"
    message = f"no agent {name!r} comes with the platform"
    findings.warn("unknown-agent", message, step.agent.place, hint)


def _inputs(root: Node) -> dict[str, InputSpec]:
    made: dict[str, InputSpec] = {}
    for holder in (root.get("input"), root.get("inputs")):
        for name, (_, node) in holder.entries.items() if holder is not None else ():
            made[name] = _input(node)
    variables = root.get("variables")
    for name, (_, node) in variables.entries.items() if variables is not None else ():
        made[name] = InputSpec(default=node.plain())
    return made


def _input(node: Node) -> InputSpec:
    if node.kind is not NodeKind.MAPPING:
        return InputSpec(default=node.plain())
    said: dict[str, Any] = node.plain()
    kind, text = said.get("type"), said.get("description")
    allowed = node.get("enum")
    return InputSpec(
        type=kind if isinstance(kind, str) and kind in INPUT_TYPES else "any",
        required=said.get("required") is True,
        default=said.get("default"),
        enum=() if allowed is None else tuple(item.plain() for item in allowed.items),
        description=text if isinstance(text, str) else None,
    )
