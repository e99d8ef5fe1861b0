"""New ids for cards: after the newest of the file, and never one that any branch or worktree has used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import AlreadyExists, UsageError
from bluelabel.interfaces.repository import Repository
from bluelabel.services.cards.file_state import Memory
from bluelabel.services.cards.text import grammar
from bluelabel.services.cards.text.headings import card_heading
from bluelabel.services.cards.text.model import CardDocument, to_text

_PARTS: Final = re.compile(r"(?!TASK-[A-Z])((?:[A-Z][A-Z0-9]*-)+|[A-Z]+)([0-9]+)([A-Z]{0,3})", re.ASCII)
_SERIES: Final = re.compile(r"((?:[A-Z][A-Z0-9]*-)+|[A-Z]+(?=[0-9]))([0-9]+)?", re.ASCII)


def next_id(document: CardDocument, taken: Iterable[str], series: str | None = None) -> str:
    """Return the id that follows the newest one, in the manner of the file.

    Args:
        document: the file it is for.
        taken: ids that are used elsewhere.
        series: what it shall begin with: ``TASK-``, ``QUICK-``, or ``TASK-161`` to go on with letters behind 161.

    Raises:
        UsageError: `series` cannot begin an id.
    """
    used = {*taken, *document.by_id, *(reference.id for reference in document.references)}
    prefix, number, letters = _series(series, document.prefixes) or _manner(document)
    known = [match for name in used if (match := _PARTS.fullmatch(name)) and match[1] == prefix]
    if letters:
        number = number or max((int(match[2]) for match in known if match[3]), default=1)
        last = max((match[3] for match in known if int(match[2]) == number), key=_order, default="")
        width = max((len(match[2]) for match in known), default=3)
        name = _after(last)
        while f"{prefix}{number:0{width}d}{name}" in used:
            name = _after(name)
        return f"{prefix}{number:0{width}d}{name}"
    width = max((len(match[2]) for match in known), default=3)
    count = max((int(match[2]) for match in known), default=0) + 1
    while f"{prefix}{count:0{width}d}" in used:
        count += 1
    return f"{prefix}{count:0{width}d}"


def checked(name: str, document: CardDocument, taken: Iterable[str]) -> str:
    """Return `name` if a new card may have it.

    Raises:
        UsageError: it is no id of a card.
        AlreadyExists: a card has it, here or elsewhere.
    """
    if not _is_id(name, document.prefixes) or grammar.is_placeholder(name):
        raise UsageError("not an id of a card", where=repr(name[:60]), hint="write TASK-7, TASK-161FB, QUICK-3")
    if name in document.by_id or name in set(taken):
        raise AlreadyExists("a card has this id", where=name, hint="leave --id away, and the next free id is taken")
    return name


def ids_elsewhere(repository: Repository | None, file: str, home: Path, prefixes: Sequence[str] = ()) -> set[str]:
    """Return the ids in the card file of every branch, and in the last known text of every worktree's file."""
    found: set[str] = set()
    if repository is not None:
        for commit in set(repository.branches().values()):
            found |= ids_in(repository.read(file, commit) or b"", prefixes)
    for folder in (home / "cards").glob("*/state.json"):
        memory = Memory.at(folder.parent)
        state = memory.load()
        for known in state.branches.values() if state else ():
            found |= ids_in(memory.text(known.known) or b"", prefixes)
    return found


def ids_in(data: bytes, prefixes: Sequence[str] = ()) -> set[str]:
    """Return the ids that headings of a text name, without reading more of it; those of examples are taken too."""
    lines = (line for line in to_text(data).split("\n") if line.lstrip(" ").startswith("#"))
    return {head.id for line in lines if (head := card_heading(line.rstrip("\r"), prefixes))}


def _is_id(name: str, prefixes: Sequence[str]) -> bool:
    head = card_heading(f"### {name}: x", prefixes)
    return head is not None and head.certain and (head.id, head.title) == (name, "x")


def _series(series: str | None, prefixes: Sequence[str]) -> tuple[str, int, bool] | None:
    if series is None:
        return None
    match = _SERIES.fullmatch(series if "-" in series else f"{series}-")
    if match is None or not _is_id(f"{match[1]}1", prefixes):
        raise UsageError("not the beginning of an id", where=repr(series[:40]), hint="write TASK, QUICK, or TASK-161")
    return match[1], int(match[2] or 0), bool(match[2])


def _manner(document: CardDocument) -> tuple[str, int, bool]:
    """Return the usual prefix, the number to go on with, and whether letters follow it."""
    parts = [match for card in document.cards if (match := _PARTS.fullmatch(card.id))]
    if not parts:
        return "TASK-", 0, False
    prefix = Counter(match[1] for match in parts).most_common(1)[0][0]
    lettered = [match for match in parts if match[1] == prefix and match[3]]
    if len(lettered) * 2 <= len([match for match in parts if match[1] == prefix]):
        return prefix, 0, False
    return prefix, max(int(match[2]) for match in lettered), True


def _order(letters: str) -> tuple[int, str]:
    return len(letters), letters


def _after(letters: str) -> str:
    """Count on: A, B … Z, AA, AB … ZZ, AAA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    number += 1
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
