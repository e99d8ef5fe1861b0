"""The JSON Schema (2020-12) of a workflow file: what editors complete from, and the list of keys the loader knows."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from bluelabel.services.workflow.definition.definition import CatchUp, Overlap, RetryBackoffStrategy, StepKind

Schema = dict[str, Any]

INPUT_TYPES: Final = ("any", "string", "integer", "number", "boolean", "array", "object")
MAX_PARALLEL: Final = 1024
MAX_RETRIES: Final = 1000

_SPAN = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)?\s*$"
_ID = r"^[A-Za-z0-9][A-Za-z0-9._+@=-]*$"


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _either(description: str, *types: str, **more: Any) -> Schema:
    return {"type": list(types), "description": description, **more}


def _span(description: str) -> Schema:
    shown = f"{description} A number and a unit: 500ms, 30s, 15m, 2h, 7d; a bare number is seconds."
    return {"type": ["string", "number"], "pattern": _SPAN, "minimum": 0, "description": shown}


def _object(properties: Schema, description: str, required: tuple[str, ...] = ()) -> Schema:
    made: Schema = {"type": "object", "description": description, "properties": properties}
    if required:
        made["required"] = list(required)
    return {**made, "additionalProperties": False}


RETRY: Final[Schema] = {
    "max_retries": {
        "type": "integer", "minimum": 0, "maximum": MAX_RETRIES, "description": "Retries after the first attempt.",
    },
    "delay": _span("How long to wait before the first retry."),
    "backoff": {
        "enum": [word.value for word in RetryBackoffStrategy],
        "description": "How the delay grows with each retry: doubled, by the same step, or not at all.",
    },
    "max_delay": _span("No delay is longer."),
    "jitter": {
        "type": "number", "minimum": 0, "maximum": 1, "description": "Share of the delay that is left to chance.",
    },
    "when": _text("Retry only where this is true; sees error.type, error.message and attempt, which counts failures."),
}  # fmt: skip

HANDOFF: Final[Schema] = {
    "to": _text("The agent, group or queue that does the work."),
    "subject": _text("The subject of the message."),
    "body": _text("What to do, in words."),
    "content": {"type": "object", "description": "What the message says, as data."},
    "type": _text("The type of the message; task_assignment unless given."),
    "priority": {"enum": ["LOW", "MEDIUM", "HIGH", "CRITICAL"], "description": "How urgent the message is."},
    "task_id": _text("The card it is about."),
    "deadline": _span("How long to wait for the answer."),
    "escalate_to": _text("Who is told when the deadline passes."),
}

APPROVAL: Final[Schema] = {
    "by": _text("Who may approve; HUMAN unless given."),
    "prompt": _text("The question."),
    "deadline": _span("How long to wait for the answer."),
    "escalate_to": _text("Who is told when the deadline passes."),
}

SLEEP: Final[Schema] = {
    "for": _span("How long. May be a template."),
    "until": _text("Until when: 2026-01-31T09:30:00Z, or a template."),
}

INPUT: Final[Schema] = {
    "type": {"enum": list(INPUT_TYPES), "description": "What values it takes."},
    "required": {"type": "boolean", "description": "A run without it is refused."},
    "default": {"description": "The value when a run gives none."},
    "enum": {"type": "array", "minItems": 1, "description": "The values allowed."},
    "description": _text("One line for people."),
}

SCHEDULE: Final[Schema] = {
    "cron": _text('Minute, hour, day of month, month, day of week: "0 6 * * mon-fri"; also L, LW, 5L and mon#1.'),
    "catch_up": {
        "enum": [word.value for word in CatchUp],
        "description": "What happens to firings that were missed: none, the last one, or all of them (the newest 100).",
    },
    "overlap": {
        "enum": [word.value for word in Overlap],
        "description": "While an earlier run of it goes on: leave a firing out, let it wait, or start it all the same.",
    },
    "timezone": _text("The time zone of `cron`, such as Europe/Berlin; UTC unless given."),
}

_LOOSE_SPAN: Final[Schema] = {"type": ["string", "number"], "minimum": 0}

_ONE_SLEEP: Final[Schema] = {
    **_object({**SLEEP, "for": _LOOSE_SPAN}, "How long, or until when."),
    "minProperties": 1,
    "maxProperties": 1,
}

KINDS: Final[Schema] = {
    "agent": _text("The in-process agent that does the work; it is given `input`."),
    "call": _text("A Python callable, sync or async, given `input` as keywords.", pattern=r"^[^:\s]+:[^:\s]+$"),
    "command": {
        "type": "array", "minItems": 1, "items": {"type": ["string", "number"]},
        "description": "A program and its arguments; there is no shell.",
    },
    "handoff": {
        "description": "Send a message to an agent and wait for the answer.",
        "oneOf": [{"type": "string"}, _object(HANDOFF, "Whom to ask, and for what.", ("to",))],
    },
    "approval": {
        "description": "Wait until a person approves.",
        "oneOf": [{"type": "string"}, _object(APPROVAL, "Who approves what.")],
    },
    "workflow": _text("Another workflow file, relative to this one, run with `input` as its inputs."),
    "sleep": {
        "description": "Wait, without holding a slot.",
        "oneOf": [_LOOSE_SPAN, _ONE_SLEEP],
    },
}  # fmt: skip

STEP: Final[Schema] = {
    "id": _either("What other steps call it.", "string", "integer", pattern=_ID, maxLength=128),
    "name": _either("What people call it.", "string", "number"),
    "description": _text("One line for people."),
    **KINDS,
    "input": {"type": "object", "description": "What it is given; texts may hold {{ templates }}."},
    "depends_on": {
        "type": ["array", "string", "integer"], "items": {"type": ["string", "integer"]},
        "description": "The steps that must be finished before.",
    },
    "retry": _object(RETRY, "When a failed attempt is made again."),
    "timeout": _span("How long one attempt may take."),
    "critical": {"type": "boolean", "description": "Whether its failure fails the run (true unless given)."},
    "when": _either("Run only where this is true.", "string", "boolean"),
    "unless": _either("Run only where this is false.", "string", "boolean"),
    "map": _text("A template that yields a list; the step runs once for each `item`.", pattern=r"\{\{"),
    "priority": {
        "type": "integer", "minimum": -1000, "maximum": 1000,
        "description": "Among steps that are ready, the higher goes first.",
    },
    "pool": _text("The concurrency pool whose slot it takes."),
    "durable_start": {"type": "boolean", "description": "Put its start on disk before the work begins."},
    "heartbeat": _span("Without a sign of life for so long, an attempt is given up."),
    "metadata": {"type": "object", "description": "Kept, not used."},
}  # fmt: skip

TOP: Final[Schema] = {
    "name": _either("What it is called.", "string", "number"),
    "version": _either("Which version this is.", "string", "number"),
    "description": _text("One line for people."),
    "inputs": {
        "type": "object",
        "description": "What a run may be given.",
        "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_-]*$"},
        "additionalProperties": {"oneOf": [{"enum": [*INPUT_TYPES, None]}, _object(INPUT, "One input.")]},
    },
    "max_parallel": {
        "type": "integer", "minimum": 1, "maximum": MAX_PARALLEL, "description": "How many steps may run at once.",
    },
    "pools": {
        "type": "object",
        "description": "How many slots each concurrency pool has; all runs of the repository share them.",
        "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MAX_PARALLEL},
    },
    "fail_fast": {
        "type": "boolean",
        "description": "Whether a failed critical step stops the branches that do not depend on it (true by default).",
    },
    "schedule": {
        "description": "When `bluelabel up` starts it by itself.",
        "oneOf": [{"type": "string"}, _object(SCHEDULE, "When.", ("cron",))],
    },
    "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}, "description": "What is done."},
    "output": {"description": "The result of a run: a value whose texts may hold {{ templates }}."},
    "metadata": {"type": "object", "description": "Kept, not used."},
}  # fmt: skip


def schema() -> Schema:
    """Return the schema of a workflow file, ready to be written as JSON."""
    step = _object(STEP, "One step: exactly one of agent, call, command, handoff, approval, workflow, sleep.", ("id",))
    step["oneOf"] = [{"required": [kind.value]} for kind in StepKind]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:bluelabel:schema:workflow:1",
        "title": "Bluelabel workflow",
        **_object(TOP, "A workflow of steps done by agents, programs and people.", ("name", "steps")),
        "$defs": {"step": step},
    }


def text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":  # pragma: no cover - `python -m …workflow_schema > interfaces/schemas/workflow.json`
    sys.stdout.write(text())
