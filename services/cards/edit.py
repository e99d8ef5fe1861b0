"""Changes one thing in a card file and not a byte more.

Every function takes a document that was read and returns the new bytes. What is written follows the very card: its
kind of metadata line, its line endings, its trailing blanks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from bluelabel.interfaces.errors import NotFound, Refused, UsageError
from bluelabel.interfaces.names import nearest
from bluelabel.services.cards import lines as grammar
from bluelabel.services.cards.body import DONE_MARKS, checklist
from bluelabel.services.cards.headings import retitled
from bluelabel.services.cards.model import Card, CardDocument, Field, FieldForm, to_bytes
from bluelabel.services.cards.words import CardStatus, field_names, field_of, keys_of, status_of

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


def check_value(field: str, value: str) -> str:
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
    if field == "status" and value and status_of(value) is None:
        hint = f"one of: {', '.join(CardStatus)}"
        raise UsageError("not a status", where=repr(value[:40]), hint=hint)
    return value.strip()


def set_field(document: CardDocument, card: Card, name: str, value: str | None) -> bytes:
    """Set one field of a card.

    Args:
        document: the file.
        card: one of its cards.
        name: a field as `field_name` gives it.
        value: the text as it shall stand there; "" keeps an empty line, None takes the line away.

    Raises:
        Refused: the heading of the card would not be read with this title.
    """
    if name == "title":
        return _titled(document, card, value or "")
    field = card.fields.get(name)
    if field is None:
        return document.to_bytes() if value is None else _inserted_line(document, card, name, value)
    if value is None:
        return _replaced(document, *_whole_lines(document, field), "")
    at = field.value_start
    if (
        value
        and field.form is FieldForm.HEADING
        and not field.raw
        and ":" not in document.text[field.start : field.end]
    ):
        return _replaced(document, field.end, field.end, document.eol + value)
    if value and not field.raw and not field.below and document.text[at - 1 : at] not in (" ", "\t"):
        value = " " + value
    return _replaced(document, at, field.value_end, value)


def spelled(document: CardDocument, status: CardStatus, *, new: bool = False) -> str:
    """Return how this file writes a status: as its cards do, else as its template does, else the bare word.

    Args:
        document: the file.
        status: the status.
        new: it is for a new card: the template comes first.
    """
    raws = Counter(card.status_raw for card in document.cards if card.status is status and _is_plain(card.status_raw))
    usual = raws.most_common(1)
    model = _in_template(document, status)
    if usual and not (model and (new or usual[0][1] < 2)):
        return str(usual[0][0])
    return model or status.value


def _in_template(document: CardDocument, status: CardStatus) -> str | None:
    for template in document.templates:
        for line in document.text[template.start : template.end].split("\n"):
            found = grammar.metadata(line.rstrip("\r"))
            if found and found.name == "status":
                choices = [choice.strip() for choice in line[found.value :].split("|")]
                return next((choice for choice in choices if status_of(choice) is status), None)
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
    marks = Counter(other.mark for other in items if other.done is done and other.mark in {*DONE_MARKS, "[ ]"})
    mark = marks.most_common(1)[0][0] if marks else ("[x]" if done else "[ ]")
    return _replaced(document, item.mark_start, item.mark_start + len(item.mark), mark)


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


def line_end(text: str, at: int) -> int:
    """Return where the line after the one at `at` begins."""
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop + 1


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


def _is_plain(raw: str | None) -> bool:
    """A spelling to follow has the word and its emoji, no remark and no name."""
    words = [word for word in (raw or "").replace("_", " ").split() if word.isascii()]
    return bool(raw) and not set("():,") & set(raw or "") and len(words) <= 2


def _titled(document: CardDocument, card: Card, title: str) -> bytes:
    line = retitled(document.text[card.start : card.heading_end], title, document.prefixes)
    if line is None:
        hint = "its marks would be read otherwise; change the heading by hand"
        raise Refused("this heading cannot take this title", where=card.id, hint=hint)
    return _replaced(document, card.start, card.heading_end, line)


def _whole_lines(document: CardDocument, field: Field) -> tuple[int, int]:
    last = max(field.end, field.value_end)
    stop = line_end(document.text, last)
    if stop == len(document.text) and not document.text.endswith("\n"):
        start = document.text.rfind("\n", 0, field.start)
        return (start - 1 if start > 0 and document.text[start - 1] == "\r" else max(start, 0)), stop
    start, text = field.start, document.text
    if field.form is FieldForm.HEADING and field.below and (stop == len(text) or text.startswith(("\n", "\r\n"), stop)):
        # A heading over its value stands between blank lines; one of them goes with it.
        start -= next((len(gap) for gap in ("\r\n", "\n") if text.endswith("\n" + gap, 0, start)), 0)
    return start, stop


def _inserted_line(document: CardDocument, card: Card, name: str, value: str) -> bytes:
    """Put in a metadata line: the status before all others, anything else after the run below the heading."""
    run = _head(document, card)
    model = run[-1] if run else _usual_field(document)
    line = _written(document, model, _key(document, name), value)
    text, eol = document.text, document.eol
    apart = eol if run and run[-1].form is FieldForm.HEADING and run[-1].below else ""
    if run and name == "status":
        return _replaced(document, run[0].start, run[0].start, line + eol + apart)
    at = max(run[-1].end, run[-1].value_end) if run else card.heading_end
    at = text.find("\n", at)
    if at < 0:
        return _replaced(document, len(text), len(text), eol + line)
    return _replaced(document, at + 1, at + 1, apart + line + eol)


def _head(document: CardDocument, card: Card) -> list[Field]:
    """Return the metadata lines that stand together below the heading, nothing but blank lines above them."""
    run: list[Field] = []
    at, line = card.heading_end, card.line
    for field in sorted(card.fields.values(), key=lambda found: found.start):
        if document.text[at : field.start].strip(" \t\r\n") or (run and field.line > line + 1):
            break
        run.append(field)
        at = max(field.end, field.value_end)
        line = field.line + document.text.count("\n", field.start, at)
    return run


def _usual_field(document: CardDocument) -> Field | None:
    found = [card.fields["status"] for card in document.cards if card.raw("status")]
    usual = Counter((field.form, field.lead, field.below) for field in found if not field.below).most_common(1)
    return next((field for field in found if usual and (field.form, field.lead, field.below) == usual[0][0]), None)


def _key(document: CardDocument, name: str) -> str:
    keys = Counter(card.fields[name].key for card in document.cards if name in card.fields)
    return keys.most_common(1)[0][0] if keys else keys_of(name)[0].title()


def _written(document: CardDocument, model: Field | None, key: str, value: str) -> str:
    if model is None:
        return f"{key}: {value}"
    last = document.text[model.value_end : model.value_end + 3] if not model.below else ""
    blanks = last[: len(last) - len(last.lstrip(" \t"))]
    if model.form is FieldForm.HEADING:
        return f"{model.lead}{key}{document.eol}{value}" if model.below else f"{model.lead}{key}: {value}"
    marks = model.lead[-2:] if model.lead.endswith(("**", "__")) else ""
    middle = f":{marks}" if model.form is FieldForm.BOLD_INSIDE else f"{marks}:"
    gap = document.eol if model.below else " "
    return f"{model.lead}{key}{middle}{gap}{value}{blanks}"


def _replaced(document: CardDocument, start: int, end: int, text: str) -> bytes:
    return to_bytes(document.text[:start] + text + document.text[end:])
