"""Sending, listing, claiming and settling messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.options import SPAN, complete_agent, complete_message, read_object, read_text
from bluelabel.apps.cli.utils.mail_printer import COLUMNS, describe, mailbox_rows
from bluelabel.interfaces.errors import NotFound, NotPermitted, Refused, UsageError
from bluelabel.interfaces.limits import VIEW_HANDLED, VIEW_WAITING
from bluelabel.interfaces.messages import Delivery, DeliveryState, Priority
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.outgoing import OutgoingMessage


@click.command("send")
@click.option("--from", "sender", required=True, shell_complete=complete_agent, help="Who sends it.")
@click.option("--to", "recipients", required=True, help="Agents, groups or queues, with commas; ALL for everyone.")
@click.option("--type", "type_", default=None, help="A message type, such as task_assignment; any word is kept.")
@click.option("--task", "task_id", help="The card it is about.")
@click.option("--subject", default="", help="One line.")
@click.option("--body", help="Its text; @FILE reads a file, - standard input.")
@click.option("--content", help="A JSON object; @FILE reads a file, - standard input.")
@click.option(
    "--priority",
    type=click.Choice([p.value for p in Priority], case_sensitive=False),
    default="MEDIUM",
    show_default=True,
    help="How urgent it is.",
)
@click.option("--thread", "thread_id", help="The conversation; that of the message it answers if not given.")
@click.option("--reply-to", shell_complete=complete_message, help="The message it answers.")
@click.option("--key", help="Sending twice with one key is one message.")
@click.option("--expires", type=SPAN, help="Not handed out after this long.")
@click.option("--delay", type=SPAN, help="Not handed out before this long.")
@click.option("--wait-for", type=click.Choice(["seen", "acked"]), help="Wait until every recipient has done this.")
@click.option("--timeout", type=SPAN, default="30s", show_default=True, help="For --wait-for.")
@pass_app
def send(app: App, /, sender: str, recipients: str, wait_for: str | None, timeout: float, **options: Any) -> None:
    """Send a message. It is on disk when this returns."""
    workspace = app.workspace()
    now = workspace.postbox.now()
    thread: str | None = options["thread_id"]
    if options["reply_to"]:
        answered = workspace.postbox.deliveries(options["reply_to"])[0].message
        thread = thread or answered.thread or answered.id
    outgoing = OutgoingMessage(
        sender,
        tuple(name.strip() for name in recipients.split(",") if name.strip()),
        options["type_"] or ("task_assignment" if options["task_id"] else "message"),
        options["subject"],
        _content(options["body"], options["content"]),
        options["task_id"],
        thread,
        options["reply_to"],
        Priority(options["priority"].upper()),
        not_before=now.after(options["delay"]) if options["delay"] else None,
        expires_at=now.after(options["expires"]) if options["expires"] else None,
        key=options["key"],
    )
    sent = workspace.postbox.send(outgoing)
    answer = {"id": sent.id, "state": sent.state, "seq": sent.seq, "to": list(sent.to), "duplicate": sent.duplicate}
    again = " (sent before with this key)" if sent.duplicate else ""
    app.show("send", answer, f"{sent.state} {sent.id} to {', '.join(sent.to)}{again}")
    workspace.refresh_views([sender, *sent.to])
    if wait_for and not workspace.postbox.wait_for(sent.id, wait_for, timeout):
        raise Refused(f"not {wait_for} by everyone in time", where=sent.id, hint="the message stays where it is")


def _content(body: str | None, content: str | None) -> dict[str, Any]:
    if body == "-" and content == "-":
        raise UsageError("--body and --content both want standard input", hint="give one of them a file: @FILE")
    found = read_object(content, "--content") if content is not None else {}
    return {**found, "body": read_text(body, "--body")} if body is not None else found


@click.command("inbox")
@click.argument("agent", shell_complete=complete_agent)
@click.option("--peek", is_flag=True, help="Do not mark the messages as seen.")
@click.option("--handled", is_flag=True, help="Show the last handled ones too.")
@click.option("--limit", type=click.IntRange(1), default=VIEW_WAITING, show_default=True, help="Show at most so many.")
@pass_app
def inbox(app: App, agent: str, peek: bool, handled: bool, limit: int) -> None:
    """List what waits for AGENT, most urgent first."""
    workspace = app.workspace()
    workspace.settings.directory.check(agent)
    workspace.read_edits(app.note)
    with workspace.book.reading() as db:
        found = queries.waiting(db, agent, limit)
        done = queries.handled(db, agent, VIEW_HANDLED) if handled else []
        counts = {box: _open(queries.counts_of(db, box)) for box in workspace.settings.directory.boxes_of(agent)}
    for item in (*found, *done):
        app.emit("message", item.as_json())
    waiting = counts.pop(agent)
    if found or done:
        app.table(COLUMNS, mailbox_rows((*found, *done)))
    more = f", {waiting - len(found):,} more not shown (--limit)" if waiting > len(found) else ""
    served = "".join(f", {n:,} in the queue {queue}" for queue, n in counts.items() if n)
    app.say(f"{waiting:,} waiting for {agent}{more}{served}")
    if not peek and (fresh := [d.message.id for d in found if d.seen_at is None]):
        try:
            workspace.postbox.mark_seen(agent, fresh)
        except NotPermitted as error:
            app.note(f"not marked as seen: {error}")


def _open(states: Mapping[str, int]) -> int:
    return states.get("sent", 0) + states.get("claimed", 0)


@click.command("outbox")
@click.argument("agent", shell_complete=complete_agent)
@click.option("--limit", type=click.IntRange(1), default=VIEW_WAITING, show_default=True, help="Show at most so many.")
@pass_app
def outbox(app: App, agent: str, limit: int) -> None:
    """List what AGENT has sent last, and how far it has come."""
    workspace = app.workspace()
    workspace.settings.directory.check(agent)
    workspace.read_edits(app.note)
    with workspace.book.reading() as db:
        found = queries.sent_by(db, agent, limit)
    for item in found:
        app.emit("message", item.as_json())
    if found:
        app.table(COLUMNS, mailbox_rows(found))
    app.say(f"{len({d.message.id for d in found}):,} sent by {agent}")


@click.command("claim")
@click.argument("agent", shell_complete=complete_agent)
@click.option("--wait", type=SPAN, default="0s", help="Wait this long for a message.")
@click.option("--lease", type=SPAN, default=None, help="How long the claim lasts.  [default: 15m]")
@pass_app
def claim(app: App, agent: str, wait: float, lease: float | None) -> None:
    """Take the most urgent message that waits for AGENT."""
    workspace = app.workspace()
    workspace.settings.directory.check(agent)
    workspace.read_edits(app.note)
    lease = workspace.settings.lease if lease is None else lease
    if lease <= 0:
        raise UsageError("a claim needs a lease", hint="give a duration above 0, such as --lease 15m")
    found = workspace.postbox.claim(agent, lease=lease, wait=wait, worker=workspace.worker_name(agent))
    if found is None:
        raise NotFound("nothing waits", where=agent, hint="use --wait 1m to wait for a message")
    app.show("claim", found.as_json(), describe(found))
    app.say(f"\ntoken {found.token}, until {found.lease_until}")
    workspace.refresh_views([found.recipient])


_ID = click.argument("message_id", metavar="ID", shell_complete=complete_message)
_TOKEN = click.option("--token", required=True, help="What `claim` has printed.")


@click.command("ack")
@_ID
@_TOKEN
@click.option("--result", help="What came of it: a JSON object, @FILE or -.")
@pass_app
def ack(app: App, message_id: str, token: str, result: str | None) -> None:
    """Finish a claimed message. Doing it twice is doing it once."""
    workspace = app.workspace()
    value = read_object(result, "--result") if result is not None else None
    _settled(app, workspace.postbox.ack(message_id, token, result=value))


@click.command("nack")
@_ID
@_TOKEN
@click.option("--reason", default="", help="Why; is kept with the message.")
@click.option("--delay", type=SPAN, default="0s", help="Hand it out again after this long.")
@pass_app
def nack(app: App, message_id: str, token: str, reason: str, delay: float) -> None:
    """Give a claimed message back."""
    _settled(app, app.workspace().postbox.nack(message_id, token, reason=reason, delay=delay))


@click.command("renew")
@_ID
@_TOKEN
@click.option("--lease", type=SPAN, default=None, help="How long from now.  [default: 15m]")
@pass_app
def renew(app: App, message_id: str, token: str, lease: float | None) -> None:
    """Ask for more time on a claimed message."""
    workspace = app.workspace()
    seconds = workspace.settings.lease if lease is None else lease
    _settled(app, workspace.postbox.renew(message_id, token, lease=seconds))


def _settled(app: App, found: Delivery) -> None:
    until = f" until {found.lease_until}" if found.state is DeliveryState.CLAIMED else ""
    answer = {
        "id": found.message.id,
        "state": found.state.value,
        "recipient": found.recipient,
        "lease_until": found.lease_until,
    }
    app.show("delivery", answer, f"{found.state.value} {found.message.id}{until}")
    app.workspace().refresh_views([found.recipient, found.message.sender])
