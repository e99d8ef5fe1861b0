"""The fields of one line: where each key and each value stands. Every pattern is linear: no input makes it slow.

A value ends before the next key, not at the next sign: `|` parts fields, and parts the choices of a template as well.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final, NamedTuple

from bluelabel.services.cards.text.field_names import field_of
from bluelabel.services.cards.text.model import Field, FieldForm

_NO_KEY: Final = r"\t\n:：|*`<>\[\](){}\"=;；,，、·•#\\"
_MARK: Final = r"\*{1,3}|_{1,3}|`"
_SIGN: Final = r"(?:[^\x00-\x7f\w\s—–→·•∙●｜│¦：；，、]{1,6}+ ?)?+"
_PREFIX: Final = re.compile(r"(?: {0,3}>){0,3} {0,3}(?:(?:[-*+•·◦‣–]|\d{1,3}[.)])[ \t]+)?")
_BAR: Final = re.compile(r"[ \t]{0,3}\|[ \t]*")
_NAME: Final = rf"(?P<key>(?>[^\W\d_](?:[^{_NO_KEY}]{{0,38}}[^\s_{_NO_KEY}])?))"
_KEY: Final = (
    rf"{_SIGN}(?P<open>{_MARK})?{_SIGN}{_NAME}"
    rf"(?P<colon>(?P<outside>{_MARK})?[ \t\xa0\u202f]{{0,3}}(?:::?|：)(?P<inside>{_MARK})?)"
)
_FIELD: Final = re.compile(_KEY)
_NEXT: Final = re.compile(rf"(?<=[\s|·•∙●｜│¦;；,，、>—])(?={_KEY})")
_HEADING: Final = re.compile(r" {0,3}#{1,6}[ \t]+")
_ALONE: Final = re.compile(rf"{_SIGN}(?P<open>\*\*|__)?{_SIGN}{_NAME}(?:\*\*|__)?[ \t]*#*[ \t]*$")
_SPAN: Final = re.compile(r"`+|[()]|<!--|-->")
_BREAK: Final = re.compile(r"<br[ \t]*/?>$", re.IGNORECASE)
_COMMENT: Final = re.compile(r"(?:[ \t]*<!--(?:(?!-->).)*-->)+[ \t]*")
_BLANKS: Final = " \t\xa0"
_BARS: Final = "|·•∙●｜│¦"


class KeyLine(NamedTuple):
    """One field of a line; all places are offsets in the line.

    Args:
        name: the field; `key` as it is written there.
        form: how it is written.
        lead: what a line of its own, written like this one, has before the key; `colon` is what follows the key.
        start: where its own text begins, `at` where its key does.
        value: where the value begins, without blanks, comments and marks round it; `end` is its end.
        cut: what goes when the field is taken out of a line that holds more than it; None when the line goes.
        behind: it stands behind a key that is none of a card's.
    """

    name: str
    key: str
    form: FieldForm
    lead: str
    colon: str
    start: int
    at: int
    value: int
    end: int
    cut: tuple[int, int] | None = None
    behind: bool = False

    def field(self, start: int, line: str, number: int) -> Field:
        """Return the field, its `line` beginning at `start` of the file's text."""
        return Field(
            name=self.name,
            key=self.key,
            raw=line[self.value : self.end],
            form=self.form,
            lead=self.lead,
            start=start,
            end=start + len(line),
            value_start=start + self.value,
            value_end=start + self.end,
            line=number,
            at=start + self.at,
            colon=self.colon,
            cut=(start + self.cut[0], start + self.cut[1]) if self.cut else None,
        )


class _Part(NamedTuple):
    """A key that was found, known or not, and where what parts it from the field before begins."""

    match: re.Match[str]
    name: str | None
    parted: int


def read(line: str) -> tuple[KeyLine, ...]:
    """Return the fields of a line, in order; a heading's are `read_heading`'s."""
    if line[:1].isalpha():
        return _fields(line, 0)
    bar = _BAR.match(line)
    return _fields(line, bar.end(), bar=True) if bar else _fields(line, _begin(line))


def _begin(line: str) -> int:
    match = _PREFIX.match(line)
    return match.end() if match else 0


def read_heading(line: str) -> tuple[KeyLine, ...]:
    """Return the fields of a heading (``### Status: done``, or ``## Status`` above its value)."""
    marks = _HEADING.match(line)
    if marks is None:
        return ()
    bare = line.rstrip(" \t#") if line.endswith(("#", "# ")) else line
    found = _fields(bare, marks.end())
    if found:
        return tuple(field._replace(form=FieldForm.HEADING) for field in found)
    alone = _ALONE.match(line, marks.end())
    name = field_of(alone["key"]) if alone else None
    if alone is None or name is None:
        return ()
    at, lead = alone.start("key"), marks[0] + (alone["open"] or "")
    end = len(line)
    return (KeyLine(name, alone["key"], FieldForm.HEADING, lead, "", 0, at, end, end),)


def key_like(line: str) -> re.Match[str] | None:
    """Return the key with a colon that a line begins with, known or not, or None."""
    match = _FIELD.match(line, _begin(line))
    return match if match and _form(match) else None


def _fields(line: str, at: int, *, bar: bool = False) -> tuple[KeyLine, ...]:
    """Return the fields from `at` on; `bar`: the line is one of a table's kind, which holds no empty field."""
    match = _FIELD.match(line, at)
    if match is None:
        return ()
    name = field_of(match["key"])
    alone = line.find(":", match.end()) < 0 and line.find("：", match.end()) < 0
    if (name is None and alone) or _form(match) is None:
        return ()
    first, prefix = _Part(match, name, at), "" if bar else line[:at]
    if alone:
        field = _field(line, prefix, [first], 0)
        return (field,) if field and (field.value < field.end or not bar) else ()
    parts = _parts(line, first)
    found = [_field(line, prefix, parts, place) for place, part in enumerate(parts) if part.name]
    return tuple(field for field in found if field and (field.value < field.end or not bar))


def _parts(line: str, first: _Part) -> list[_Part]:
    parts, spans = [first], _enclosed(line)
    for match in _NEXT.finditer(line, first.match.end()):
        start, begun = match.start(), parts[-1].match.end("colon")
        form, name = _form(match), field_of(match["key"])
        if start < begun or form is None:
            continue
        parted, rank = _separator(line, begun, start)
        bold = form in (FieldForm.BOLD_INSIDE, FieldForm.BOLD_OUTSIDE) or (form is FieldForm.BOLD and name is not None)
        if first.name is None and not bold and rank < 3:
            continue  # prose may say anything after its colon
        if _begins(line, match, rank, known=name is not None, bold=bold) and not _inside(spans, start):
            parts.append(_Part(match, name, parted))
    return parts


def _begins(line: str, match: re.Match[str], rank: int, *, known: bool, bold: bool) -> bool:
    """Tell whether a key behind a separator begins another field; the weaker the separator, the surer the key."""
    if bold:
        return rank >= 0
    key = match["key"]
    if rank >= 2:
        blank = line[match.end("colon") : match.end("colon") + 1] in ("", *_BLANKS)
        return known or (blank and len(key.split()) <= 3 and not key[0].islower())
    return known and (rank == 1 or (rank == 0 and not key[0].islower()))


def _separator(line: str, begun: int, start: int) -> tuple[int, int]:
    """Return where the separator before `start` begins, and how strongly it parts: 3 a bar, 0 one blank, -1 none."""
    end = _back(line, begun, start)
    gap, sign = line[end:start], line[end - 1 : end] if end > begun else ""
    before = _back(line, begun, end - 1) if sign else end
    spaced = bool(gap) and (before < end - 1 or before == begun)
    if sign and sign in _BARS:
        return before, 3
    if sign == ">" and (tag := _BREAK.search(line, max(begun, end - 12), end)):
        return _back(line, begun, tag.start()), 3
    if sign and sign in ";；":
        return before, 2
    if sign and (sign in ",，、—" or (sign in "/-–→+&" and spaced)):
        return before, 1
    return end, 3 if "\t" in gap else 2 if len(gap) > 1 else 0 if gap or start == begun else -1


def _back(line: str, begun: int, at: int) -> int:
    """Return where the blanks that end at `at` begin."""
    while at > begun and line[at - 1] in _BLANKS:
        at -= 1
    return at


def _enclosed(line: str) -> list[tuple[int, int]]:
    """Return the spans of code, of parentheses and of comments, in order: what stands in them belongs to the value."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    ticks, comment = dict[str, int](), -1
    for mark in _SPAN.finditer(line):
        text, at = mark[0], mark.start()
        if comment >= 0:
            if text == "-->":
                spans.append((comment, mark.end()))
                comment = -1
        elif text == "<!--":
            comment = at
        elif text[0] == "`":
            if text in ticks:
                spans.append((ticks[text], mark.end()))
                ticks.clear()
            else:
                ticks[text] = at
        elif text == "(":
            opened.append(at)
        elif text == ")" and opened:
            spans.append((opened.pop(), mark.end()))
    return _outermost(spans)


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not found or start >= found[-1][1]:
            found.append((start, end))
        elif end > found[-1][1]:
            found[-1] = found[-1][0], end
    return found


def _inside(spans: list[tuple[int, int]], at: int) -> bool:
    place = bisect_left(spans, (at,)) - 1
    return place >= 0 and at < spans[place][1]


def _form(match: re.Match[str]) -> FieldForm | None:
    """Return how a field is written, None when its marks do not fit."""
    opened, outside, inside = match["open"], match["outside"], match["inside"]
    bold = opened in ("**", "__", "***", "___")
    if outside:
        return None if outside != opened else FieldForm.BOLD_OUTSIDE if bold else FieldForm.PLAIN
    if opened and inside:
        return None if inside != opened else FieldForm.BOLD_INSIDE if bold else FieldForm.PLAIN
    if opened:
        return FieldForm.BOLD if opened in ("**", "__") else None
    return FieldForm.PLAIN


def _field(line: str, prefix: str, parts: list[_Part], place: int) -> KeyLine | None:
    """Return the field of a part; `prefix` is what a line of its own has before it."""
    match, name, parted = parts[place]
    form, opened, colon = _form(match), match["open"] or "", match["colon"]
    if match["inside"] and not opened:
        colon = colon[: -len(match["inside"])]  # marks of the value: `Status:**Done**`
    begin = match.start("colon") + len(colon)
    following = parts[place + 1] if place + 1 < len(parts) else None
    stop = following.parted if following else len(line)
    if form is FieldForm.BOLD:
        closing = line.find(opened, begin, stop)
        if closing < 0 or not line[begin:closing].strip():
            return None
        stop = closing
    value, end = _trimmed(line, begin, stop)
    start, behind = match.start(), line[end:]
    cut = None
    if following:
        cut = start, following.match.start()
    elif place:
        cut = parted, end
    elif behind and behind.strip(" \t*_\\"):
        cut = start, end
    places = start, match.start("key"), value, end, cut
    lead = prefix + opened
    return KeyLine(name or "", match["key"], form or FieldForm.PLAIN, lead, colon, *places, parts[0].name is None)


def _trimmed(line: str, begin: int, stop: int) -> tuple[int, int]:
    """Return the span of a value; an empty one stands one blank after the colon."""
    text = line[begin:stop].rstrip()
    end = begin + len(text)
    if text.endswith("|") and _BAR.match(line):
        end = _stripped(line, begin, end - 1)
    if text.endswith((">", "\\")) or "<!--" in text:
        end = _without_tail(line, begin, end)
    value = begin + len(text) - len(text.lstrip())
    if text.startswith("<!--", value - begin) and (comment := _COMMENT.match(line, value, end)):
        value = comment.end()
    if value >= end:
        # At the end of a line a value follows the blank that is there; before other text it brings its own.
        value = end = begin + (line[begin : begin + 1] in (" ", "\t") and not line[begin:].strip())
    return value, end


def _without_tail(line: str, begin: int, end: int) -> int:
    shorter = _before_tail(line, begin, end)
    while shorter < end:
        end = shorter
        shorter = _before_tail(line, begin, end)
    return end


def _before_tail(line: str, begin: int, end: int) -> int:
    """Return where a value ends before a comment or a line break that stands behind it."""
    opened = line.rfind("<!--", begin, end)
    closed = line.rfind("-->", begin, end)
    if opened >= 0 and (closed < opened or closed == end - 3):
        return _stripped(line, begin, opened)
    if tag := _BREAK.search(line, max(begin, end - 12), end):
        return _stripped(line, begin, tag.start())
    broken = line[begin:end].endswith("\\") and not line[begin:end].endswith("\\\\")
    return _stripped(line, begin, end - 1) if broken else end


def _stripped(line: str, begin: int, end: int) -> int:
    while end > begin and line[end - 1].isspace():
        end -= 1
    return end
