"""A line of the ledger as a person wants to read it; `--json` gives all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event

_LEFT_OUT: Final = frozenset({"lease_up", "lease_boot", "place", "token", "origin", "h", "boot", "branch", "file"})
_WIDE: Final = 70


def event_line(event: Event) -> str:
    """Return number, time, who, what happened, and the facts that fit on a line."""
    head = f"{event.seq:>6}  {event.at[11:19]}  {event.by:<8} {event.kind:<17}"
    about = _sent(event.data) if event.kind == "message.sent" else _facts(event.data)
    return f"{head} {about}".rstrip()


def _sent(data: Mapping[str, Any]) -> str:
    message = data["message"]
    title = message.get("subject") or message.get("type", "message")
    task = f"{message['task_id']} " if message.get("task_id") else ""
    return f"{message['sender']} → {', '.join(data['to'])}: {task}{_short(title)} ({_short_id(message['id'])})"


def _facts(data: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for key, value in data.items():
        if key in _LEFT_OUT or value in (None, "", [], {}):
            continue
        if key in ("id", "message"):
            parts.append(_short_id(str(value)))
        elif isinstance(value, str | int | float):
            parts.append(f"{key} {_short(str(value))}")
        elif isinstance(value, list):
            parts.append(f"{len(value)} {key}")  # pyright: ignore[reportUnknownArgumentType]
    return ", ".join(parts)


def _short_id(text: str) -> str:
    """A UUID of version 7 begins with the time: its end tells messages of one minute apart."""
    return f"…{text[-8:]}" if len(text) == 36 and text.count("-") == 4 else text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDE else line[: _WIDE - 1] + "…"
