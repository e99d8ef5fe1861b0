"""`run agent`: one agent, one input, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.utils.agent_printer import complete_runnable, describe_output
from bluelabel.interfaces.errors import Refused

if TYPE_CHECKING:
    from bluelabel.interfaces.agent_models import AgentOutput

_INPUT_HELP = "A JSON object, a file with one, a document in the workspace, or - for standard input."


@click.command("agent")
@click.argument("name", shell_complete=complete_runnable)
@click.option("--input", "given", required=True, metavar="FILE|JSON", help=_INPUT_HELP)
@click.option("--task", "task_id", help="The task it is for.  [default: a new id]")
@pass_app
def run_agent(app: App, name: str, given: str, task_id: str | None) -> None:
    """Run the agent NAME on one input and print what came of it.

    The input is an AgentInput such as {"task_type": "url", "content": {"url": "https://…"}}, or only its content.
    """
    run_once(app, name, given, task_id)


def run_once(app: App, name: str, given: str, task_id: str | None) -> None:
    """Do what `run agent` and `agent run` do.

    Raises:
        UnknownAgent: there is no such agent.
        Refused: the agent reports an error.
    """
    from bluelabel.runner.cli_runner import CLIRunner

    workspace = app.workspace()
    runner = CLIRunner(workspace.agents, root=workspace.root, source=workspace.actor)
    output = runner.run(name, given, task_id=task_id or workspace.ids.new())
    app.show("agent_output", output.model_dump(mode="json"), plain(describe_output(output)))
    _check(name, output)


def _check(name: str, output: AgentOutput) -> None:
    if output.status.value == "error":
        hint = output.metadata.get("hint")
        raise Refused(f"{name}: {output.error or 'it reports an error'}", hint=str(hint) if hint else None)
