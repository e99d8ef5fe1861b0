"""`bluelabel completion`: the shell's Tab key knows commands, options, agents, messages, cards, runs and schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from bluelabel.apps.cli.app import App, pass_app

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace

    _TextType = click.ParamType[str]
else:  # not every version of click can be subscribed
    _TextType = click.ParamType

VARIABLE: Final = "_BLUELABEL_COMPLETE"
"""Set by the completion script: the program then answers the shell instead of running a command."""

MOST: Final = 50
SHELLS: Final = ("bash", "zsh", "fish")


def _mailboxes(workspace: Workspace, _start: str) -> Iterable[tuple[str, str]]:
    return ((name, "mailbox") for name in workspace.settings.directory.mailboxes)


def _recipients(workspace: Workspace, start: str) -> Iterable[tuple[str, str]]:
    before, comma, _ = start.rpartition(",")
    names = (*workspace.settings.directory.mailboxes, *workspace.settings.directory.groups, "ALL")
    return ((before + comma + name, "recipient") for name in names)


def _messages(workspace: Workspace, start: str) -> Iterable[tuple[str, str]]:
    from bluelabel.services.postbox import queries

    with workspace.book.reading() as db:
        for message_id in queries.ids_like(db, start, MOST):
            message = queries.message(db, message_id)
            yield message_id, f"{message.sender}: {message.subject or message.type}" if message is not None else ""


Source = Callable[["Workspace", str], Iterable[tuple[str, str]]]

SOURCES: Final[Mapping[str, Source]] = {
    "agent": _mailboxes,
    "sender": _mailboxes,
    "recipients": _recipients,
    "message_id": _messages,
    "reply_to": _messages,
    "thread": _messages,
}
"""What a parameter names, by the parameter's own name."""


class Named(_TextType):
    """Text that names something in the workspace; the shell is told which names there are."""

    name = "text"

    def __init__(self, source: Source) -> None:
        self._source = source

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the names that begin with `incomplete`; none when the workspace cannot be read."""
        try:
            found = list(self._source(ctx.ensure_object(App).workspace(), incomplete))
        except Exception:  # noqa: BLE001 - a completion that fails must not write into the user's command line
            return []
        return [CompletionItem(value, help=about) for value, about in found if value.startswith(incomplete)][:MOST]


def name_parameters(command: click.Command) -> None:
    """Let the parameters of a command that name something be completed."""
    for parameter in command.params:
        if parameter.type is click.STRING and parameter.name in SOURCES:
            parameter.type = Named(SOURCES[parameter.name])


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@pass_app
def completion(app: App, shell: str) -> None:
    """Print the completion script for SHELL.

    Put `eval "$(bluelabel completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc, or
    `bluelabel completion fish | source` into fish's config.
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    text = made(click.get_current_context().find_root().command, {}, "bluelabel", VARIABLE).source()
    app.show("completion", {"shell": shell, "script": text}, text.rstrip("\n"))
