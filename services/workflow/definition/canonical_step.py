"""Turns one step of our own dialect into a `StepSpec`."""

from __future__ import annotations

import re
from typing import Any, Final

from bluelabel.interfaces.errors import InvalidName, UsageError
from bluelabel.interfaces.names import agent_name
from bluelabel.interfaces.times import from_text, span
from bluelabel.services.workflow.definition.definition import (
    RetryBackoffStrategy,
    RetrySpec,
    StepKind,
    StepSpec,
    Target,
)
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.fields import Fields
from bluelabel.services.workflow.definition.nodes import Node, NodeKind
from bluelabel.services.workflow.definition.schema import APPROVAL, HANDOFF, MAX_RETRIES, RETRY, SLEEP, STEP

_CALL: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_KINDS: Final = ", ".join(kind.value for kind in StepKind)


def build_step(node: Node, number: int, findings: Findings) -> StepSpec:
    """Return what a step says.

    Args:
        node: the step.
        number: its place in the list, from 1, to name a step without an id.
        findings: is told everything that is wrong.
    """
    own = node.get("id")
    shown = own.text if own is not None and own.kind is NodeKind.SCALAR and own.value is not None else None
    fields = Fields(node, f"step {shown!r}" if shown else f"step {number}", STEP, findings)
    step_id = fields.text("id", required=True) or f"step-{number}"
    kind = _kind(fields)
    return StepSpec(
        id=step_id,
        kind=kind or StepKind.AGENT,
        name=fields.text("name") or step_id,
        target=_target(fields, kind) if kind else "",
        input=fields.mapping("input"),
        depends_on=tuple(dict.fromkeys(text for text, _ in fields.texts("depends_on"))),
        retry=_retry(fields),
        timeout=fields.span("timeout"),
        critical=fields.flag("critical", default=True),
        when=fields.expression("when"),
        unless=fields.expression("unless"),
        map=_map(fields),
        priority=fields.count("priority", 0, -1000, 1000),
        pool=fields.text("pool"),
        durable_start=fields.flag("durable_start", default=False),
        heartbeat=fields.span("heartbeat"),
        description=fields.text("description"),
        metadata=fields.mapping("metadata"),
        line=node.place.line,
    )


def _kind(fields: Fields) -> StepKind | None:
    present = [kind for kind in StepKind if kind.value in fields.node.entries]
    if len(present) == 1:
        return present[0]
    if not present:
        fields.findings.error("no-work", f"{fields.what} says nothing to do", fields.node.place, f"add one of {_KINDS}")
        return None
    second = fields.node.entries[present[1].value][0].place
    words = " and ".join(kind.value for kind in present)
    fields.findings.error("two-works", f"{fields.what} has {words}", second, "keep one; make a step of each")
    return None


def _target(fields: Fields, kind: StepKind) -> Target:
    if kind is StepKind.COMMAND:
        return _command(fields)
    if kind is StepKind.HANDOFF:
        return _handoff(fields)
    if kind is StepKind.APPROVAL:
        return _approval(fields)
    if kind is StepKind.SLEEP:
        return _sleep(fields)
    text = fields.text(kind.value, required=True, template=kind is StepKind.AGENT) or ""
    if kind is StepKind.CALL and text and not _CALL.fullmatch(text):
        fields.wrong("call", "a callable", 'write "package.module:function"')
    if kind is StepKind.AGENT and text:
        _check_agent(fields, "agent", text)
    return text


def _command(fields: Fields) -> tuple[str, ...]:
    node = fields.node_of("command")
    if node is None or node.kind is not NodeKind.LIST or not node.items:
        hint = 'write a list: ["pytest", "-q"]; there is no shell'
        fields.wrong("command", "a program and its arguments", hint)
        return ()
    fields.templates(node)
    return tuple(text for text, _ in fields.texts("command"))


def _handoff(fields: Fields) -> dict[str, Any]:
    node = fields.node_of("handoff")
    if node is not None and node.kind is NodeKind.SCALAR:
        _check_agent(fields, "handoff", node.text)
        return {"to": node.text}
    from bluelabel.interfaces.messages import Priority  # takes pydantic with it

    inner = Fields(node or fields.node, f"handoff of {fields.what}", HANDOFF, fields.findings)
    made: dict[str, Any] = {"to": inner.text("to", required=True, template=True) or ""}
    if made["to"]:
        _check_agent(inner, "to", made["to"])
    for key in ("subject", "body", "type", "task_id"):
        made[key] = inner.text(key, template=True)
    made["content"] = inner.mapping("content") or None
    made["priority"] = inner.choice("priority", Priority, Priority.MEDIUM).value if inner.node_of("priority") else None
    return _with_deadline(inner, made)


def _approval(fields: Fields) -> dict[str, Any]:
    node = fields.node_of("approval")
    if node is None or node.kind is NodeKind.SCALAR:
        by = "HUMAN" if node is None or node.value is True else node.text
        _check_agent(fields, "approval", by)
        return {"by": by}
    inner = Fields(node, f"approval of {fields.what}", APPROVAL, fields.findings)
    by = inner.text("by", template=True) or "HUMAN"
    _check_agent(inner, "by", by)
    return _with_deadline(inner, {"by": by, "prompt": inner.text("prompt", template=True)})


def _with_deadline(inner: Fields, made: dict[str, Any]) -> dict[str, Any]:
    made["deadline"] = inner.span("deadline")
    made["escalate_to"] = inner.text("escalate_to", template=True)
    if made["escalate_to"]:
        _check_agent(inner, "escalate_to", made["escalate_to"])
        if made["deadline"] is None:
            inner.wrong("escalate_to", "of use without a deadline", "add `deadline: 2h`")
    return {key: value for key, value in made.items() if value is not None}


def _sleep(fields: Fields) -> dict[str, Any]:
    node = fields.node_of("sleep")
    if node is None or node.kind is NodeKind.LIST:
        fields.wrong("sleep", "a duration or a moment", "write `sleep: 30s` or `sleep: {until: 2026-01-31T09:30:00Z}`")
        return {"seconds": 0.0}
    if node.kind is NodeKind.SCALAR:
        return {"seconds": _sleep_value(fields, "sleep", moment=False)}
    inner = Fields(node, f"sleep of {fields.what}", SLEEP, fields.findings)
    if ("for" in node.entries) is ("until" in node.entries):
        fields.wrong("sleep", "either `for` or `until`", "keep one of them")
        return {"seconds": 0.0}
    if "for" in node.entries:
        return {"seconds": _sleep_value(inner, "for", moment=False)}
    return {"until": _sleep_value(inner, "until", moment=True)}


def _sleep_value(fields: Fields, key: str, *, moment: bool) -> float | str:
    text = fields.text(key, required=True, template=True) or ""
    if not text or "{{" in text:
        return text
    try:
        if moment:
            from_text(text)
            return text
        return span(text).total_seconds()
    except UsageError as error:
        fields.wrong(key, "a moment" if moment else "a duration", error.hint)
        return text


def _retry(fields: Fields) -> RetrySpec:
    node = fields.node_of("retry")
    if node is None:
        return RetrySpec()
    inner = Fields(node, f"retry of {fields.what}", RETRY, fields.findings)
    delay = inner.span("delay")
    return RetrySpec(
        max_retries=inner.count("max_retries", 3, 0, MAX_RETRIES),
        delay=1.0 if delay is None else delay,
        backoff=inner.choice("backoff", RetryBackoffStrategy, RetryBackoffStrategy.EXPONENTIAL),
        max_delay=inner.span("max_delay"),
        jitter=inner.share("jitter"),
        when=inner.expression("when"),
    )


def _map(fields: Fields) -> str | None:
    text = fields.text("map", template=True)
    if text is not None and not (text.strip().startswith("{{") and text.strip().endswith("}}")):
        fields.wrong("map", "a template", 'write "{{ steps.list.result.items }}"')
    return text


def _check_agent(fields: Fields, key: str, text: str) -> None:
    if "{{" in text:
        return
    try:
        agent_name(text)
    except InvalidName as error:
        fields.wrong(key, "a name for an agent", error.hint)
