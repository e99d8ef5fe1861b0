"""Reads a workflow file of any known dialect into a `Definition`.

Limits first, then the text, then the shape, then the names: each stage reports all it finds, with line and column.
"""

from __future__ import annotations

from bluelabel.interfaces.problems import Problem
from bluelabel.services.workflow.definition.canonical import build
from bluelabel.services.workflow.definition.definition import Definition
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.dialects import Dialect, detect
from bluelabel.services.workflow.definition.foreign import build_foreign
from bluelabel.services.workflow.definition.nodes import NodeKind
from bluelabel.services.workflow.definition.yaml_reader import read_nodes


def load(text: bytes, file: str) -> tuple[Definition | None, tuple[Problem, ...]]:
    """Return the workflow in a file and what is wrong with it.

    Args:
        text: the bytes of the file, YAML or JSON in UTF-8.
        file: its name, for a workflow that has none.

    Returns:
        The definition, or None where it cannot be run as it stands; and all problems from the top of the file to its
        end. Problems beside a definition are warnings.
    """
    findings = Findings()
    definition = _load(text, file, findings)
    return (None if findings.fatal else definition), findings.sorted()


def problems_of(text: bytes, file: str) -> tuple[Problem, ...]:
    """Return what is wrong with the workflow in a file; see `load`."""
    return load(text, file)[1]


def _load(text: bytes, file: str, findings: Findings) -> Definition | None:
    root = read_nodes(text, findings)
    if root is None:
        return None
    dialect = detect(root)
    if dialect is None and root.kind is NodeKind.MAPPING and {"name", "steps"} & set(root.entries):
        dialect = Dialect.CANONICAL
    if dialect is None:
        hint = "a workflow has a name and a list of steps; `bluelabel workflow new` writes one to begin with"
        findings.error("not-a-workflow", f"this is no workflow: {root.shape}", root.place, hint)
        return None
    if dialect is Dialect.POLICY:
        findings.error("policy", "this is a policy: it has no steps to run", root.place, "run a plan or a workflow")
        return None
    if dialect is Dialect.CANONICAL:
        return build(root, findings)
    return build_foreign(root, dialect, file, findings)
