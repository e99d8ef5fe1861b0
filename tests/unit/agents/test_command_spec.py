"""The settings of a command: templates, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bluelabel.agents.command_spec import Answer, CommandSpec, command_spec, load_template, template_names
from bluelabel.interfaces.errors import NotFound, UsageError

CODEX = ("codex", "exec", "--sandbox", "workspace-write", "--color", "never", "--json")


def test_three_command_lines_are_shipped() -> None:
    assert template_names() == ["claude-code", "codex", "gemini"]


@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini"])
def test_a_template_is_a_whole_command(name: str) -> None:
    spec = command_spec({"template": name}, "agents.CC")

    assert spec.stdin == "prompt"
    assert spec.timeout == 1800
    assert spec.template == name
    assert spec.description
    assert load_template(name)["notes"]


def test_options_go_between_the_command_and_its_end() -> None:
    spec = command_spec({"template": "codex", "options": ["--model", "x"]}, "agents.CC")

    assert spec.command == (*CODEX, "--model", "x", "-")


def test_a_command_of_ones_own_does_not_get_the_end_of_the_template() -> None:
    spec = command_spec({"template": "codex", "command": ["mine"]}, "agents.CC")

    assert spec.command == ("mine",)


@pytest.mark.parametrize(
    ("settings", "format"),
    [
        ({"template": "claude-code"}, "json"),
        ({"template": "claude-code", "options": ["--output-format", "stream-json", "--verbose"]}, "stream"),
        ({"template": "claude-code", "options": ["--output-format=text"]}, "text"),
        ({"template": "claude-code", "options": ["--output-format", "new"]}, "json"),
        ({"template": "claude-code", "options": ["--output-format"]}, "json"),
        ({"template": "claude-code", "command": ["mine"]}, "json"),
        ({"template": "claude-code", "answer": {"format": "stream"}, "command": ["mine"]}, "stream"),
        ({"template": "codex"}, "stream"),
        ({"template": "codex", "command": ["mine", "codex", "exec"]}, "text"),
        ({"template": "gemini", "options": ["-o", "stream-json"]}, "stream"),
        ({"command": ["gemini", "-p", "x"], "answer": {"client": "gemini"}}, "text"),
    ],
)
def test_the_format_is_the_one_that_the_arguments_ask_for(settings: dict[str, Any], format: str) -> None:
    answer = command_spec(settings, "agents.X").answer

    assert (answer.format, bool(answer.client)) == (format, True)


def test_a_format_of_ones_own_is_none_of_the_templates_client() -> None:
    settings = {"template": "codex", "command": ["mine"], "answer": {"format": "json", "text": "said"}}

    assert command_spec(settings, "agents.X").answer == Answer("json", "said")


def test_every_setting_is_taken() -> None:
    spec = command_spec(
        {
            "command": ["a", "b"],
            "tail": ["c"],
            "stdin": "prompt",
            "answer": {"format": "json", "text": "t", "failed": "f"},
            "timeout": "2m",
            "grace": 3,
            "output_bytes": 10,
            "final_exit_codes": [42],
            "env": {"A": 1},
            "retry": False,
            "reports": True,
            "description": "d",
            "notes": "n",
        },
        "agents.X",
    )

    assert spec.command == ("a", "b", "c")
    assert (spec.timeout, spec.grace, spec.output_bytes) == (120, 3, 10)
    assert {42, 64, 127} <= spec.final_exit_codes
    assert (spec.env, spec.retry, spec.reports, spec.description) == ({"A": "1"}, False, True, "d")
    assert (spec.answer.format, spec.answer.text, spec.answer.failed) == ("json", "t", "f")


@pytest.mark.parametrize(
    ("settings", "error", "hint"),
    [
        ({}, "no command", "template = one of claude-code, codex, gemini"),
        ({"command": []}, "no command", "template"),
        ({"command": [""]}, "no command", "template"),
        ({"comand": ["x"]}, "no such setting for a command: comand", "did you mean command?"),
        ({"command": "rm -rf /"}, "command is not a list of texts", "there is no shell between"),
        ({"command": ["a", 1]}, "command is not a list of texts", "there is no shell between"),
        ({"command": ["a\0b"]}, "command holds a NUL character", None),
        ({"command": ["a"], "stdin": "yaml"}, "stdin is neither json nor prompt", None),
        ({"command": ["a"], "stdin": 1}, "stdin is not a text", None),
        ({"command": ["a"], "timeout": "soon"}, "not a duration", "write a number and a unit"),
        ({"command": ["a"], "timeout": True}, "timeout is not a duration", "30s"),
        ({"command": ["a"], "timeout": 0}, "timeout is not above 0", None),
        ({"command": ["a"], "output_bytes": 0}, "output_bytes is not a whole number above 0", None),
        ({"command": ["a"], "final_exit_codes": ["1"]}, "final_exit_codes is not a list of numbers", "write [42]"),
        ({"command": ["a"], "final_exit_codes": 1}, "final_exit_codes is not a list of numbers", "write [42]"),
        (
            {"command": ["a"], "answer": {"format": "xml"}},
            "answer is of no known format",
            "format",
        ),
        (
            {"command": ["a"], "answer": {"format": "json"}},
            "answer is of no known format",
            "format",
        ),
        ({"command": ["a"], "answer": {"client": "claud"}}, "no such client of answer", "did you mean claude?"),
        ({"command": ["a"], "answer": {"fromat": "json"}}, "no such key of answer: fromat", "did you mean format?"),
        ({"command": ["a"], "env": [1]}, "agents.X.env is not an object", None),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(settings: dict[str, Any], error: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        command_spec(settings, "agents.X")

    assert error in str(caught.value)
    assert (hint or "") in (caught.value.hint or "")


def test_an_unknown_template_names_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        command_spec({"template": "claud"}, "agents.X")

    assert caught.value.hint == "did you mean claude-code?"


def test_a_template_name_is_no_path() -> None:
    with pytest.raises(NotFound):
        load_template("../templates/codex")


def test_a_spec_needs_nothing_but_a_command() -> None:
    spec = CommandSpec(("true",))

    assert json.dumps([spec.stdin, spec.retry, dict(spec.env)]) == '["json", true, {}]'
