"""Checks the names that templates and conditions use: inputs that are declared, steps that are waited for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from bluelabel.services.workflow.definition.definition import RUN_FIELDS, STEP_FIELDS, Definition, StepSpec
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.fields import scalars
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.expressions.evaluate import references, template_references
from bluelabel.services.workflow.expressions.grammar import Segment

_CONDITIONS = ("when", "unless")
_ROOTS = ("inputs", "steps", "run")


@dataclass(frozen=True, slots=True)
class _Use:
    node: Node
    path: tuple[Segment, ...]
    inset: int


def check_names(definition: Definition, root: Node, nodes: Sequence[Node], findings: Findings) -> None:
    """Report every name in a template or condition that will not be there when it is looked up.

    Args:
        definition: the workflow.
        root: its file, for what stands outside of the steps.
        nodes: the steps' places in the file, in the order of `definition.steps`.
        findings: is told.
    """
    checker = _Checker(definition, findings)
    for spec, node in zip(definition.steps, nodes, strict=True):
        for key, (_, value) in node.entries.items():
            extra = ("item", "index") if spec.map and key != "map" else ()
            uses = _conditions(value) if key in _CONDITIONS else _templates(value)
            for use in uses:
                checker.check(use, spec, extra)
            retry_when = value.get("when") if key == "retry" else None
            for use in _conditions(retry_when) if retry_when else ():
                checker.check(use, spec, ("error", "attempt"), ())
    output = root.get("output")
    for use in _templates(output) if output else ():
        checker.check(use, None, ())


def waits_for(definition: Definition) -> Callable[[str, str], bool]:
    """Return a function that tells whether a step (the first) waits for another (the second), near or far.

    Where steps wait in a circle, everything is said to be waited for: the circle is reported by itself.
    """
    bit = {step.id: 1 << place for place, step in enumerate(definition.steps)}
    below: dict[str, list[str]] = {}
    missing: dict[str, int] = {}
    for step in definition.steps:
        known = [name for name in step.depends_on if name in bit]
        missing[step.id] = len(known)
        for name in known:
            below.setdefault(name, []).append(step.id)
    # Sets of steps as the bits of one number: thousands of steps cost milliseconds.
    before = dict.fromkeys(bit, 0)
    ready = [name for name, count in missing.items() if count == 0]
    for name in ready:
        for follower in below.get(name, ()):
            before[follower] |= before[name] | bit[name]
            missing[follower] -= 1
            if missing[follower] == 0:
                ready.append(follower)
    settled = set(ready)
    return lambda step, other: step not in settled or bool(before[step] & bit[other])


def _conditions(node: Node) -> Iterator[_Use]:
    if node.kind is NodeKind.SCALAR:
        braced = node.text.strip().startswith("{{")
        inset = node.text.index("{{") + 2 if braced else 0
        text = node.text.strip()[2:-2] if braced else node.text
        for path in references(text):
            yield _Use(node, path, inset)


def _templates(node: Node) -> Iterator[_Use]:
    for scalar in scalars(node):
        if "{{" in scalar.text:
            for path in template_references(scalar.text):
                yield _Use(scalar, path, 0)


class _Checker:
    def __init__(self, definition: Definition, findings: Findings) -> None:
        self.definition = definition
        self.findings = findings
        self.steps = {step.id: step for step in definition.steps}
        self.before = waits_for(definition)

    def check(self, use: _Use, spec: StepSpec | None, extra: Sequence[str], roots: Sequence[str] = _ROOTS) -> None:
        first = str(use.path[0].key)
        if first in extra:
            return
        if first not in roots:
            known = (*roots, *extra)
            hint = self._meant(first, known)
            self._wrong(use, 0, "unknown-name", f"nothing is called {first!r} here", hint)
        elif first == "inputs":
            self._member(use, 1, self.definition.inputs, "input", "declare it under `inputs`")
        elif first == "run":
            self._member(use, 1, RUN_FIELDS, "field of the run", f"there is: {', '.join(RUN_FIELDS)}")
        else:
            self._step(use, spec)

    def _meant(self, name: str, known: Sequence[str]) -> str:
        if "steps" in known and name in self.steps:
            return f"write steps.{name}"
        if "inputs" in known and name in self.definition.inputs:
            return f"write inputs.{name}"
        close = self.findings.meant(name, known)
        return f"did you mean {close!r}?" if close else f"there is: {', '.join(known)}"

    def _step(self, use: _Use, spec: StepSpec | None) -> None:
        if len(use.path) < 2:
            return
        name = str(use.path[1].key)
        if not self._member(use, 1, self.steps, "step", "the ids of steps are their names here"):
            return
        if spec is not None and not self.before(spec.id, name):
            itself = "it is the same step" if name == spec.id else f"add {name!r} to depends_on"
            message = f"step {spec.id!r} looks at {name!r} without waiting for it"
            self._wrong(use, 1, "not-before", message, itself)
        if len(use.path) > 2:
            self._member(use, 2, STEP_FIELDS, "field of a step", f"there is: {', '.join(STEP_FIELDS)}")

    def _member(self, use: _Use, place: int, known: Collection[str], what: str, otherwise: str) -> bool:
        if len(use.path) <= place:
            return True
        segment = use.path[place]
        if segment.optional or str(segment.key) in known:
            return str(segment.key) in known
        close = self.findings.meant(str(segment.key), known)
        hint = f"did you mean {close!r}?" if close else otherwise
        self._wrong(
            use, place, f"unknown-{what.split(maxsplit=1)[0]}", f"there is no {what} {str(segment.key)!r}", hint
        )
        return False

    def _wrong(self, use: _Use, segment: int, code: str, message: str, hint: str) -> None:
        place = use.node.inside(use.path[segment].column + use.inset)
        self.findings.error(code, message, place, hint)
