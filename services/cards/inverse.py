"""What takes a recorded change back: the events that say the contrary, as the file stands now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bluelabel.interfaces.errors import Conflict
from bluelabel.interfaces.events import Draft
from bluelabel.services.cards.apply_events import SECTION_FIELD, pack, unpack
from bluelabel.services.cards.card_file import Paper, Recorded
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.text.model import Card, CardDocument

_OF_ITS_OWN: Final = ("forced", "reason", "message", "seen", "reverts", "overrides", "again", "undoes")
"""What is true of one change and not of another of the same thing."""


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says of the file, without why it was made."""
    return {key: value for key, value in data.items() if key not in _OF_ITS_OWN}


def archived(paper: Paper, document: CardDocument, card: Card, to: str | None, follows: str) -> Draft:
    """Return the event that says where a card went, with its text and the card that it followed."""
    data = {
        "id": card.id,
        "to": to,
        "section": card.section,
        "follows": follows,
        "block": pack(edit.block(document, card)),
    }
    return paper.draft("card.archived", data)


def followed(document: CardDocument) -> dict[int, str]:
    """Return, for the beginning of each card, the id of the card before it in its section, "" for the first."""
    cards = document.cards
    pairs = zip((None, *cards), cards, strict=False)
    return {card.start: before.id if before and before.section == card.section else "" for before, card in pairs}


def inverse(paper: Paper, document: CardDocument, event: Recorded, follows: Mapping[int, str]) -> list[Draft]:
    """Return what takes an event back, nothing where its card is not in the file any more.

    Args:
        paper: the file.
        document: what stands in it.
        event: the change.
        follows: what `followed` says of the document.

    Raises:
        Conflict: the same field was changed again.
    """
    data = plain(event.data)
    name = str(data.get("id"))
    card = document.by_id[name][-1] if name in document.by_id else None
    changed = {**data, "undoes": event.event}
    if event.kind == "card.changed":
        changed["before"], changed["after"] = data.get("after"), data.get("before")
        if _present(document, data) != unpack(data.get("after")):
            raise changed_again(paper, event)
        return [paper.draft(event.kind, changed)]
    if event.kind == "card.checked":
        return [paper.draft(event.kind, {**changed, "done": not data.get("done")})]
    if event.kind == "card.archived":
        return [paper.draft("card.restored", {**changed, "from": data.get("to")})]
    if card is None:
        return []
    to = "section" if event.kind == "card.restored" and data.get("from") == "section" else None
    draft = archived(paper, document, card, to, follows[card.start])
    return [Draft(draft.kind, draft.by, {**draft.data, "undoes": event.event})]


def changed_again(paper: Paper, event: Recorded) -> Conflict:
    """Return the error that says what was changed since, by whomever."""
    what = f"{event.data.get('field')} of " if event.kind == "card.changed" else ""
    hint = "see `bluelabel card show`, and set it by hand"
    return Conflict(f"{what}{event.data.get('id')} was changed again since", where=paper.file, hint=hint)


def _present(document: CardDocument, data: Mapping[str, Any]) -> str | None:
    nth = data.get("nth")
    card = document.card(f"{data['id']}#{nth}" if nth else str(data["id"]))
    field = str(data["field"])
    if field in ("title", SECTION_FIELD):
        return card.title if field == "title" else card.section
    found = card.fields.get(field)
    return found.raw if found else None
