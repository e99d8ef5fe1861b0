"""Finds the paths that a line of a card names, and what it says was done to each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_QUOTED: Final = re.compile(r"`([^`\n]{1,300})`|\"([^\"\n]{1,300})\"")
_BULLET: Final = re.compile(r"[ \t]*(?:[-*+]|\d{1,4}[.)])?[ \t]*(?:\[[xX]\]|✅|✔\ufe0f?|✓|âœ…)?[ \t]*")
_CLEAN: Final = re.compile(r"/?[\w.@+*?\[\]{},<>~$-]+(?:/[\w.@+*?\[\]{},<>~$ -]*[\w.@+*?\[\]{}<>-])*/?")
_BIT: Final = r"(?:[\w.@+*-]|\{[\w.,@+*-]+\})"
_BARE: Final = re.compile(rf"(?<![\w`/:.@{{-])/?(?:{_BIT}+/)*{_BIT}*[\w@+*]/?(?![\w/])")
_EXTENSION: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$|\.(?:7z|mp3|mp4|env)$")
_KNOWN: Final = frozenset(
    {"Makefile", "Dockerfile", "LICENSE", "README", "CHANGELOG", "Procfile", "CODEOWNERS", "NOTICE", "AUTHORS"}
)
_REMARK: Final = re.compile(r"[`*]*[ \t]*(?:\(([^)]*)\)|\[([^\]]*)\](?!\())")
_LINK: Final = re.compile(r"\]\(([^()\s]{1,300})\)")
_LINES: Final = re.compile(r"(?::\d+(?:[:-]\d+)?|#L\d+(?:-L?\d+)?)$")
"""``a.py:12``, ``a.py#L3-L9``: the lines that are meant."""
_TOWARDS: Final = re.compile(r"\b(?:to|into)[ \t`*]*$", re.IGNORECASE)
_DASHED: Final = re.compile(r"[`*]*[ \t]*(?:-|–|—|:)[ \t]+(.*)")
_ARROW: Final = re.compile(r"[`*]*[ \t]*(?:→|->|=>|â†’)[ \t]*`?")
_CREATED: Final = re.compile(r"(?:new|newly|created?|added?|wrote|written|generated)\b", re.IGNORECASE)
_MODIFIED: Final = re.compile(
    r"(?:modif\w*|updat\w*|chang\w*|rewr\w*|refactor\w*|fix\w*|extend\w*|edited|enhanced|improved|renamed within)\b",
    re.IGNORECASE,
)
_REMOVED: Final = re.compile(r"(?:removed|deleted|dropped)\b(?![ \t]+\w)", re.IGNORECASE)
_LINE_VERB: Final = re.compile(
    r"(?P<created>created?|added|wrote|generated)\b|(?P<modified>modified|updated|refactored|extended)\b|"
    r"(?P<removed>removed|deleted)\b",
    re.IGNORECASE,
)
_MOVE: Final = re.compile(r"(?:moved|renamed|migrated)\b.*\bto\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A path and what was done to it: ``created``, ``modified``, ``removed``, or "" when the line does not say."""

    path: str
    done: str = ""


def path_mentions(line: str, *, listed: bool) -> Iterator[Mention]:
    """Yield the paths of a line.

    Args:
        line: the line.
        listed: it stands in a list of files, where names without quotes or folders count too.
    """
    start = _BULLET.match(line)
    at = start.end() if start else 0
    verb = _LINE_VERB.match(line, at)
    found = list(_quoted(line, at, listed=listed)) or list(_bare(line, at, listed=listed))
    if len(found) == 2 and _MOVE.match(line, at):
        yield Mention(found[0][2].strip(), "removed")
        yield Mention(found[1][2].strip())
        return
    for place, (begin, end, text) in enumerate(found):
        adds = verb is not None and _TOWARDS.search(line, verb.end(), begin) is not None
        done = _done(line, end, None if adds else verb, whole=len(found) == 1)
        if done == "created" and not listed and _moved(line, end):
            done = ""
        if place + 1 < len(found) and _moved(line, end):
            done = "removed"
        elif place and _moved(line, found[place - 1][1]):
            done = done or "created"
        yield Mention(text.strip().strip("*"), done)


def _moved(line: str, end: int) -> bool:
    return _ARROW.match(line, end) is not None


def _quoted(line: str, at: int, *, listed: bool) -> Iterator[tuple[int, int, str]]:
    """Paths in back quotes; in a list of files also those in other quotes, and where links lead."""
    for match in _QUOTED.finditer(line, at):
        text = _LINES.sub("", match[1] or (match[2] if listed else "") or "")
        if text and _is_path(text, listed):
            yield match.start(), match.end(), text
    for match in _LINK.finditer(line, at) if listed else ():
        text = _LINES.sub("", match[1])
        if _is_path(text, listed):
            yield match.start(), match.end(), text


def _bare(line: str, at: int, *, listed: bool) -> Iterator[tuple[int, int, str]]:
    """Paths without quotes: in a list of files those before the remark, elsewhere those that begin with a slash."""
    stop = len(line)
    if listed and (remark := re.compile(r"[ \t](?:-|–|—)[ \t]|:[ \t]").search(line, at)):
        stop = remark.start()
    for match in _BARE.finditer(line, at, stop):
        text = match[0]
        inside = line.rfind("(", 0, match.start()) > line.rfind(")", 0, match.start())
        if not inside and _is_path(text, listed) and (listed or (text.startswith("/") and _EXTENSION.search(text))):
            yield match.start(), match.end(), text


def _is_path(text: str, listed: bool) -> bool:
    text = text.strip()
    if "://" in text or not _CLEAN.fullmatch(text) or text.strip("./*~-") == "":
        return False
    if " " in text and not _EXTENSION.search(text):
        return False
    named = _EXTENSION.search(text) is not None or text.rsplit("/", 1)[-1] in _KNOWN
    if "/" in text:
        return named or text.endswith("/") or listed
    return listed and (named or text.startswith("."))


def _done(line: str, end: int, verb: re.Match[str] | None, *, whole: bool) -> str:
    """Say what was done to the path that ends at `end`: its remark decides, then the verb that begins the line."""
    if remark := _REMARK.match(line, end):
        return _said((remark[1] or remark[2] or "").strip())
    dashed = _DASHED.match(line, end) if whole else None
    if dashed:
        # After a dash stand words about the content ("added retry settings"): only one word alone is about the file.
        return _said(dashed[1].strip()) if len(dashed[1].split()) == 1 else ""
    return (verb.lastgroup or "") if verb else ""


def _said(words: str) -> str:
    for name, pattern in (("removed", _REMOVED), ("created", _CREATED), ("modified", _MODIFIED)):
        if pattern.match(words):
            return name
    if re.match(r"(?:renamed|moved)[ \t]+to\b", words, re.IGNORECASE):
        return "removed"
    # "(removed old imports)": the file stayed, something in it went.
    return "modified" if re.match(r"(?:removed|deleted)\b", words, re.IGNORECASE) else ""
