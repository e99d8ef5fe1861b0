"""Text out of HTML: trafilatura where it is installed, else every visible word through the standard library."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Final

_HIDDEN: Final = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "head"})
_BLOCK_NAMES: Final = (
    "address article aside blockquote br dd details div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section summary table td th tr ul"
)
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
_TITLE = re.compile(r"<title\b[^>]{0,1000}>([^<]{0,2000})", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\xa0]+")
_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def html_to_text(html: str, url: str | None = None) -> tuple[str, str | None, str | None, str]:
    """Return text, title, author and the name of the tool that found them.

    A page that trafilatura finds nothing in, or fails on, is read word by word.
    """
    found = _with_trafilatura(html, url)
    if found and found[0].strip():
        return (*found, "trafilatura")
    reader = _Reader()
    reader.feed(_closed(html))
    reader.close()
    title = "".join(reader.title).strip() or _plain_title(html)
    return reader.text(), title, None, "html.parser"


def _with_trafilatura(html: str, url: str | None) -> tuple[str, str | None, str | None] | None:
    try:
        import trafilatura
    except ImportError:
        return None
    try:
        document: Any = trafilatura.bare_extraction(html, url=url, with_metadata=True, include_comments=False)
    except Exception:  # noqa: BLE001 - it parses hostile pages; whatever it meets, the other reader tries
        return None
    if document is None:
        return None
    return (document.text or "", document.title or None, document.author or None)


def _closed(html: str) -> str:
    """Return `html` without constructs that are never closed: `html.parser` takes quadratic time over those."""
    start = html.find("<!--", html.rfind("-->") + 1)
    # A marked section is no HTML; browsers, too, read it as a comment up to the next `>`.
    html = (html if start < 0 else html[:start]).replace("<![", "<!x")
    end = html.rfind(">") + 1
    return html[:end] + html[end:].partition("<")[0]


def _plain_title(html: str) -> str | None:
    match = _TITLE.search(html[:200_000])
    return match[1].strip() or None if match else None


class _Reader(HTMLParser):
    """Keeps the words a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._hidden: list[str] = []
        self._in_title = False
        self.title: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "title":
            self._in_title = True
        elif tag == "body":
            self._hidden.clear()
        elif tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS and not self._hidden:
            self._pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._hidden:
            # What was left open inside ends with it.
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS and not self._hidden:
            self._pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._hidden:
            self._pieces.append(data)

    def text(self) -> str:
        lines = _SPACES.sub(" ", "".join(self._pieces)).split("\n")
        return _LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip()
