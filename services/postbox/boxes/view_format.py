"""The text of a view: how a box is written, told apart from an edited one, and read back.

One message a line, a header first and ``null`` last, so that every message line ends in a comma and the additions of
two branches merge line by line. The header's ``rev`` holds a digest of the text: a file whose digest is right is one
that this program wrote, and nobody has edited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from bluelabel.interfaces.strict_json import dumps

Box = Literal["inbox", "outbox"]
BOXES: Final[tuple[Box, ...]] = ("inbox", "outbox")
FORM: Final = "bluelabel/1"
SHOWN_BYTES: Final = 4 * 1024 * 1024
"""A view stops growing at this length, so that it stays a file a person can open."""

DELIVERY_KEYS: Final = frozenset(
    {"state", "recipient", "attempt", "seen_at", "claimed_by", "lease_until", "result", "reason"}
)
"""Keys of a line that tell how far the message has come; the others are the message itself."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a view.

    Attributes:
        agent, box: whose box, and which.
        home: id of the post office that wrote it.
        rev: names this text; ``<ledger seq>-<digest>``.
        shown: how many messages are in it.
        more: how many there are beside, by ``waiting`` and ``handled``.
    """

    agent: str
    box: str
    home: str
    rev: str = ""
    shown: int = 0
    more: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Header:
        """Read a header line; what is missing or of another type is left empty."""

        def text(key: str) -> str:
            found = value.get(key)
            return found if isinstance(found, str) else ""

        shown = value.get("shown")
        more = value.get("more")
        return cls(
            text("agent"),
            text("box"),
            text("home"),
            text("rev"),
            shown if isinstance(shown, int) else 0,
            cast("dict[str, int]", more) if isinstance(more, dict) else {},
        )


def render(header: Header, seq: int, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a view.

    Args:
        header: `rev` and `shown` are filled in here.
        seq: where the ledger ended when the entries were read.
        entries: the lines, in order; past `SHOWN_BYTES` they are left out and counted in ``more``.
    """
    lines: list[str] = []
    size = 0
    for entry in entries:
        line = dumps(entry) + ","
        size += len(line.encode())
        if size > SHOWN_BYTES and lines:
            break
        lines.append(line)
    more = dict(header.more)
    if len(lines) < len(entries):
        more["too_long"] = len(entries) - len(lines)
    return _text(header, more, lines, f"{seq}-{_digest(header, more, lines, str(seq))}")


def is_own(text: str) -> Header | None:
    """Return the header if `text` is a view exactly as it was written, else None."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != "[" or lines[-2:] != ["null]", ""]:
        return None
    try:
        value = json.loads(lines[1].removesuffix(","))
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    header = Header.of(cast("dict[str, Any]", value))
    seq, _, digest = header.rev.partition("-")
    body = lines[2:-2]
    if digest != _digest(header, header.more, body, seq) or lines[1] != _head(header, header.more, body, header.rev):
        return None
    return header


def same_content(one: str, other: str) -> bool:
    """Tell whether two views say the same, though they may have been written at different moments."""
    parts = [text.split("\n", 2) for text in (one, other)]
    if any(len(part) < 3 for part in parts) or parts[0][2] != parts[1][2]:
        return False
    heads = [Header.of(json.loads(part[1].removesuffix(","))) for part in parts]
    return (heads[0].home, heads[0].more) == (heads[1].home, heads[1].more)


def entries_of(text: str) -> dict[str, dict[str, Any]]:
    """Return the messages of a view that this program wrote, by id."""
    items = cast("list[dict[str, Any] | None]", json.loads(text))
    return {item["id"]: item for item in items[1:] if item is not None}


def message_part(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a line says of the message, without how far it has come."""
    return {key: value for key, value in entry.items() if key not in DELIVERY_KEYS}


def _text(header: Header, more: Mapping[str, int], lines: Sequence[str], rev: str) -> str:
    return "\n".join(["[", _head(header, more, lines, rev), *lines, "null]", ""])


def _head(header: Header, more: Mapping[str, int], lines: Sequence[str], rev: str) -> str:
    value: dict[str, Any] = {
        "postbox": FORM,
        "agent": header.agent,
        "box": header.box,
        "home": header.home,
        "rev": rev,
        "shown": len(lines),
    }
    if more:
        value["more"] = dict(more)
    return dumps(value) + ","


def _digest(header: Header, more: Mapping[str, int], lines: Sequence[str], seq: str) -> str:
    return hashlib.sha256(_text(header, more, lines, seq).encode("utf-8", "surrogatepass")).hexdigest()[:16]
