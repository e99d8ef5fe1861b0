"""The program ``bluelabel``: global options, the table of commands, and what an error looks like."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping

import click

from bluelabel.apps.cli.app import App, Group, global_options, plain
from bluelabel.apps.cli.streams import ReaderGone, prepare, settle
from bluelabel.interfaces.errors import BluelabelError, NotPermitted, UnreadableInput, machine_error

_ROOM = "bluelabel.apps.cli.commands"
_LONGEST = 600
"""Characters of an error that are shown: it may quote a name of any length."""

SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Begin and look after": {
        "init": ("setup:init", "Make a workspace: mailboxes, cards and settings."),
        "status": ("setup:status", "Show what waits, what runs and what is wrong."),
        "doctor": ("setup:doctor", "Look for damage; --fix repairs what is safe."),
        "recover": ("setup:recover", "Put right what a crash left behind."),
        "adopt": ("setup:adopt", "Take over the mail of a clone's boxes."),
        "demo": ("demo:demo", "Watch a handoff go all the way round in a scratch repository."),
    },
    "Messages": {
        "send": ("mail:send", "Send a message."),
        "inbox": ("mail:inbox", "List what waits for an agent."),
        "outbox": ("mail:outbox", "List what an agent has sent."),
        "claim": ("mail:claim", "Take the next message, with a lease."),
        "ack": ("mail:ack", "Finish a claimed message."),
        "nack": ("mail:nack", "Give a claimed message back."),
        "renew": ("mail:renew", "Ask for more time on a claimed message."),
        "reply": ("mail_more:reply", "Answer a message in its thread."),
        "thread": ("mail_more:thread", "Show a conversation."),
        "search": ("mail_more:search", "Search all messages."),
        "watch": ("mail_more:watch", "Print messages as they arrive."),
        "withdraw": ("mail_more:withdraw", "Take back a message that still waits."),
        "dead": ("mail_more:dead", "List, retry or purge dead letters."),
        "undo": ("mail_more:undo", "Take back an import of a hand-edited box or a drop."),
        "archive": ("mail_more:archive", "Move messages settled long ago into files."),
    },
    "Agents": {
        "agent": ("agent:agent", "List, show, add and run agents."),
        "worker": ("worker:worker", "Work through mailboxes until stopped."),
        "up": ("up:up", "Run watchers and workers until stopped."),
    },
    "Cards, workflows and sprints": {
        "card": ("card:card", "List, edit and verify task cards."),
        "run": ("run:run", "Run a workflow or an agent."),
        "approve": ("approve:approve", "Approve a waiting step of a run."),
        "reject": ("approve:reject", "Reject a waiting step of a run."),
        "workflow": ("workflow:workflow", "Check, make and draw workflow files."),
        "sprint": ("sprint:sprint", "Plan, launch, measure and close sprints."),
    },
    "Files and records": {
        "read": ("read:read", "Read box, card, run and workflow files of any shape."),
        "log": ("log:log", "Print, follow and verify the ledger."),
        "git": ("git:git", "Install merge drivers and checks into a repository."),
        "schema": ("schema:schema", "Print the JSON Schemas."),
        "completion": ("completion:completion", "Print the shell completion script."),
    },
}
"""All commands, as the help lists them: name to ``module:attribute`` and summary."""

COMMANDS: Mapping[str, tuple[str, str]] = {name: about for part in SECTIONS.values() for name, about in part.items()}


class _Root(Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands by section, from their summaries: ``--help`` imports nothing."""
        width = max(map(len, COMMANDS))
        for title, part in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in part.items()])


def _version(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from bluelabel import __version__

        click.echo(f"bluelabel {__version__}")
        context.exit()


@click.group(
    cls=_Root,
    lazy={name: f"{_ROOM}.{place}" for name, (place, _) in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def cli() -> None:
    """Post office, task board, workflow engine and sprint clerk for teams of coding agents and people.

    The options below may also stand behind the command; each command has more of its own: COMMAND --help.
    """


cli.params = [*global_options(hidden=False), *cli.params]


def main() -> None:
    """Run the command line and leave with the exit code of DESIGN 11."""
    app = App()
    prepare()
    try:
        code = cli.main(prog_name="bluelabel", standalone_mode=False, obj=app)
        sys.stdout.flush()
    except ReaderGone:
        code = 128 + signal.SIGPIPE
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = 130
    except Exception as error:
        if app.debug or "--debug" in sys.argv:
            raise
        code = _tell(error, app)
    finally:
        app.close()
        settle()
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Exception, app: App) -> int:
    """Print one line for the error and one for the hint; return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    if isinstance(error, click.ClickException):
        hint = None
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"see `{error.ctx.command_path} --help`"
        return _print(error.format_message(), hint, 2)
    if isinstance(error, OSError):
        error = machine_error(error, "working")
    if isinstance(error, UnicodeEncodeError):  # half of a surrogate pair: how Python holds bytes that are not UTF-8
        error = UnreadableInput("a text holds bytes that are not UTF-8", hint="give it in UTF-8")
    if isinstance(error, BluelabelError):
        hint = app.way_round(error.where) if isinstance(error, NotPermitted) else None
        return _print(str(error), hint or error.hint, error.exit_code)
    text = f"this should not happen ({type(error).__name__}: {error})"
    return _print(text, "run it again with --debug and report what it prints", 1)


def _print(what: str, hint: str | None, code: int) -> int:
    words = " ".join(plain(what).split())
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"
    lines = [f"error: {words}", *([f"hint: {plain(hint)}"] if hint else [])]
    try:
        click.echo("\n".join(lines), err=True)
    except OSError:  # a full disk behind stderr must not change the exit code
        return code
    return code


if __name__ == "__main__":
    main()
