"""DigestAgent: a digest of the stored documents as markdown, HTML or JSON. Offline and deterministic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from bluelabel.agents.base_agent import BaseAgent
from bluelabel.agents.content_store import ContentStore, Unreadable
from bluelabel.agents.digest_view import FORMATS, render
from bluelabel.agents.ingestion_agent import DEFAULT_STORAGE
from bluelabel.agents.inputs import did_you_mean, mapping, shown, whole_number, words
from bluelabel.agents.plain_text import clean, one_line
from bluelabel.agents.summarize import SUMMARY_CHARS, summarize
from bluelabel.agents.text_extract import TITLE_CHARS, from_markdown
from bluelabel.interfaces.agent_models import AgentCapability, AgentInput, AgentOutput
from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.times import from_text, to_text

ACTIONS: Final = ("generate_digest", "query_summaries")
DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 1_000
_PARAMETERS: Final = ("user_id", "limit", "format", "date_from", "date_to", "tags")
T = TypeVar("T")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as a digest shows it."""

    content_id: str
    title: str
    summary: str
    type: str
    source: str
    created_at: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """Which documents, how many, and as what."""

    user_id: str | None = None
    limit: int = DEFAULT_LIMIT
    format: str = "markdown"
    date_from: datetime | None = None
    before: datetime | None = None
    tags: frozenset[str] = frozenset()


class DigestAgent(BaseAgent):
    """Reads what `IngestionAgent` stored.

    What it reads of `AgentInput.content`: ``action`` (``generate_digest`` when left out, or ``query_summaries``) and
    ``parameters``: ``limit`` (10), ``format`` (markdown, html or json), ``date_from`` and ``date_to`` (inclusive; a day
    or a moment), ``tags`` (all of them must match), ``user_id`` (leaves out what was stored for somebody else).

    The newest documents come first, and the limit applies after sorting.

    Args:
        agent_id: the name it is registered under.
        storage_path: where documents are kept.
        prompt_template_path: a Jinja2 template that lays the digest out instead of the shipped one; it is given
            ``entries`` and ``generated_at``.
        now: the time, UTC.
    """

    def __init__(
        self,
        agent_id: str = "digest",
        storage_path: str | Path = DEFAULT_STORAGE,
        prompt_template_path: str | Path | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("Digest", "Digests of the stored documents", agent_id)
        self.store = ContentStore(Path(storage_path))
        self._template = Path(prompt_template_path) if prompt_template_path else None
        self._now = now
        shared = {
            "limit": f"1 to {MAX_LIMIT}, default {DEFAULT_LIMIT}",
            "date_from": "day or moment",
            "date_to": "day or moment, inclusive",
            "tags": "all must match",
            "user_id": "leave out what belongs to others",
        }
        self.add_capability(
            AgentCapability(
                name="generate_digest",
                description="Lay the newest documents out as one text",
                parameters={"format": ", ".join(FORMATS), **shared},
            )
        )
        self.add_capability(
            AgentCapability(name="query_summaries", description="Return title and summary of each", parameters=shared)
        )

    def process(self, agent_input: AgentInput) -> AgentOutput:
        """Make the digest.

        Returns:
            On success a result with ``digest`` (text) and ``format``, or ``summaries`` (a list); and ``summary_count``,
            ``matched`` (before the limit), ``generated_at``, and ``unreadable`` where files of the store are damaged.
        """
        return self.attempt(agent_input, self._digest)

    def _digest(self, agent_input: AgentInput) -> dict[str, Any]:
        action = agent_input.content.get("action") or ACTIONS[0]
        if action not in ACTIONS:
            raise UsageError("no such action", where=shown(action), hint=did_you_mean(str(action), ACTIONS))
        query = parse_query(agent_input.content.get("parameters"))
        unreadable: list[Unreadable] = []
        matched = self._matching(query, unreadable)
        entries = matched[: query.limit]
        now = to_text(self._now())
        result: dict[str, Any] = {"summary_count": len(entries), "matched": len(matched), "generated_at": now}
        if unreadable:
            result["unreadable"] = [asdict(each) for each in unreadable]
        if action == "query_summaries":
            return {"summaries": [_as_json(entry) for entry in entries], **result}
        plain = [_as_json(entry) for entry in entries]
        return {"digest": render(query.format, plain, now, self._template), "format": query.format, **result}

    def _matching(self, query: Query, unreadable: list[Unreadable]) -> list[Entry]:
        found: list[tuple[datetime, str, Entry]] = []
        for record in self.store.documents(unreadable):
            entry, moment, owner = _entry(record)
            if _matches(query, entry, moment, owner):
                found.append((moment or _EARLIEST, entry.content_id, entry))
        found.sort(key=lambda item: (item[0], item[1]), reverse=True)
        return [entry for _, _, entry in found]


def parse_query(parameters: object) -> Query:
    """Return the query that `parameters` asks for.

    Raises:
        UsageError: an unknown parameter, or a value of the wrong kind.
    """
    given = mapping(parameters, "parameters")
    for key in given:
        if key not in _PARAMETERS:
            raise UsageError("no such parameter", where=shown(key), hint=did_you_mean(key, _PARAMETERS))
    kind = given.get("format", FORMATS[0])
    if kind not in FORMATS:
        raise UsageError("no such format", where=shown(kind), hint=did_you_mean(str(kind), FORMATS))
    user = given.get("user_id")
    return Query(
        user_id=None if user is None else str(user),
        limit=whole_number(given, "limit", DEFAULT_LIMIT, MAX_LIMIT),
        format=kind,
        date_from=_moment(given.get("date_from"), end=False),
        before=_moment(given.get("date_to"), end=True),
        tags=frozenset(tag.casefold() for tag in words(given.get("tags"))),
    )


def _moment(value: object, *, end: bool) -> datetime | None:
    """Return the first moment of a range, or the first one after it."""
    if value is None or value == "":
        return None
    text = str(value)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = from_text(text)
        return moment + timedelta(microseconds=1) if end else moment
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start + timedelta(days=1) if end else start


def _matches(query: Query, entry: Entry, moment: datetime | None, owner: str | None) -> bool:
    if query.user_id is not None and owner is not None and owner != query.user_id:
        return False
    if query.date_from is not None and (moment is None or moment < query.date_from):
        return False
    if query.before is not None and (moment is None or moment >= query.before):
        return False
    return query.tags <= {tag.casefold() for tag in entry.tags}


def _entry(record: dict[str, Any]) -> tuple[Entry, datetime | None, str | None]:
    """Return what a digest shows of a document, its time and its owner; older records lack title and summary."""
    facts: dict[str, Any] = _lenient(lambda: mapping(record.get("metadata"), "metadata"), dict[str, Any]())
    content = record.get("content")
    text = clean(content) if isinstance(content, str) else ""
    source = one_line(_first_text(facts.get("source"), facts.get("url"), facts.get("filename")), 2000)
    given = _first_text(record.get("title"), facts.get("title"))
    title = one_line(given, TITLE_CHARS) or from_markdown(text).title or source or one_line(str(record["id"]), 200)
    summary = one_line(_first_text(record.get("summary")), SUMMARY_CHARS) or summarize(text, title=title)
    moment = _time(_first_text(record.get("created_at"), facts.get("created_at"), facts.get("processed_at")))
    entry = Entry(
        content_id=one_line(str(record["id"]), 200),
        title=title,
        summary=summary,
        type=one_line(_first_text(record.get("type"), facts.get("content_type")), 40) or "document",
        source=source,
        created_at=to_text(moment) if moment else "",
        tags=tuple(_lenient(lambda: words(facts.get("tags")), [])),
    )
    return entry, moment, _first_text(facts.get("user_id")) or None


def _as_json(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "tags": list(entry.tags)}


def _first_text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _time(text: str) -> datetime | None:
    try:
        return from_text(text) if text else None
    except (UsageError, OverflowError):
        return None


def _lenient(read: Callable[[], T], otherwise: T) -> T:
    """Stored documents may be of any age and origin: a wrong part of one does not spoil the digest."""
    try:
        return read()
    except UsageError:
        return otherwise
