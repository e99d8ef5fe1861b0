"""`agent`: who can work here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from bluelabel.apps.cli.app import App, Group, pass_app, plain
from bluelabel.apps.cli.commands.run_agent import run_once
from bluelabel.apps.cli.options import complete_agent
from bluelabel.apps.cli.utils.agent_printer import complete_runnable, describe_agent
from bluelabel.interfaces.errors import UnknownAgent, UsageError
from bluelabel.interfaces.names import nearest

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


@click.group("agent", cls=Group)
def agent() -> None:
    """List, show, add and run agents."""


@agent.command("list")
@pass_app
def list_agents(app: App) -> None:
    """List all agents: those with a mailbox, and those that can be run."""
    workspace = app.workspace()
    entries = {entry.name: entry for entry in workspace.agents.entries()}
    boxes = workspace.settings.directory.mailboxes
    rows: list[tuple[str, ...]] = []
    for name in [*boxes, *(name for name in entries if name not in boxes)]:
        entry = entries.get(name)
        kind, origin = (entry.kind, entry.origin) if entry else (None, None)
        app.emit("agent", {"name": name, "kind": kind, "origin": origin, "mailbox": name in boxes})
        rows.append((name, kind or "-", origin or "-", "yes" if name in boxes else "no"))
    app.table(["AGENT", "KIND", "FROM", "MAILBOX"], rows)
    for problem in workspace.agents.problems():
        app.note(plain(f"broken: {problem.message}" + (f" ({problem.hint})" if problem.hint else "")))


@agent.command("show")
@click.argument("name", shell_complete=complete_agent)
@pass_app
def show(app: App, name: str) -> None:
    """Show what the agent NAME is and can do."""
    facts = _facts(app.workspace(), name)
    app.show("agent", facts, plain(describe_agent(facts)))


@agent.command("add")
@click.argument("name")
@click.option("--kind", help="ingestion, digest, command, or the name of a plugin.")
@click.option("--template", help="A shipped command line: claude-code, codex or gemini.")
@click.option("--command", "command", help="A program and its arguments, quoted as for a shell; none is used.")
@click.option("--timeout", help="For a command, such as 30m.")
@pass_app
def add(app: App, /, name: str, **given: str | None) -> None:
    """Give NAME a mailbox and, with --kind, --template or --command, something that can be run."""
    from bluelabel.runner.operations.agents import add_agent

    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if "command" in options:
        options["command"] = _arguments(options["command"])
    done = add_agent(app.workspace(), name, options)
    app.emit("agent", {"name": name, "kind": options.get("kind"), "done": done})
    for line in done:
        app.say(line)
    if "template" in options:
        from bluelabel.agents.command_spec import load_template

        app.note(str(load_template(options["template"]).get("notes", "")))


@agent.command("run")
@click.argument("name", shell_complete=complete_runnable)
@click.option("--input", "given", required=True, metavar="FILE|JSON", help="As for `run agent`.")
@click.option("--task", "task_id", help="The task it is for.  [default: a new id]")
@pass_app
def run(app: App, name: str, given: str, task_id: str | None) -> None:
    """Run the agent NAME on one input; the same as `run agent`."""
    run_once(app, name, given, task_id)


def _facts(workspace: Workspace, name: str) -> dict[str, Any]:
    boxes = workspace.settings.directory.mailboxes
    registry = workspace.agents
    if not registry.can_run(name) and name in boxes:
        return {
            "name": name,
            "mailbox": True,
            "kind": None,
            "origin": None,
            "version": None,
            "description": "",
            "capabilities": [],
        }
    entries = {entry.name: entry for entry in registry.entries()}
    if name not in entries:
        near = nearest(name, {*entries, *boxes})
        raise UnknownAgent(
            f"no agent is called {ascii(name)[:60]}",
            hint=f"did you mean {', '.join(near)}?" if near else "see `bluelabel agent list`",
        )
    found = registry.get(name)
    return {
        "name": name,
        "mailbox": name in boxes,
        "kind": entries[name].kind,
        "origin": entries[name].origin,
        "version": found.version,
        "description": found.description,
        "capabilities": [capability.model_dump(mode="json") for capability in found.get_capabilities()],
    }


def _arguments(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command cannot be read ({error})", hint="close every quotation mark") from None
