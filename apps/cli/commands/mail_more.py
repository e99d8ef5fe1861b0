"""Conversations, search, dead letters, and messages as they arrive."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import App, Group, pass_app
from bluelabel.apps.cli.options import SPAN, complete_agent, complete_message, read_text
from bluelabel.apps.cli.utils.mail_printer import COLUMNS, describe, mailbox_rows
from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.messages import Delivery
from bluelabel.services.postbox import queries

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
    workspace = app.workspace()
    content = {"body": read_text(body, "--body")}
    sent = workspace.postbox.reply(message_id, sender, content, type_=type_, subject=subject)
    app.show("send", {"id": sent.id, "state": sent.state, "seq": sent.seq, "to": list(sent.to)}, f"sent {sent.id}")
    workspace.refresh_views([sender, *sent.to])


@click.command("thread")
@_ID
@pass_app
def thread(app: App, message_id: str) -> None:
    """Show the conversation that a message belongs to, oldest first."""
    workspace = app.workspace()
    workspace.read_edits(app.note)
    first = workspace.postbox.deliveries(message_id)[0].message
    with workspace.book.reading() as db:
        found = queries.in_thread(db, first.thread or first.id)
    for number, item in enumerate(found):
        app.emit("message", item.as_json())
        app.say(("\n" if number else "") + describe(item))


@click.command("search")
@click.argument("text", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show at most so many.")
@pass_app
def search(app: App, text: tuple[str, ...], limit: int) -> None:
    """Search all messages for the words of TEXT."""
    from bluelabel.services.postbox import search as searching

    workspace = app.workspace()
    workspace.read_edits(app.note)
    found = searching.search(workspace.book, workspace.home, workspace.clock.boot(), " ".join(text), limit)
    _list(app, found)
    if not found:
        raise NotFound(
            "no message holds these words", where=" ".join(text)[:80], hint="words match from their beginning"
        )


@click.command("withdraw")
@_ID
@click.option("--from", "sender", help="Who takes it back.  [default: who you are]")
@pass_app
def withdraw(app: App, message_id: str, sender: str | None) -> None:
    """Take back a message wherever it still waits."""
    workspace = app.workspace()
    found = workspace.postbox.withdraw(message_id, sender or workspace.actor)
    for item in found:
        answer = {"id": message_id, "recipient": item.recipient, "state": item.state.value}
        app.show("delivery", answer, f"{item.recipient}: {item.state.value}")
    workspace.refresh_views([found[0].message.sender, *(item.recipient for item in found)])


@click.command("watch")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def watch(app: App, agent: str | None) -> None:
    """Print messages as they arrive, for AGENT or for everyone, until Ctrl-C."""
    workspace = app.workspace()
    if agent is not None:
        workspace.settings.directory.check(agent)
    seq = workspace.book.head().seq
    app.note("watching; Ctrl-C ends it")
    while True:
        for event in workspace.book.read(seq):
            seq = event.seq
            if event.kind == "message.sent" and (agent is None or agent in event.data["to"]):
                for item in workspace.postbox.deliveries(event.data["message"]["id"]):
                    if agent in (None, item.recipient):
                        app.show("message", item.as_json(), describe(item) + "\n")
        workspace.book.wait(seq)


@click.command("undo")
@click.argument("seq", required=False, type=click.IntRange(1))
@pass_app
def undo(app: App, seq: int | None) -> None:
    """Take back what the last import (or the import with event number SEQ) did, as far as nobody has built on it."""
    from bluelabel.services.postbox.undo import undo_import

    workspace = app.workspace()
    done = undo_import(workspace.postbox, workspace.actor, seq)
    parts = {"withdrawn": done.withdrawn, "returned": done.returned, "restored": done.restored, "kept": done.kept}
    app.emit("undo", {"import": done.seq, **{name: list(ids) for name, ids in parts.items()}})
    told = ", ".join(f"{len(ids)} {name}" for name, ids in parts.items() if ids) or "nothing was left to undo"
    app.say(f"import {done.seq}: {told}")
    workspace.refresh_views(workspace.settings.directory.mailboxes)


@click.command("archive")
@click.option("--older", type=SPAN, default="90d", show_default=True, help="Only what was sent longer ago than this.")
@click.option("--dry-run", is_flag=True, help="Only say what would move.")
@pass_app
def archive(app: App, older: float, dry_run: bool) -> None:
    """Move messages that are settled everywhere into postbox/<SENDER>/archive/; the ledger keeps them too."""
    from bluelabel.services.postbox.archive import archive as archiving

    workspace = app.workspace()
    ids = archiving(workspace.postbox, workspace.root / "postbox", older, workspace.actor, dry_run=dry_run)
    app.show("archive", {"ids": ids, "dry_run": dry_run}, f"{len(ids)} {'would move' if dry_run else 'moved'}")
    if ids and not dry_run:
        workspace.refresh_views(workspace.settings.directory.mailboxes)


dead = Group("dead", help="List, retry or purge dead letters.")


@dead.command("list")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def dead_list(app: App, agent: str | None) -> None:
    """List the dead letters of AGENT, or of all."""
    from bluelabel.services.postbox.dead_letters import dead_letters

    found = dead_letters(app.workspace().postbox, agent)
    _list(app, found)
    app.say(f"{len(found)} dead letter{'' if len(found) == 1 else 's'}")


@dead.command("retry")
@_ID
@pass_app
def dead_retry(app: App, message_id: str) -> None:
    """Put a dead letter back where it died; its attempts start anew."""
    from bluelabel.services.postbox.dead_letters import retry

    workspace = app.workspace()
    for item in retry(workspace.postbox, message_id, workspace.actor):
        answer = {"id": message_id, "recipient": item.recipient, "state": item.state.value}
        app.show("delivery", answer, f"{item.state.value} {message_id} to {item.recipient}")
        workspace.refresh_views([item.recipient])


@dead.command("purge")
@click.argument("agent", required=False, shell_complete=complete_agent)
@pass_app
def dead_purge(app: App, agent: str | None) -> None:
    """Give up every dead letter of AGENT, or of all; the ledger keeps them."""
    from bluelabel.services.postbox.dead_letters import purge

    workspace = app.workspace()
    count = purge(workspace.postbox, workspace.actor, agent)
    app.show("purge", {"purged": count}, f"{count} purged")
    workspace.refresh_views(workspace.settings.directory.mailboxes)


def _list(app: App, found: list[Delivery]) -> None:
    for item in found:
        app.emit("message", item.as_json())
    if found:
        app.table(COLUMNS, mailbox_rows(found))
