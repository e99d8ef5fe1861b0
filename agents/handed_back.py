"""The AgentOutput that a program, or a model in its last message, hands back inside a text. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard, cast

from bluelabel.agents.inputs import mapping, shown
from bluelabel.agents.json_values import json_values
from bluelabel.agents.plain_text import clean, one_line
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.errors import BluelabelError, UnreadableInput, UsageError

_FENCE: Final = re.compile(r"^[ \t>]*(?:```+(?!.*```)|~~~+)[ \t]*(?P<language>[\w.+-]*)", re.MULTILINE)
_JSON_FENCES: Final = frozenset({"", "json", "jsonc", "json5", "jsonl", "ndjson", "text", "txt"})
_STATUS: Final = re.compile(r"""["']status["']\s*:""")
_FIELDS: Final = frozenset(AgentOutput.model_fields)


def handed_back(text: str) -> AgentOutput | None:
    """Return the AgentOutput in `text`, without a task id; None when it holds none.

    It is the whole text, or stands anywhere in it but in a fenced block of another language; words may follow it. Of
    several the last counts, so an example further up decides nothing. One that cannot be read for certain, or whose
    status is none of the three words, is an error.
    """
    stripped = text.strip()
    whole = _whole(stripped)
    if whole is not None:
        return _read(whole, stripped) if _is_output(whole) else None
    last = next(iter(deque(_candidates(stripped), maxlen=1)), None)
    if isinstance(last, str):
        return _error(f"the answer cannot be read: {one_line(last, 200)}")
    return _read(last, stripped) if last is not None else None


def words(value: object, depth: int = 4) -> str:
    """Return what an error field says, on one line: a text, the message of an object, or those of a list."""
    if isinstance(value, str):
        return one_line(value)
    if depth == 0:
        return ""
    if isinstance(value, list):
        texts = [words(each, depth - 1) for each in cast("list[object]", value)[:10]]
        return one_line("; ".join(filter(None, texts)))
    if not isinstance(value, dict):
        return ""
    given = cast("dict[str, object]", value)
    texts = [words(given.get(key), depth - 1) for key in ("message", "error", "type", "code")]
    return next(filter(None, texts), "")


def _whole(text: str) -> object:
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end = strict_json.loads_at(text, 0, "stdout")
    except UnreadableInput:
        return None
    if end < len(text):
        return None
    # A list of objects is what other programs report; only one whose last has no other keys is an answer in brackets.
    last = cast("list[object]", value)[-1] if isinstance(value, list) and value else None
    return cast("object", last if isinstance(last, dict) and last.keys() <= _FIELDS else value)


def _is_output(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether an object is meant as an AgentOutput, be it one without its status."""
    if not isinstance(value, dict):
        return False
    given = cast("dict[str, object]", value)
    return "status" in given or (bool(given.get("error")) and given.keys() <= _FIELDS)


def _candidates(text: str) -> Iterator[Mapping[str, Any] | str]:
    """Yield each object that is meant as an AgentOutput, in order; as text where it cannot be read."""
    for part in _parts(text):
        for found in json_values(part, prose=True):
            source = part[found.start : found.end]
            if found.torn and _STATUS.search(source):
                yield source
            elif _is_output(found.value):
                # {"status": "error"} alone amid words is more likely what a program is said to answer.
                is_alone = len(found.value) == 1 and not text.endswith((source, f"{source}`", f"{source}`."))
                if not (found.inline and is_alone):
                    yield found.value


def _parts(text: str) -> Iterator[str]:
    """Yield what stands outside fenced blocks and inside those that may hold JSON; other code is no answer."""
    position, language = 0, ""
    inside = False
    for fence in _FENCE.finditer(text):
        if (not inside or language in _JSON_FENCES) and "{" in text[position : fence.start()]:
            yield text[position : fence.start()]
        # A fence with a language opens a block even where one was left open.
        language = fence["language"].lower()
        inside = bool(language) or not inside
        position = fence.end()
    if not inside or language in _JSON_FENCES:
        yield text[position:]


def _read(given: Mapping[str, Any], text: str) -> AgentOutput:
    try:
        strict_json.check(given, "stdout")
    except BluelabelError as problem:
        return _error(f"the answer cannot be read: {problem}")
    word: object = given.get("status")
    error = words(given.get("error"))
    known = word.strip().casefold() if isinstance(word, str) else ""
    if known not in set(AgentStatus):
        says = f"says status {shown(word)}, which is" if "status" in given else "says"
        more = f": {error}" if error else ""
        return _error(f"the answer {says} none of success, error and pending{more}", given)
    status = AgentStatus(known)
    if status is AgentStatus.SUCCESS and given.get("error"):
        return _error(error or "the answer says success and error", given)
    told: object = given.get("result")
    result = _object(told)
    return AgentOutput(
        task_id="",
        status=status,
        result={"text": clean(told if isinstance(told, str) else text).strip()} if result is None else result,
        error=error or None,
        metadata=_object(given.get("metadata")) or {},
    )


def _error(why: str, given: Mapping[str, Any] | None = None) -> AgentOutput:
    given = given or {}
    return AgentOutput(
        task_id="",
        status=AgentStatus.ERROR,
        result=_object(given.get("result")) or {},
        error=one_line(why),
        metadata=_object(given.get("metadata")) or {},
    )


def _object(value: object) -> dict[str, Any] | None:
    try:
        return mapping(value, "value")
    except UsageError:
        return None
