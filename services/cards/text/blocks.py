"""Fields that stand in a block of their own at the head of a card: a table of them, or a YAML fence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bluelabel.services.cards.text.field_names import field_of
from bluelabel.services.cards.text.grammar import FENCE
from bluelabel.services.cards.text.model import Field, FieldForm
from bluelabel.services.cards.text.yaml_fields import Line, yaml_fields

_CELL: Final = re.compile(
    r"(?:[^\x00-\x7f\w]{1,6}+ ?)?+(?:\*{1,3}|_{1,3}|`)?(?:[^\x00-\x7f\w]{1,6}+ ?)?+"
    r"(?P<key>(?>[^\W\d_](?:[^\n:：|*`<>]{0,38}[^\s_:：|*`<>])?))(?:[*_`]{0,3}[ \t]?[:：]?[*_`]{0,3})$"
)
_WORDS: Final = (
    "field key property attribute item name value metadata details campo valor champ valeur feld wert eigenschaft "
    "proprietà valore veld waarde pole wartość поле значение 字段 值 属性 項目 項目名 값 항목 필드 内容 alan değer"
)
_GENERAL: Final = frozenset(["", *_WORDS.split()])
_NAMES: Final = frozenset(("id", "task", "task id", "card", "card id", "title", "name", "task name"))


_ENTRY: Final = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+(.*)$")


class _Row(NamedTuple):
    """A row of a table: its line, and the span of each cell in it, without blanks."""

    line: Line
    cells: tuple[tuple[int, int], ...]

    def words(self, place: int) -> str:
        return self.line.text[slice(*self.cells[place])]

    def key(self, place: int) -> re.Match[str] | None:
        return _CELL.match(self.line.text, *self.cells[place])

    def name(self, place: int) -> str | None:
        found = self.key(place)
        return field_of(found["key"]) if found else None


def block_fields(text: str, at: int, number: int, stop: int, names: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields of the table or the fence that begins at `at`; none when it is of another kind.

    Args:
        text: the file.
        at: where the block's first line begins, which has words; `number` is that line.
        stop: where the card ends.
        names: the card's id and its title.
    """
    lines = _lines(text, at, number, stop)
    first = next(lines)
    opened = FENCE.match(first.text)
    if opened is None:
        rows = [first]
        for line in lines:
            if not line.text.lstrip(" \t").startswith("|"):
                break
            rows.append(line)
        return _table([_Row(row, _cells(row.text)) for row in rows], names)
    inside: list[Line] = []
    for line in lines:
        closed = FENCE.match(line.text)
        if closed and closed[1].startswith(opened[1]) and not closed[2].strip():
            language = opened[2].strip().split(" ")[0].casefold()
            return yaml_fields(inside, names[0], known=language in ("yaml", "yml"))
        inside.append(line)
    return ()


def items_below(text: str, at: int) -> list[str]:
    """Return the entries of the list that begins at `at`; none when no list does."""
    items: list[str] = []
    for line in _lines(text, at, 0, len(text)):
        match = _ENTRY.match(line.text)
        if match is None:
            break
        items.append(match[1].strip())
    return items


def _lines(text: str, at: int, number: int, stop: int) -> Iterator[Line]:
    while at < stop:
        end = text.find("\n", at, stop)
        end = stop if end < 0 else end
        yield Line(text[at:end].rstrip("\r"), at, number)
        at, number = end + 1, number + 1


def _cells(line: str) -> tuple[tuple[int, int], ...]:
    """Return the cells of a row; a bar behind a backslash parts none."""
    bars = [match.start() for match in re.finditer(r"(?<!\\)\|", line)]
    if not line[bars[-1] + 1 :].strip() and len(bars) > 1:
        bars, last = bars[:-1], bars[-1]
    else:
        last = len(line)
    found: list[tuple[int, int]] = []
    for start, end in zip(bars, [*bars[1:], last], strict=True):
        words = line[start + 1 : end]
        left = start + 1 + len(words) - len(words.lstrip())
        found.append((left, start + 1 + len(words.rstrip())) if words.strip() else (start + 1, start + 1))
    return tuple(found)


def _table(rows: list[_Row], names: Sequence[str]) -> tuple[Field, ...]:
    ruled = len(rows) > 1 and set(rows[1].line.text) <= set("|:- \t") and "-" in rows[1].line.text
    head, data = (rows[0], rows[2:]) if ruled else (None, rows)
    if head and len(data) == 1 and _is_across(head, data[0], names):
        places = range(len(head.cells))
        return tuple(field for place in places for field in _fields(head, place, data[0], place, alone=False))
    pairs = [row for row in data if len(row.cells) == 2]
    known = [row for row in pairs if row.name(0)]
    general = head is not None and len(head.cells) == 2 and bool({_word(head, 0), _word(head, 1)} & _GENERAL)
    if head and len(head.cells) == 2 and head.name(0) and not head.name(1):
        known.insert(0, head)
        pairs.insert(0, head)
    if (head and len(head.cells) != 2) or not (general or len(known) * 2 >= max(len(pairs), 1)):
        return ()
    return tuple(field for row in known for field in _fields(row, 0, row, 1, alone=row is not head))


def _word(row: _Row, place: int) -> str:
    return row.words(place).strip("*_` :").casefold()


def _is_across(head: _Row, row: _Row, names: Sequence[str]) -> bool:
    """Tell whether a table's one row is the card: a row of something else has a key that is none of a card's."""
    if len(head.cells) != len(row.cells) or len(row.cells) < 2 or row.name(0):
        return False
    known = [place for place in range(len(head.cells)) if head.name(place)]
    others = [place for place in range(len(head.cells)) if not head.name(place)]
    if all(_word(head, place) in _NAMES and row.words(place).strip("*_` ") in names for place in others):
        return bool(known)
    return 0 in known and len(known) >= 2 and len(known) >= len(others)


def _fields(head: _Row, key_at: int, row: _Row, place: int, *, alone: bool) -> Iterator[Field]:
    """Yield the field of a cell, when the cell of its key names one.

    Args:
        head: the row of the key, and `key_at` the cell.
        row: the row of the value, and `place` the cell.
        alone: the row may be taken away, and the table is one still.
    """
    key, line = head.key(key_at), row.line
    if key is None or not (name := field_of(key["key"])):
        return
    begin, end = (line.start + at for at in row.cells[place])
    yield Field(
        name=name,
        key=key["key"],
        raw=row.words(place).replace("\\|", "|"),
        form=FieldForm.ROW if head is row else FieldForm.COLUMN,
        lead="",
        start=line.start,
        end=line.start + len(line.text),
        value_start=begin,
        value_end=end,
        line=line.number,
        at=head.line.start + key.start("key"),
        cut=None if alone else (begin, end),
    )
