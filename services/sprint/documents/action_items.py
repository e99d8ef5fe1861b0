"""Action items: what a postmortem asks for, under an id that stays, followed up until it is done."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import nearest
from bluelabel.services.files.managed_block import blocks, body
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.document_files import marks
from bluelabel.services.sprint.model import Plan, one_line
from bluelabel.services.sprint.projection import Note, notes

BLOCK: Final = "postmortem-actions"
_HEADING: Final = re.compile(r"#{1,6}[ \t]+(.*?)[ \t#]*$")
_SECTION: Final = re.compile(r"action items?\b", re.IGNORECASE)
_ITEM: Final = re.compile(r"[-*+][ \t]+(?:\[([ xX])\][ \t]+)?(\S.*?)[ \t]*$")
_LISTED: Final = re.compile(r"[-*+][ \t]+\[([ xX])\][ \t]+(AI-[0-9A-Za-z._+@=-]+-[0-9]+):[ \t]*(.*?)[ \t]*$")


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One action item.

    Args:
        id: ``AI-<phase>-<sprint>-<n>``; never given twice.
        text: one line.
        sprint: ``phase/number`` of the sprint that asked for it.
        owner: who sees to it.
        done: whether it is done.
    """

    id: str
    text: str
    sprint: str
    owner: str | None = None
    done: bool = False


def items(desk: Desk) -> list[ActionItem]:
    """Return all action items of all sprints, oldest first; first those that only documents tell of."""
    with desk.book.reading() as db:
        recorded = _items(note for sprint in _keys(db) for note in notes(db, sprint))
    known = {item.id for item in recorded}
    return [*(item for item in _listed(desk) if item.id not in known), *recorded]


def _listed(desk: Desk) -> Iterator[ActionItem]:
    """Yield the action items that postmortems list under the sprint that asked for them."""
    people = desk.postbox.directory.people
    for sprint in desk.sprints():
        prefix = f"AI-{sprint.plan.phase}-{sprint.plan.number}-"
        text = body(desk.documents.read(sprint.plan.postmortem_path), marks(BLOCK)) or b""
        for line in text.decode("utf-8", "replace").splitlines():
            match = _LISTED.match(line)
            if match and match[2].startswith(prefix):
                words, bracket, owner = match[3].removesuffix(")").rpartition(" (")
                owned = bool(bracket) and match[3].endswith(")") and owner in people
                done = match[1] != " "
                yield ActionItem(match[2], words if owned else match[3], sprint.key, owner if owned else None, done)


def _take_over(desk: Desk) -> None:
    """Record the action items that only documents tell of, under the ids that they have."""
    with desk.book.reading() as db:
        known = {item.id for item in _items(note for sprint in _keys(db) for note in notes(db, sprint))}
    fresh = [item for item in _listed(desk) if item.id not in known]
    if fresh:
        told = [{**asdict(item), "what": "action-item"} for item in fresh]
        desk.book.append(lambda _db: [Draft("sprint.noted", desk.actor, data) for data in told])


def add(desk: Desk, plan: Plan, texts: Iterable[tuple[str, str | None, bool]]) -> list[ActionItem]:
    """Add action items to a sprint; a text that the sprint has already is not added again.

    Args:
        desk: the clerk's tools.
        plan: whose items.
        texts: of each its text, its owner, and whether it is done.
    """
    wanted = [(one_line(text), owner, done) for text, owner, done in texts]
    key = f"{plan.phase}/{plan.number}"

    def decide(db: sqlite3.Connection) -> Sequence[Draft]:
        known = _items(notes(db, key))
        texts_known = {item.text for item in known}
        last = max((int(item.id.rpartition("-")[2]) for item in known), default=0)
        drafts: list[Draft] = []
        for text, owner, done in wanted:
            if text and text not in texts_known:
                texts_known.add(text)
                name = f"AI-{plan.phase}-{plan.number}-{last + len(drafts) + 1}"
                data = {"id": name, "text": text, "owner": owner, "done": done}
                drafts.append(desk.noted(plan, "action-item", data))
        return drafts

    return [_item(event.data) for event in desk.book.append(decide)]


def settle(desk: Desk, name: str, *, done: bool) -> ActionItem:
    """Mark an action item as done, or as open again.

    Raises:
        NotFound: there is none of this id.
    """
    known = {item.id: item for item in items(desk)}
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {', '.join(close)}?" if close else "see `bluelabel sprint postmortem`"
        raise NotFound("no such action item", where=name[:60], hint=hint)
    item = known[name]
    if item.done != done:
        data = {"sprint": item.sprint, "what": "action-done" if done else "action-open", "id": name}
        desk.book.append(lambda _db: [Draft("sprint.noted", desk.actor, data)])
    return replace(item, done=done)


def read_back(desk: Desk, plan: Plan, data: bytes) -> None:
    """Take over what people wrote into a postmortem: new items under its heading, boxes ticked in our block."""
    _take_over(desk)
    found = blocks(data, marks(BLOCK))
    known = {item.id: item for item in items(desk)}
    for block in found:
        for line in data[block.body_start : block.body_end].decode("utf-8", "replace").splitlines():
            match = _LISTED.match(line)
            if match and match[2] in known and known[match[2]].done != (match[1] != " "):
                settle(desk, match[2], done=match[1] != " ")
    add(desk, plan, _written(data, [(block.start, block.end) for block in found]))


def _written(data: bytes, shut: Sequence[tuple[int, int]]) -> list[tuple[str, str | None, bool]]:
    """Return the list items that stand under the heading of the action items, our own block aside."""
    found: list[tuple[str, str | None, bool]] = []
    at, inside = 0, False
    for line in data.splitlines(keepends=True):
        text = line.decode("utf-8", "replace").rstrip()
        heading = _HEADING.match(text)
        if heading:
            inside = bool(_SECTION.search(heading[1]))
        elif inside and not any(start <= at < end for start, end in shut):
            item = _ITEM.match(text)
            if item:
                found.append((item[2], None, item[1] not in (None, " ")))
        at += len(line)
    return found


def _keys(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT DISTINCT key FROM sprint_notes ORDER BY key")]


def _items(found: Iterable[Note]) -> list[ActionItem]:
    made: dict[str, tuple[int, ActionItem]] = {}
    for note in found:
        name = note.data.get("id")
        if note.what == "action-item":
            made[str(name)] = (note.seq, _item(note.data))
        elif note.what in ("action-done", "action-open") and str(name) in made:
            seq, item = made[str(name)]
            made[str(name)] = (seq, replace(item, done=note.what == "action-done"))
    return [item for _, item in sorted(made.values(), key=lambda pair: pair[0])]


def _item(fields: Mapping[str, Any]) -> ActionItem:
    return ActionItem(fields["id"], fields["text"], fields["sprint"], fields.get("owner"), bool(fields.get("done")))
