"""Retention: what was settled long ago moves from the index into monthly files that people can read and commit.

The ledger keeps every message for ever; the archive keeps the working set small.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from bluelabel.interfaces.errors import machine_error
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.strict_json import dumps
from bluelabel.interfaces.times import to_text
from bluelabel.services.files.disk import sync_directory
from bluelabel.services.postbox.postbox import Postbox

_OLD = (
    "SELECT m.id, m.sender, m.body, m.created_at FROM mail_messages m WHERE m.body <> '' AND m.created_at < ? "
    "AND NOT EXISTS (SELECT 1 FROM mail_deliveries d "
    "WHERE d.message_id = m.id AND d.state IN ('sent', 'claimed', 'dead'))"
)
_ENDS = "SELECT recipient, state, result, reason FROM mail_deliveries WHERE message_id = ? ORDER BY recipient"


def archive(postbox: Postbox, folder: Path, older_than: float, by: str, *, dry_run: bool = False) -> list[str]:
    """Move messages that were sent more than `older_than` seconds ago and are settled everywhere into the archive.

    Each goes to ``<sender>/archive/YYYY-MM.jsonl`` below `folder`, with how it ended. The files are durable before the
    ledger says so; after a crash between the two, the next call adds nothing twice.

    Args:
        postbox: whose messages.
        folder: ``postbox/`` of the worktree.
        older_than: age in seconds.
        by: who asked for it.
        dry_run: only return what would move.

    Returns:
        The ids of the messages.

    Raises:
        MachineError: a file could not be written; nothing was moved.
    """
    before = to_text(postbox.now().wall - timedelta(seconds=older_than))
    moved: list[str] = []

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        files: dict[Path, list[str]] = {}
        for message_id, sender, body, created_at in db.execute(_OLD, (before,)).fetchall():
            ends = [_end(row) for row in db.execute(_ENDS, (message_id,))]
            line = dumps({**json.loads(body), "ends": ends})
            files.setdefault(folder / sender / "archive" / f"{created_at[:7]}.jsonl", []).append(line)
            moved.append(message_id)
        if dry_run or not moved:
            return []
        for path, lines in files.items():
            _add(path, lines)
        return [Draft("message.archived", by, {"ids": moved})]

    try:
        if dry_run:
            with postbox.book.reading() as db:
                decide(db)
        else:
            postbox.book.append(decide)
    except OSError as error:
        raise machine_error(error, "archiving messages", str(folder)) from error
    return moved


def _end(row: Sequence[str | None]) -> dict[str, object]:
    recipient, state, result, reason = row
    end: dict[str, object] = {"recipient": recipient, "state": state}
    return end | ({"result": json.loads(result)} if result else {}) | ({"reason": reason} if reason else {})


def _add(path: Path, lines: Iterable[str]) -> None:
    """Append the lines that the file does not have yet, and make them durable."""
    there = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set[str]()
    new = "".join(f"{line}\n" for line in lines if line not in there)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(new)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
