"""What the command lines of coding agents print, a table each: where the answer is, and what says that it is none.

Looked up in November 2026 for Claude Code 2.1, Codex 0.171 and Gemini CLI 0.61. Their text formats are the answer
alone; their JSON and stream formats are read in one way, as the events they consist of. A field that is not in a table
decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FORMATS: Final = ("text", "json", "stream")

Pattern = Mapping[str, frozenset[object]]
"""Keys of an event (``a.b`` is a key of a key) with the values that fit."""

ANY: Final[frozenset[object]] = frozenset()
"""Fits whatever stands there, even nothing: the key is there."""


def _one_of(*values: object) -> frozenset[object]:
    return frozenset(values)


@dataclass(frozen=True, slots=True)
class EventTable:
    """How the events of a machine format are read.

    Args:
        last: the events that can say how the work ended; the last one of them does.
        good: the values that its keys have when it went well. A key that is missing decides nothing, but one is there.
        bad: values that say it did not, whatever the others say.
        failed: keys that are empty when it went well.
        answer: keys of it that hold the answer, in order of preference.
        pieces: the events that hold the answer, or parts of it; used when `answer` is empty.
        piece: the key of those that holds it.
        joined: whether they are parts of one answer; otherwise the last is the answer.
        fatal: events that say it failed, unless the work went on.
        fatal_fields: keys that make an event of `anew` such a one, when they are filled.
        anew: events with which the work goes on, and what was said before is not the answer.
        going: events after which more must come.
        reasons: keys that say why it failed, in order of preference.
    """

    last: tuple[Pattern, ...]
    good: Pattern = field(default_factory=dict[str, frozenset[object]])
    bad: Pattern = field(default_factory=dict[str, frozenset[object]])
    failed: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    pieces: Pattern | None = None
    piece: str = ""
    joined: bool = False
    fatal: tuple[Pattern, ...] = ()
    fatal_fields: tuple[str, ...] = ()
    anew: tuple[Pattern, ...] = ()
    going: tuple[Pattern, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """A command line whose output is known.

    Args:
        tables: its machine formats.
        options: what in its arguments asks for a format: the option, and its values, or "" where it has none.
        text_errors: how an answer begins that is none; some versions say so in no other place.
    """

    tables: tuple[EventTable, ...]
    options: Mapping[str, Mapping[str, str]]
    text_errors: re.Pattern[str]


_OPTION_VALUES: Final = {"text": "text", "json": "json", "stream-json": "stream"}

# `subtype` stays "success" when the API refuses, and the text formats and exit codes of some versions do not tell: each
# field counts alone.
_CLAUDE: Final = EventTable(
    last=({"type": _one_of("result")}, {"is_error": ANY}),
    good={
        "subtype": _one_of("success"),
        "is_error": _one_of(False),  # noqa: FBT003 - a value of JSON
        "terminal_reason": _one_of("completed"),
    },
    bad={"stop_reason": _one_of("max_tokens", "refusal", "model_context_window_exceeded")},
    failed=("error", "errors", "api_error_status"),
    answer=("result", "structured_output"),
    fatal=({"type": _one_of("error")},),
    fatal_fields=("error", "is_api_error_message", "isApiErrorMessage"),
    anew=({"type": _one_of("assistant", "user")},),
    reasons=("errors", "error", "result", "message", "terminal_reason", "subtype"),
)

# An event `error` is a remark ("Reconnecting... 1/5") when the turn goes on to `turn.completed`; an item of the type
# error is always one.
_CODEX: Final = EventTable(
    last=({"type": _one_of("turn.completed", "turn.failed", "error")},),
    good={"type": _one_of("turn.completed"), "status": _one_of("completed", "success")},
    failed=("error",),
    pieces={"type": _one_of("item.completed"), "item.type": _one_of("agent_message", "assistant_message")},
    piece="item.text",
    fatal=({"type": _one_of("turn.failed")},),
    anew=({"type": _one_of("thread.started", "turn.started")},),
    going=({"type": _one_of("item.started", "item.updated", "item.completed")},),
    reasons=("error", "message", "status"),
)

_GEMINI: Final = EventTable(
    last=(
        {"type": _one_of(None), "response": ANY},
        {"type": _one_of(None), "error.message": ANY},
        {"type": _one_of(None), "error.type": ANY},
    ),
    failed=("error",),
    answer=("response",),
    reasons=("error",),
)

# After "Maximum session turns exceeded" the result still says success.
_GEMINI_STREAM: Final = EventTable(
    last=({"type": _one_of("result")},),
    good={"status": _one_of("success")},
    failed=("error",),
    pieces={"type": _one_of("message"), "role": _one_of("assistant")},
    piece="content",
    joined=True,
    fatal=({"type": _one_of("error"), "severity": _one_of("error", "fatal")},),
    anew=({"type": _one_of("init", "tool_use", "tool_result")}, {"type": _one_of("message"), "role": _one_of("user")}),
    going=({"type": _one_of("message")},),
    reasons=("error", "message", "status"),
)

CLIENTS: Final[Mapping[str, Client]] = {
    "claude": Client(
        tables=(_CLAUDE,),
        options={"--output-format": _OPTION_VALUES},
        text_errors=re.compile(
            r"API Error(?:: | \()|Execution error\s*$|Error: Reached max turns|Credit balance is too low"
            r"|Invalid API key|Not logged in|Claude (?:AI )?usage limit reached|You've (?:hit|reached) your\b.*\blimit"
        ),
    ),
    "codex": Client(
        tables=(_CODEX,),
        options={"--json": {"": "stream"}, "--experimental-json": {"": "stream"}},
        text_errors=re.compile(r"(?:ERROR|stream error): "),
    ),
    "gemini": Client(
        tables=(_GEMINI_STREAM, _GEMINI),
        options={"--output-format": _OPTION_VALUES, "-o": _OPTION_VALUES},
        text_errors=re.compile(r"\[?API Error: |Error when talking to Gemini API|Loop detected, stopping execution"),
    ),
}


def own_table(text: str, failed: str, *, stream: bool) -> EventTable:
    """Return the table of somebody's own format: one object, or a stream of them, of which the last counts.

    Args:
        text: the key of the answer.
        failed: the key that is filled when it failed, or "".
        stream: whether objects without these keys may follow.
    """
    keys = tuple(filter(None, (text, failed)))
    return EventTable(
        last=tuple({key: ANY} for key in keys),
        failed=keys[1:],
        answer=(text,),
        going=() if stream else ({},),
        reasons=(failed, text),
    )


def asked_format(client: str, command: tuple[str, ...]) -> str | None:
    """Return the format that the arguments of `command` ask for; None where they do not say."""
    found: str | None = None
    options = CLIENTS[client].options
    for position, word in enumerate(command):
        name, joined, value = word.partition("=")
        values = options.get(name)
        if values is None:
            continue
        given = value if joined else "" if "" in values else next(iter(command[position + 1 :]), "")
        found = values.get(given, found)
    return found
