"""Card events, and what each does to a file: one code makes a change, and makes it good after a crash.

An event says what was there before. So it can be applied to any later text: what is done already is left, what still
stands as it was is changed, and where somebody changed the same thing meanwhile, both are kept and that is said.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, cast

from bluelabel.interfaces.errors import NotFound, Refused
from bluelabel.services.cards.editing import edit, sections
from bluelabel.services.cards.merge.card import OTHER_SIDE
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.model import Card, CardDocument, Field, to_bytes, to_text
from bluelabel.services.cards.text.parser import parse_text

Data = Mapping[str, Any]
"""What an event holds."""

SECTION_FIELD: Final = "section"
"""The name under which a move between sections is recorded as a change."""

CHANGING: Final = frozenset({"card.changed", "card.checked", "card.created", "card.archived", "card.restored"})
"""The kinds of events that change a file."""

BY_GIT: Final = "git"
BY_HAND: Final = "save"
OLDER_COPY: Final = "older copy"
SAME_MOMENT: Final = "same moment"
"""What ``seen`` says of an event that only tells what somebody else's save did: a version of git's or a save took the
change back; a save from an older copy, or of the same moment, has another value. The last two keep ours beside it."""


def is_told(data: Data) -> bool:
    """Tell whether an event only tells what stands in the file already, so that there is nothing to be done."""
    return data.get("seen") in (BY_GIT, BY_HAND)


class Outcome:
    """What came of applying events: the text, what clashed, what could not be done.

    Args:
        document: the file before; its vocabulary is that of what comes of it.
    """

    def __init__(self, document: CardDocument) -> None:
        self.text = document.text
        self.vocabulary = document.vocabulary
        self.clashes: list[str] = []
        self.missed: list[str] = []
        self._document: CardDocument | None = document

    @property
    def document(self) -> CardDocument:
        """The file as it is now; read anew only when somebody asks."""
        if self._document is None:
            self._document = parse_text(self.text, self.vocabulary)
        return self._document

    def replace(self, data: bytes) -> None:
        """Take new bytes for the file."""
        self.text, self._document = to_text(data), None

    def take(self, document: CardDocument) -> None:
        """Take a document for the file."""
        self.text, self._document = document.text, document


def pack(text: str | None) -> str | dict[str, str] | None:
    """Return a text as an event may hold it; one with bytes that are not UTF-8 is wrapped."""
    if text is None:
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {"b64": base64.b64encode(to_bytes(text)).decode("ascii")}
    return text


def unpack(value: object) -> str | None:
    """Return the text that `pack` took."""
    if isinstance(value, dict):
        wrapped = cast(dict[str, str], value)
        return to_text(base64.b64decode(wrapped.get("b64", "")))
    return value if isinstance(value, str) else None


def apply(outcome: Outcome, events: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Apply events to a file. Cards that are archived or brought back one after another move in one edit.

    Args:
        outcome: the file as it is; holds what came of it afterwards.
        events: kind and data of each, oldest first.
    """
    done = (event for event in events if not is_told(event[1]))
    for (kind, _), group in groupby(done, key=lambda event: (event[0], event[1].get("to"))):
        many = [data for _, data in group]
        if kind in _TOGETHER:
            _tried(outcome, _TOGETHER[kind], many)
        elif kind in _ALONE:
            for data in many:
                _tried(outcome, _ALONE[kind], data)


def _tried(outcome: Outcome, step: Callable[[Outcome, Any], None], data: Sequence[Data] | Data) -> None:
    """Do what can be done; of many, one that cannot be done must not hold the others back: halves find it."""
    try:
        step(outcome, data)
    except (NotFound, Refused) as error:
        if not isinstance(data, Mapping) and len(data) > 1:
            middle = len(data) // 2
            _tried(outcome, step, data[:middle])
            _tried(outcome, step, data[middle:])
            return
        one = data if isinstance(data, Mapping) else data[0]
        outcome.missed.append(f"{one.get('id')}: {error}")


def _changed(outcome: Outcome, data: Data) -> None:
    document, name = outcome.document, str(data["field"])
    card = document.card(_name(data))
    before, after = unpack(data.get("before")), unpack(data.get("after"))
    if name == SECTION_FIELD:
        if card.section != after and after is not None:
            outcome.replace(sections.move(document, card, after))
        return
    present = _present(card, name)
    if "seen" in data:
        if present == after and present != before:
            _both(outcome, card, name, before, str(data["seen"]))
        return
    if present == after:
        return
    if present == before or (not present and not before):
        outcome.replace(edit.set_field(document, card, name, after))
        return
    _both(outcome, card, name, after, SAME_MOMENT)


def _both(outcome: Outcome, card: Card, name: str, ours: str | None, seen: str) -> None:
    """Let the value that stands there stand, keep ours beside it where there is one, and say so."""
    present, found = _present(card, name), card.fields.get(name)
    if name == "title" and ours:
        outcome.take(_below_title(outcome.document, card, ours))
    elif found is not None and ours:
        outcome.take(_beside(outcome.document, found, ours))
    where = "by hand" if seen == SAME_MOMENT else f"in a save from an {seen}"
    kept = "both are kept" if ours else "it stands"
    outcome.clashes.append(f"{card.id}: {name} was changed to {present!r} {where} and to {ours!r} here; {kept}")


def _present(card: Card, name: str) -> str | None:
    if name == "title":
        return card.title
    found = card.fields.get(name)
    return found.raw if found else None


def _beside(document: CardDocument, found: Field, value: str) -> CardDocument:
    """Keep a second value under a metadata line, in its own form, as a merge does."""
    text = document.text
    line = edit.like(document, found, f"{found.key} {OTHER_SIDE}", value)
    at = text.find("\n", max(found.end, found.value_end))
    at = len(text) if at < 0 else at + 1
    if text.startswith(line, at):
        return document
    start = "" if at and text[at - 1 : at] == "\n" else document.eol
    end = document.eol if not start else ""
    return parse_text(text[:at] + start + line + end + text[at:], document.vocabulary)


def _below_title(document: CardDocument, card: Card, title: str) -> CardDocument:
    """Keep a second title under the heading, as a merge does."""
    line, text = f"<!-- title {OTHER_SIDE}: {title} -->", document.text
    if text.startswith(line, text.find("\n", card.heading_end) + 1):
        return document
    return parse_text(text[: card.heading_end] + document.eol + line + text[card.heading_end :])


def _checked(outcome: Outcome, data: Data) -> None:
    document = outcome.document
    card = document.card(_name(data))
    wanted, done = unpack(data.get("text")), bool(data.get("done"))
    items = checklist(document, card)
    same = [item for item in items if item.text == wanted]
    number = int(data.get("number", 0))
    near = next((item for item in same if item.number == number), same[0] if same else None)
    if near is None:
        outcome.missed.append(f"{card.id}: the checklist has no entry {wanted!r} any more")
        return
    outcome.replace(edit.check(document, card, near.number, done=done))


def _created(outcome: Outcome, data: Data) -> None:
    document = outcome.document
    if str(data["id"]) in document.by_id:
        return
    heading = next((found for found in document.headings if found.text == data.get("section")), None)
    outcome.replace(sections.add(document, unpack(data.get("block")) or "", heading))


def _archived(outcome: Outcome, many: Sequence[Data]) -> None:
    document, target = outcome.document, many[0].get("to")
    taken: dict[int, Card] = {}
    edited: list[str] = []
    for data in many:
        cards = [card for card in document.by_id.get(str(data["id"]), ()) if card.start not in taken]
        cards = [card for card in cards if not sections.in_archive(card)]
        block = unpack(data.get("block"))
        card = next((found for found in cards if edit.block(document, found) == block), cards[0] if cards else None)
        if card is None:
            continue
        if target != "section" and block != edit.block(document, card):
            edited.append(f"{card.id} was changed meanwhile; it stays where it is")
        else:
            taken[card.start] = card
    if taken and target == "section":
        outcome.replace(sections.archive(document, *taken.values()))
    elif taken:
        rest = sections.removed(document, *taken.values())
        lines = [f"- {card.id}: {card.title} → {target}" for card in taken.values()]
        outcome.take(sections.noted(rest, lines) if target else rest)
    outcome.missed += edited


def _restored(outcome: Outcome, many: Sequence[Data]) -> None:
    document = outcome.document
    archived: dict[int, Card] = {}
    back: dict[tuple[str, str], sections.Block] = {}
    for data in many:
        name, block = str(data["id"]), unpack(data.get("block")) or ""
        cards = document.by_id.get(name, ())
        if any(not sections.in_archive(card) for card in cards):
            continue
        here = [card for card in cards if card.start not in archived]
        card = next((found for found in here if edit.block(document, found) == block), here[0] if here else None)
        if card is not None:
            archived[card.start] = card
            block = edit.block(document, card)
        place = (str(data.get("section") or ""), str(data.get("follows") or ""))
        back[name, block] = sections.Block(name, block, *place)
    if back:
        rest = sections.removed(document, *archived.values()) if archived else document
        gone = {name for name, _ in back} - {card.id for card in archived.values()}
        outcome.take(sections.put_back(sections.unnoted(rest, gone), back.values()))


def _name(data: Data) -> str:
    nth = data.get("nth")
    return f"{data.get('id')}#{nth}" if nth else str(data.get("id", ""))


_ALONE: Final[Mapping[str, Callable[[Outcome, Data], None]]] = {
    "card.changed": _changed,
    "card.checked": _checked,
    "card.created": _created,
}
_TOGETHER: Final[Mapping[str, Callable[[Outcome, Sequence[Data]], None]]] = {
    "card.archived": _archived,
    "card.restored": _restored,
}
