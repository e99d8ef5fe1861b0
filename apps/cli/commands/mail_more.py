"""Conversations, search, dead letters, and messages as they arrive."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import App, Group, pass_app
from bluelabel.apps.cli.options import SPAN, complete_agent, complete_message, read_text
from bluelabel.apps.cli.utils.mail_printer import describe, show_messages
from bluelabel.runner.operations import mail, mail_upkeep

_ID = click.argument("message_id", metavar="ID", shell_complete=complete_message)


@click.command("reply")
@_ID
@click.option("--from", "sender", required=True, shell_complete=complete_agent, help="Who answers.")
@click.option("--body", required=True, help="The answer; @FILE reads a file, - standard input.")
@click.option("--subject", help="One line.  [default: Re: and the subject answered]")
@click.option("--type", "type_", default="message", help="A message type; any word is kept.")
@pass_app
def reply(app: App, message_id: str, sender: str, body: str, subject: str | None, type_: str) -> None:
    """Answer a message: to its sender, in its thread."""
    content = {"body": read_text(body, "--body")}
    sent = mail.reply(app.workspace(), message_id, sender, content, type_=type_, subject=subject)
    app.put(sent)
    app.say(f"sent {sent.id}")


@click.command("thread")
@_ID
@pass_app
def thread(app: App, message_id: str) -> None:
    """Show the conversation that a message belongs to, oldest first."""
    for number, item in enumerate(mail.thread(app.workspace(), message_id)):
        app.emit("message", item.as_json())
        app.say(("\n" if number else "") + describe(item))


@click.command("search")
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show at most so many.")
@pass_app
def search(app: App, text: tuple[str, ...], limit: int) -> None:
    """Search all messages for the words of TEXT."""
    show_messages(app, mail.search(app.workspace(), " ".join(text), limit=limit))


@click.command("withdraw")
@_ID
@click.option("--from", "sender", help="Who takes it back.  [default: who you are]")
@pass_app
def withdraw(app: App, message_id: str, sender: str | None) -> None:
    """Take back a message wherever it still waits."""
    for item in mail.withdraw(app.workspace(), message_id, sender):
        app.put(item)
        app.say(f"{item.recipient}: {item.state.value}")


@click.command("watch")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def watch(app: App, agent: str | None) -> None:
    """Print messages as they arrive, for AGENT or for everyone, until Ctrl-C."""
    arriving = mail.follow(app.workspace(), agent)
    app.note("watching; Ctrl-C ends it")
    for item in arriving:
        app.show("message", item.as_json(), describe(item) + "\n")


@click.command("undo")
@click.argument("seq", required=False, type=click.IntRange(1))
@pass_app
def undo(app: App, seq: int | None) -> None:
    """Take back what the last import (or the import with event number SEQ) did, as far as nobody has built on it."""
    done = mail_upkeep.undo_import(app.workspace(), seq)
    app.put(done)
    parts = {"withdrawn": done.withdrawn, "returned": done.returned, "restored": done.restored, "kept": done.kept}
    told = ", ".join(f"{len(ids)} {name}" for name, ids in parts.items() if ids) or "nothing was left to undo"
    app.say(f"import {done.seq}: {told}")


@click.command("archive")
@click.option("--older", type=SPAN, default="90d", show_default=True, help="Only what was sent longer ago than this.")
@click.option("--dry-run", is_flag=True, help="Only say what would move.")
@pass_app
def archive(app: App, older: float, dry_run: bool) -> None:
    """Move messages that are settled everywhere into postbox/<SENDER>/archive/; the ledger keeps them too."""
    done = mail_upkeep.archive(app.workspace(), older, dry_run=dry_run)
    app.put(done)
    app.say(f"{len(done.ids)} {'would move' if dry_run else 'moved'}")


dead = Group("dead", help="List, retry or purge dead letters.")


@dead.command("list")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def dead_list(app: App, agent: str | None) -> None:
    """List the dead letters of AGENT, or of all."""
    found = mail_upkeep.dead_letters(app.workspace(), agent)
    show_messages(app, found)
    app.say(f"{len(found)} dead letter{'' if len(found) == 1 else 's'}")


@dead.command("retry")
@_ID
@pass_app
def dead_retry(app: App, message_id: str) -> None:
    """Put a dead letter back where it died; its attempts start anew."""
    for item in mail_upkeep.retry_dead(app.workspace(), message_id):
        app.put(item)
        app.say(f"{item.state.value} {message_id} to {item.recipient}")


@dead.command("purge")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def dead_purge(app: App, agent: str | None) -> None:
    """Give up every dead letter of AGENT, or of all; the ledger keeps them."""
    done = mail_upkeep.purge_dead(app.workspace(), agent)
    app.put(done)
    app.say(f"{done.purged} purged")
