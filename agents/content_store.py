"""The store of ingested documents: one JSON file each, written whole or not at all, never overwritten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import AlreadyExists, BluelabelError, NotFound, UnreadableInput, machine_error
from bluelabel.interfaces.names import identifier

RECORD_BYTES: Final = 64 * 1024 * 1024
"""The largest record that is read."""


def new_id() -> str:
    """Return a UUID version 7: unique, later ones sorting after earlier ones."""
    import uuid_utils

    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of the store that could not be read, and why."""

    file: str
    why: str


class ContentStore:
    """Documents as ``<content_id>.json`` in one directory.

    Each is an object with ``id``, ``type``, ``title``, ``summary``, ``content``, ``metadata`` and ``created_at``.

    Args:
        storage: the directory; made when the first document is stored.
        scratch: where a document is written before it appears in the store; on the same file system. None: the
            directory itself.
        ids: where new ids come from.
    """

    def __init__(self, storage: Path, scratch: Path | None = None, *, ids: Callable[[], str] = new_id) -> None:
        self.storage = storage
        self._scratch = scratch or storage
        self._ids = ids

    def add(self, kind: str, record: dict[str, Any]) -> str:
        """Store `record` under a new id and return the id, which is also written into the record as ``id``.

        When this returns, the document survives a power cut; until then it is not there at all.

        Args:
            kind: the first part of the id, for example ``url``.
            record: JSON values.

        Raises:
            MachineError: it could not be written.
            AlreadyExists: the source of ids gave one that is taken.
        """
        content_id = identifier(f"{kind}_{self._ids()}", "a content id")
        line = strict_json.dumps({"id": content_id, **record}).encode("utf-8", errors="replace") + b"\n"
        target = self.storage / f"{content_id}.json"
        temporary = self._scratch / f".{content_id}.{os.getpid()}.tmp"
        try:
            self.storage.mkdir(parents=True, exist_ok=True)
            self._scratch.mkdir(parents=True, exist_ok=True)
            _write_durably(temporary, line)
            try:
                # A link, unlike a rename, never replaces a document that is there.
                os.link(temporary, target)
            finally:
                temporary.unlink()
            _sync_directory(self.storage)
        except FileExistsError:
            raise AlreadyExists("a document has this id already", where=content_id) from None
        except OSError as error:
            raise machine_error(error, "storing a document", str(target)) from None
        return content_id

    def get(self, content_id: str) -> dict[str, Any]:
        """Return one document.

        Raises:
            NotFound: no document has this id.
            UnreadableInput: its file is damaged.
        """
        path = self.storage / f"{identifier(content_id, 'a content id')}.json"
        return self._read(path)

    def documents(self, unreadable: list[Unreadable] | None = None) -> Iterator[dict[str, Any]]:
        """Yield all documents, by file name.

        Args:
            unreadable: gets an entry for each file that was skipped because it cannot be read.
        """
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(self.storage.glob("*.json")):
                if path.name.startswith("."):
                    continue
                try:
                    yield self._read(path)
                except BluelabelError as error:
                    if unreadable is not None:
                        unreadable.append(Unreadable(path.name, str(error)))

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                text = file.read(RECORD_BYTES + 1)
        except FileNotFoundError:
            raise NotFound("no such document", where=path.stem) from None
        except OSError as error:
            raise machine_error(error, "reading a document", str(path)) from None
        record = strict_json.loads(text, str(path), max_bytes=RECORD_BYTES)
        if not isinstance(record, dict):
            raise UnreadableInput("not a document (a JSON object)", where=str(path))
        return {"id": path.stem, **record}


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
