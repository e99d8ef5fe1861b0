"""Definitions as JSON: a run keeps its own, so that it goes on as it began whatever happens to the file. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, TypeVar, cast

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.services.workflow.definition.definition import (
    CatchUp,
    Definition,
    InputSpec,
    Overlap,
    RetryBackoffStrategy,
    RetrySpec,
    ScheduleSpec,
    StepKind,
    StepSpec,
)
from bluelabel.services.workflow.definition.load import load

_Record = TypeVar("_Record")
_MARK = "definition"
_VERSION = 1


def definition_to_json(definition: Definition) -> dict[str, Any]:
    """Return `definition` as a JSON object; fields at their defaults are left out."""
    return {_MARK: _VERSION, **_plain(definition)}


def definition_from_json(data: object, name: str) -> Definition:
    """Return the definition that a run keeps: ours, or one that another program of the family wrote into its run.

    Args:
        data: the object.
        name: of the workflow, for one that does not say.

    Raises:
        UnreadableInput: it cannot be run.
    """
    if not isinstance(data, Mapping):
        hint = "start a new run from the workflow file; a closing goes on with `bluelabel sprint closeout`"
        raise UnreadableInput("the run does not say what its steps do", where=name, hint=hint)
    found = cast("Mapping[str, Any]", data)
    if found.get(_MARK) != _VERSION:
        return _foreign(found, name)
    try:
        return _definition(found)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise UnreadableInput(f"the definition in the run is damaged ({error})", where=name) from None


def _foreign(data: Mapping[str, Any], name: str) -> Definition:
    definition, problems = load(json.dumps(data).encode(), name)
    if definition is None:
        what = problems[0].message if problems else "not a workflow"
        hint = "start a new run from the workflow file"
        raise UnreadableInput(f"the definition in the run cannot be run ({what})", where=name, hint=hint)
    return definition


def _definition(data: Mapping[str, Any]) -> Definition:
    steps = tuple(_step(item) for item in data.get("steps", ()))
    inputs = {
        name: _record(InputSpec, {**item, "enum": tuple(item.get("enum", ()))}) for name, item in _of(data, "inputs")
    }
    schedule = data.get("schedule")
    given = {**data, "steps": steps, "inputs": inputs, "schedule": None if schedule is None else _schedule(schedule)}
    return _record(Definition, given)


def _step(data: Mapping[str, Any]) -> StepSpec:
    target: object = data["target"]
    return _record(
        StepSpec,
        {
            **data,
            "kind": StepKind(data["kind"]),
            "target": tuple(cast("list[object]", target)) if isinstance(target, list) else target,
            "depends_on": tuple(data.get("depends_on", ())),
            "retry": _retry(data.get("retry", {})),
        },
    )


def _retry(data: Mapping[str, Any]) -> RetrySpec:
    backoff = RetryBackoffStrategy(data.get("backoff", RetryBackoffStrategy.EXPONENTIAL))
    return _record(RetrySpec, {**data, "backoff": backoff})


def _schedule(data: Mapping[str, Any]) -> ScheduleSpec:
    catch_up, overlap = data.get("catch_up", CatchUp.NONE), data.get("overlap", Overlap.ALLOW)
    return _record(ScheduleSpec, {**data, "catch_up": CatchUp(catch_up), "overlap": Overlap(overlap)})


def _of(data: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return list(cast("Mapping[str, Any]", data.get(key, {})).items())


def _record(kind: type[_Record], data: Mapping[str, Any]) -> _Record:
    known = {field.name for field in fields(cast("Any", kind))}
    return kind(**{key: value for key, value in data.items() if key in known})


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in pairs if item is not None and item not in ((), {})}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    return value
