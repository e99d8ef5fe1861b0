"""Turns a file of our own dialect into a `Definition`, reporting everything that is wrong on the way."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from bluelabel.interfaces.errors import InvalidName, UsageError
from bluelabel.interfaces.names import identifier
from bluelabel.services.workflow.definition.canonical_step import build_step
from bluelabel.services.workflow.definition.check_graph import check_circles, check_reference, check_unique
from bluelabel.services.workflow.definition.check_names import check_names
from bluelabel.services.workflow.definition.cron import UnknownZone, find_zone, parse_cron
from bluelabel.services.workflow.definition.definition import (
    CatchUp,
    Definition,
    InputSpec,
    Overlap,
    ScheduleSpec,
    StepSpec,
)
from bluelabel.services.workflow.definition.diagnostics import Findings, Place
from bluelabel.services.workflow.definition.fields import Fields
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.definition.schema import INPUT, INPUT_TYPES, MAX_PARALLEL, SCHEDULE, TOP

_SOME_DAY: Final = datetime(2001, 1, 1, tzinfo=UTC)
_INPUT_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_FITS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "any": (object,),
}


def build(root: Node, findings: Findings) -> Definition:
    """Return what `root` says; where something is wrong, the record holds the nearest that makes sense."""
    top = Fields(root, "the workflow", TOP, findings)
    steps = _steps(top, findings)
    pools = _pools(top)
    definition = Definition(
        name=top.text("name", required=True) or "unnamed",
        version=top.text("version"),
        description=top.text("description"),
        inputs=_inputs(top, findings),
        max_parallel=top.count("max_parallel", 4, 1, MAX_PARALLEL),
        steps=tuple(spec for spec, _ in steps),
        metadata=top.mapping("metadata"),
        pools=pools,
        fail_fast=top.flag("fail_fast", default=True),
        schedule=_schedule(top, findings),
        output=_output(top),
    )
    _check_steps(steps, findings)
    _check_schedule(definition, root, findings)
    check_names(definition, root, [node for _, node in steps], findings)
    return definition


def fits(value: object, kind: str) -> bool:
    """Tell whether `value` is of an input's type."""
    if isinstance(value, bool) and kind != "any":
        return kind == "boolean"
    return isinstance(value, _FITS[kind])


def _steps(top: Fields, findings: Findings) -> list[tuple[StepSpec, Node]]:
    node = top.node_of("steps")
    if node is None:
        hint = "add `steps:` with a list of them"
        findings.error("missing", "the workflow has no steps", top.node.place, hint)
        return []
    if node.kind is not NodeKind.LIST or not node.items:
        top.wrong("steps", "a list of steps", "begin each step with `- id: …`")
        return []
    return [(build_step(item, number, findings), item) for number, item in enumerate(node.items, 1)]


def _check_steps(steps: list[tuple[StepSpec, Node]], findings: Findings) -> None:
    places: dict[str, Place] = {}
    named: list[tuple[str, Place]] = []
    for spec, node in steps:
        own = node.get("id") or node
        place = own.place
        named.append((spec.id, place))
        places.setdefault(spec.id, place)
        try:
            identifier(spec.id, "an id for a step")
        except InvalidName as error:
            findings.error("step-id", str(error), place, error.hint)
    check_unique(named, findings)
    waits: dict[str, list[str]] = {name: [] for name in places}
    for spec, node in steps:
        holder = node.get("depends_on") or node
        at = {item.text: item.place for item in holder.items} if holder.kind is NodeKind.LIST else {}
        for name in spec.depends_on:
            if check_reference(name, places, at.get(name, holder.place), findings):
                waits[spec.id].append(name)
    check_circles(waits, places, findings)


def _inputs(top: Fields, findings: Findings) -> dict[str, InputSpec]:
    node = top.node_of("inputs")
    if node is None:
        return {}
    if node.kind is not NodeKind.MAPPING:
        top.wrong("inputs", "a mapping of names", "write `inputs: {url: {type: string, required: true}}`")
        return {}
    found: dict[str, InputSpec] = {}
    for name, (key, value) in node.entries.items():
        if not _INPUT_NAME.fullmatch(name):
            hint = "use a letter, then letters, digits, _ or -"
            findings.error("input-name", f"{name[:40]!r} is no name for an input", key.place, hint)
        found[name] = _input(name, value, findings)
    return found


def _input(name: str, node: Node, findings: Findings) -> InputSpec:
    if node.kind is NodeKind.SCALAR and node.text in INPUT_TYPES:
        return InputSpec(type=node.text)
    if node.kind is NodeKind.SCALAR and node.value is None:
        return InputSpec()
    fields = Fields(node, f"input {name!r}", INPUT, findings)
    kind = fields.text("type") or "any"
    if kind not in INPUT_TYPES:
        fields.wrong("type", f"one of {', '.join(INPUT_TYPES)}")
        kind = "any"
    allowed, default = node.get("enum"), node.get("default")
    choices: list[Any] = allowed.plain() if allowed is not None and allowed.kind is NodeKind.LIST else []
    if allowed is not None and not choices:
        fields.wrong("enum", "a list of values")
    value = None if default is None else default.plain()
    if default is not None and value is not None and not fits(value, kind):
        fields.wrong("default", f"of type {kind}", "change the default or the type")
    elif value is not None and choices and value not in choices:
        fields.wrong("default", "one of the values of enum", "add it to enum, or choose another")
    required = fields.flag("required", default=False)
    return InputSpec(kind, required, value, tuple(choices), fields.text("description"))


def _pools(top: Fields) -> dict[str, int]:
    node = top.node_of("pools")
    if node is None:
        return {}
    fields = Fields(node, "pools", list(node.entries), top.findings)
    return {name: fields.count(name, 1, 1, MAX_PARALLEL) for name in node.entries}


def _schedule(top: Fields, findings: Findings) -> ScheduleSpec | None:
    node = top.node_of("schedule")
    if node is None:
        return None
    if node.kind is NodeKind.SCALAR:
        spec = ScheduleSpec(node.text.strip())
    else:
        fields = Fields(node, "schedule", SCHEDULE, findings)
        cron = fields.text("cron", required=True)
        catch_up = fields.choice("catch_up", CatchUp, CatchUp.NONE)
        overlap = fields.choice("overlap", Overlap, Overlap.ALLOW)
        zone = fields.text("timezone") or "UTC"
        if cron is None:
            return None
        spec = ScheduleSpec(cron.strip(), catch_up, overlap, zone)
    _check_cron(spec, node, findings)
    return spec


def _check_cron(spec: ScheduleSpec, node: Node, findings: Findings) -> None:
    place = (node.get("cron") or node).place
    try:
        if parse_cron(spec.cron).after(_SOME_DAY) is None:
            findings.error("cron", f"{spec.cron[:40]!r} is never due", place, "no month has such a day")
    except UsageError as error:
        findings.error("cron", f"{spec.cron[:40]!r} is no cron line: {error.what}", place, error.hint)
    try:
        find_zone(spec.timezone)
    except UnknownZone as error:
        findings.error("timezone", str(error), (node.get("timezone") or node).place, error.hint)


def _check_schedule(definition: Definition, root: Node, findings: Findings) -> None:
    if definition.schedule is None:
        return
    for name, spec in definition.inputs.items():
        if spec.required and spec.default is None:
            place = (root.get("schedule") or root).place
            findings.warn("schedule", f"no schedule gives the input {name!r}", place, "give it a default")


def _output(top: Fields) -> Any:
    node = top.node_of("output")
    if node is None:
        return None
    top.templates(node)
    return node.plain()
