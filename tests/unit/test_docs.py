"""The documentation says what is true now: a command, option, route, tool or error without a word here is a failure."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bluelabel.apps.cli.main import COMMANDS, cli
from bluelabel.interfaces import errors, schemas
from bluelabel.interfaces.agent_models import AgentInput
from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.records.catalogue import RECORDS
from bluelabel.runner import settings
from bluelabel.services.sprint import settings as sprint_settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
HANDLERS = {"get", "post", "put", "patch", "delete", "websocket"}
ENTRY_FILES = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SECURITY.md", "CHANGELOG.md")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = generator()
PAGES = [*(ROOT / name for name in ENTRY_FILES), *sorted(DOCS.rglob("*.md"))]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands() -> dict[str, click.Context]:
    return dict(GENERATE.commands())


def error_classes(base: type[BluelabelError] = BluelabelError) -> Iterator[type[BluelabelError]]:
    yield base
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def routes(source: str) -> set[str]:
    """Return the routes that a module of the API defines, as `GET /path`."""
    found: set[str] = set()
    for method, path in decorators(source):
        if method in HANDLERS and path.startswith("/"):
            found.add(f"{method.upper()} {path}")
    return found


def decorators(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name and first text of each decorator call of the form `thing.name("text")`."""
    for node in ast.walk(ast.parse(source)):
        for call in getattr(node, "decorator_list", []):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                yield call.func.attr, texts[0] if texts else getattr(node, "name", "")


def calls(source: str) -> Iterator[tuple[str, str]]:
    """Yield the method and first text of each call of the form `app.name("text", …)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.func.attr, first.value


def sources(room: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "apps" / room).rglob("*.py"))]


def all_pages_of(folder: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(folder.rglob("*.md")))


def typed_commands(page: Path) -> Iterator[str]:
    """Yield the calls of `bluelabel` in the fenced examples of a page, as a person would type them."""
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(r"^```(?:console|sh|bash)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block[1].replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\$ )?(?:[A-Z_]+=\S* )*(bluelabel(?: .*)?)$", line)
            if found:
                yield re.split(r"\s(?:[|>&]|#)", found[1])[0]


def resolve(words: list[str]) -> tuple[click.Context, list[str]]:
    """Return the command that `words` call, and the words that are left for it."""
    known = commands()
    name, at = words[0], 1
    while at < len(words):
        if words[at] in ("--root",):
            at += 2
        elif words[at].startswith("-") and name == "bluelabel":
            at += 1
        elif f"{name} {words[at]}" in known:
            name, at = f"{name} {words[at]}", at + 1
        else:
            break
    return known[name], words[at:]


@pytest.mark.parametrize("page", GENERATE.pages(), ids=shown)
def test_the_generated_parts_of_a_page_are_current(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(GENERATE.WIDTH))
    text = page.read_text(encoding="utf-8")

    assert GENERATE.current(text) == text, "run `make schemas`"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_exists_and_its_summary_is_a_sentence(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert COMMANDS[name][1].endswith(".")


def test_every_command_is_in_the_reference() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"<!-- generated: help (.*?) -->", text))

    assert set(commands()) - documented == set()
    assert documented - set(commands()) == set()


def test_every_command_and_every_option_says_what_it_does() -> None:
    silent: list[str] = []
    for name, context in commands().items():
        if not context.command.help:
            silent.append(name)
        for parameter in context.command.params:
            if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden:
                silent.append(f"{name} {parameter.opts[0]}")

    assert silent == []


def test_every_error_class_is_in_the_tree_with_its_exit_code_and_its_parent() -> None:
    tree = GENERATE.error_tree().splitlines()[1:-1]
    found: dict[str, tuple[str | None, int]] = {}
    path: list[tuple[int, str]] = []
    for line in tree:
        depth, name, code = re.match(r"([ │├└─]*)(\w+)\D+?(\d)", line).groups()  # type: ignore[union-attr]
        path = [(at, other) for at, other in path if at < len(depth)]
        found[name] = (path[-1][1] if path else None, int(code))
        path.append((len(depth), name))

    assert found == {
        kind.__name__: (kind.__base__.__name__ if kind is not BluelabelError else None, kind.exit_code)  # type: ignore[union-attr]
        for kind in error_classes()
    }


def test_every_error_class_is_documented() -> None:
    text = (REFERENCE / "errors.md").read_text(encoding="utf-8")

    assert [kind.__name__ for kind in error_classes() if kind.__name__ not in text] == []


def test_every_noun_that_the_command_line_prints_is_documented() -> None:
    text = (REFERENCE / "json.md").read_text(encoding="utf-8")
    printed = {noun for source in sources("cli") for kind, noun in calls(source) if kind in ("emit", "show")}
    printed |= {record.noun for record in RECORDS}

    assert len(printed) > 40
    assert [noun for noun in sorted(printed) if f"`{noun}`" not in text] == []


def test_every_schema_is_documented() -> None:
    text = "".join((REFERENCE / page).read_text(encoding="utf-8") for page in ("formats.md", "json.md"))

    assert [name for name in schemas.names() if f"`{name}`" not in text] == []


def test_every_route_of_the_api_is_documented() -> None:
    text = all_pages_of(REFERENCE)
    known = {route for source in sources("api") for route in routes(source)}

    assert [route for route in sorted(known) if route not in text] == []


def test_every_tool_of_the_mcp_server_is_documented() -> None:
    text = all_pages_of(REFERENCE)
    tools = {name for source in sources("mcp") for kind, name in decorators(source) if kind == "tool"}

    assert [tool for tool in sorted(tools) if f"`{tool}`" not in text] == []


def test_the_search_for_routes_and_tools_finds_them() -> None:
    source = '@router.get("/api/runs/{id}")\nasync def run(id): ...\n\n@server.tool()\ndef inbox_wait(): ...\n'

    assert routes(source) == {"GET /api/runs/{id}"}
    assert ("tool", "inbox_wait") in set(decorators(source))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]

    assert [target for target in targets if target and not place(page, target).exists()] == []


def place(page: Path, target: str) -> Path:
    """Return where a link leads; one that begins with / begins at the top of the repository."""
    return ROOT / target[1:] if target.startswith("/") else page.parent / target


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_call_in_an_example_is_one_that_the_command_line_knows(page: Path) -> None:
    wrong: list[str] = []
    for line in typed_commands(page):
        context, rest = resolve(shlex.split(line))
        options = {opt for parameter in context.command.params for opt in (*parameter.opts, *parameter.secondary_opts)}
        options |= {"--help", "-h"}
        if isinstance(context.command, click.Group) and rest:
            wrong.append(line)
        wrong += [f"{line}: {word}" for word in rest if is_option(word) and word.split("=")[0] not in options]

    assert wrong == []


def is_option(word: str) -> bool:
    return re.fullmatch(r"--?[a-zA-Z][a-z-]*(=.*)?", word) is not None


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_examples_in_json_toml_and_python_can_be_read(page: Path) -> None:
    for text in blocks(page, "toml"):
        tomllib.loads(text)
    for text in blocks(page, "python"):
        compile(text, str(page), "exec")
    for text in blocks(page, "json"):
        for line in [text] if text.startswith(("{\n", "[")) else text.splitlines():
            json.loads(line)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_workflow_in_an_example_can_run(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(blocks(page, "yaml")):
        if "steps:" in text:
            file = tmp_path / f"{number}.yaml"
            file.write_text(text, encoding="utf-8")
            checked = CliRunner().invoke(cli, ["workflow", "check", str(file)])

            assert checked.exit_code == 0, checked.output


def test_the_agent_of_the_guide_works() -> None:
    (source,) = blocks(DOCS / "guides" / "agents.md", "python")
    names: dict[str, Any] = {}
    exec(source, names)

    output = names["Shouting"]().run(AgentInput(task_id="TASK-1", content={"text": "hello"}))

    assert (output.status, output.result) == ("success", {"text": "HELLO"})


def test_every_table_and_key_of_the_settings_is_documented() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    tables: dict[str, tuple[str, ...] | None] = dict(settings._TABLES)
    tables["sprint"] = sprint_settings._KEYS
    named = [f"`{key}`" for keys in tables.values() for key in keys or ()]

    assert [name for name in named if name not in text] == []
    assert [name for name in tables if f"[{name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")))

    assert named - targets == set()


def test_the_changelog_has_a_place_for_what_is_coming() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## [Unreleased]" in text
    assert set(re.findall(r"^### (\w+)", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_every_decision_record_has_its_four_parts() -> None:
    records: list[Any] = sorted((DOCS / "adr").glob("[0-9]*.md"))
    parts = ["## Context", "## Decision", "## Consequences", "## What would change our mind"]

    assert [shown(page) for page in records if [p for p in parts if p not in page.read_text(encoding="utf-8")]] == []
    assert len(records) >= 2
