"""Sets one field of a card: the bytes of its value change, or a line for it is put in, and nothing else does."""

from __future__ import annotations

from collections import Counter
from typing import Final

from bluelabel.interfaces.errors import Refused
from bluelabel.services.cards.editing.reparse import reread
from bluelabel.services.cards.text.field_names import usual
from bluelabel.services.cards.text.headings import retitled
from bluelabel.services.cards.text.model import Card, CardDocument, Field, FieldForm, to_bytes
from bluelabel.services.cards.text.parser import parse_text
from bluelabel.services.cards.text.unread_fields import unread_fields
from bluelabel.services.cards.text.yaml_fields import yaml_text

_IN_BLOCK: Final = (FieldForm.ROW, FieldForm.YAML)


def set_field(document: CardDocument, card: Card, name: str, value: str | None) -> bytes:
    """Set one field of a card.

    Args:
        document: the file.
        card: one of its cards.
        name: a field as `field_name` gives it.
        value: the text as it shall stand there; "" keeps an empty line, None takes the line away, or the field out of
            a line that holds more than it.

    Raises:
        Refused: what stands there is not edited, looks like the field without being read as it, or the new value
            would be read as something else.
    """
    if name == "title":
        return to_bytes(_titled(document, card, value or ""))
    field = card.fields.get(name)
    if field is None and value is None:
        return document.to_bytes()
    if field is None:
        _refuse_beside(document, card, name)
        text = _with_line(document, card, name, value or "")
    elif field.fixed:
        what = f"the field {name} is written in a way that is not edited"
        raise Refused(what, where=_place(document, field.at), hint="change it by hand, or write it on one line")
    elif value is None:
        text = _spliced(document, *(field.cut or _whole_lines(document, field)), "")
    else:
        text = _spliced(document, *_change(document, field, value))
    if not _reads(document, card, text, name, value):
        what = "the card would not be read as it shall stand there"
        place = _place(document, field.value_start if field else card.heading_end)
        raise Refused(what, where=place, hint=f"set the {name} by hand, or give it other words")
    return to_bytes(text)


def _change(document: CardDocument, field: Field, value: str) -> tuple[int, int, str]:
    """Return the span that a new value takes, and its text there. An empty value leaves no hole in a full line."""
    text, start, end = document.text, field.value_start, field.value_end
    if value and field.form is FieldForm.HEADING and not field.raw and not field.colon:
        return field.end, field.end, document.eol + value
    if field.form is FieldForm.YAML:
        value = yaml_text(text[start:end], value)
    elif field.form in (FieldForm.ROW, FieldForm.COLUMN):
        value = value.replace("|", "\\|")
    if field.below:
        return start, end, value
    if value and start == end:
        return start, end, value if text[start - 1] in " \t：[" else " " + value
    behind = text[end : field.end]
    full = bool(behind.strip()) or field.form is FieldForm.YAML
    if not value and full and text[start - 1] in " \t" and start - 1 > field.at + len(field.key):
        start -= 1  # the value's own blank, which it gets back
    return start, end, value


def _refuse_beside(document: CardDocument, card: Card, name: str) -> None:
    """Refuse to put in a line for a field beside one that looks like it and is not read: they would contradict."""
    unread = next((line for line in unread_fields(document, card) if line.guess == name and line.sure), None)
    if unread:
        what = f"`{unread.text}` looks like the {name} and is not read as one"
        hint = f"write it as `{_key(document, name)}: …` below the heading, then set it"
        raise Refused(what, where=f"{unread.line}:{unread.column}", hint=hint)


def _reads(document: CardDocument, card: Card, text: str, name: str, value: str | None) -> bool:
    """Tell whether the card stands in a new text as it did, but for one field that has the new value."""
    new = reread(document, card, text)
    if new is None:
        cards = parse_text(text, document.vocabulary).cards
        place = document.cards.index(card)
        new = cards[place] if len(cards) == len(document.cards) else None
    if new is None or new.id != card.id:
        return False
    before, after = ({key: field.raw for key, field in each.fields.items()} for each in (card, new))
    found = after.pop(name, None)
    before.pop(name, None)
    return before == after and (value is None or found == value)


def _place(document: CardDocument, at: int) -> str:
    line = document.text.count("\n", 0, at) + 1
    return f"{line}:{at - document.text.rfind(chr(10), 0, at)}"


def round_value(field: Field, key: str = "") -> tuple[str, str]:
    """Return what stands before and behind a value on a line of its own that is written like the one of `field`."""
    key = key or field.key
    if field.form in (FieldForm.ROW, FieldForm.COLUMN, FieldForm.YAML) or not field.colon:
        return f"{key}: ", ""
    closing = field.lead[-2:] if field.form is FieldForm.BOLD else ""
    return f"{field.lead}{key}{field.colon}{'' if field.colon.endswith('：') else ' '}", closing


def like(document: CardDocument, field: Field, key: str, value: str) -> str:
    """Return a line of its own for another key and value, written like the one of `field`."""
    text = document.text
    if field.form is FieldForm.ROW:
        cell = value.replace("|", "\\|")
        middle, behind = text[field.at + len(field.key) : field.value_start], text[field.value_end : field.end]
        gap = "" if middle.endswith((" ", "\t")) else " "
        return text[field.start : field.at] + key + middle + gap + cell + behind
    if field.form is FieldForm.YAML:
        key = key.lower().replace(" ", "_") if field.key.islower() else key
        return f"{key}: {yaml_text('', value)}"
    before, behind = ("", "") if field.below else round_value(field, key)
    return (before or f"{key}: ").lstrip("# ") + value + behind


def line_end(text: str, at: int) -> int:
    """Return where the line after the one at `at` begins."""
    stop = text.find("\n", at)
    return len(text) if stop < 0 else stop + 1


def _titled(document: CardDocument, card: Card, title: str) -> str:
    line = retitled(document.text[card.start : card.heading_end], title, document.prefixes)
    if line is None:
        hint = "its marks would be read otherwise; change the heading by hand"
        raise Refused("this heading cannot take this title", where=card.id, hint=hint)
    return _spliced(document, card.start, card.heading_end, line)


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


def _with_line(document: CardDocument, card: Card, name: str, value: str) -> str:
    """Put in a metadata line: the status before all others, anything else after the run below the heading."""
    run = _head(document, card) or _in_block(card)
    model = run[-1] if run else _usual_field(document)
    line = _written(document, model, _key(document, name), value)
    text, eol = document.text, document.eol
    apart = eol if run and run[-1].form is FieldForm.HEADING and run[-1].below else ""
    if run and name == "status" and run[0].form not in _IN_BLOCK:
        return _spliced(document, run[0].start, run[0].start, line + eol + apart)
    at = max(run[-1].end, run[-1].value_end) if run else card.heading_end
    at = text.find("\n", at)
    if at < 0:
        return _spliced(document, len(text), len(text), eol + line)
    return _spliced(document, at + 1, at + 1, apart + line + eol)


def _in_block(card: Card) -> list[Field]:
    """Return the fields of the table or the fence at the head, which another can be added to."""
    found = [field for field in card.fields.values() if field.form in _IN_BLOCK]
    return sorted(found, key=lambda field: field.start)


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
    found = [field for field in found if field.form not in (*_IN_BLOCK, FieldForm.COLUMN)]
    usual = Counter((field.form, field.lead, field.below) for field in found if not field.below).most_common(1)
    return next((field for field in found if usual and (field.form, field.lead, field.below) == usual[0][0]), None)


def _key(document: CardDocument, name: str) -> str:
    keys = Counter(card.fields[name].key for card in document.cards if name in card.fields)
    return keys.most_common(1)[0][0] if keys else usual(name)


def _written(document: CardDocument, model: Field | None, key: str, value: str) -> str:
    if model is None or model.form is FieldForm.COLUMN:
        return f"{key}: {value}"
    if model.form in _IN_BLOCK:
        return like(document, model, key, value)
    behind = document.text[model.value_end : model.end] if not model.below else ""
    blanks = behind if not behind.strip() else ""
    if not model.below:
        before, closing = round_value(model, key)
        return before + value + closing + blanks
    return f"{model.lead}{key}{model.colon}{document.eol}{value}"


def _spliced(document: CardDocument, start: int, end: int, text: str) -> str:
    return document.text[:start] + text + document.text[end:]
