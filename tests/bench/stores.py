"""Bluelabel and its peers behind one small interface: put a text, take one, say that it is done.

Each is used as its documentation says and made as durable as its options allow; what a peer cannot do is said in
its note. Runs in any interpreter: a store imports its library when it is opened.
"""

from __future__ import annotations

import fcntl
import json
import mailbox
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

Done = Callable[[], None]


class Store(Protocol):
    """What is measured."""

    def put(self, text: str) -> None:
        """Keep a text; it is acknowledged when this returns."""
        ...

    def take(self) -> tuple[str, Done] | None:
        """Return the next text and a function that says it is done, or None when nothing waits."""
        ...


class Append:
    """The floor: one append and fdatasync for each text; taking reads the next line and appends its number."""

    note = "write + fdatasync"

    def __init__(self, where: Path) -> None:
        self._fd = os.open(where / "lines", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def put(self, text: str) -> None:
        os.write(self._fd, text.encode() + b"\n")
        os.fdatasync(self._fd)

    def take(self) -> tuple[str, Done] | None:
        return "", lambda: self.put("")


class Bluelabel:
    """The post office, as a worker uses it: a claim rides with the next sync, sending and finishing are synced."""

    note = "append-only ledger, one fdatasync"

    def __init__(self, where: Path) -> None:
        from bluelabel.runner.operations.setup import plan, run
        from bluelabel.runner.workspace import Workspace
        from bluelabel.services.postbox.outgoing import OutgoingMessage

        if not (where / ".bluelabel").exists():
            _, steps = plan(where, ["CC", "CA"])
            run(steps, lambda _text: None)
        self.workspace = Workspace.open(where)
        self.postbox = self.workspace.postbox
        self._message = OutgoingMessage

    def preload(self, count: int, text: str) -> None:
        """Let `count` messages wait, a thousand in one unit."""
        message = self._message("CC", ("CA",), content={"body": text})
        for start in range(0, count, 1000):
            self.postbox.send_all([message] * min(1000, count - start))

    def written(self) -> int:
        """Return how many bytes the ledger has."""
        return sum(path.stat().st_size for path in (self.workspace.home / "ledger").glob("*.jsonl"))

    def put(self, text: str) -> None:
        self.postbox.send(self._message("CC", ("CA",), content={"body": text}))

    def take(self) -> tuple[str, Done] | None:
        held = self.postbox.claim("CA", durable=False, lease=1.0)
        if held is None or held.token is None:
            return None
        message, token = held.message, held.token
        return str(message.content["body"]), lambda: _ignore(self.postbox.ack(message.id, token))


class NaiveArray:
    """The obvious first draft: a JSON array, read and written whole under a lock; here at least synced."""

    note = "whole-file rewrite in place, fsync"

    def __init__(self, where: Path) -> None:
        self._path, self._lock = where / "inbox.json", where / "lock"

    def preload(self, count: int, text: str) -> None:
        """Let `count` messages wait."""
        self._path.write_text(json.dumps([{"body": f"{n}{text}", "done": False} for n in range(count)]))

    def put(self, text: str) -> None:
        self._change(lambda items: items.append({"body": text, "done": False}))

    def take(self) -> tuple[str, Done] | None:
        item = next((item for item in self._read() if not item["done"]), None)
        return None if item is None else (item["body"], lambda: self._change(lambda items: _mark(items, item["body"])))

    def _read(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._path.read_bytes()) if self._path.exists() else []
        return found

    def _change(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            items = self._read()
            change(items)
            with self._path.open("w", encoding="utf-8") as file:
                json.dump(items, file)
                file.flush()
                os.fsync(file.fileno())


class Maildir:
    """The standard library's Maildir: one file for each message, synced; its directory is not."""

    note = "one file a message, file fsync, no directory fsync"

    def __init__(self, where: Path) -> None:
        self._box = mailbox.Maildir(str(where / "mail"), create=True)

    def put(self, text: str) -> None:
        self._box.add(text.encode())

    def take(self) -> tuple[str, Done] | None:
        key = min(self._box.iterkeys(), default=None)
        return None if key is None else (self._box.get_bytes(key).decode(), lambda: self._box.remove(key))


class DirQ:
    """dirq: one file for each message; nothing is synced."""

    note = "one file a message, no fsync"

    def __init__(self, where: Path) -> None:
        from dirq.QueueSimple import QueueSimple  # type: ignore[import-not-found]

        self._queue = QueueSimple(str(where / "queue"))
        self._names: list[str] = []

    def put(self, text: str) -> None:
        self._queue.add(text)

    def take(self) -> tuple[str, Done] | None:
        name = self._queue.first()
        while name:
            if self._queue.lock(name):
                return str(self._queue.get(name).decode()), partial(self._queue.remove, name)
            name = self._queue.next()
        return None


class PersistQueue:
    """persist-queue's acknowledging SQLite queue, one commit for each change."""

    note = "SQLite, a commit a change (WAL, synchronous as the library sets it)"

    def __init__(self, where: Path) -> None:
        from persistqueue import Empty, SQLiteAckQueue  # type: ignore[import-not-found]

        self._empty = Empty
        self._queue = SQLiteAckQueue(str(where / "queue"), auto_commit=True, auto_resume=True)

    def put(self, text: str) -> None:
        self._queue.put(text)

    def take(self) -> tuple[str, Done] | None:
        try:
            item = self._queue.get(block=False)
        except self._empty:
            return None
        return item, lambda: _ignore(self._queue.ack(item))


class LiteQueue:
    """litequeue: SQLite in WAL mode."""

    note = "SQLite WAL, synchronous as the library sets it"

    def __init__(self, where: Path) -> None:
        from litequeue import LiteQueue as Queue  # type: ignore[import-not-found]

        self._queue = Queue(filename_or_conn=str(where / "queue.db"))
        for message in list(self._queue.list_locked(0)):
            self._queue.retry(message.message_id)

    def put(self, text: str) -> None:
        self._queue.put(text)

    def take(self) -> tuple[str, Done] | None:
        message = self._queue.pop()
        return None if message is None else (message.data, lambda: _ignore(self._queue.done(message.message_id)))


class Huey:
    """huey's SQLite storage with its fsync option; a task is gone once it is taken."""

    note = "SQLite, fsync=True; taking removes"

    def __init__(self, where: Path) -> None:
        from huey.storage import SqliteStorage  # type: ignore[import-not-found]

        self._storage = SqliteStorage(filename=str(where / "huey.db"), fsync=True)

    def put(self, text: str) -> None:
        self._storage.enqueue(text.encode())

    def take(self) -> tuple[str, Done] | None:
        found = self._storage.dequeue()
        return None if found is None else (found.decode(), lambda: None)


STORES: dict[str, Callable[[Path], Store]] = {
    "append": Append,
    "bluelabel": Bluelabel,
    "naive array": NaiveArray,
    "Maildir": Maildir,
    "dirq": DirQ,
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
    "huey": Huey,
}
IN_VENV = ("dirq", "persist-queue", "litequeue", "huey")
"""Those that need a library of their own."""


def note_of(name: str) -> str:
    """Return in a few words how a store keeps what it is given."""
    return str(getattr(STORES[name], "note", ""))


def _mark(items: list[dict[str, Any]], body: str) -> None:
    for item in items:
        if item["body"] == body:
            item["done"] = True


def _ignore(_value: object) -> None:
    """Take a value and give none."""
