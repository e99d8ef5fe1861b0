"""Rewrites the variables of other dialects (``{{x}}``, ``${x}``, filters) into our templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.expressions.evaluate import check, references

_VARIABLE = re.compile(r"\{\{(.{0,500}?)\}\}|\$\{([^{}]{0,500})\}", re.DOTALL)
_DEFAULT = re.compile(r"^(?P<path>[\w.\[\]'-]{1,200})\s*\|\s*default\((?P<value>'[^']*'|\"[^\"]*\"|[\w.-]+)\)$")
_METADATA = re.compile(r"\bworkflow\.metadata\.get\('(\w{1,100})'(?:, ?('[^']{0,100}'|[\w.-]{1,100}))?\)")
_CAST = re.compile(r"(?<!\s)\s*+\|\s*+(?:int|float|string|trim)\b")
_RESULTS: Final = frozenset({"output", "outputs", "result"})


class Names:
    """What the variables of one file stand for.

    Args:
        steps: the ids of its steps.
        outputs: the steps that make each named output.
        inputs: the names that a run may give.
        findings: is told what cannot be understood.
    """

    def __init__(
        self, steps: Sequence[str], outputs: Mapping[str, Sequence[str]], inputs: Sequence[str], findings: Findings
    ) -> None:
        self.steps = dict.fromkeys(steps).keys()
        self.outputs = outputs
        self.inputs = set(inputs)
        self.asked: set[str] = set()
        self.optional: set[str] = set()
        self.used: set[str] = set()
        self.findings = findings

    def value(self, node: Node) -> Any:
        """Return the plain value of `node` with the variables in its texts rewritten."""
        if node.kind is NodeKind.MAPPING:
            return {key: self.value(item) for key, (_, item) in node.entries.items()}
        if node.kind is NodeKind.LIST:
            return [self.value(item) for item in node.items]
        if isinstance(node.value, str) and ("{{" in node.value or "${" in node.value):
            return self.text(node)
        return node.value

    def text(self, node: Node) -> str:
        """Return the text of `node` with its variables rewritten."""

        def rewrite(match: re.Match[str]) -> str:
            inner = (match[1] if match[1] is not None else match[2]).strip()
            found = self._expression(inner, ask=True)
            if found is None:
                hint = "write it as {{ inputs.name }} or {{ steps.id.result }}"
                place = node.inside(match.start() + 1)
                self.findings.error("template", f"this template is not understood: {match[0][:60]!r}", place, hint)
                return ""
            return "{{ " + found + " }}"

        return _VARIABLE.sub(rewrite, node.text)

    def condition(self, node: Node) -> str | None:
        """Return the condition in `node` with its names rewritten; None where it cannot be understood."""
        text = node.text.strip()
        if text.startswith("{{") and text.endswith("}}"):
            text = text[2:-2].strip()
        found = self._expression(text, ask=False)
        if found is None:
            hint = "write it as steps.id.result.field == 'value'"
            self.findings.error("condition", f"this condition is not understood: {text[:60]!r}", node.place, hint)
        return found

    def _expression(self, text: str, *, ask: bool) -> str | None:
        self.optional.update(match[1] for match in _METADATA.finditer(text))
        text = _METADATA.sub(_from_inputs, text)
        default = _DEFAULT.match(text)
        text = f"{default['path']}? or {default['value']}" if default else _CAST.sub("", text)
        if check(text) is not None:
            return None
        for path in sorted(references(text), key=lambda path: -path[0].column):
            root = str(path[0].key)
            start = path[0].column - 1
            if root == "steps" and len(path) > 1:
                self.used.add(str(path[1].key))
                if len(path) > 2 and path[2].key in _RESULTS:
                    at = path[2].column - 1
                    text = text[:at] + "result" + text[at + len(str(path[2].key)) :]
                continue
            new = self._root(root, [str(segment.key) for segment in path[1:2]], ask=ask)
            if new is None:
                return None
            text = text[:start] + new + text[start + len(root) :]
        return text

    def _root(self, root: str, after: list[str], *, ask: bool) -> str | None:
        if root in {"input", "inputs"}:
            self.asked.update(after)
            return "inputs"
        if root in self.outputs and root not in self.inputs:
            makers = self.outputs[root]
            self.used.update(makers)
            return f"steps.{makers[0]}.result"
        if root in self.steps:
            self.used.add(root)
            return f"steps.{root}" if after and after[0] in {"status", "result"} else f"steps.{root}.result"
        if root in self.inputs or ask:
            self.asked.add(root)
            return f"inputs.{root}"
        return None


def _from_inputs(match: re.Match[str]) -> str:
    """Return what stands for a value that a run of a task map is given as metadata: an input that may be left out."""
    value = f"inputs.{match[1]}?"
    return value if match[2] is None else f"({value} or {match[2]})"
