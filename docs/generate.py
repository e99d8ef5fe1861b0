"""Writes the parts of the documentation that the code itself can say: help texts, the tree of errors, kinds, limits.

A generated part stands between `<!-- generated: WHAT -->` and `<!-- end -->`; the text around it is written by people.
`python docs/generate.py` brings all parts up to date; a test fails while one is not.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).parent
ROOT: Final = DOCS.parent
COMMANDS_PAGE: Final = DOCS / "reference" / "commands.md"
BLOCK: Final = re.compile(r"(<!-- generated: ([^\n]*?) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH: Final = 100


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command and group with its full name, as people type it."""
    import click

    from bluelabel.apps.cli.main import cli

    def below(name: str, command: click.Command, parent: click.Context | None) -> Iterator[tuple[str, Any]]:
        context = click.Context(
            command, parent=parent, info_name=name.rsplit(maxsplit=1)[-1], **command.context_settings
        )
        yield name, context
        if isinstance(command, click.Group):
            for word in command.list_commands(context):
                found = existing(command, context, word)
                if found is not None and not found.hidden:
                    yield from below(f"{name} {word}", found, context)

    yield from below("bluelabel", cli, None)


def existing(group: Any, context: Any, word: str) -> Any:
    """Return a command of a group, or None while its module is still to be written (another test says so)."""
    try:
        return group.get_command(context, word)
    except (ModuleNotFoundError, AttributeError) as error:
        if "bluelabel." not in str(error):
            raise
        return None


def help_text(name: str) -> str:
    """Return what `NAME --help` prints, at a fixed width."""
    context = next(context for found, context in commands() if found == name)
    context.terminal_width = context.max_content_width = WIDTH
    return f"```text\n{context.get_help().rstrip()}\n```\n"


def error_tree() -> str:
    """Return the tree drawn in `interfaces/errors.py`."""
    docstring = ast.get_docstring(ast.parse((ROOT / "interfaces" / "errors.py").read_text(encoding="utf-8"))) or ""
    start = docstring.index("BluelabelError")
    tree = docstring[start : docstring.index("\n\n", start)]
    lines = [line.removeprefix("    ") for line in tree.splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def event_kinds() -> str:
    """Return a table of all kinds of events."""
    from bluelabel.interfaces.events import KINDS

    rows = [f"| `{kind}` | {meaning} |" for kind, meaning in KINDS.items()]
    return "\n".join(["| kind | what happened |", "|---|---|", *rows]) + "\n"


def message_types() -> str:
    """Return a list of the message types that the platform knows."""
    from bluelabel.interfaces.messages import MessageType

    return ", ".join(f"`{word.value}`" for word in MessageType) + "\n"


def limits() -> str:
    """Return a table of all limits, from `interfaces/limits.py`."""
    from bluelabel.interfaces import limits as room

    tree = ast.parse((ROOT / "interfaces" / "limits.py").read_text(encoding="utf-8"))
    said: dict[str, str] = {}
    for statement, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            about = following.value if isinstance(following, ast.Expr) else None
            text = about.value if isinstance(about, ast.Constant) and isinstance(about.value, str) else ""
            said[statement.target.id] = " ".join(text.split())
    rows = [f"| `{name}` | {getattr(room, name):,} | {text} |" for name, text in said.items()]
    return "\n".join(["| limit | value | meaning |", "|---|---|---|", *rows]) + "\n"


def workflow_keys() -> str:
    """Return a table of the keys at the top of a workflow file."""
    return _keys(_workflow_schema())


def step_keys() -> str:
    """Return a table of the keys of a step."""
    return _keys(_workflow_schema()["$defs"]["step"])


def schedule_keys() -> str:
    """Return a table of the keys of a schedule."""
    return _keys(_workflow_schema()["properties"]["schedule"]["oneOf"][1])


def _workflow_schema() -> Any:
    from bluelabel.interfaces import schemas

    return json.loads(schemas.text("workflow"))


def _keys(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        f"| `{key}` | {'yes' if key in needed else ''} | {about.get('description', '')} |"
        for key, about in schema["properties"].items()
    ]
    return "\n".join(["| key | needed | meaning |", "|---|---|---|", *rows]) + "\n"


def expressions() -> str:
    """Return the grammar of expressions, from its module."""
    source = (ROOT / "services" / "workflow" / "expressions" / "grammar.py").read_text(encoding="utf-8")
    _, grammar, rest = (ast.get_docstring(ast.parse(source)) or "").split("\n\n", 2)
    return "```text\n" + inspect.cleandoc(grammar) + "\n```\n\n" + rest.replace("``", "`").rstrip() + "\n"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "errors": error_tree,
    "events": event_kinds,
    "limits": limits,
    "expressions": expressions,
    "message-types": message_types,
    "schedule-keys": schedule_keys,
    "step-keys": step_keys,
    "workflow-keys": workflow_keys,
}


def part(what: str) -> str:
    """Return the text of one generated part: a word of `PARTS`, or ``help COMMAND``."""
    kind, _, rest = what.partition(" ")
    return help_text(rest) if kind == "help" else PARTS[what]()


def current(text: str) -> str:
    """Return a page with all its generated parts brought up to date."""
    return BLOCK.sub(lambda found: found[1] + part(found[2]) + found[3], text)


def with_all_commands(text: str) -> str:
    """Return the command reference with a section for each command that had none, at its end."""
    known = {found[2] for found in BLOCK.finditer(text)}
    missing = [name for name, _ in commands() if f"help {name}" not in known]
    sections = [f"\n### {name}\n\n<!-- generated: help {name} -->\n<!-- end -->\n" for name in missing]
    return text + "".join(sections)


def pages() -> list[Path]:
    """Return every page that may hold generated parts."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def main() -> int:
    """Bring all pages up to date; name those that changed."""
    os.environ["COLUMNS"] = str(WIDTH)
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = current(with_all_commands(before) if page == COMMANDS_PAGE else before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))  # noqa: T201 - the report of a developer's tool
    return 0


if __name__ == "__main__":
    sys.exit(main())
