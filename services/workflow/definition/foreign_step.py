"""Turns one step of another dialect into a `StepSpec`."""

from __future__ import annotations

from typing import Any, Final

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.times import span
from bluelabel.services.workflow.definition.definition import (
    RetryBackoffStrategy,
    RetrySpec,
    StepKind,
    StepSpec,
    Target,
)
from bluelabel.services.workflow.definition.dialects import PLANS, Dialect, FoundStep
from bluelabel.services.workflow.definition.foreign_names import Names
from bluelabel.services.workflow.definition.nodes import Node, NodeKind

_FAMILY_RETRIES: Final = 3
_USED: Final = frozenset({
    "id", "task_id", "name", "agent", "agent_id", "depends_on", "dependencies", "input_from", "input", "inputs",
    "input_file", "input_mapping", "config", "parameters", "content", "when", "unless", "conditions", "retry_count",
    "retry_config", "max_retries", "retry_strategy", "retry_delay", "timeout", "timeout_seconds", "description",
})  # fmt: skip
_STRATEGIES: Final = {
    "exponential_backoff": RetryBackoffStrategy.EXPONENTIAL,
    "fixed_delay": RetryBackoffStrategy.CONSTANT,
    "linear": RetryBackoffStrategy.LINEAR,
}
_PRIORITIES: Final = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "critical": "CRITICAL"}
_RANKS: Final = {"LOW": -1, "MEDIUM": 0, "HIGH": 1, "CRITICAL": 2}


def build_step(step: FoundStep, dialect: Dialect, names: Names, policy: Node | None) -> StepSpec:
    """Return what a step says in our own terms; what it waits for is left to the caller.

    Args:
        step: the step as found.
        dialect: how it is written.
        names: rewrites its variables, and notes which steps they come from.
        policy: the file's own rules for retries, where it has them.
    """
    node = step.node
    agent = "" if step.agent is None else str(names.value(step.agent))
    kind, target = _work(step, dialect, names, agent)
    when, unless = _conditions(node, names)
    step_id = step.id or f"line-{node.place.line}"
    name, description = node.get("name"), node.get("description")
    if node.get("always_run") is not None:
        hint = "it runs when the steps before it have succeeded"
        names.findings.warn("not-kept", f"always_run of step {step_id!r} is not kept", step.place, hint)
    return StepSpec(
        id=step_id,
        kind=kind,
        name=name.text if name is not None and name.text else step_id,
        target=target,
        input={} if kind in {StepKind.HANDOFF, StepKind.APPROVAL} else _input(step, names),
        retry=_retry(node, dialect, policy),
        timeout=None if kind in {StepKind.HANDOFF, StepKind.APPROVAL} else _timeout(node),
        when=when,
        unless=unless,
        priority=_RANKS.get(_priority(node) or "MEDIUM", 0),
        description=description.text if description is not None and description.text else None,
        metadata={key: value.plain() for key, (_, value) in node.entries.items() if key not in _USED},
        line=node.place.line,
    )


def span_of(node: Node | None) -> float | None:
    """Return the seconds that a number, ``30s`` or ``1h`` says; None for anything else."""
    if node is None or node.kind is not NodeKind.SCALAR or node.value is None:
        return None
    try:
        return span(node.text).total_seconds()
    except UsageError:
        return None


def _work(step: FoundStep, dialect: Dialect, names: Names, agent: str) -> tuple[StepKind, Target]:
    node = step.node
    action, parameters = node.get("action"), node.get("parameters")
    content = node.get("content")
    if action is not None and action.text == "approval_gate":
        asked = None if parameters is None else parameters.get("request")
        made = {"by": agent, "prompt": None if asked is None else names.value(asked), "deadline": _timeout(node)}
        return StepKind.APPROVAL, {key: value for key, value in made.items() if value is not None}
    if dialect not in PLANS:
        return StepKind.AGENT, agent.removesuffix("_agent")
    approval = None if content is None else content.get("approval")
    if approval is not None and approval.value is True:
        return StepKind.APPROVAL, _question(node, agent)
    return StepKind.HANDOFF, _handoff(step, names, agent)


def _question(node: Node, agent: str) -> dict[str, Any]:
    text = node.get("description")
    made = {"by": agent, "prompt": None if text is None else text.text, "deadline": _timeout(node)}
    return {key: value for key, value in made.items() if value is not None}


def _handoff(step: FoundStep, names: Names, agent: str) -> dict[str, Any]:
    node = step.node
    text, content, other = node.get("description"), node.get("content"), node.get("fallback_agent")
    deadline = _timeout(node)
    made: dict[str, Any] = {
        "to": agent,
        "subject": text.text if text is not None and text.text else step.id,
        "content": names.value(content) if content is not None and content.kind is NodeKind.MAPPING else None,
        "type": "task_assignment",
        "priority": _priority(node),
        "task_id": step.id,
        "deadline": deadline,
        "escalate_to": other.text if other is not None and other.text and deadline is not None else None,
    }
    return {key: value for key, value in made.items() if value is not None}


def _priority(node: Node) -> str | None:
    word = node.get("priority")
    return None if word is None else _PRIORITIES.get(word.text.lower())


def _input(step: FoundStep, names: Names) -> dict[str, Any]:
    node = step.node
    made: dict[str, Any] = {}
    for key in ("config", "parameters", "input_mapping", "inputs", "input"):
        given = node.get(key)
        if given is not None and given.kind is NodeKind.MAPPING:
            made.update(names.value(given))
        elif given is not None and given.value is not None:
            made["content"] = names.value(given)
    for key, own in (("type", "task_type"), ("action", "action"), ("input_file", "input_file")):
        given = node.get(key)
        if given is not None and given.kind is NodeKind.SCALAR and given.value is not None:
            made.setdefault(own, names.value(given))
    source = node.get("input_from")
    if source is not None and source.kind is NodeKind.SCALAR and source.value is not None:
        makers = [source.text] if source.text in names.steps else names.outputs.get(source.text, ())
        if makers:
            made.setdefault("content", f"{{{{ steps.{makers[0]}.result }}}}")
    return made


def _conditions(node: Node, names: Names) -> tuple[str | None, str | None]:
    when, unless = node.get("when"), node.get("unless")
    held = node.get("conditions")
    if held is not None and held.kind is NodeKind.MAPPING:
        when, unless = when or held.get("when"), unless or held.get("unless")
    found = [names.condition(when)] if when is not None else []
    for item in held.items if held is not None else ():
        written = item.get("expression") if item.kind is NodeKind.MAPPING else item
        if written is not None:
            found.append(names.condition(written))
    conditions = [text for text in found if text is not None]
    joined = conditions[0] if len(conditions) == 1 else " and ".join(f"({text})" for text in conditions)
    return joined or None, None if unless is None else names.condition(unless)


def _timeout(node: Node) -> float | None:
    return span_of(node.get("timeout_seconds") or node.get("timeout"))


def _retry(node: Node, dialect: Dialect, policy: Node | None) -> RetrySpec:
    config = node.get("retry_config")
    if config is not None:
        attempts, seconds = _count(config.get("max_attempts")), span_of(config.get("backoff_seconds"))
        growing = config.get("exponential")
        backoff = growing is not None and growing.value is True
        return RetrySpec(
            max(0, (1 if attempts is None else attempts) - 1),
            1.0 if seconds is None else seconds,
            RetryBackoffStrategy.EXPONENTIAL if backoff else RetryBackoffStrategy.CONSTANT,
        )
    count = _count(node.get("max_retries")) if node.get("max_retries") else _count(node.get("retry_count"))
    strategy, delay = node.get("retry_strategy"), span_of(node.get("retry_delay"))
    if policy is not None and count is None:
        count = _count(policy.get("max_retries")) or _count(policy.get("retry_count"))
        delay = _policy_delay(policy.get("retry_delay"))
    word = "" if strategy is None else strategy.text
    if word == "immediate":
        delay = 0.0
    fallback = 0 if dialect in PLANS else _FAMILY_RETRIES
    return RetrySpec(
        fallback if count is None else count,
        1.0 if delay is None else delay,
        _STRATEGIES.get(word, RetryBackoffStrategy.EXPONENTIAL),
    )


def _policy_delay(node: Node | None) -> float | None:
    # A bare number in a file's own policy is in milliseconds there, and a text has its unit.
    if node is not None and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value / 1000
    return span_of(node)


def _count(node: Node | None) -> int | None:
    if node is None or not isinstance(node.value, int) or isinstance(node.value, bool):
        return None
    return min(max(node.value, 0), 1000)
