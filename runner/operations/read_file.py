"""Reads any file of a workspace and says what it is, by its content: what `bluelabel read` prints."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bluelabel.interfaces.errors import BluelabelError, NotFound, TooLarge, UnreadableInput, machine_error
from bluelabel.interfaces.limits import CARDS_BYTES, WORKFLOW_BYTES
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.records.reading import BoxMessage, BoxReading, BoxTask, FileKind
from bluelabel.services.cards.queries.record import looks_like_cards, read_cards
from bluelabel.services.postbox.boxes.reader import is_box, reading_of
from bluelabel.services.postbox.tolerant_json.reader import Documents, read_documents
from bluelabel.services.workflow.definition.record import looks_like_workflow, read_workflow
from bluelabel.services.workflow.store.run_reader import looks_like_index, looks_like_run, read_index, read_run

_LIMIT: Final = CARDS_BYTES
_START = 4096
_JSON = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|//[^\n]*\n|/\*.*?\*/|<{7}[^\n]*\n|```[a-z]*\s*\n)*"
    rb"(?:(?:export\s+)?(?:default|(?:const|let|var)\s+\w+\s*=)\s*|module\.exports\s*=\s*)?[{\[]",
    re.DOTALL,
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_YAML = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*\n|---[^\n]*\n|%[^\n]*\n)*[\w\"'-]+[ \t]*:(?:\s|$)")
# The readers of runs and workflows ask the name for the syntax; it is told from the content instead.
_AS_JSON, _AS_YAML = "content.json", "content.yaml"
_INDEX = "dag_runs_index.json"
_HANDED = re.compile(r"/dev/(?:stdin|fd/\d+)")
"""What the shell hands over: standard input, and what stands in ``<(…)``. These may be pipes."""


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file is and says.

    Attributes:
        file: its name as it was given.
        kind: what it is.
        record: the keys of its kind in ``bluelabel.read/1``.
        problems: what is wrong with it.
        error: why nothing could be read, or None.
    """

    file: str
    kind: FileKind
    record: Mapping[str, Any] = field(default_factory=dict[str, Any])
    problems: tuple[Problem, ...] = ()
    error: BluelabelError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of ``bluelabel.read/1`` without its schema."""
        problems = [problem.as_json() for problem in self.problems]
        return {"file": self.file, "kind": self.kind.value, **self.record, "problems": problems}


def read_file(path: str) -> FileReading:
    """Read one file, whatever it is. Never raises; changes nothing; opens no pipe and no device by itself.

    Args:
        path: the file; symbolic links are followed. ``-`` is standard input; it and ``/dev/fd/N`` may be pipes.
    """
    file = os.fsencode(path).decode("utf-8", "replace")
    try:
        return read_content(_bytes_of(path), file)
    except MemoryError:
        return _unread(file, TooLarge("there is not enough memory to read it", where=file, hint="split it"))
    except BluelabelError as error:
        return _unread(file, error)


def _unread(file: str, error: BluelabelError) -> FileReading:
    code = "not-found" if isinstance(error, NotFound) else "too-large" if isinstance(error, TooLarge) else "unreadable"
    return FileReading(file, FileKind.UNKNOWN, {}, (Problem(code, error.what, hint=error.hint),), error)


def read_content(data: bytes, file: str) -> FileReading:
    """Say what a text is and what it says.

    Args:
        data: the bytes of the file.
        file: what to call it.
    """
    if data.startswith(_WIDE) or _JSON.match(data, 0, _START):
        return _json(data, file)
    if looks_like_cards(data):
        cards, problems = read_cards(data)
        return FileReading(file, FileKind.TASK_CARDS, {"cards": cards}, tuple(problems))
    if _YAML.match(data, 0, _START) and looks_like_workflow(data[: WORKFLOW_BYTES + 1], _AS_YAML):
        return _workflow(data, file, _AS_YAML)
    return FileReading(file, FileKind.UNKNOWN)


def _bytes_of(path: str) -> bytes:
    """Return the bytes of a regular file, or of what the shell has handed over."""
    handed = path == "-" or _HANDED.fullmatch(path) is not None
    try:
        # O_NONBLOCK: a pipe without a writer must not hold the reader up before it can be seen that it is one.
        how = os.O_RDONLY | os.O_CLOEXEC | (0 if handed else getattr(os, "O_NONBLOCK", 0))
        fd = os.open("/dev/stdin" if path == "-" else path, how)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("no such file", where=path, hint="check the path") from None
    except ValueError:
        raise NotFound("no file can have this name", where=ascii(path), hint="check the path") from None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG}:
            raise UnreadableInput("not a file that can be read", where=path, hint="give a file of text") from None
        cause = machine_error(error, "reading", path)
        raise UnreadableInput(cause.what, where=path, hint=cause.hint) from None
    try:
        return _whole(fd, path, handed=handed)
    except OSError as error:
        cause = machine_error(error, "reading", path)
        raise UnreadableInput(cause.what, where=path, hint=cause.hint) from None
    finally:
        os.close(fd)


def _whole(fd: int, path: str, *, handed: bool) -> bytes:
    status = os.fstat(fd)
    if not (stat.S_ISREG(status.st_mode) or (handed and stat.S_ISFIFO(status.st_mode))):
        raise UnreadableInput("not a regular file", where=path, hint="give a file of text")
    size, parts = status.st_size, list[bytes]()
    while size <= _LIMIT and (part := os.read(fd, 1 << 20)):
        parts.append(part)
        size = max(size, sum(map(len, parts)))
    if size > _LIMIT:
        raise TooLarge(f"{size:,} bytes are over the limit of {_LIMIT:,}", where=path, hint="split it")
    return b"".join(parts)


def _json(data: bytes, file: str) -> FileReading:
    documents = read_documents(data, file)
    found = _of_runs(data, file, documents)
    if found is not None:
        return found
    if is_box(documents):
        return _box(reading_of(documents), file)
    if len(data) <= WORKFLOW_BYTES and looks_like_workflow(data, _AS_JSON):
        return _workflow(data, file, _AS_JSON)
    return FileReading(file, FileKind.UNKNOWN, {}, documents.problems, _not_whole(documents, file))


def _of_runs(data: bytes, file: str, documents: Documents) -> FileReading | None:
    """Read a run or an index of runs; a damaged one as far as it can be put together again."""
    damage: tuple[Problem, ...] = ()
    if not documents.strict and len(documents.values) == 1:
        data, damage = json.dumps(documents.values[0].value).encode(), documents.problems
    index_name = _INDEX if _INDEX in file else _AS_JSON
    error = None if documents.values else _not_whole(documents, file)
    if looks_like_run(data, _AS_JSON):
        record, problems = read_run(data, _AS_JSON)
        return FileReading(file, FileKind.DAG_RUN, {"run": record}, (*damage, *problems), error)
    if looks_like_index(data, index_name):
        runs, problems = read_index(data, index_name)
        return FileReading(file, FileKind.DAG_INDEX, {"runs": runs}, (*damage, *problems), error)
    return None


def _not_whole(documents: Documents, file: str) -> UnreadableInput | None:
    if documents.strict:
        return None
    first = documents.problems[0] if documents.problems else Problem("not-json", "not JSON")
    return UnreadableInput(first.message, where=first.at(file), hint=first.hint or "correct the text")


def _workflow(data: bytes, file: str, name: str) -> FileReading:
    record, problems = read_workflow(data, name)
    return FileReading(file, FileKind.WORKFLOW, {"workflow": record}, problems)


def _box(reading: BoxReading, file: str) -> FileReading:
    record = {
        "messages": [_message(message) for message in reading.messages],
        "tasks": [_task(task) for task in reading.tasks],
        "history": [_task(task) for task in reading.history],
    }
    return FileReading(file, FileKind.POSTBOX, record, reading.problems)


def _message(message: BoxMessage) -> dict[str, str | None]:
    return {
        "id": message.id,
        "task_id": message.task_id,
        "type": message.type,
        "sender": message.sender,
        "recipient": message.recipient,
        "status": message.status,
    }


def _task(task: BoxTask) -> dict[str, str | None]:
    return {"task_id": task.task_id, "status": task.status}
