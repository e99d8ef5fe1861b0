"""Tells what a save by somebody else means for the recorded changes: kept, taken back on purpose, or never seen.

A person takes a change back by editing its field, git by putting a version of the file there; both are meant. An
editor that was opened before some changes and is saved after them takes them back as well, and that is not meant. Two
things tell it apart: git does not have its text, and it is older in more than the one field. Where it cannot be told,
what the save says stands and what it took back is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bluelabel.services.cards.apply_events import SECTION_FIELD, unpack
from bluelabel.services.cards.card_file import Recorded
from bluelabel.services.cards.editing import edit, sections
from bluelabel.services.cards.text.body import Item, checklist
from bluelabel.services.cards.text.model import Card, CardDocument

_ABSENT: Final = "absent"
_ACTIVE: Final = "active"
_ARCHIVED: Final = "archived"


class Taken(NamedTuple):
    """A recorded change that a save does not show any more, and what the save has instead."""

    last: Recorded
    now: str


@dataclass
class Judgement:
    """What a save means.

    Attributes:
        stands: changes that were taken back on purpose.
        over: values that somebody changed again, to something new.
        again: changes that an older copy did not have and that fit beside its words: cards, ticks, new lines, moves.
        beside: values that an older copy, or a save in the same moment, has otherwise: both are kept.
        kept: the events of changes that still stand.
        older: the save came from an older copy.
    """

    stands: list[Taken] = field(default_factory=list[Taken])
    over: list[Taken] = field(default_factory=list[Taken])
    again: list[Taken] = field(default_factory=list[Taken])
    beside: list[Taken] = field(default_factory=list[Taken])
    kept: list[int] = field(default_factory=list[int])
    older: bool = False


def stands(document: CardDocument, event: Recorded) -> bool:
    """Tell whether a file stands as a recorded change left it."""
    return _value(document, event) == _after(event)


class _Chain:
    """What happened to one thing: each state it had, and the event from which on it had it."""

    def __init__(self, events: Sequence[Recorded]) -> None:
        self.events = events
        self.last = events[-1]
        self.after = _after(self.last)
        self.states: list[tuple[int, str]] = []
        since = 0
        for event in events:
            self.states += [(since, _before(event)), (event.event, _after(event))]
            since = event.event

    def level(self, value: str) -> int:
        """Return the earliest event from which on the thing was so: a copy that shows it is not older than that."""
        return min((event for event, state in self.states if state == value), default=0)

    @property
    def is_protected(self) -> bool:
        """Tell whether it is a tool's own change, shown for the first time: a second save against it is meant."""
        return "seen" not in self.last.data and "again" not in self.last.data


_Shown = tuple[_Chain, str]


def judge(
    before: CardDocument | None,
    now: CardDocument,
    events: Sequence[Recorded],
    applied: int,
    *,
    by_git: bool,
    at_once: Callable[[Recorded], bool],
) -> Judgement:
    """Compare a save with the recorded changes that the text before it showed.

    Args:
        before: the last text that was known, None when it was lost.
        now: the save.
        events: the changes, oldest first.
        applied: changes after this event were not in the text before; nobody can have taken them back.
        by_git: git has this text as a version of the file.
        at_once: tells whether the save was made in the moment of a change.
    """
    found = Judgement()
    taken, other, level = _compared(before, now, events, applied, found.kept)
    unseen = [(c, v) for c, v in taken if c.last.event > level and c.is_protected and _may_be_made(c.last, now)]
    if by_git or (len(unseen) == 1 and _only(before, now, unseen[0][0].last)):
        unseen = []
    found.older = bool(unseen)
    found.stands = [Taken(chain.last, value) for chain, value in taken if (chain, value) not in unseen]
    for chain, value in other:
        is_older = found.older and chain.last.event > level
        is_clash = is_older or (at_once(chain.last) and _is_clash(chain, before, now))
        if chain.is_protected and is_clash and not by_git:
            unseen.append((chain, value))
        else:
            found.over.append(Taken(chain.last, value))
    for chain, value in unseen:
        fits = not _is_value(chain.last) or not value
        (found.again if fits else found.beside).append(Taken(chain.last, value))
    return found


def _compared(
    before: CardDocument | None, now: CardDocument, events: Sequence[Recorded], applied: int, kept: list[int]
) -> tuple[list[_Shown], list[_Shown], int]:
    """Return the things a save has as they once were, those it has otherwise, and the event it is not older than.

    `kept` is given the events of the others.
    """
    taken, other = list[_Shown](), list[_Shown]()
    level = 0
    for chain in _chains(events):
        value = _value(now, chain.last)
        if chain.last.event > applied or value is None or value == chain.after:
            kept += [event.event for event in chain.events if event.event <= applied]
            if value is not None and chain.last.event <= applied:
                level = max(level, chain.level(value))
        elif before is None or _value(before, chain.last) == chain.after:
            known = any(state == value for _, state in chain.states)
            (taken if known else other).append((chain, value))
            level = max(level, chain.level(value))
    return taken, other, level


def _is_clash(chain: _Chain, before: CardDocument | None, now: CardDocument) -> bool:
    """Tell whether a value that never stood there clashes with ours; a status taken back in other words does not."""
    if str(chain.last.data.get("field")) != "status" or not _only(before, now, chain.last):
        return True
    status = now.vocabulary.status
    value, meant = _value(now, chain.last), {status(_before(event)) for event in chain.events}
    return value is None or status(value) not in meant


def _may_be_made(event: Recorded, now: CardDocument) -> bool:
    """Tell whether a change may be made again on a save: a card that a person wrote in is not taken out."""
    if event.kind != "card.archived" or event.data.get("to") == "section":
        return True
    return any(edit.block(now, card) == unpack(event.data.get("block")) for card in now.by_id[str(event.data["id"])])


def _is_value(event: Recorded) -> bool:
    """Tell whether a change is of a value that stands in one place, so that two cannot both be there."""
    return event.kind == "card.changed" and event.data.get("field") != SECTION_FIELD


def _chains(events: Iterable[Recorded]) -> list[_Chain]:
    """Group events by the one thing they change, so that a change and its undoing count as what came of both."""
    chains: dict[tuple[str, ...], list[Recorded]] = {}
    for event in events:
        if event.kind == "card.changed":
            what = f"field {event.data.get('field')}"
        elif event.kind == "card.checked":
            what = f"entry {event.data.get('text')}"
        else:
            what = "card"
        nth = str(event.data.get("nth", "")) if what != "card" else ""
        chains.setdefault((str(event.data.get("id")), nth, what), []).append(event)
    return [_Chain(chain) for chain in chains.values()]


def _before(event: Recorded) -> str:
    data = event.data
    if event.kind == "card.changed":
        return unpack(data.get("before")) or ""
    if event.kind == "card.checked":
        return _tick(not data.get("done"))
    if event.kind == "card.restored":
        return _ARCHIVED if data.get("from") == "section" else _ABSENT
    return _ABSENT if event.kind == "card.created" else _ACTIVE


def _after(event: Recorded) -> str:
    data = event.data
    if event.kind == "card.changed":
        return unpack(data.get("after")) or ""
    if event.kind == "card.checked":
        return _tick(bool(data.get("done")))
    if event.kind == "card.archived":
        return _ARCHIVED if data.get("to") == "section" else _ABSENT
    return _ACTIVE


def _tick(done: object) -> str:
    return "ticked" if done else "clear"


def _value(document: CardDocument, event: Recorded) -> str | None:
    """Return how a file has the thing that an event changed; None where it has no such thing."""
    cards = document.by_id.get(str(event.data.get("id", "")), ())
    if event.kind not in ("card.changed", "card.checked"):
        return _ABSENT if not cards else _ARCHIVED if all(map(sections.in_archive, cards)) else _ACTIVE
    card = _card(document, event.data)
    if card is None:
        return None
    if event.kind == "card.checked":
        item = _item(document, card, event.data)
        return _tick(item.done) if item else None
    return raw(document, event) or ""


def raw(document: CardDocument, event: Recorded) -> str | None:
    """Return what stands in the field that an event changed: "" for an empty line, None without a line."""
    card, name = _card(document, event.data), str(event.data.get("field"))
    if card is None or name in ("title", SECTION_FIELD):
        return None if card is None else card.title if name == "title" else card.section
    found = card.fields.get(name)
    return found.raw if found else None


def _card(document: CardDocument, data: Mapping[str, Any]) -> Card | None:
    cards = document.by_id.get(str(data.get("id", "")), ())
    nth = int(data.get("nth") or 1)
    return cards[nth - 1] if nth <= len(cards) else None


def _item(document: CardDocument, card: Card, data: Mapping[str, Any]) -> Item | None:
    items = [item for item in checklist(document, card) if item.text == unpack(data.get("text"))]
    return items[0] if len(items) == 1 else None


def _only(before: CardDocument | None, now: CardDocument, event: Recorded) -> bool:
    """Tell whether two texts differ in the thing that an event changed and in nothing else that means anything."""
    return before is not None and _rest(before, event) == _rest(now, event)


def _rest(document: CardDocument, event: Recorded) -> list[str]:
    """Return the lines round the thing that an event changed; statistics are computed, and blanks mean nothing."""
    text, moved = document.text, list[str]()
    spans = [(stated.start, stated.end) for stated in document.statistics]
    spans += [(document.last_updated.start, document.last_updated.end)] if document.last_updated else []
    card = _card(document, event.data)
    if card is not None:
        name = str(event.data.get("field"))
        item = _item(document, card, event.data) if event.kind == "card.checked" else None
        found = card.fields.get(name) if event.kind == "card.changed" else None
        if item is not None:
            spans.append((item.mark_start, item.mark_start + 1))
        elif found is not None:
            spans.append((found.start, max(found.end, found.value_end)))
        elif name == "title":
            spans.append((card.start, card.heading_end))
        elif event.kind not in ("card.changed", "card.checked") or name == SECTION_FIELD:
            spans.append((card.start, card.end))
            moved = edit.block(document, card).splitlines() if name == SECTION_FIELD else []
    rest, at = list[str](), 0
    for start, end in sorted(spans):
        rest += text[at : max(at, text.rfind("\n", 0, start) + 1)].split("\n")
        stop = text.find("\n", end)
        at = max(at, len(text) if stop < 0 else stop)
    lines = [line.rstrip() for line in (*rest, *text[at:].split("\n"), "\0", *moved)]
    return [line for line in lines if line]
