"""Messages: sending them, looking at them, following them, taking them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bluelabel.interfaces.errors import NotFound, NotPermitted, Refused
from bluelabel.interfaces.limits import VIEW_HANDLED, VIEW_WAITING
from bluelabel.interfaces.messages import Delivery, Priority
from bluelabel.interfaces.records.mail import Inbox, Sent, Settlement
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.outgoing import OutgoingMessage

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


def send(
    workspace: Workspace,
    sender: str,
    recipients: Sequence[str],
    content: Mapping[str, Any],
    *,
    type_: str | None = None,
    subject: str = "",
    task_id: str | None = None,
    thread: str | None = None,
    reply_to: str | None = None,
    priority: Priority = Priority.MEDIUM,
    delay: float | None = None,
    expires: float | None = None,
    key: str | None = None,
) -> Sent:
    """Send a message. It is on disk when this returns.

    Args:
        workspace: where.
        sender: who sends it.
        recipients: agents, groups or queues; ``ALL`` for everyone.
        content: what it says.
        type_: its type; ``task_assignment`` where there is a task, else ``message``, unless given.
        subject: one line.
        task_id: the card it is about.
        thread: the conversation; that of the message it answers unless given.
        reply_to: the message it answers.
        priority: how urgent it is.
        delay: seconds before which it is not handed out.
        expires: seconds after which it is not handed out.
        key: sending twice with one key is one message.

    Raises:
        UnknownAgent: a sender or recipient that nobody is called.
        NotFound: no message to answer.
        UsageError, TooLarge: a field holds what it cannot.
        MachineError: nothing was sent.
    """
    postbox = workspace.postbox
    now = postbox.now()
    if reply_to:
        answered = postbox.deliveries(reply_to)[0].message
        thread = thread or answered.thread or answered.id
    outgoing = OutgoingMessage(
        sender,
        tuple(recipients),
        type_ or ("task_assignment" if task_id else "message"),
        subject,
        content,
        task_id,
        thread,
        reply_to,
        priority,
        not_before=now.after(delay) if delay else None,
        expires_at=now.after(expires) if expires else None,
        key=key,
    )
    sent = postbox.send(outgoing)
    workspace.refresh_views([sender, *sent.to])
    return sent


def wait_for(workspace: Workspace, message_id: str, state: str, timeout: float) -> None:
    """Wait until every recipient has done with a message what `state` says.

    Args:
        workspace: where.
        message_id: of the message.
        state: ``seen`` or ``acked``.
        timeout: seconds.

    Raises:
        Refused: time ran out; the message stays where it is.
    """
    if not workspace.postbox.wait_for(message_id, state, timeout):
        raise Refused(f"not {state} by everyone in time", where=message_id, hint="the message stays where it is")


def reply(
    workspace: Workspace,
    message_id: str,
    sender: str,
    content: Mapping[str, Any],
    *,
    type_: str = "message",
    subject: str | None = None,
) -> Sent:
    """Answer a message: to its sender, in its thread.

    Raises:
        NotFound: no such message.
    """
    sent = workspace.postbox.reply(message_id, sender, content, type_=type_, subject=subject)
    workspace.refresh_views([sender, *sent.to])
    return replace(sent, duplicate=None)


def inbox(
    workspace: Workspace, agent: str, *, peek: bool = False, handled: bool = False, limit: int = VIEW_WAITING
) -> Inbox:
    """Return what waits for an agent, most urgent first.

    Args:
        workspace: where.
        agent: whose inbox.
        peek: do not mark the messages as seen.
        handled: return the last handled ones too.
        limit: at most so many that wait.

    Raises:
        UnknownAgent: nobody is called so.
    """
    directory = workspace.settings.directory
    directory.check(agent)
    workspace.read_edits()
    with workspace.book.reading() as db:
        found = queries.waiting(db, agent, limit)
        done = queries.handled(db, agent, VIEW_HANDLED) if handled else []
        counts = {box: _open(queries.counts_of(db, box)) for box in directory.boxes_of(agent)}
    return Inbox(tuple(found), tuple(done), counts, peek=peek)


def mark_seen(workspace: Workspace, agent: str, inbox: Inbox) -> None:
    """Record that an agent has looked at its inbox. A door calls it after it has shown the inbox, not before."""
    fresh = [delivery.message.id for delivery in inbox.waiting if delivery.seen_at is None]
    if fresh and not inbox.peek:
        try:
            workspace.postbox.mark_seen(agent, fresh)
        except NotPermitted as error:
            workspace.remark(f"not marked as seen: {error}")


def outbox(workspace: Workspace, agent: str, *, limit: int = VIEW_WAITING) -> tuple[Delivery, ...]:
    """Return how far the last `limit` messages that an agent sent have come, oldest first.

    Raises:
        UnknownAgent: nobody is called so.
    """
    workspace.settings.directory.check(agent)
    workspace.read_edits()
    with workspace.book.reading() as db:
        return tuple(queries.sent_by(db, agent, limit))


def withdraw(workspace: Workspace, message_id: str, sender: str | None = None) -> list[Settlement]:
    """Take back a message wherever it still waits; as the actor unless `sender` is given.

    Raises:
        NotFound: no such message.
        UsageError: somebody else sent it.
        IllegalTransition: nobody has it waiting any more.
    """
    found = workspace.postbox.withdraw(message_id, sender or workspace.actor)
    workspace.refresh_views([found[0].message.sender, *(item.recipient for item in found)])
    return [Settlement.of(item) for item in found]


def thread(workspace: Workspace, message_id: str) -> tuple[Delivery, ...]:
    """Return the conversation that a message belongs to, oldest first.

    Raises:
        NotFound: no such message.
    """
    workspace.read_edits()
    first = workspace.postbox.deliveries(message_id)[0].message
    with workspace.book.reading() as db:
        return tuple(queries.in_thread(db, first.thread or first.id))


def search(workspace: Workspace, text: str, *, limit: int = 50) -> tuple[Delivery, ...]:
    """Return the deliveries of at most `limit` messages that hold all words of `text`, best first.

    Raises:
        UsageError: there is no word in `text`.
        NotFound: no message holds them.
    """
    from bluelabel.services.postbox import search as searching

    workspace.read_edits()
    found = searching.search(workspace.book, workspace.home, workspace.clock.boot(), text, limit)
    if not found:
        raise NotFound("no message holds these words", where=text[:80], hint="words match from their beginning")
    return tuple(found)


def follow(
    workspace: Workspace, agent: str | None = None, stop: Callable[[], bool] | None = None
) -> Iterator[Delivery]:
    """Yield messages as they are sent from now on, to an agent or to anyone, until `stop` says so.

    Raises:
        UnknownAgent: nobody is called so.
    """
    if agent is not None:
        workspace.settings.directory.check(agent)
    head = workspace.book.head().seq
    return _arriving(workspace, agent, head, stop)


def _arriving(
    workspace: Workspace, agent: str | None, after: int, stop: Callable[[], bool] | None
) -> Iterator[Delivery]:
    for events in workspace.book.follow(after, stop):
        for event in events:
            if event.kind == "message.sent" and (agent is None or agent in event.data["to"]):
                for item in workspace.postbox.deliveries(event.data["message"]["id"]):
                    if agent in (None, item.recipient):
                        yield item


def _open(states: Mapping[str, int]) -> int:
    return states.get("sent", 0) + states.get("claimed", 0)
