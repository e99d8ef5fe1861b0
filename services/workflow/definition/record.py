"""Reads a workflow or plan file of any known dialect into the record that `bluelabel read` prints."""

from __future__ import annotations

import re
from typing import Any, Final

from bluelabel.interfaces.limits import WORKFLOW_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.dialects import PLANS, Dialect, FoundStep, detect, found_steps
from bluelabel.services.workflow.definition.load import problems_of
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.definition.yaml_reader import read_nodes

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MARK = re.compile(rb"""^(?:steps|workflow)["']?[ \t]*:""", re.MULTILINE)


def looks_like_workflow(data: bytes, file: str) -> bool:
    """Tell whether `data` is a workflow or a plan, perhaps a broken one.

    Args:
        data: the bytes of the file.
        file: its name; only files that end in .yaml, .yml or .json are looked at.
    """
    if not file.lower().endswith(_SUFFIXES):
        return False
    root = read_nodes(data, Findings()) if len(data) <= WORKFLOW_BYTES else None
    if root is not None:
        return detect(root) is not None
    return not file.lower().endswith(".json") and _MARK.search(data[:WORKFLOW_BYTES]) is not None


def read_workflow(data: bytes, file: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Return the record of a workflow and what is wrong with it.

    Args:
        data: the bytes of the file.
        file: its name, for relative paths in problems.

    Returns:
        ``{"name", "version", "steps": [{"id", "agent", "depends_on"}]}`` with values as the file has them (null where
        it has none), and the problems; a file that cannot be read has no steps.
    """
    root = read_nodes(data, Findings())
    dialect = None if root is None else detect(root)
    if root is None or dialect is None:
        return {"name": None, "version": None, "steps": []}, problems_of(data, file)
    name, version = _head(root, dialect)
    steps = [_record(step, dialect) for step in found_steps(root, dialect)]
    return {"name": name, "version": version, "steps": steps}, problems_of(data, file)


def _head(root: Node, dialect: Dialect) -> tuple[str | None, str | None]:
    holder: Node | None = root
    if dialect in {Dialect.HEADED, Dialect.TEMPLATE}:
        holder = root.get("workflow")
    elif dialect is Dialect.PLAN:
        holder = root.get("metadata")
    name = None if holder is None else holder.get("name") or (holder.get("plan_id") if dialect in PLANS else None)
    return _text(name), _text(None if holder is None else holder.get("version"))


def _text(node: Node | None) -> str | None:
    if node is None or node.kind is not NodeKind.SCALAR or node.value is None:
        return None
    return node.text


def _record(step: FoundStep, dialect: Dialect) -> dict[str, Any]:
    agent = None if step.agent is None else step.agent.value
    handoff = step.node.get("handoff")
    if agent is None and dialect is Dialect.CANONICAL and handoff is not None:
        to = handoff.get("to")
        agent = None if to is None else to.plain()
    return {"id": step.value, "agent": agent, "depends_on": [reference.value for reference in step.depends_on]}
