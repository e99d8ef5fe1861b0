"""Which command an agent runs and how: from bluelabel.toml, on top of one of the shipped templates."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from bluelabel.agents.answer_formats import CLIENTS, FORMATS, asked_format
from bluelabel.agents.inputs import did_you_mean, mapping, shown
from bluelabel.interfaces.errors import NotFound, UsageError
from bluelabel.interfaces.times import span

TEMPLATES: Final = Path(__file__).parent / "templates"
TIMEOUT: Final = 15 * 60.0
GRACE: Final = 10.0
OUTPUT_BYTES: Final = 1024 * 1024
FINAL_EXIT_CODES: Final = (64, 65, 66, 77, 78, 126, 127)
"""Exit codes after which another try is a waste: those of sysexits.h for usage, data, input, permission and
configuration, and the two that mean the command cannot be started. 75 means "try again"."""

_KEYS: Final = (
    "command",
    "options",
    "tail",
    "template",
    "stdin",
    "answer",
    "timeout",
    "grace",
    "output_bytes",
    "final_exit_codes",
    "env",
    "retry",
    "reports",
    "description",
    "notes",
)
_ANSWER_KEYS: Final = ("format", "text", "failed", "client")


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the answer stands in what a command prints.

    Args:
        format: ``text``: stdout is the answer. ``json``: stdout is one object. ``stream``: one object a line.
        text: the key of the answer in that object.
        failed: the key that is true, or filled, when it failed.
        client: whose formats they are, instead of the two keys: ``claude``, ``codex`` or ``gemini``.
    """

    format: str = "text"
    text: str = ""
    failed: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command and its limits.

    Args:
        command: program and arguments.
        stdin: ``json``: the AgentInput as one line. ``prompt``: the same inside a text for a coding agent.
        answer: how to read what it prints.
        timeout: seconds.
        grace: seconds between SIGTERM and SIGKILL.
        output_bytes: how much of its output is kept, half of it from the end.
        final_exit_codes: exit codes after which another try is a waste.
        retry: whether a failure is worth another try at all.
        reports: whether it is given messages that only report, such as results of others.
        env: variables added to the environment.
        template: the name of the template it came from.
        description: one line.
    """

    command: tuple[str, ...]
    stdin: str = "json"
    answer: Answer = Answer()
    timeout: float = TIMEOUT
    grace: float = GRACE
    output_bytes: int = OUTPUT_BYTES
    final_exit_codes: frozenset[int] = frozenset(FINAL_EXIT_CODES)
    retry: bool = True
    reports: bool = False
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    template: str | None = None
    description: str = ""


def template_names() -> list[str]:
    """Return the names of the shipped templates."""
    return sorted(path.stem for path in TEMPLATES.glob("*.toml"))


def load_template(name: str) -> dict[str, Any]:
    """Return the settings of a shipped template.

    Raises:
        NotFound: there is none of this name.
    """
    if name not in template_names():
        raise NotFound(
            "no template for this command line", where=shown(name), hint=did_you_mean(name, template_names())
        )
    return tomllib.loads((TEMPLATES / f"{name}.toml").read_text(encoding="utf-8"))


def command_spec(settings: Mapping[str, Any], where: str) -> CommandSpec:
    """Return what `settings` ask for, on top of their ``template`` where they name one.

    Args:
        settings: the table of an agent, without ``kind``.
        where: what to name in errors, for example ``agents.CC``.

    Raises:
        UsageError: an unknown key or a wrong value.
        NotFound: an unknown template.
    """
    for key in settings:
        if key not in _KEYS:
            raise UsageError(f"no such setting for a command: {key}", where=where, hint=did_you_mean(key, _KEYS))
    template = _text(settings, "template", "", where) or None
    base = load_template(template) if template else {}
    merged: dict[str, Any] = {**base, **settings}
    if "command" in settings:
        # Somebody else's command does not take the options of the template's one.
        merged["tail"] = settings.get("tail", [])
    command = (
        *_arguments(merged, "command", where),
        *_arguments(merged, "options", where),
        *_arguments(merged, "tail", where),
    )
    if not command or not command[0]:
        hint = f'write command = ["program", "argument"] or template = one of {", ".join(template_names())}'
        raise UsageError("no command", where=where, hint=hint)
    stdin = _text(merged, "stdin", "json", where)
    if stdin not in {"json", "prompt"}:
        raise UsageError("stdin is neither json nor prompt", where=where)
    codes = {*FINAL_EXIT_CODES, *_numbers(merged.get("final_exit_codes", []), where)}
    return CommandSpec(
        command=command,
        stdin=stdin,
        answer=_answer(merged, base, command, where),
        timeout=_seconds(merged, "timeout", TIMEOUT, where),
        grace=_seconds(merged, "grace", GRACE, where),
        output_bytes=_number(merged, "output_bytes", OUTPUT_BYTES, where),
        final_exit_codes=frozenset(codes),
        retry=merged.get("retry", True) is not False,
        reports=merged.get("reports", False) is True,
        env={name: str(value) for name, value in mapping(merged.get("env"), f"{where}.env").items()},
        template=template,
        description=_text(merged, "description", "", where),
    )


def _answer(merged: Mapping[str, Any], base: Mapping[str, Any], command: tuple[str, ...], where: str) -> Answer:
    given = mapping(merged.get("answer"), f"{where}.answer")
    for key in given:
        if key not in _ANSWER_KEYS:
            raise UsageError(f"no such key of answer: {key}", where=where, hint=did_you_mean(key, _ANSWER_KEYS))
    answer = Answer(**{key: str(value) for key, value in given.items()})
    if not answer.client and not answer.text:
        # A template is of one command line, in whichever of its formats.
        known = mapping(base.get("answer"), "answer").get("client", "")
        answer = replace(answer, client=str(known))
    if answer.client and answer.client not in CLIENTS:
        raise UsageError("no such client of answer", where=where, hint=did_you_mean(answer.client, list(CLIENTS)))
    if answer.format not in FORMATS or (answer.format != "text" and not (answer.text or answer.client)):
        hint = 'write answer = {format = "json", text = "result"} or {client = "claude", format = "json"}'
        raise UsageError("answer is of no known format", where=where, hint=hint)
    # What the arguments ask for is what is printed.
    asked = asked_format(answer.client, command) if answer.client else None
    return replace(answer, format=asked) if asked else answer


def _arguments(settings: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = settings.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[object]", value)):
        hint = 'write ["program", "argument"]; there is no shell between'
        raise UsageError(f"{key} is not a list of texts", where=where, hint=hint)
    found = cast("list[str]", value)
    if any("\0" in each for each in found):
        raise UsageError(f"{key} holds a NUL character", where=where)
    return found


def _text(settings: Mapping[str, Any], key: str, default: str, where: str) -> str:
    value = settings.get(key, default)
    if not isinstance(value, str):
        raise UsageError(f"{key} is not a text", where=where)
    return value


def _seconds(settings: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UsageError(f"{key} is not a duration", where=where, hint='write it as "30s", "15m" or "2h"')
    seconds = span(str(value)).total_seconds()
    if seconds <= 0:
        raise UsageError(f"{key} is not above 0", where=where)
    return seconds


def _number(settings: Mapping[str, Any], key: str, default: int, where: str) -> int:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{key} is not a whole number above 0", where=where)
    return value


def _numbers(value: object, where: str) -> list[int]:
    if not isinstance(value, list) or not all(type(each) is int for each in cast("list[object]", value)):
        raise UsageError("final_exit_codes is not a list of numbers", where=where, hint="write [42]")
    return cast("list[int]", value)
