"""IngestionAgent: takes in a web page, PDF, markdown or text and stores it as a document with title and summary."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.agents.confined import read_confined
from bluelabel.agents.content_store import ContentStore, new_id
from bluelabel.agents.fetch import Fetcher, Page, Resolver
from bluelabel.agents.inputs import did_you_mean, mapping, text_of, whole_number, words
from bluelabel.agents.plain_text import clean, one_line
from bluelabel.agents.summarize import summarize
from bluelabel.agents.text_extract import (
    TITLE_CHARS,
    Extract,
    from_bytes,
    from_html,
    from_markdown,
    from_pdf,
    from_plain,
)
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput, ContentMetadata
from bluelabel.interfaces.errors import TooLarge, UnreadableInput, UsageError
from bluelabel.interfaces.times import to_text

DEFAULT_STORAGE: Final = Path("data/knowledge")
DEFAULT_LENGTH: Final = 1_000_000
DOCUMENT_BYTES: Final = 32 * 1024 * 1024
TASK_TYPES: Final = ("url", "pdf", "markdown", "text")
_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", ""})
_SUFFIXES: Final = {".pdf": "pdf", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


class IngestionAgent(BaseAgent):
    """Stores documents; `DigestAgent` reads them.

    What it reads of `AgentInput.content`, by `task_type` (which may be left out where the keys tell):

    * ``url``: ``url``, ``extract_metadata`` (true), ``max_content_length`` (1,000,000 bytes)
    * ``pdf``: ``pdf_data`` (bytes, or text in base64) or ``file_path``; ``filename``
    * ``markdown``, ``text``: ``text`` or ``file_path``; ``filename``

    and for all: ``title``, ``tags`` (a list of words).

    Args:
        agent_id: the name it is registered under.
        storage_path: where documents are kept.
        temp_path: where a document is written before it appears there, on the same file system.
        allowed_root: the directory that ``file_path`` may name files in; the current one when None.
        max_bytes: the largest page or file, whatever the input asks for.
        allow_private: fetch from private and loopback addresses too.
        resolver: how host names become addresses.
        timeout: seconds for a fetch.
        ids: where new ids come from.
        now: the time, UTC.
    """

    def __init__(
        self,
        agent_id: str = "ingestion",
        storage_path: str | Path = DEFAULT_STORAGE,
        temp_path: str | Path | None = None,
        *,
        allowed_root: Path | None = None,
        max_bytes: int = DOCUMENT_BYTES,
        allow_private: bool = False,
        resolver: Resolver | None = None,
        timeout: float = 30.0,
        ids: Callable[[], str] = new_id,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("Ingestion", "Takes in web pages, PDF files, markdown and text", agent_id)
        self.store = ContentStore(Path(storage_path), Path(temp_path) if temp_path else None, ids=ids)
        self._root = allowed_root or Path.cwd()
        self._max_bytes = max_bytes
        self._fetcher = Fetcher(allow_private=allow_private, resolver=resolver, timeout=timeout)
        self._now = now
        for capability in _CAPABILITIES:
            self.add_capability(capability)

    def process(self, agent_input: AgentInput) -> AgentOutput:
        """Take the document in.

        Returns:
            On success a result with ``content_id``, ``content_type``, ``title``, ``summary``, ``content_length`` and
            ``metadata``. A second attempt at the same message gives what the first one stored.
        """
        return self.attempt(agent_input, self._ingest)

    def _ingest(self, agent_input: AgentInput) -> dict[str, Any]:
        content = agent_input.content
        kind = _kind(agent_input)
        earlier = self._earlier(agent_input)
        if earlier is not None:
            return earlier
        source, extract = self._page(content) if kind == "url" else self._document(kind, content)
        if not extract.text.strip():
            raise UnreadableInput("no text was found in it", where=one_line(source, 200))
        return self._keep(kind, source, extract, agent_input)

    def _earlier(self, agent_input: AgentInput) -> dict[str, Any] | None:
        """Return what an attempt that was killed before it could report has stored already."""
        key, attempt = agent_input.metadata.get("idempotency_key"), agent_input.metadata.get("attempt")
        if not isinstance(key, str) or not isinstance(attempt, int) or attempt < 2:
            return None
        for record in self.store.documents():
            if _facts(record).get("idempotency_key") == key:
                return _result(record)
        return None

    def _page(self, content: dict[str, Any]) -> tuple[str, Extract]:
        url = text_of(content, "url").strip()
        limit = min(whole_number(content, "max_content_length", DEFAULT_LENGTH), self._max_bytes)
        page = self._fetcher.get(url, max_bytes=limit)
        return page.url, _read_page(page, limit)

    def _document(self, kind: str, content: dict[str, Any]) -> tuple[str, Extract]:
        name = one_line(str(content.get("filename") or content.get("file_path") or ""), 200)
        if kind == "pdf":
            body = self._pdf_bytes(content)
            return name or "a PDF file", from_pdf(body, max_chars=self._max_bytes, where=name or "pdf_data")
        if content.get("text") is not None:
            text = text_of(content, "text")
            if len(text) > self._max_bytes:
                raise TooLarge(f"{len(text):,} characters are over the limit of {self._max_bytes:,}", where="text")
        else:
            text = from_bytes(self._file(content))
        if Path(name).suffix.lower() in {".html", ".htm"}:
            return name, from_html(text)
        return name or f"{kind} in a message", from_markdown(text) if kind == "markdown" else from_plain(text)

    def _pdf_bytes(self, content: dict[str, Any]) -> bytes:
        data = content.get("pdf_data")
        if data is None:
            return self._file(content)
        if isinstance(data, str):
            if len(data) > self._max_bytes * 4 // 3 + 4:
                raise TooLarge(f"over the limit of {self._max_bytes:,} bytes", where="pdf_data")
            try:
                data = base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                raise UnreadableInput("pdf_data is not base64", hint="give bytes, base64 text or file_path") from None
        if not isinstance(data, bytes):
            raise UsageError("pdf_data is neither bytes nor text", hint="give bytes, base64 text or file_path")
        if len(data) > self._max_bytes:
            raise TooLarge(f"{len(data):,} bytes are over the limit of {self._max_bytes:,}", where="pdf_data")
        return data

    def _file(self, content: dict[str, Any]) -> bytes:
        return read_confined(self._root, text_of(content, "file_path"), max_bytes=self._max_bytes)

    def _keep(self, kind: str, source: str, extract: Extract, agent_input: AgentInput) -> dict[str, Any]:
        content = agent_input.content
        wants_facts = kind != "url" or content.get("extract_metadata", True) is not False
        given = content.get("title") or agent_input.metadata.get("title")
        title = one_line(str(given), TITLE_CHARS) if given else extract.title or _from_source(source)
        now = self._now()
        facts = ContentMetadata(
            content_id="",
            content_type=kind,
            source=source,
            title=title,
            author=extract.author if wants_facts else None,
            created_at=now,
            processed_at=now,
            content_length=len(extract.text),
            additional_metadata={**(extract.facts if wants_facts else {}), "task_id": agent_input.task_id},
        ).model_dump(mode="json", exclude={"content_id"})
        facts["tags"] = _tags(agent_input)
        for key in ("user_id", "idempotency_key"):
            if isinstance(agent_input.metadata.get(key), str):
                facts[key] = agent_input.metadata[key]
        record = {
            "type": kind,
            "title": title,
            "summary": summarize(extract.text, title=title),
            "content": extract.text,
            "metadata": facts,
            "created_at": to_text(now),
        }
        return _result({"id": self.store.add(kind, record), **record})


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    try:
        return mapping(record.get("metadata"), "metadata")
    except UsageError:
        return {}  # a document of other origin


def _result(record: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = record["metadata"]
    return {
        "content_id": record["id"],
        "content_type": record["type"],
        "title": record["title"],
        "summary": record["summary"],
        "content_length": facts["content_length"],
        "metadata": {"content_id": record["id"], **facts},
    }


_CAPABILITIES: Final = (
    AgentCapability(
        name="ingest_url",
        description="Fetch a public web page and store its text",
        parameters={"url": "http or https", "extract_metadata": "default true", "max_content_length": "bytes"},
    ),
    AgentCapability(
        name="ingest_pdf",
        description="Store the text of a PDF file",
        parameters={"pdf_data": "base64", "file_path": "inside the workspace", "filename": "what to call it"},
    ),
    AgentCapability(
        name="ingest_text",
        description="Store markdown or plain text",
        parameters={"text": "the text", "file_path": "inside the workspace", "title": "what to call it"},
    ),
)


def _kind(agent_input: AgentInput) -> str:
    content = agent_input.content
    kind = agent_input.task_type
    if kind is None or kind not in TASK_TYPES:
        inferred = _inferred(content)
        # A handoff's own type ("review", "task_assignment" …) says nothing about the document.
        if inferred is None:
            known = f" (task_type {did_you_mean(kind, TASK_TYPES)})" if kind else ""
            raise UsageError("nothing to take in", hint=f"give url, pdf_data, file_path or text{known}")
        return inferred
    return kind


def _inferred(content: dict[str, Any]) -> str | None:
    if content.get("url"):
        return "url"
    if content.get("pdf_data"):
        return "pdf"
    name = content.get("file_path") or content.get("filename")
    kind = _SUFFIXES.get(Path(str(name)).suffix.lower(), "text") if name else None
    if kind and (content.get("file_path") or content.get("text")):
        return "text" if kind == "html" else kind
    return "text" if content.get("text") else None


def _read_page(page: Page, limit: int) -> Extract:
    kind = page.content_type
    if kind == "application/pdf":
        return from_pdf(page.body, max_chars=limit, where=page.url)
    if kind in _HTML_TYPES:
        return from_html(from_bytes(page.body, page.charset), page.url)
    text = from_bytes(page.body, page.charset)
    if kind in {"text/markdown", "text/x-markdown"} or page.url.split("?")[0].endswith((".md", ".markdown")):
        return from_markdown(text)
    if kind.startswith("text/") or kind in {"application/json", "application/xml"} or kind.endswith(("+json", "+xml")):
        return from_plain(text)
    raise UnreadableInput(f"a page of type {one_line(kind, 60)} holds no text", where=one_line(page.url, 200))


def _tags(agent_input: AgentInput) -> list[str]:
    return sorted(words(agent_input.content.get("tags") or agent_input.metadata.get("tags")))


def _from_source(source: str) -> str:
    """Return a title for a document that names none: the last part of where it came from."""
    last = clean(source).rstrip("/").rsplit("/", 1)[-1].split("?")[0]
    return one_line(last or source, TITLE_CHARS)
