"""What steps return, as JSON: small values stand in the event, large ones in a file beside the ledger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import UnreadableInput, machine_error
from bluelabel.services.files.disk import make_directory, replace_file

LARGE: Final = 64 * 1024
"""Characters of JSON above which a result is stored beside."""

REFERENCE: Final = "$ref"
_SHORT = 4096
_FEW = 16
_DEEP = 3
_LARGE: Final = object()


class Results:
    """Large results, one file each, named by what they hold.

    Args:
        folder: where they are; None keeps everything in the event.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(self, run_id: str, value: object) -> Any:
        """Return `value` as JSON, or a reference to the file that now holds it, durable.

        Raises:
            MachineError: the file could not be written.
        """
        small = _small_copy(value, _DEEP)
        if small is not _LARGE:
            return small
        text = _dumps(value)
        if self._folder is None or len(text) <= LARGE:
            return json.loads(text)
        data = text.encode()
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / run_id / f"{name}.json"
        try:
            make_directory(path.parent)
            replace_file(path, data)
        except OSError as error:
            raise machine_error(error, "storing a result", str(path)) from error
        return {REFERENCE: f"{run_id}/{name}.json", "bytes": len(data)}

    def load(self, value: object) -> Any:
        """Return the value that `keep` was given.

        Raises:
            UnreadableInput: the file is gone or is not what was stored.
        """
        name = cast("Mapping[str, object]", value).get(REFERENCE) if isinstance(value, Mapping) else None
        if self._folder is None or not isinstance(name, str):
            return cast("Any", value)
        path = self._folder / name
        hint = "run the step again with `run dag --retry RUN --from STEP`"
        try:
            data = path.read_bytes()
        except OSError:
            raise UnreadableInput("a stored result is gone", where=str(path), hint=hint) from None
        if not name.endswith(f"{hashlib.sha256(data).hexdigest()}.json"):
            raise UnreadableInput("a stored result has been changed", where=str(path), hint=hint)
        return strict_json.loads(data, str(path), max_bytes=len(data))


def _small_copy(value: object, deep: int) -> object:
    """Return a copy of a value that certainly is JSON and not large, cheaper than by writing it; else _LARGE.

    A copy, because a step may go on changing what it returned.
    """
    kind = type(value)
    if kind is str:
        return value if len(cast("str", value)) <= _SHORT else _LARGE
    if value is None or kind is bool or kind is int:
        return value
    if kind is dict and deep:
        items = cast("dict[object, object]", value)
        copy = {key: _small_copy(item, deep - 1) for key, item in items.items() if type(key) is str}
        return copy if len(copy) == len(items) <= _FEW and _LARGE not in copy.values() else _LARGE
    if kind is list and deep:
        entries = [_small_copy(item, deep - 1) for item in cast("list[object]", value)[: _FEW + 1]]
        return entries if len(entries) <= _FEW and _LARGE not in entries else _LARGE
    return _LARGE


def _dumps(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_json, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(repr(value)[:LARGE])  # finished work is never thrown away because of its shape


def _as_json(value: Any) -> object:
    """Make JSON of what Python objects commonly are, and of anything else its text."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(cast("set[Any]", value), key=str)
    if isinstance(value, Mapping):
        return {**cast("Mapping[str, Any]", value)}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
