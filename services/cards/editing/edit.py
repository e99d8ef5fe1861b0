"""Changes one thing in a card file and not a byte more.

Every function takes a document that was read and returns the new bytes. What is written follows the very card: its
kind of metadata line, its line endings, its trailing blanks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from bluelabel.interfaces.errors import NotFound, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.services.cards.editing.field_writing import like, line_end, round_value, set_field
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus, Vocabulary, is_name, near_phrases
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.body import DONE_MARKS, OPEN_MARKS, TICKED, checklist
from bluelabel.services.cards.text.field_names import field_names, field_of
from bluelabel.services.cards.text.fields import read
from bluelabel.services.cards.text.model import Card, CardDocument, to_bytes

__all__ = [
    "block",
    "check",
    "check_value",
    "field_name",
    "inserted",
    "like",
    "line_end",
    "round_value",
    "rule_after",
    "set_field",
    "spelled",
    "uses_rules",
    "without",
]

LONGEST_VALUE: Final = 2000


def field_name(text: str) -> str:
    """Return the field that a person means by `text` (``Status``, ``owner``, ``title``).

    Raises:
        UsageError: no card has such a field.
    """
    name = "title" if text.casefold() == "title" else field_of(text) or text.casefold()
    if name != "title" and name not in field_names():
        close = nearest(text, [*field_names(), "title"]) or ["status", "assignee", "priority"]
        raise UsageError("no such field of a card", where=repr(text[:40]), hint=f"one of: {', '.join(close)}")
    return name


def check_value(field: str, value: str, vocabulary: Vocabulary = BUILT_IN) -> str:
    """Return `value` if it may stand in a metadata line.

    Raises:
        UsageError: it has line breaks or control characters, is too long, is an empty title, or is no status.
    """
    if len(value) > LONGEST_VALUE or any(ord(char) < 32 or char in "\x7f\x85\u2028\u2029" for char in value):
        raise UsageError("a field takes one line of text", where=field, hint="put longer text into the card by hand")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("the value is not text", where=field, hint="give it in UTF-8") from None
    if field == "title" and not value.strip():
        raise UsageError("a card needs a title", hint="say in a few words what is to be done")
    if field == "status" and value and vocabulary.status(value) is None:
        near = near_phrases(value, vocabulary)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        hint += f"one of: {', '.join(CardStatus)}; or teach this phrase in [cards.statuses] of bluelabel.toml"
        raise UsageError("not a status", where=repr(value[:40]), hint=hint)
    return value.strip()


def spelled(document: CardDocument, status: CardStatus, *, new: bool = False) -> str:
    """Return how this file writes a status: as its cards do, else as its template does, else the bare word.

    Args:
        document: the file.
        status: the status.
        new: it is for a new card: the template comes first.
    """
    raws = Counter(card.status_raw for card in document.cards if _says(document, card.status_raw, status))
    usual = raws.most_common(1)
    model = _in_template(document, status)
    if usual and not (model and (new or usual[0][1] < 2)):
        return str(usual[0][0])
    return model or status.value


def _in_template(document: CardDocument, status: CardStatus) -> str | None:
    for template in document.templates:
        for line in document.text[template.start : template.end].split("\n"):
            found = next((field for field in read(line.rstrip("\r")) if field.name == "status"), None)
            if found:
                choices = [choice.strip() for choice in line[found.value : found.end].split("|")]
                return next((choice for choice in choices if _says(document, choice, status)), None)
    return None


def check(document: CardDocument, card: Card, number: int, *, done: bool = True) -> bytes:
    """Tick or clear one entry of a card's checklist, by its number from 1.

    Raises:
        NotFound: the card has no such entry.
    """
    items = checklist(document, card)
    if not 1 <= number <= len(items):
        hint = f"it has {len(items)}" if items else "it has no checklist"
        raise NotFound(f"no entry {number} in the checklist", where=card.id, hint=hint)
    item = items[number - 1]
    if item.done is done:
        return document.to_bytes()
    plain = DONE_MARKS if done else OPEN_MARKS
    marks = Counter(other.mark for other in items if other.mark in plain)
    mark = marks.most_common(1)[0][0] if marks else (TICKED.get(item.mark, "[x]") if done else _opened(item.mark))
    return _replaced(document, item.mark_start, item.mark_start + len(item.mark), mark)


def _opened(mark: str) -> str:
    return next((old for old in ("☐", "⬜") if TICKED[old] == mark and mark != "✅"), "[ ]")


def block(document: CardDocument, card: Card) -> str:
    """Return a card's own text, from its heading to its last line, without the last line ending."""
    return document.text[card.start : card.end]


def without(document: CardDocument, *cards: Card) -> str:
    """Return the text of the file without some cards; the blank lines and the rule after each go with it.

    Args:
        document: the file.
        cards: some of its cards, in file order.
    """
    text, rules, at = document.text, uses_rules(document), 0
    parts: list[str] = []
    for card in cards:
        parts.append(text[at : card.start])
        at = _after(document, card, rules=rules)
    kept = "".join(parts)
    if cards and at >= len(text):
        # It was the last thing: the blank lines above it were there for its sake.
        kept = kept.rstrip("\r\n \t")
        return kept + (document.eol if text.endswith("\n") and kept else "")
    return kept + text[at:]


def inserted(document: CardDocument, blocks: Mapping[int, str]) -> str:
    """Return the file with blocks put in, blank lines round each.

    Args:
        document: the file.
        blocks: where each goes, the beginning of a line, and its text.
    """
    text, eol, parts, done = document.text, document.eol, list[str](), 0
    for at, block in sorted(blocks.items()):
        parts.append(text[done:at])
        done = at
        if at and not text.endswith("\n", 0, at):
            parts.append(eol)
        first = at <= 1 and not text[:at].strip("\ufeff")
        parts += "" if first or text.endswith(("\n\n", "\n\r\n"), 0, at) else eol, block
        if at < len(text):
            parts.append(eol if text.startswith(("\n", "\r\n"), at) else eol + eol)
        elif text.endswith("\n") or not text.strip("\ufeff"):
            parts.append(eol)
    return "".join(parts) + text[done:]


def uses_rules(document: CardDocument) -> bool:
    """Tell whether this file puts a rule (``---``) between its cards."""
    ruled = sum(1 for card in document.cards if rule_after(document, card) is not None)
    return ruled * 2 > len(document.cards) and ruled > 0


def _after(document: CardDocument, card: Card, *, rules: bool) -> int:
    """Return where the text after a card begins: past blank lines and its rule, where the file has `rules`."""
    at = (rule_after(document, card) if rules else None) or line_end(document.text, card.end)
    while at < card.stop:
        stop = line_end(document.text, at)
        if document.text[at:stop].strip():
            break
        at = stop
    return at


def rule_after(document: CardDocument, card: Card) -> int | None:
    """Return where the line after the rule below a card begins, or None when there is no rule."""
    at = line_end(document.text, card.end)
    while at < card.stop:
        stop = line_end(document.text, at)
        line = document.text[at:stop].rstrip("\r\n")
        if grammar.RULE.match(line):
            return stop
        if line.strip():
            return None
        at = stop
    return None


def _says(document: CardDocument, raw: str | None, status: CardStatus) -> bool:
    """A spelling to follow has the word and its emoji; "in review" is in progress, and says more than that."""
    return is_name(raw, status) and document.vocabulary.status(raw) is status


def _replaced(document: CardDocument, start: int, end: int, text: str) -> bytes:
    return to_bytes(document.text[:start] + text + document.text[end:])
