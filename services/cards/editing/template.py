"""The text of a new card, after the file's own template, else after its cards, else in the plain form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus, Vocabulary
from bluelabel.services.cards.text import body, grammar
from bluelabel.services.cards.text.fields import read, read_heading
from bluelabel.services.cards.text.model import Card, CardDocument
from bluelabel.services.cards.text.parser import parse_text
from bluelabel.services.cards.text.vocabulary import heading_name

PLAIN: Final = """### TASK-XXXX: Title
Status: NOT_STARTED
Assigned: CC
Priority: LOW | MEDIUM | HIGH | CRITICAL
Created: YYYY-MM-DD
Updated: YYYY-MM-DD
Completed: YYYY-MM-DD

**Description:**

**Deliverables:**

**Technical Details:**

**Files Created/Modified:**

**Testing:**

**Time Spent:**

**Blockers/Issues:**

**Next Steps:**
"""
"""What a card looks like where a file says nothing about it."""

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "description": ("description", "objective", "details", "summary"),
    "deliverables": ("deliverables", "acceptance criteria", "requirements"),
    "files": ("files created/modified", "files", "files modified", "files created", "files created/updated"),
}


@dataclass
class _Form:
    """A card's form: its heading marks, its metadata lines, its section markers, in order."""

    heading: str
    # Each field, and what stands before and after its value.
    metadata: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    sections: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # name, marker line
    gap: bool = False  # a blank line between heading and metadata


def filled(
    document: CardDocument, name: str, title: str, values: Mapping[str, str], parts: Mapping[str, Sequence[str]]
) -> str:
    """Return the text of a new card, without a final line ending.

    Args:
        document: the file it is for.
        name: its id.
        title: its title.
        values: field -> value; a field of the form without a value is left out.
        parts: ``description``, ``deliverables``, ``files`` or a section's name -> lines; a section of the form
            without lines stays empty, to be filled in.
    """
    form = _form(document)
    values = {**values, "status": _status(document, values.get("status") or CardStatus.NOT_STARTED.value)}
    lines = [f"{form.heading} {name}: {title}", *([""] if form.gap else [])]
    known = [key for key, _, _ in form.metadata]
    lines += [start + values[key] + end for key, start, end in form.metadata if values.get(key)]
    _, model, behind = form.metadata[-1] if form.metadata else ("", "Status: ", "")
    lines += [_like(model, key) + value + behind for key, value in values.items() if value and key not in known]
    left = {key: list(text) for key, text in parts.items() if text}
    for section, marker in form.sections:
        lines += ["", marker, *left.pop(_wanted(section, left), [])]
    for key, text in left.items():
        lines += ["", f"**{key.title()}:**", *text]
    return document.eol.join(lines).rstrip()


def _form(document: CardDocument) -> _Form:
    if document.templates:
        template = document.templates[0]
        return _read(document.text[template.start : template.end], vocabulary=document.vocabulary)
    if not document.cards:
        return _read(PLAIN)
    model = max(document.cards, key=lambda card: (len(card.fields), card.line))
    return _read(edit.block(document, model), _common_sections(document, model), document.vocabulary)


def _read(text: str, common: frozenset[str] | None = None, vocabulary: Vocabulary = BUILT_IN) -> _Form:
    """Read the form out of a card's text; of a real card only its `common` sections are a form."""
    text = text.replace("\r\n", "\n")
    if common is None:
        text = grammar.PLACEHOLDER.sub("TASK-000", text, count=1)
    card_text = "\n".join(line for line in text.split("\n") if not grammar.FENCE.match(line))
    document = parse_text(card_text, vocabulary)
    if not document.cards:
        return _Form("###")
    card = document.cards[0]
    form = _Form("#" * card.level)
    fields = sorted((f for f in card.fields.values() if not f.below), key=lambda found: found.start)
    form.metadata = [(f.name, *edit.round_value(f)) for f in fields]
    form.gap = bool(fields) and fields[0].line > card.line + 1
    for section in body.sections(document, card):
        marker = card_text[section.start : section.text_start].rstrip()
        if common is None or section.name in common:
            form.sections.append((section.name, marker))
    return form


def _common_sections(document: CardDocument, model: Card) -> frozenset[str]:
    """Return the sections of `model` that at least a third of the cards have too."""
    sample = document.cards[:200]
    names = [frozenset(section.name for section in body.sections(document, card)) for card in sample]
    mine = {section.name for section in body.sections(document, model)}
    return frozenset(name for name in mine if sum(name in found for found in names) * 3 >= len(names))


def _status(document: CardDocument, value: str) -> str:
    status = document.vocabulary.status(value)
    return edit.spelled(document, status, new=True) if status and value == status.value else value


def _wanted(section: str, parts: Mapping[str, object]) -> str:
    for key, names in _ALIASES.items():
        if key in parts and section in names:
            return key
    return next((key for key in parts if heading_name(key) == section), "")


def _like(model: str, name: str) -> str:
    """Return the start of a metadata line for another field, written like `model`."""
    found = next(iter(read(model) or read_heading(model)), None)
    return model.replace(found.key, name.replace("_", " ").title(), 1) if found else f"{name.title()}: "
