"""What the id of a card looks like where people write it: ``TASK-161FB``, ``Task 8``, ``BUG-12``; what never is one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

ID: Final = r"(?:TASK-[A-Za-z0-9]+(?:[-+_.][A-Za-z0-9]+)*|QUICK-[0-9]+[A-Za-z]*|SPRINT[0-9]+-[0-9]+[A-Za-z]*)"
"""An id as the files of this family write it."""


class Needs(IntEnum):
    """What has to follow an id so that its heading is a card's."""

    NOTHING = 0
    END_OR_SEPARATOR = 1
    SEPARATOR = 2
    NEVER_SURE = 3


class FoundId(NamedTuple):
    """An id where it stands: its form for commands, what it begins with, where it ends, and what it needs."""

    id: str
    family: str
    end: int
    needs: Needs


_TAIL: Final = r"[0-9][A-Za-z0-9]*(?:[-_+.][A-Za-z0-9]+)*(?!_*[A-Za-z0-9])"
_NUMBER: Final = r"[0-9]+(?:[.-][0-9]+)*[A-Za-z]{0,3}(?!_*[A-Za-z0-9])"
_STRICT: Final = re.compile(rf"{ID}(?!_*[A-Za-z0-9])", re.ASCII)
_OTHER: Final = re.compile(rf"([A-Z][A-Z0-9]{{0,11}}(?:-[A-Z][A-Z0-9]{{0,11}}){{0,2}})-({_TAIL})", re.ASCII)
_WORD: Final = re.compile(
    r"(?:(story|user story|bug|issue|ticket|feature|subtask|sub-task|todo|card|item)[ \t]{1,3}#?"
    rf"|us|t|#[ \t]?|task[ \t]{{1,3}}[A-Z][.-]?)({_NUMBER})",
    re.ASCII | re.IGNORECASE,
)
_BEGINNING: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z]+", re.ASCII)
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}(?:-[0-9]+)*", re.ASCII)
_KNOWN: Final = frozenset(
    re.split(
        r"\s+",
        """ADR AES ARM ASCII AVX AWS BCP BIP CIS COVID CP CPU CSS CVE CWE DES DIN DSA EBCDIC EC ECMA EIP EN ERC ES EU
    FIPS FY GB GDPR GHSA GMT GPT GPU HMAC HTML HTTP HTTPS IEC IEEE IETF IP IPV ISBN ISO JPEG KB LLM LTS MAC MD
    MIL MIT MP MPEG MS NIST OSI OWASP PCI PDF PEP PHP PKCS PPA PYTHON RFC RGB RIPEMD RSA RTX SARS SHA SOC STD
    TIA TLS UCS USB UTC UTF UUID WCAG WIN WPA XHTML JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC JANUARY
    FEBRUARY MARCH APRIL JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER PHASE SPRINT STEP WEEK DAY VERSION
    PART CHAPTER SECTION LEVEL STAGE WAVE MILESTONE EPIC ROUND QUARTER""",
    )
)
"""Of standards, machines, months and plans: a number follows them that is no task's, unless a project says so."""


def id_at(text: str, at: int, prefixes: Sequence[str] = ()) -> FoundId | None:
    """Return the id that begins at a place of a text, or None.

    Args:
        text: the text.
        at: the place.
        prefixes: what ids begin with in this project, besides ``TASK``.
    """
    if match := _STRICT.match(text, at):
        numbered = any(char.isdigit() for char in match[0])
        needs = Needs.NOTHING if numbered else Needs.END_OR_SEPARATOR
        return FoundId(match[0], match[0].partition("-")[0], match.end(), needs)
    for prefix in ("TASK", *prefixes):
        if match := _pattern(prefix).match(text, at):
            return _of_prefix(prefix.upper(), match)
    if match := _OTHER.match(text, at):
        if match[1].partition("-")[0].rstrip("0123456789") in _KNOWN:
            return None
        doubtful = _YEAR.fullmatch(match[2]) or (len(match[1]) == 1 and match[1] != "T")
        needs = Needs.NEVER_SURE if doubtful else Needs.SEPARATOR
        return FoundId(match[0], match[1], match.end(), needs)
    if match := _WORD.match(text, at):
        return FoundId(match[0], (match[1] or "").upper(), match.end(), Needs.NEVER_SURE)
    return None


def ids_named(text: str, prefixes: Sequence[str] = ()) -> Iterator[str]:
    """Yield the ids that stand in a text (``TASK-1, BUG-12 and Task 3``), as commands take them.

    Args:
        text: the text.
        prefixes: what ids begin with in this project, besides ``TASK``.
    """
    at = 0
    while match := _BEGINNING.search(text, at):
        found = id_at(text, match.start(), prefixes)
        if found is not None and found.needs is not Needs.NEVER_SURE:
            yield found.id
        at = max(found.end if found else 0, match.end())


def canonical(name: str, prefixes: Sequence[str] = ()) -> str:
    """Return the id that a person means by ``Task 8`` or ``task-8``; `name` itself where that is no id."""
    found = id_at(name, 0, prefixes)
    return found.id if found is not None and found.end == len(name) else name


@lru_cache(maxsize=64)
def _pattern(prefix: str) -> re.Pattern[str]:
    """``Task-3.1.1`` and ``task_003`` go on as ids do; after a blank or ``#`` stands a number."""
    return re.compile(
        rf"(?i:{re.escape(prefix)})(?:(?P<joint>[-_])(?P<tail>{_TAIL})"
        rf"|(?P<gap>[ \t]{{0,3}}#[ \t]?|[ \t]{{1,3}}(?:no\.[ \t]?)?|)(?P<number>{_NUMBER}))",
        re.ASCII,
    )


def _of_prefix(prefix: str, match: re.Match[str]) -> FoundId:
    if match["tail"]:
        return FoundId(f"{prefix}-{match['tail']}", prefix, match.end(), Needs.NOTHING)
    # What is written in one, as T1, is called so; all else is called as the ids of files are.
    name = match[0] if not match["gap"] and prefix != "TASK" else f"{prefix}-{match['number']}"
    return FoundId(name, f"{prefix} ", match.end(), Needs.END_OR_SEPARATOR)
