"""Typed looks at one mapping of a definition: each says what it expected, where, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.times import span
from bluelabel.services.workflow.definition.diagnostics import Findings, Place
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.expressions.evaluate import check, check_template

Word = TypeVar("Word", bound=StrEnum)

_TEMPLATE = re.compile(r"\s*\{\{[^{}]*\}\}\s*")


class Fields:
    """The entries of one mapping.

    Args:
        node: the mapping; anything else is reported and read as an empty one.
        what: what it is, for a person: "step 'check'".
        known: the keys it may have; any other is reported with the nearest of them.
        findings: is told everything that is wrong.
    """

    def __init__(self, node: Node, what: str, known: Collection[str], findings: Findings) -> None:
        self.node = node
        self.what = what
        self.findings = findings
        if node.kind is not NodeKind.MAPPING:
            findings.error("not-a-mapping", f"{what} is {node.shape}", node.place, f"write keys: {', '.join(known)}")
        for key, (place, _) in node.entries.items():
            if key not in known:
                close = findings.meant(key, known)
                hint = f"did you mean {close!r}?" if close else f"known keys: {', '.join(known)}"
                findings.error("unknown-key", f"{what} has no key {key[:40]!r}", place.place, hint)

    def node_of(self, key: str) -> Node | None:
        """Return the node under `key`; an empty value counts as none."""
        node = self.node.get(key)
        return None if node is None or (node.kind is NodeKind.SCALAR and node.value is None) else node

    def wrong(self, key: str, expected: str, hint: str | None = None) -> None:
        """Report that the value under `key` is not what was expected."""
        node = self.node.get(key) or self.node
        message = f"{key} of {self.what} is {_shown(node)}, not {expected}"
        self.findings.error("wrong-value", message, node.place, hint or f"write {expected}")

    def text(self, key: str, *, required: bool = False, template: bool = False) -> str | None:
        """Return a text; numbers are taken as they are written.

        Args:
            key: which.
            required: report when it is missing.
            template: check the templates in it.
        """
        node = self.node_of(key)
        if node is None:
            if required:
                self.findings.error("missing", f"{self.what} has no {key}", self.node.place, f"add `{key}: …`")
            return None
        if node.kind is not NodeKind.SCALAR or isinstance(node.value, bool):
            self.wrong(key, "a text")
            return None
        if template:
            self.templates(node)
        return node.text

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        node = self.node_of(key)
        if node is None:
            return default
        if not isinstance(node.value, bool):
            self.wrong(key, "true or false", "write true or false")
            return default
        return node.value

    def count(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        node = self.node_of(key)
        if node is None:
            return default
        value = node.value
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(key, f"a whole number from {low} to {high}")
            return default
        return value

    def share(self, key: str) -> float:
        """Return a number from 0 to 1."""
        node = self.node_of(key)
        value = 0.0 if node is None else node.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            self.wrong(key, "a number from 0 to 1")
            return 0.0
        return float(value)

    def span(self, key: str) -> float | None:
        """Return a duration in seconds, or None."""
        node = self.node_of(key)
        if node is None:
            return None
        try:
            return span(node.text if node.kind is NodeKind.SCALAR else "").total_seconds()
        except UsageError as error:
            self.wrong(key, "a duration", error.hint)
            return None

    def choice(self, key: str, words: type[Word], default: Word) -> Word:
        """Return one of `words`."""
        node = self.node_of(key)
        if node is None:
            return default
        for word in words:
            if node.value == word.value:
                return word
        close = self.findings.meant(str(node.value), [word.value for word in words])
        hint = f"did you mean {close!r}?" if close else None
        self.wrong(key, f"one of {', '.join(word.value for word in words)}", hint)
        return default

    def texts(self, key: str) -> list[tuple[str, Place]]:
        """Return a list of texts with their places; one text counts as a list of one."""
        node = self.node_of(key)
        if node is None:
            return []
        items = node.items if node.kind is NodeKind.LIST else [node]
        if any(item.kind is not NodeKind.SCALAR or item.value is None for item in items):
            self.wrong(key, "a list of texts", f"write `{key}: [one, two]`")
            return []
        return [(item.text, item.place) for item in items]

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping of values; the templates in it are checked."""
        node = self.node_of(key)
        if node is None:
            return {}
        if node.kind is not NodeKind.MAPPING:
            self.wrong(key, "a mapping", f"write `{key}: {{name: value}}`")
            return {}
        self.templates(node)
        plain: dict[str, Any] = node.plain()
        return plain

    def expression(self, key: str) -> str | None:
        """Return a condition; braces round the whole of it may be left out."""
        node = self.node_of(key)
        if node is None:
            return None
        if node.kind is not NodeKind.SCALAR:
            self.wrong(key, "a condition", "write it in quotes: \"steps.check.status == 'success'\"")
            return None
        text, inset = node.text, 0
        if _TEMPLATE.fullmatch(text):
            inset = text.index("{{") + 2
            text = text.strip()[2:-2]
        problem = check(text)
        if problem is not None:
            place = node.inside(None if problem.column is None else problem.column + inset)
            hint = problem.hint or "a condition looks like this: steps.check.status == 'success'"
            self.findings.error("expression", f"{key} of {self.what}: {problem.message}", place, hint)
        return text.strip()

    def templates(self, node: Node) -> None:
        """Check every template in the texts of `node`."""
        for scalar in scalars(node):
            problem = check_template(scalar.text) if "{{" in scalar.text else None
            if problem is not None:
                place = scalar.inside(problem.column)
                hint = problem.hint or "a template looks like this: {{ steps.check.result.title }}"
                self.findings.error("template", f"{self.what}: {problem.message}", place, hint)


def scalars(node: Node) -> list[Node]:
    """Return the texts, numbers and so on of `node` and everything below it, in the order of the file."""
    if node.kind is NodeKind.SCALAR:
        return [node]
    below = node.items or [value for _, value in node.entries.values()]
    return [scalar for item in below for scalar in scalars(item)]


def _shown(node: Node) -> str:
    if node.kind is not NodeKind.SCALAR or node.value is None:
        return node.shape
    return repr(node.text if len(node.text) <= 40 else node.text[:39] + "…")
