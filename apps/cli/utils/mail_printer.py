"""Messages as people and programs want to read them."""

from __future__ import annotations

from collections.abc import Sequence

from bluelabel.apps.cli.app import App, plain
from bluelabel.interfaces.messages import Delivery, Priority
from bluelabel.interfaces.strict_json import dumps

_COLUMNS = ("ID", "State", "Way", "Task", "Subject")


def show_messages(app: App, items: Sequence[Delivery]) -> None:
    """Print deliveries, a JSON line or a row of a table each."""
    for item in items:
        app.emit("message", item.as_json())
    if items:
        app.table(_COLUMNS, _rows(items))


def _rows(items: Sequence[Delivery]) -> list[list[str]]:
    return [
        [d.message.id, _state(d), f"{d.message.sender} → {d.recipient}", d.message.task_id or d.message.type, title(d)]
        for d in items
    ]


def describe(item: Delivery) -> str:
    """Return a whole message as text."""
    message = item.message
    head = [
        f"id:       {message.id}",
        f"from:     {message.sender}    to: {item.recipient}",
        f"type:     {message.type}    priority: {message.priority.value}",
        f"sent:     {message.created_at}    attempt: {item.attempt}    state: {_state(item)}",
        *([f"task:     {message.task_id}"] if message.task_id else []),
        *([f"subject:  {message.subject}"] if message.subject else []),
    ]
    body = message.content.get("body")
    rest = {key: value for key, value in message.content.items() if key != "body"}
    text = [plain(body)] if isinstance(body, str) else []
    return "\n".join([plain(line) for line in head] + [""] + text + ([dumps(rest)] if rest else []))


def title(item: Delivery) -> str:
    """Return what a message is about: its subject, else the beginning of its text; urgent ones say so."""
    body = item.message.content.get("body")
    lines = body.splitlines() if isinstance(body, str) else []
    about = item.message.subject or (lines[0][:60] if lines else "")
    urgent = item.message.priority in (Priority.HIGH, Priority.CRITICAL)
    return f"{item.message.priority.value} {about}" if urgent else about


def _state(item: Delivery) -> str:
    return f"claimed by {item.claimed_by}" if item.state == "claimed" else item.state.value
