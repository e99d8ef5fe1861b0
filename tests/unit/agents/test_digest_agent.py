"""Digests of stored documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bluelabel.agents.content_store import ContentStore
from bluelabel.agents.digest_agent import DigestAgent
from bluelabel.agents.digest_view import escape_markdown, render, safe_link
from bluelabel.agents.ingestion_agent import IngestionAgent
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script> [link](javascript:x) & \' # *bold* `code` \x1b[31m'


@pytest.fixture
def agent(tmp_path: Path) -> DigestAgent:
    return DigestAgent(storage_path=tmp_path, now=lambda: NOW)


def store(folder: Path, title: str, day: int, **more: Any) -> None:
    facts = {"source": "https://example.org/a", "tags": more.pop("tags", []), **more.pop("metadata", {})}
    record = {
        "type": "text",
        "title": title,
        "summary": f"About {title}.",
        "content": "Words.",
        "metadata": facts,
        "created_at": f"2026-01-{day:02d}T10:00:00.000000Z",
        **more,
    }
    ContentStore(folder).add("text", {key: value for key, value in record.items() if value is not None})


def digest(agent: DigestAgent, action: str | None = "generate_digest", **parameters: Any) -> AgentOutput:
    content: dict[str, Any] = {"parameters": parameters} | ({"action": action} if action else {})
    return agent.run(AgentInput(task_id="D", content=content))


def titles(agent: DigestAgent, **parameters: Any) -> list[str]:
    output = digest(agent, "query_summaries", **parameters)
    assert output.error is None
    return [entry["title"] for entry in output.result["summaries"]]


def test_the_limit_applies_after_sorting(agent: DigestAgent, tmp_path: Path) -> None:
    for day in (3, 1, 5, 2, 4):
        store(tmp_path, f"day {day}", day)

    assert titles(agent, limit=2) == ["day 5", "day 4"]
    assert digest(agent, limit=2).result["matched"] == 5


@pytest.mark.parametrize(
    ("parameters", "days"),
    [
        ({"date_from": "2026-01-03"}, [5, 4, 3]),
        ({"date_to": "2026-01-03"}, [3, 2, 1]),
        ({"date_from": "2026-01-02", "date_to": "2026-01-04"}, [4, 3, 2]),
        ({"date_from": "2026-01-03T10:00:00Z", "date_to": "2026-01-03T10:00:00Z"}, [3]),
        ({"date_from": "2026-01-03T10:00:01Z"}, [5, 4]),
        ({"date_from": "", "date_to": None}, [5, 4, 3, 2, 1]),
        ({"tags": ["ODD"]}, [5, 3, 1]),
        ({"tags": "odd, small"}, [1]),
        ({"tags": []}, [5, 4, 3, 2, 1]),
    ],
)
def test_filters(agent: DigestAgent, tmp_path: Path, parameters: dict[str, Any], days: list[int]) -> None:
    for day in (1, 2, 3, 4, 5):
        store(tmp_path, f"day {day}", day, tags=[*(["odd"] if day % 2 else []), *(["small"] if day < 3 else [])])

    assert titles(agent, **parameters) == [f"day {day}" for day in days]


def test_documents_of_somebody_else_are_left_out(agent: DigestAgent, tmp_path: Path) -> None:
    store(tmp_path, "mine", 1, metadata={"user_id": "u1"})
    store(tmp_path, "theirs", 2, metadata={"user_id": "u2"})
    store(tmp_path, "everyone's", 3)

    assert titles(agent, user_id="u1") == ["everyone's", "mine"]


def test_a_record_without_title_and_summary_gets_both(agent: DigestAgent, tmp_path: Path) -> None:
    text = "# A plan\n\nThe plan has two parts. Both are short."
    record = {"type": "url", "content": text, "metadata": {"created_at": "2026-01-01"}}
    (tmp_path / "url_20250101_120000.json").write_text(json.dumps({"id": "url_20250101_120000", **record}))
    entry = digest(agent, "query_summaries").result["summaries"][0]

    assert (entry["title"], entry["created_at"]) == ("A plan", "2026-01-01T00:00:00.000000Z")
    assert entry["summary"] == "The plan has two parts. Both are short."


@pytest.mark.parametrize(
    "record", [{}, {"content": 7, "metadata": [], "title": 1}, {"metadata": {"tags": 7, "created_at": "soon"}}]
)
def test_a_record_of_any_shape_has_a_title(agent: DigestAgent, tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "odd_1.json").write_text(json.dumps(record))

    assert titles(agent) == ["odd_1"]
    assert titles(agent, date_from="2020-01-01") == []


def test_damaged_files_are_told(agent: DigestAgent, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    output = digest(agent)

    assert output.status == "success"
    assert output.result["unreadable"][0]["file"] == "bad.json"


def test_an_empty_store_gives_an_empty_digest(tmp_path: Path) -> None:
    output = digest(DigestAgent(storage_path=tmp_path / "nothing"))

    assert (output.result["summary_count"], output.result["digest"][:8]) == (0, "# Digest")


def test_the_same_store_gives_the_same_digest(agent: DigestAgent, tmp_path: Path) -> None:
    for day in (1, 1, 1):
        store(tmp_path, "same day", day)

    assert digest(agent).result == digest(agent).result


def test_generate_digest_is_what_happens_without_an_action(agent: DigestAgent) -> None:
    assert digest(agent, None).result["format"] == "markdown"


def test_what_ingestion_stores_is_what_the_digest_shows(tmp_path: Path) -> None:
    IngestionAgent(storage_path=tmp_path).run(AgentInput(task_id="T", content={"text": "# Hello\n\nIt is a test."}))

    assert "## Hello" in digest(DigestAgent(storage_path=tmp_path)).result["digest"]


@pytest.mark.parametrize(
    ("action", "parameters", "error", "hint"),
    [
        ("generate_digst", {}, "no such action", "did you mean generate_digest?"),
        ("x", {}, "no such action", "one of generate_digest, query_summaries"),
        ("generate_digest", {"formt": "html"}, "no such parameter", "did you mean format?"),
        ("generate_digest", {"format": "pdf"}, "no such format", "one of markdown, html, json"),
        ("generate_digest", {"limit": 0}, "limit is not a whole number from 1 to 1000", None),
        ("generate_digest", {"limit": True}, "limit is not a whole number from 1 to 1000", None),
        ("generate_digest", {"limit": "5"}, "limit is not a whole number from 1 to 1000", None),
        ("generate_digest", {"limit": 1001}, "limit is not a whole number from 1 to 1000", None),
        ("generate_digest", {"date_from": "soon"}, "not a date and time", "write it as 2026-01-31T09:30:00Z"),
        ("generate_digest", {"tags": 7}, "tags is not a list of words", 'write ["a", "b"]'),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    agent: DigestAgent, action: str, parameters: dict[str, Any], error: str, hint: str | None
) -> None:
    output = digest(agent, action, **parameters)

    assert error in (output.error or "")
    assert output.metadata.get("hint") == hint


def test_parameters_that_are_no_object_are_told(agent: DigestAgent) -> None:
    output = agent.run(AgentInput(task_id="D", content={"parameters": [1]}))

    assert output.error == "parameters is not an object: [1]"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def entry(**more: Any) -> dict[str, Any]:
    plain = {"content_id": "c", "title": "t", "summary": "s", "type": "text", "source": "", "created_at": ""}
    return {**plain, "tags": [], **more}


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=100))
def test_html_is_escaped_whatever_strangers_write(title: str, summary: str, source: str) -> None:
    html = render("html", [entry(title=title, summary=summary, source=source, tags=[title])], "now")
    tags = _Tags()
    tags.feed(html)
    known = {"html", "head", "meta", "title", "body", "h1", "p", "time", "article", "h2", "small", "a"}

    assert {tag for tag, _ in tags.found} <= known
    assert all((attrs["href"] or "").startswith("http") for tag, attrs in tags.found if tag == "a")
    assert html.count("<article") == 1


@given(st.text(max_size=100) | st.text(alphabet="#*_`[]()<>!|-=1. \n\\&~", max_size=60))
def test_markdown_is_escaped_whatever_strangers_write(text: str) -> None:
    tokens = MarkdownIt().parse("x " + escape_markdown(text))
    inline = [child.type for token in tokens for child in token.children or []]

    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert set(inline) <= {"text", "softbreak", "hardbreak", "text_special"}


def test_a_hostile_document_does_no_harm_in_any_format(agent: DigestAgent, tmp_path: Path) -> None:
    store(tmp_path, HOSTILE, 1, summary=HOSTILE, metadata={"source": "javascript:alert(1)"}, tags=["<b>"])
    html = digest(agent, format="html").result["digest"]
    markdown = digest(agent, format="markdown").result["digest"]

    assert "<script" not in html
    assert "href" not in html
    assert "\x1b" not in html + markdown
    assert "<script" not in markdown.replace("\\<", "")
    assert json.loads(digest(agent, format="json").result["digest"])["entries"][0]["tags"] == ["<b>"]


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("https://example.org/a?b=c#d", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("https://a b", False),
        ('https://a"b', False),
        ("https://a>b", False),
        ("https://a)b", False),
        ("", False),
    ],
)
def test_only_plain_web_links_are_links(source: str, link: bool) -> None:
    assert safe_link(source) == (source if link else "")


def test_a_template_of_ones_own_lays_the_digest_out(tmp_path: Path) -> None:
    template = tmp_path / "t.j2"
    template.write_text("{% for e in entries %}{{ e.title | md }};{% endfor %}")
    store(tmp_path / "k", "*one*", 1)

    assert digest(DigestAgent("digest", tmp_path / "k", template)).result["digest"] == "\\*one\\*;"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{% for %}", "the digest template fails"),
        (b"{{ ''.__class__.__mro__ }}", "the digest template fails"),
        (b"{{ 1 / 0 }}", "the digest template fails"),
        (b"\xff", "not UTF-8"),
        (b"x" * 300_000, "a template over"),
        (None, "No such file"),
    ],
)
def test_a_template_that_does_not_work_is_told(tmp_path: Path, body: bytes | None, error: str) -> None:
    template = tmp_path / "t.j2"
    if body is not None:
        template.write_bytes(body)
    output = digest(DigestAgent("digest", tmp_path / "k", template))

    assert output.status == "error"
    assert error.casefold() in (output.error or "").casefold()


def test_dates_of_today_are_within_today(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    IngestionAgent(storage_path=tmp_path).run(AgentInput(task_id="T", content={"text": "words here"}))
    agent = DigestAgent(storage_path=tmp_path)

    yesterday, tomorrow = (str(now.date() + timedelta(days=days)) for days in (-1, 1))

    assert len(titles(agent, date_from=yesterday, date_to=tomorrow)) == 1
