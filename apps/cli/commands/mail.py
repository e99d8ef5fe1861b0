"""Sending, listing, claiming and settling messages."""

from __future__ import annotations

from typing import Any

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.options import SPAN, complete_agent, complete_message, read_object, read_text
from bluelabel.apps.cli.utils.mail_printer import describe, show_messages
from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.limits import VIEW_WAITING
from bluelabel.interfaces.messages import DeliveryState, Priority
from bluelabel.interfaces.records.mail import Settlement
from bluelabel.runner.operations import claims, mail


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
    sent = mail.send(
        workspace,
        sender,
        [name.strip() for name in recipients.split(",") if name.strip()],
        _content(options.pop("body"), options.pop("content")),
        priority=Priority(options.pop("priority").upper()),
        thread=options.pop("thread_id"),
        **options,
    )
    app.put(sent)
    app.say(f"{sent.state} {sent.id} to {', '.join(sent.to)}{' (sent before with this key)' if sent.duplicate else ''}")
    if wait_for:
        mail.wait_for(workspace, sent.id, wait_for, timeout)


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
    found = mail.inbox(workspace, agent, peek=peek, handled=handled, limit=limit)
    show_messages(app, (*found.waiting, *found.handled))
    counts = dict(found.counts)
    waiting = counts.pop(agent)
    left = waiting - len(found.waiting)
    more = f", {left:,} more not shown (--limit)" if left > 0 else ""
    served = "".join(f", {n:,} in the queue {queue}" for queue, n in counts.items() if n)
    app.say(f"{waiting:,} waiting for {agent}{more}{served}")
    mail.mark_seen(workspace, agent, found)


@click.command("outbox")
@click.argument("agent", shell_complete=complete_agent)
@click.option("--limit", type=click.IntRange(1), default=VIEW_WAITING, show_default=True, help="Show at most so many.")
@pass_app
def outbox(app: App, agent: str, limit: int) -> None:
    """List what AGENT has sent last, and how far it has come."""
    found = mail.outbox(app.workspace(), agent, limit=limit)
    show_messages(app, found)
    app.say(f"{len({d.message.id for d in found}):,} sent by {agent}")


@click.command("claim")
@click.argument("agent", shell_complete=complete_agent)
@click.option("--wait", type=SPAN, default="0s", help="Wait this long for a message.")
@click.option("--lease", type=SPAN, default=None, help="How long the claim lasts.  [default: 15m]")
@pass_app
def claim(app: App, agent: str, wait: float, lease: float | None) -> None:
    """Take the most urgent message that waits for AGENT."""
    found = claims.claim(app.workspace(), agent, wait=wait, lease=lease)
    app.show("claim", found.as_json(), describe(found))
    app.say(f"\ntoken {found.token}, until {found.lease_until}")


_ID = click.argument("message_id", metavar="ID", shell_complete=complete_message)
_TOKEN = click.option("--token", required=True, help="What `claim` has printed.")


@click.command("ack")
@_ID
@_TOKEN
@click.option("--result", help="What came of it: a JSON object, @FILE or -.")
@pass_app
def ack(app: App, message_id: str, token: str, result: str | None) -> None:
    """Finish a claimed message. Doing it twice is doing it once."""
    value = read_object(result, "--result") if result is not None else None
    _settled(app, claims.ack(app.workspace(), message_id, token, value))


@click.command("nack")
@_ID
@_TOKEN
@click.option("--reason", default="", help="Why; is kept with the message.")
@click.option("--delay", type=SPAN, default="0s", help="Hand it out again after this long.")
@pass_app
def nack(app: App, message_id: str, token: str, reason: str, delay: float) -> None:
    """Give a claimed message back."""
    _settled(app, claims.nack(app.workspace(), message_id, token, reason=reason, delay=delay))


@click.command("renew")
@_ID
@_TOKEN
@click.option("--lease", type=SPAN, default=None, help="How long from now.  [default: 15m]")
@pass_app
def renew(app: App, message_id: str, token: str, lease: float | None) -> None:
    """Ask for more time on a claimed message."""
    _settled(app, claims.renew(app.workspace(), message_id, token, lease=lease))


def _settled(app: App, found: Settlement) -> None:
    until = f" until {found.lease_until}" if found.state is DeliveryState.CLAIMED else ""
    app.put(found)
    app.say(f"{found.state.value} {found.id}{until}")
