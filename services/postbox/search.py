"""Full-text search over all messages, in an index of its own that is brought up to date when somebody searches."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.events import Event
from bluelabel.interfaces.messages import Delivery
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.index import Index
from bluelabel.services.ledger.write_batch import Writes
from bluelabel.services.postbox import queries


class SearchProjection:
    """The table ``search_messages``: an FTS5 table of subjects and contents (https://www.sqlite.org/fts5.html)."""

    name = "search"
    version = 1
    ddl = "CREATE VIRTUAL TABLE search_messages USING fts5 (id UNINDEXED, sender, task_id, subject, content)"

    def apply(self, writes: Writes, event: Event) -> None:
        """Take in the text of a message that was sent or amended."""
        if event.kind == "message.sent":
            message = event.data["message"]
            row = (message["id"], message["sender"], message.get("task_id") or "", message.get("subject", ""))
            text = dumps(message.get("content", {}))
            writes.put(message["id"], "INSERT INTO search_messages VALUES (?, ?, ?, ?, ?)", (*row, text))
        elif event.kind == "message.amended":
            for column in ("subject", "content"):
                if column in event.data["changes"]:
                    value = event.data["changes"][column]
                    text = value if isinstance(value, str) else dumps(value)
                    update = f"UPDATE search_messages SET {column} = ? WHERE id = ?"
                    writes.put(event.data["id"], update, (text, event.data["id"]))


def search(book: Book, home: Path, boot: str, text: str, limit: int) -> list[Delivery]:
    """Return the deliveries of the messages that hold all words of `text`, best first.

    Args:
        book: whose messages.
        home: the state directory, where the search index is kept.
        boot: id of this start of the machine.
        text: words; each matches as a prefix.
        limit: of messages.

    Raises:
        UsageError: there is no word in `text`.
    """
    words = [word.replace('"', "") for word in text.split()]
    query = " ".join(f'"{word}"*' for word in words if any(c.isalnum() for c in word))
    if not query:
        raise UsageError("nothing to search for", where=repr(text[:40]), hint="give a word")
    index = Index(home / "search.db", (SearchProjection(),), boot)
    try:
        index.catch_up(book.ledger)
        ranked = index.db.execute(
            "SELECT id FROM search_messages WHERE search_messages MATCH ? ORDER BY rank", (query,)
        )
        with book.reading() as db:
            found = (queries.of_message(db, message_id) for (message_id,) in ranked)
            here = islice((items for items in found if items), limit)  # the words of archived ones are known as well
            return [item for items in here for item in items]
    finally:
        index.close()
