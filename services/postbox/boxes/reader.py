"""Reads box files of every shape that agents write: messages, open tasks and history, each with what was wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.limits import MESSAGE_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.records.reading import BoxMessage, BoxReading, BoxTask
from bluelabel.services.postbox.boxes import shapes
from bluelabel.services.postbox.boxes.shapes import Entry
from bluelabel.services.postbox.tolerant_json.reader import Document, Documents, read_documents

NOT_A_BOX: Final = "not-a-box"
"""The code of the problem that a text with none of the shapes gets."""


def read_box(data: bytes, file: str, *, max_bytes: int = MESSAGE_BYTES) -> BoxReading:
    """Read every message, task and entry of history in a box file. Never raises; linear in the length.

    Args:
        data: the bytes of the file.
        file: what to call it in problems.
        max_bytes: a longer text is not read at all.
    """
    return reading_of(read_documents(data, file, max_bytes=max_bytes))


def reading_of(documents: Documents) -> BoxReading:
    """Return the records of a text that `read_documents` has read."""
    found = tuple(box_entries(documents))
    problems = list(documents.problems)
    if documents.values and not is_box(documents):
        problems.append(Problem(NOT_A_BOX, "no message, report, task list or signal in it"))
    messages = tuple(_message(entry) for entry in found if entry.sort == "message")
    counts = Counter(message.id for message in messages if message.id)
    problems.extend(
        Problem("duplicate-id", f"{count} messages have the id {name[:60]!r}")
        for name, count in counts.items()
        if count > 1
    )
    return BoxReading(
        messages=messages,
        tasks=tuple(_task(entry) for entry in found if entry.sort == "task"),
        history=tuple(_task(entry) for entry in found if entry.sort == "history"),
        problems=tuple(problems),
    )


def is_box(documents: Documents) -> bool:
    """Tell whether any value of a text has the shape of a box."""
    return any(shapes.entries(document.value) is not None for document in documents.values)


def box_entries(documents: Documents) -> Iterator[Entry]:
    """Yield the messages, tasks and history of a text in file order.

    Of the two sides of a merge conflict the near one comes first; from the far one only what the near one lacks.
    """
    near = [document for document in documents.values if not document.other_side]
    far = [document for document in documents.values if document.other_side]
    seen: set[str] = set()
    for entry in _entries_of(near):
        if far:
            seen.add(_identity(entry))
        yield entry
    for entry in _entries_of(far):
        if (identity := _identity(entry)) not in seen:
            seen.add(identity)
            yield entry


def _entries_of(documents: Sequence[Document]) -> Iterator[Entry]:
    for number, document in enumerate(documents):
        path = f"documents/{number}" if len(documents) > 1 else ""
        yield from shapes.entries(document.value, path) or ()


def _identity(entry: Entry) -> str:
    return entry.sort + strict_json.dumps(entry.raw)


def _message(entry: Entry) -> BoxMessage:
    raw = entry.raw
    return BoxMessage(
        id=shapes.message_id(raw),
        task_id=shapes.task_id(raw),
        type=shapes.message_type(raw),
        sender=shapes.sender(raw),
        recipient=shapes.recipient(raw),
        status=shapes.status(raw),
        raw=raw,
        path=entry.path,
    )


def _task(entry: Entry) -> BoxTask:
    return BoxTask(shapes.own_task_id(entry.raw), shapes.status(entry.raw), entry.raw, entry.path)
