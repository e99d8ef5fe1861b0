"""Text and title out of HTML, PDF, markdown and plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from bluelabel.agents.html_text import html_to_text
from bluelabel.agents.plain_text import clean, one_line

TITLE_CHARS: Final = 200

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(\S[^\n]*)$", re.MULTILINE)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(\S[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Extract:
    """What a document says.

    Args:
        text: clean text, line ends unified.
        title: where the document has one.
        author: where it names one.
        facts: anything else worth keeping, JSON values.
    """

    text: str
    title: str | None = None
    author: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


def from_bytes(body: bytes, charset: str | None = None) -> str:
    """Return `body` as text: by its byte order mark, the named charset, UTF-8, else Windows-1252."""
    if body.startswith(b"\xef\xbb\xbf"):
        charset = "utf-8-sig"
    elif body.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    for name in (charset, "utf-8"):
        try:
            if name:
                return body.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return body.decode("cp1252", errors="replace")


def from_plain(text: str) -> Extract:
    """Return plain text; its first line with words is the title."""
    text = clean(text)
    return Extract(text, _first_line(text))


def from_markdown(text: str) -> Extract:
    """Return markdown as it is; the title comes from its front matter, else its first heading, else its first line."""
    text = clean(text)
    title: str | None = None
    body = text
    if text.startswith("---\n"):
        front, mark, rest = text[4:].partition("\n---\n")
        named = _FRONT_TITLE.search(front) if mark else None
        body = rest if mark else text
        title = named[1].strip().strip("\"'") if named else None
    heading = None if title else _HEADING.search(_without_fences(body))
    if heading:
        title = heading[1].rstrip().rstrip("#").strip()
    return Extract(text, _title(title) or _first_line(body))


def from_html(html: str, url: str | None = None) -> Extract:
    """Return the main text of a page: by trafilatura where it is installed, else all visible text."""
    text, title, author, tool = html_to_text(html, url)
    text = clean(text).strip()
    return Extract(text, _title(title) or _first_line(text), _title(author), {"extracted_by": tool})


def from_pdf(body: bytes, *, max_chars: int, where: str) -> Extract:
    """Return the text of a PDF file. It is read in a process of its own, with limits on memory and time.

    Raises:
        UnreadableInput: not a PDF file, one that needs a password, or pypdf is not installed.
        TooLarge: more pages, text, memory or time than allowed.
        MachineError: the process could not be started.
    """
    from bluelabel.agents.pdf_reader import read_in_child

    found = read_in_child(body, max_chars=max_chars, where=where)
    text: str = found["text"]
    title = _title(found["title"]) or _first_line(text)
    return Extract(text, title, _title(found["author"]), {"pages": found["pages"]})


def _without_fences(text: str) -> str:
    kept: list[str] = []
    inside = ""
    for line in text.split("\n"):
        mark = line.lstrip()[:3]
        if mark in {"```", "~~~"} and (not inside or inside == mark):
            inside = "" if inside else mark
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _first_line(text: str) -> str | None:
    for line in text.split("\n", 200)[:200]:
        title = _title(line.strip().strip("#*=_-> \t"))
        if title:
            return title
    return None


def _title(text: str | None) -> str | None:
    return (one_line(text, TITLE_CHARS) or None) if text else None
