"""`bluelabel completion`: makes the shell's Tab key know commands, options, agents and message ids.

What a parameter may be is said where the parameter is (`complete_agent`, `complete_message` of `apps/cli/options.py`).
"""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from bluelabel.apps.cli.app import App, pass_app

VARIABLE: Final = "_BLUELABEL_COMPLETE"
"""Set by the script: the program then answers the shell instead of running a command."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_app
def completion(app: App, shell: str) -> None:
    """Print the completion script for SHELL.

    Put `eval "$(bluelabel completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc, or
    `bluelabel completion fish | source` into fish's config.
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    text = made(root, {}, "bluelabel", VARIABLE).source()
    app.show("completion", {"shell": shell, "script": text}, text.rstrip("\n"))
