"""The program ``bluelabel``: global options, the table of commands, and what an error looks like."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from bluelabel.apps.cli.app import App, Group, pass_app, plain
from bluelabel.interfaces.errors import BluelabelError, machine_error

_ROOM = "bluelabel.apps.cli.commands"

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("setup:init", "Make a workspace: mailboxes, cards and settings."),
    "status": ("setup:status", "Show what waits, what runs and what is wrong."),
    "doctor": ("setup:doctor", "Look for damage; --fix repairs what is safe."),
    "adopt": ("setup:adopt", "Take over the mail of a clone's boxes."),
    "recover": ("setup:recover", "Put right what a crash left behind."),
    "read": ("read:read", "Read box, card, run and workflow files of any shape."),
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
    "withdraw": ("mail_more:withdraw", "Take back a message that still waits."),
    "watch": ("mail_more:watch", "Print messages as they arrive."),
    "undo": ("mail_more:undo", "Take back an import of a hand-edited box or a drop."),
    "archive": ("mail_more:archive", "Move messages settled long ago into files."),
    "dead": ("mail_more:dead", "List, retry or purge dead letters."),
    "agent": ("agent:agent", "List, show, add and run agents."),
    "worker": ("worker:worker", "Work through mailboxes until stopped."),
    "up": ("up:up", "Run watchers and workers until stopped."),
    "demo": ("demo:demo", "Watch a handoff go all the way round in a scratch repository."),
    "card": ("card:card", "List, edit and verify task cards."),
    "run": ("run:run", "Run a workflow or an agent."),
    "approve": ("approve:approve", "Approve a waiting step of a run."),
    "reject": ("approve:reject", "Reject a waiting step of a run."),
    "workflow": ("workflow:workflow", "Check, make and draw workflow files."),
    "sprint": ("sprint:sprint", "Plan, launch, measure and close sprints."),
    "git": ("git:git", "Install merge drivers and checks into a repository."),
    "log": ("log:log", "Print, follow and verify the ledger."),
    "schema": ("schema:schema", "Print the JSON Schemas."),
    "completion": ("completion:completion", "Print the shell completion script."),
}


class _Root(Group):
    def summaries(self) -> Mapping[str, str]:
        return {name: summary for name, (_, summary) in COMMANDS.items()}


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
@click.option("--root", type=click.Path(path_type=Path), help="Work in this directory instead of the current one.")
@click.option("--no-color", is_flag=True, help="Print without colours.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing for people.")
@click.option("-v", "--verbose", is_flag=True, help="Print more.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@pass_app
def cli(app: App, root: Path | None, no_color: bool, quiet: bool, verbose: bool, debug: bool) -> None:
    """Post office, task board, workflow engine and sprint clerk for teams of coding agents and people."""
    app.root, app.quiet, app.verbose, app.debug = root, quiet, verbose, debug
    app.color = not no_color and "NO_COLOR" not in os.environ


def main() -> None:
    """Run the command line and leave with the exit code of DESIGN 11."""
    app = App()
    try:
        code = cli.main(prog_name="bluelabel", standalone_mode=False, obj=app)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = 130
    except Exception as error:
        if app.debug or "--debug" in sys.argv:
            raise
        code = _tell(error)
    finally:
        app.close()
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Exception) -> int:
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
    if isinstance(error, BluelabelError):
        return _print(str(error), error.hint, error.exit_code)
    text = f"this should not happen ({type(error).__name__}: {error})"
    return _print(text, "run it again with --debug and report what it prints", 1)


def _print(what: str, hint: str | None, code: int) -> int:
    lines = [f"error: {' '.join(plain(what).split())}", *([f"hint: {plain(hint)}"] if hint else [])]
    try:
        click.echo("\n".join(lines), err=True)
    except OSError:  # a full disk behind stderr must not change the exit code
        return code
    return code


if __name__ == "__main__":
    main()
