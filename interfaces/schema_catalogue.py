"""The public JSON Schemas (draft 2020-12), built from the models and records so that they cannot drift from them.

`python -m bluelabel.interfaces.schema_catalogue DIR` writes them; a test fails while the shipped files differ.
The schema of workflow files is written by hand and lives beside them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, ContentMetadata
from bluelabel.interfaces.events import KINDS
from bluelabel.interfaces.limits import KEY_CHARS, RECIPIENTS, SUBJECT_CHARS
from bluelabel.interfaces.messages import WORD, Delivery, Message
from bluelabel.interfaces.records.base import KEY, LEFT_OUT, Record
from bluelabel.interfaces.records.catalogue import RECORDS
from bluelabel.interfaces.records.reading import FileKind

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

MODELS: Final[Mapping[str, type[BaseModel | Message]]] = {
    "agent_input": AgentInput,
    "agent_output": AgentOutput,
    "agent_capability": AgentCapability,
    "content_metadata": ContentMetadata,
    "message": Message,
}
"""Schema name to the model that it is made from."""

RUN_STATUSES: Final = ("created", "running", "success", "failed", "retry", "cancelled", "partial_success")
STEP_STATUSES: Final = ("pending", "running", "success", "failed", "retry", "skipped", "cancelled")

_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_TEXT: Final[Mapping[str, Any]] = {"type": ["string", "null"]}
_COUNT: Final[Mapping[str, Any]] = {"type": ["integer", "null"], "minimum": 0}
_SCHEMA_OF_EVENT_FIELDS: Final[Mapping[str, Any]] = {
    "seq": {"type": "integer", "minimum": 1, "description": "1, 2, 3 … without gap"},
    "at": {"type": "string", "format": "date-time", "description": "when it was written, UTC"},
    "by": {"type": "string", "description": "the agent or person who did it"},
    "h": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 over the h before and this line"},
}


def build() -> dict[str, dict[str, Any]]:
    """Return every generated schema by its name."""
    made = {name: _of_model(name, model) for name, model in MODELS.items()}
    made["delivery"] = _delivery(made["message"])
    made["event"] = _event()
    made["read"] = _read()
    made["run"] = _run()
    made |= {record.schema or record.noun: _of_record(record) for record in RECORDS}
    return made


def render(schema: Mapping[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every generated schema into `folder`; return the files that changed."""
    changed: list[Path] = []
    for name, schema in build().items():
        path, text = folder / f"{name}.json", render(schema)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _head(name: str, title: str, description: str) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"urn:bluelabel:schema:{name}:1",
        "title": title,
        "description": description,
    }


def _of_model(name: str, model: type[BaseModel | Message | Delivery | Record]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(mode="validation")
    if schema.get("title") == "Message":
        _limit(schema)
    for part in (schema, *schema.get("$defs", {}).values()):
        _explain(part)
    return _head(name, str(schema.pop("title")), str(schema.pop("description"))) | schema


def _of_record(record: type[Record]) -> dict[str, Any]:
    """Return the schema of what `Record.as_json` returns, with the key ``schema`` in front of it."""
    made = _of_model(record.schema or record.noun, record)
    keys = {about.name: str(about.metadata.get(KEY, about.name)) for about in fields(record)}
    properties = {keys[name]: _without_default(about) for name, about in made["properties"].items()}
    made["properties"] = {"schema": {"const": f"bluelabel.{record.noun}/1"}} | properties
    always = [keys[about.name] for about in fields(record) if LEFT_OUT not in about.metadata]
    return made | {"required": ["schema", *always], "additionalProperties": True}


def _without_default(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property of a record: what it is when nothing is known stands in the program, not in the schema."""
    return {key: value for key, value in about.items() if key != "default"}


def _delivery(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a delivery, in which the keys of the message stand beside its own."""
    schema = _of_model("delivery", Delivery)
    inner = schema["$defs"].pop("Message")
    schema["$defs"] |= message["$defs"]
    del schema["properties"]["message"]
    schema["properties"] = {**message["properties"], **schema["properties"]}
    schema["required"] = [*inner["required"], *(name for name in schema["required"] if name != "message")]
    return schema | {"additionalProperties": True}


def _limit(schema: dict[str, Any]) -> None:
    """Put what the envelope checks itself into its schema, and take out what JSON does not show."""
    fields = schema["properties"]
    del fields["extra"]
    schema["additionalProperties"] = True
    fields["type"] |= {"pattern": f"^{WORD.pattern}$"}
    fields["subject"] |= {"maxLength": SUBJECT_CHARS}
    fields["recipients"] |= {"minItems": 1, "maxItems": RECIPIENTS}
    fields["attempt"] |= {"minimum": 0}
    fields["key"] |= {"maxLength": KEY_CHARS}


def _explain(schema: dict[str, Any]) -> None:
    """Move what a docstring says of each attribute to the attribute, and drop titles that only repeat a name."""
    summary, _, attributes = str(schema.get("description", "")).partition("\n\nAttributes:\n")
    schema["description"] = summary
    said = {found[1]: " ".join(found[2].split()) for found in _ATTRIBUTE.finditer(attributes)}
    for name, about in schema.get("properties", {}).items():
        about.pop("title", None)
        if name in said:
            about["description"] = said[name]


def _event() -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [{"const": kind, "description": meaning} for kind, meaning in KINDS.items()]
    other = {"type": "string", "pattern": r"^[a-z]+\.[a-z_]+$", "description": "an unknown kind is kept and shown"}
    return _head(
        "event", "Event", "One line of the ledger: a fact, and the hash that chains it to the line before."
    ) | {
        "type": "object",
        "required": ["seq", "at", "by", "kind", "h"],
        "properties": {**_SCHEMA_OF_EVENT_FIELDS, "kind": {"anyOf": [*kinds, other]}},
        "additionalProperties": True,
    }


def _record(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": {name: dict(value) for name, value in properties.items()},
        "additionalProperties": False,
    }


def _list_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _map_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": item}


def _read() -> dict[str, Any]:
    line: dict[str, Any] = {"type": "integer", "minimum": 1}
    place: dict[str, Any] = {"type": ["integer", "null"], "minimum": 1}
    task = _record(task_id=_TEXT, status=_TEXT)
    card = _record(
        id={"type": "string"},
        title=_TEXT,
        status=_TEXT,
        status_raw=_TEXT,
        assignee=_TEXT,
        assignees=_list_of({"type": "string"}),
        line=line,
    )
    message = _record(id=_TEXT, task_id=_TEXT, type=_TEXT, sender=_TEXT, recipient=_TEXT, status=_TEXT)
    run_step = _record(status=_TEXT, retry_count=_COUNT, max_retries=_COUNT)
    run = _record(dag_id=_TEXT, run_id=_TEXT, status=_TEXT, total_retries=_COUNT, steps=_map_of(run_step))
    step = _record(id=_TEXT, agent=_TEXT, depends_on=_list_of({"type": "string"}))
    problem = _record(code={"type": "string"}, message={"type": "string"}, line=place, column=place)
    return _head("read", "Reading", "What `bluelabel read --json` found in one file; values as in the file.") | {
        "type": "object",
        "required": ["schema", "file", "kind", "problems"],
        "properties": {
            "schema": {"const": "bluelabel.read/1"},
            "file": {"type": "string"},
            "kind": {"enum": [kind.value for kind in FileKind]},
            "cards": _list_of(card),
            "messages": _list_of(message),
            "tasks": _list_of(task),
            "history": _list_of(task),
            "run": run,
            "runs": _map_of(_record(status=_TEXT)),
            "workflow": _record(name=_TEXT, version=_TEXT, steps=_list_of(step)),
            "problems": _list_of(problem),
        },
        "additionalProperties": False,
    }


def _run() -> dict[str, Any]:
    moment = {"type": ["string", "null"], "description": "UTC, ISO 8601 without a zone"}
    seconds = {"type": ["number", "null"], "minimum": 0}
    shared = {"start_time": moment, "end_time": moment, "error": _TEXT, "duration_seconds": seconds}
    count = {"type": "integer", "minimum": 0}
    step = {
        "type": "object",
        "required": ["step_id", "status", "retry_count", "max_retries"],
        "properties": {
            "step_id": {"type": "string"},
            "status": {"enum": list(STEP_STATUSES)},
            "retry_count": count,
            "max_retries": count,
            "result": True,
            "metadata": {"type": "object"},
            **shared,
        },
    }
    return _head("run", "Run", "The file of one workflow run, `run_<id>.json`: a view of the ledger.") | {
        "type": "object",
        "required": ["dag_id", "run_id", "status", "steps"],
        "properties": {
            "dag_id": {"type": "string"},
            "run_id": {"type": "string"},
            "status": {"enum": list(RUN_STATUSES)},
            "steps": _map_of(step),
            "total_retries": count,
            "metadata": {"type": "object"},
            **shared,
        },
    }


if __name__ == "__main__":
    for changed_file in write(Path(sys.argv[1])):
        print(changed_file)  # noqa: T201 - the report of a developer's tool
