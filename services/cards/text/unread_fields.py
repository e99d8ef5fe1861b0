"""Lines of a card that look like fields and are not read as fields, and fields that a card has twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from bluelabel.services.cards.status.statuses import BUILT_IN
from bluelabel.services.cards.text.body import card_lines
from bluelabel.services.cards.text.field_names import field_of, written_keys
from bluelabel.services.cards.text.fields import key_like, read
from bluelabel.services.cards.text.grammar import FENCE, RULE
from bluelabel.services.cards.text.model import Card, CardDocument, FieldForm, shown
from bluelabel.services.cards.text.vocabulary import is_card_section


class Unread(NamedTuple):
    """A line that looks like a field.

    Args:
        key: its key, `text` the line itself.
        guess: the field that it most likely means, if any.
        sure: it can hardly be anything else, so that no second line for this field may be put beside it.
    """

    line: int
    column: int
    key: str
    text: str
    guess: str | None
    sure: bool


_WORDS: Final = r"[^\W\d_](?:[\w ]{0,24}\w)?"
_BEGIN: Final = r"(?: {0,3}>){0,3}[ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(?:\[.\][ \t]+)?(?:[^\x00-\x7f\w]{1,6}+ ?)?+"
_ODD: Final = tuple(
    re.compile(_BEGIN + form)
    for form in (
        # `**Status** Done`, `Status = Done`, `Status → Done`, `**Status** - Done`, `Status | Done`
        rf"(?:\*\*|__)(?P<key>{_WORDS})(?:\*\*|__)[ \t]+(?:(?:=|[-=]>|→|\||[-–—]{{1,2}})[ \t]*)?\S",
        rf"(?P<key>{_WORDS})(?:[ \t]*(?:=|[-=]>|→|\|)[ \t]*|[ \t]+[-–—]{{1,2}}[ \t]+|\t+)\S",
        # `[status:: done]`, `` `Status: done` ``, `[x] Status: done`, `@status(done)`, `#status/done`
        rf"[\[(](?P<key>{_WORDS})::?[ \t]*\S",
        rf"[*_`]{{0,3}}(?P<key>{_WORDS})[*_`]{{0,3}}[ \t]*[:：][*_`]{{0,3}}+[ \t]*\S",
        rf"[@#](?P<key>{_WORDS})[(/:=]\S",
        # <b>Status:</b> Done, <td>Status</td><td>Done</td>
        rf"(?:<[A-Za-z][^<>]{{0,80}}>[ \t]*){{1,4}}(?P<key>{_WORDS})[ \t]*:?[ \t]*</",
    )
)
_BAR: Final = re.compile(r"[ \t][|·•][ \t]")
_DATA: Final = re.compile(rf"""[ \t{{,]*["']?(?P<key>{_WORDS})["']?[ \t]*[:=][ \t]*\S""")
_ROW: Final = re.compile(rf"[ \t]*\|[ \t]*[*_`]{{0,3}}(?P<key>{_WORDS}):?[*_`]{{0,3}}:?[ \t]*\|[ \t]*[^\s|:-]")
_DATA_LANGUAGES: Final = frozenset(("yaml", "yml", "json", "json5", "jsonc", "toml", "ini", "properties"))
_BOLD: Final = (FieldForm.BOLD_INSIDE, FieldForm.BOLD_OUTSIDE)
_SYNONYMS: Final = {"state": "status", "stage": None}


def unread_fields(document: CardDocument, card: Card) -> tuple[Unread, ...]:
    """Return the lines at the head of a card that look like fields and are not read as fields, in order."""
    read_at = {field.line for field in card.fields.values()}
    found = list(_in_heading(document, card))
    language: str | None = None
    for number, _, line, fenced in card_lines(document, card):
        bare = line.strip()
        opened = FENCE.match(line) if fenced else None
        if not fenced:
            language = None
        elif opened and language is None:
            language = opened[2].strip().split(" ")[0].casefold()
            continue
        if not bare or number in read_at or RULE.match(line) or bare.startswith("<!--"):
            continue
        unread = _in_fence(card, number, line, language or "") if fenced else _on_line(card, number, line)
        if unread:
            found.append(unread)
        elif not fenced and not bare.startswith("|") and not _goes_on(line):
            break
    return tuple(found)


def twice(document: CardDocument, card: Card) -> Iterator[tuple[int, int, str]]:
    """Yield line, column and name of each field that a card has a second time, with another value."""
    in_head = True
    for number, at, line, fenced in card_lines(document, card):
        if fenced or not line.strip():
            continue
        fields = read(line)
        in_head = in_head and (bool(fields) or _goes_on(line))
        for field in fields:
            first = card.fields.get(field.name)
            sure = in_head or field.form in _BOLD
            if first is None or first.at == at + field.at or first.line == number or not sure:
                continue
            if line[field.value : field.end].casefold() != first.raw.casefold():
                yield number, field.at + 1, field.name


def _on_line(card: Card, number: int, line: str) -> Unread | None:
    match = key_like(line)
    if match and field_of(match["key"]) is None:
        guess = _near(match["key"])
        bold = match["open"] in ("**", "__")
        valued = match.end() < len(line.rstrip())
        if (guess or bold) and valued and not is_card_section(match["key"]) and guess not in card.fields:
            return _unread(number, line, match, guess)
        return None
    for pattern in (*_ODD, _ROW):
        odd = pattern.match(line)
        name = field_of(odd["key"]) if odd else None
        if odd and name and name not in card.fields:
            return _unread(number, line, odd, name)
    return _keyless(card, number, line)


def _keyless(card: Card, number: int, line: str) -> Unread | None:
    """Tell a status that stands without a key between bars (`🔴 P0 | ⬜ TODO | Est: 3d`)."""
    parts = _BAR.split(line)
    if "status" in card.fields or len(parts) < 2 or line.lstrip().startswith("|"):
        return None
    for part in parts:
        words = part.strip(" *_`")
        if words and len(words.split()) <= 3 and not words[0].isalnum() and BUILT_IN.status(words):
            return Unread(number, line.index(part) + 1, "", shown(line.strip()[:40]), "status", sure=True)
    return None


def _in_heading(document: CardDocument, card: Card) -> Iterator[Unread]:
    """Yield the fields that stand behind the title (`### TASK-7: title | Status: done`): they are part of the title."""
    heading = document.text[card.start : card.heading_end]
    for bar in _BAR.finditer(heading):
        for field in read(heading[bar.end() :])[:1]:
            if field.name not in card.fields:
                text = shown(heading[bar.end() :][:40])
                yield Unread(card.line, bar.end() + 1, field.key, text, field.name, sure=True)


def _in_fence(card: Card, number: int, line: str, language: str) -> Unread | None:
    match = _DATA.match(line)
    name = field_of(match["key"]) if match else None
    if match is None or name not in ("status", "assignee", "priority") or name in card.fields:
        return None
    return _unread(number, line, match, name)._replace(sure=language in _DATA_LANGUAGES)


def _unread(number: int, line: str, match: re.Match[str], guess: str | None) -> Unread:
    return Unread(
        number, match.start("key") + 1, shown(match["key"]), shown(line.strip()[:40]), guess, guess is not None
    )


def _goes_on(line: str) -> bool:
    return key_like(line) is not None or line.lstrip()[:1] in "#>"


def _near(key: str) -> str | None:
    """Return the field whose key is meant by a key with one letter wrong, or by one with a word before it."""
    words = " ".join(key.casefold().replace("_", " ").split())
    if words in _SYNONYMS:
        return _SYNONYMS[words]
    last = field_of(words.split(" ")[-1])
    if last in ("status", "priority"):
        return last
    close = (known for known in written_keys() if _one_off(words, known))
    return field_of(next(close, "")) if len(words) > 4 else None


def _one_off(one: str, other: str) -> bool:
    """Tell whether two words differ in one letter: another one, one more, one less, or two that changed places."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
