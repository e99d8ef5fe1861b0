"""What somebody did to a box file: a three-way reading of its text against the view that was written there.

A message may be added in any shape. Only in a text that is JSON throughout, under one header of this post office whose
view is still known, may a message also be changed, settled or taken back: every other text can add, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.problems import Problem
from bluelabel.services.postbox.boxes import shapes
from bluelabel.services.postbox.boxes.reader import box_entries, is_box
from bluelabel.services.postbox.boxes.shapes import Entry
from bluelabel.services.postbox.boxes.view_format import Header, entries_of, message_part
from bluelabel.services.postbox.tolerant_json.reader import Documents, read_documents

_WRITTEN: Final = frozenset({"id", "sender", "recipients", "created_at", "state"})
"""A line with all of these was once written by a post office."""

_MOMENTS = ("timestamp", "created_at", "completed_at")


@dataclass(frozen=True, slots=True)
class Addition:
    """A message that is not in the view.

    Attributes:
        entry: what was written.
        ordinal: how many like it stand before it in the same text.
        written: a post office wrote this line once, here or elsewhere.
        said: the canonical text of the entry, empty when it was not made yet.
    """

    entry: Entry
    ordinal: int = 0
    written: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A line that differs from the view: what the message says now, and the state if that was edited."""

    id: str
    fields: Mapping[str, Any]
    state: str | None
    edited: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """All that a text asks for.

    Attributes:
        origin: names the view that was edited, empty when there is none.
        additions, changes, removed: see the classes; `removed` are ids.
        unreadable: the text as a whole is no JSON, or holds things that are no messages.
        foreign: the home of another post office that wrote it, as long as that one was not adopted.
        homes: of all other post offices that wrote a part of it.
        settles: what ended at those ends here; the caller says so of a text by post offices that were adopted.
        problems: what was wrong with it.
    """

    origin: str = ""
    additions: tuple[Addition, ...] = ()
    changes: tuple[Change, ...] = ()
    removed: tuple[str, ...] = ()
    unreadable: bool = False
    foreign: str | None = None
    homes: frozenset[str] = frozenset()
    settles: bool = False
    problems: tuple[Problem, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.additions or self.changes or self.removed or self.unreadable)


def read_edit(data: bytes, file: str, header: Header, base_of: Callable[[str], str | None]) -> Edit:
    """Read what a text asks for.

    Args:
        data: the bytes of the box file.
        file: what to call it in problems.
        header: of the box the file stands for: agent, box and home of this post office.
        base_of: returns the text of an earlier view by its ``rev``, None when it is not known.
    """
    if not data.strip(b"\0 \t\r\n"):
        return Edit()
    documents = read_documents(data, file)
    items = _items(documents)
    headers = [Header.of(item) for item in items if shapes.is_header(item)]
    origin = headers[0].rev if headers else ""
    own = [
        found for found in headers if (found.agent, found.box, found.home) == (header.agent, header.box, header.home)
    ]
    base = base_of(own[0].rev) if documents.strict and len(headers) == 1 and own else None
    if base is not None:
        return _three_way(items, entries_of(base), origin, documents)
    return Edit(
        origin,
        all_additions(documents),
        unreadable=not documents.strict or _has_junk(documents),
        foreign=headers[0].home if headers and not own else None,
        homes=frozenset(found.home for found in headers) - {header.home},
        problems=documents.problems,
    )


def identity(agent: str, box: str, origin: str, addition: Addition) -> str:
    """Return the text whose digest is the key of an addition: reading the same one twice gives one message.

    An entry that carries its own moment is the same wherever it is read; any other belongs to its origin.
    """
    raw = addition.entry.raw
    own_moment = any(isinstance(raw.get(key), str) and raw[key] for key in _MOMENTS)
    parts = [agent, box, "" if own_moment else origin, addition.said or canonical(raw), addition.ordinal]
    return strict_json.dumps(parts)


def canonical(value: object) -> str:
    """Return a text that is the same for two values that say the same."""
    return strict_json.dumps(_sorted(value))


def all_additions(documents: Documents) -> tuple[Addition, ...]:
    """Return every object of a text as an addition, but for one that the text ends inside of: half of it is missing."""
    cut = {id(value) for value in documents.cut}
    return tuple(_numbered([entry for entry in _all_entries(documents) if id(entry.raw) not in cut]))


def is_written(raw: Mapping[str, Any]) -> bool:
    """Tell whether an entry was once written by a post office, here or elsewhere."""
    return raw.keys() >= _WRITTEN and isinstance(raw["id"], str)


def _three_way(
    items: Sequence[dict[str, Any]], base: Mapping[str, Mapping[str, Any]], origin: str, documents: Documents
) -> Edit:
    additions: list[Entry] = []
    changes: list[Change] = []
    seen: Counter[str] = Counter()
    for number, item in enumerate(items):
        if shapes.is_header(item):
            continue
        name = item.get("id")
        if not isinstance(name, str) or name not in base or seen[name]:
            additions += shapes.of_item(item, str(number))
            continue
        seen[name] += 1
        change = _change(name, base[name], item)
        if change is not None:
            changes.append(change)
    removed = tuple(name for name in base if not seen[name])
    # A line that was copied keeps the id of its model: it is a new message, not the old one seen elsewhere.
    added = tuple(replace(a, written=a.written and a.entry.raw["id"] not in base) for a in _numbered(additions))
    return Edit(origin, added, tuple(changes), removed, _has_junk(documents), problems=documents.problems)


def _change(name: str, base: Mapping[str, Any], item: Mapping[str, Any]) -> Change | None:
    before, after = message_part(base), message_part(item)
    fields = {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    state = item.get("state")
    asked = state if isinstance(state, str) and state != base.get("state") else None
    if not fields and asked is None:
        return None
    return Change(name, fields, asked, item)


def _numbered(entries: Sequence[Entry]) -> Iterator[Addition]:
    counts: Counter[str] = Counter()
    for entry in entries:
        said = canonical(entry.raw)
        yield Addition(entry, counts[said], is_written(entry.raw), said)
        counts[said] += 1


def _all_entries(documents: Documents) -> list[Entry]:
    """Return every object that a text without a known base could mean as a message."""
    found = list(box_entries(documents))
    if found or (is_box(documents) and all(isinstance(d.value, list) for d in documents.values)):
        return found
    # Not one of the shapes, but somebody put it there: an object is a message by itself.
    return [Entry("message", item, "") for item in _items(documents) if item and not shapes.is_header(item)]


def _values(documents: Documents) -> Iterator[object]:
    for document in documents.values:
        value: object = document.value
        if isinstance(value, list):
            yield from cast("list[object]", value)
        else:
            yield value


def _items(documents: Documents) -> list[dict[str, Any]]:
    """Return the objects of the array that a text is, or of the arrays in it."""
    return [cast("dict[str, Any]", value) for value in _values(documents) if isinstance(value, dict)]


def _has_junk(documents: Documents) -> bool:
    """Tell whether a text holds values that are neither objects nor null."""
    return any(value is not None and not isinstance(value, dict) for value in _values(documents))


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        items = cast("dict[str, object]", value)
        return {key: _sorted(items[key]) for key in sorted(items)}
    return [_sorted(item) for item in cast("list[object]", value)] if isinstance(value, list) else value
