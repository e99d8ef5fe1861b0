"""Taking documents in."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluelabel.agents.ingestion_agent import IngestionAgent
from bluelabel.interfaces.agent_models import AgentInput, AgentOutput

PAGES: dict[str, tuple[str, bytes]] = {
    "/page": ("text/html; charset=utf-8", b"<title>A page</title><body><p>Words of the page, quite a few of them.</p>"),
    "/notes.md": ("text/plain", b"# Notes\n\nWhat was said."),
    "/data": ("application/json", b'{"a": "json text"}'),
    "/image": ("image/png", b"\x89PNG"),
    "/empty": ("text/plain", b"  \n"),
    "/long": ("text/plain", b"x" * 5000),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, body = PAGES[self.path.split("?")[0]]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def agent(tmp_path: Path) -> IngestionAgent:
    return IngestionAgent(storage_path=tmp_path / "k", allowed_root=tmp_path, allow_private=True)


def ingest(agent: IngestionAgent, task_type: str | None = None, **content: Any) -> AgentOutput:
    return agent.run(AgentInput(task_id="TASK-1", task_type=task_type, content=content))


def test_a_page_is_stored_with_title_and_summary(agent: IngestionAgent, site: str) -> None:
    output = ingest(agent, "url", url=site + "/page", tags=["web", "b", "web"])
    stored = agent.store.get(output.result["content_id"])

    assert output.result["content_id"].startswith("url_")
    assert list(stored) == ["id", "type", "title", "summary", "content", "metadata", "created_at"]
    assert (stored["type"], stored["title"]) == ("url", "A page")
    assert "Words of the page" in stored["summary"]
    assert stored["metadata"]["tags"] == ["b", "web"]
    assert stored["metadata"]["source"] == site + "/page"
    assert output.result["content_length"] == len(stored["content"])


def test_without_extract_metadata_only_the_text_is_kept(agent: IngestionAgent, site: str) -> None:
    output = ingest(agent, "url", url=site + "/page", extract_metadata=False)

    assert output.result["metadata"]["additional_metadata"] == {"task_id": "TASK-1"}


def test_the_tool_refuses_private_addresses_unless_told(tmp_path: Path, site: str) -> None:
    output = ingest(IngestionAgent(storage_path=tmp_path / "k"), "url", url=site + "/page")

    assert output.status == "error"
    assert "loopback" in (output.error or "")
    assert output.metadata["retryable"] is False
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    ("path", "title"), [("/notes.md", "Notes"), ("/notes.md?x=1", "Notes"), ("/data", '{"a": "json text"}')]
)
def test_text_pages_are_read_as_what_they_are(agent: IngestionAgent, site: str, path: str, title: str) -> None:
    assert ingest(agent, None, url=site + path).result["title"] == title


@pytest.mark.parametrize(
    ("path", "more", "error"),
    [
        ("/image", {}, "a page of type image/png holds no text"),
        ("/empty", {}, "no text was found in it"),
        ("/long", {"max_content_length": 100}, "5000 bytes are over the limit of 100"),
        ("/long", {"max_content_length": 0}, "max_content_length is not a whole number above 0"),
        ("/long", {"max_content_length": True}, "max_content_length is not a whole number above 0"),
        ("/page", {"tags": {"a": 1}}, "tags is not a list of words"),
    ],
)
def test_what_cannot_be_taken_in_is_told(
    agent: IngestionAgent, site: str, path: str, more: dict[str, Any], error: str
) -> None:
    output = ingest(agent, "url", url=site + path, **more)

    assert output.status == "error"
    assert error in (output.error or "")
    assert list(agent.store.documents()) == []


def test_the_input_cannot_raise_the_limit_of_the_agent(tmp_path: Path, site: str) -> None:
    agent = IngestionAgent(storage_path=tmp_path, allow_private=True, max_bytes=1000)

    assert "limit of 1,000" in (ingest(agent, "url", url=site + "/long", max_content_length=10**9).error or "")


def test_a_pdf_page_is_read(
    agent: IngestionAgent, site: str, make_pdf: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGES, "/a.pdf", ("application/pdf", make_pdf(["Words on paper."], "Paper")))

    assert ingest(agent, "url", url=site + "/a.pdf").result["title"] == "Paper"


@pytest.mark.parametrize("form", ["bytes", "base64", "file"])
def test_a_pdf_is_taken_in_every_form(
    agent: IngestionAgent, tmp_path: Path, make_pdf: Callable[..., bytes], form: str
) -> None:
    body = make_pdf(["Words on paper."], "Paper")
    (tmp_path / "paper.pdf").write_bytes(body)
    forms: dict[str, dict[str, Any]] = {
        "bytes": {"pdf_data": body},
        "base64": {"pdf_data": base64.encodebytes(body).decode()},
        "file": {"file_path": "paper.pdf"},
    }
    output = ingest(agent, None if form == "file" else "pdf", filename="paper.pdf", **forms[form])

    assert output.error is None
    assert output.result["content_id"].startswith("pdf_")
    assert (output.result["title"], output.result["metadata"]["author"]) == ("Paper", "A. Writer")
    assert output.result["metadata"]["source"] == "paper.pdf"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("not base64!", "pdf_data is not base64"),
        (7, "pdf_data is neither bytes nor text"),
        (b"x" * 200_001, "200,001 bytes are over the limit"),
        ("x" * 300_000, "over the limit of 200,000 bytes"),
    ],
)
def test_pdf_data_that_is_none_is_told(tmp_path: Path, data: object, error: str) -> None:
    agent = IngestionAgent(storage_path=tmp_path, max_bytes=200_000)

    assert error in (ingest(agent, "pdf", pdf_data=data).error or "")


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [("a.md", "markdown", "Title"), ("a.txt", "text", "Title"), ("a.html", "text", "Title"), ("a", "text", "Title")],
)
def test_a_file_is_read_by_its_ending(agent: IngestionAgent, tmp_path: Path, name: str, kind: str, title: str) -> None:
    text = "<title>Title</title><p>Words" if name == "a.html" else "# Title\n\nWords"
    (tmp_path / name).write_text(text)
    output = ingest(agent, None, file_path=name)

    assert (output.result["content_type"], output.result["title"]) == (kind, title)


def test_a_file_outside_the_root_is_refused(agent: IngestionAgent) -> None:
    output = ingest(agent, "text", file_path="../canary.txt")

    assert "outside the workspace" in (output.error or "")


def test_text_in_the_message_is_stored(agent: IngestionAgent) -> None:
    output = ingest(agent, None, text="Some words. And more.", title="Given \x1b[31mtitle")
    stored = agent.store.get(output.result["content_id"])

    assert (stored["title"], stored["content"], stored["type"]) == ("Given title", "Some words. And more.", "text")


def test_a_text_over_the_limit_is_refused(tmp_path: Path) -> None:
    agent = IngestionAgent(storage_path=tmp_path, max_bytes=10)

    assert "11 characters are over the limit of 10" in (ingest(agent, "text", text="x" * 11).error or "")


@pytest.mark.parametrize(
    ("task_type", "content", "hint"),
    [
        (None, {}, "give url, pdf_data, file_path or text"),
        ("review", {"do": "it"}, "give url, pdf_data, file_path or text (task_type one of url, pdf, markdown, text)"),
        ("ulr", {}, "give url, pdf_data, file_path or text (task_type did you mean url?)"),
        ("url", {}, 'give content {"url": "…"}'),
        ("url", {"url": 7}, 'give content {"url": "…"}'),
        ("text", {"text": " "}, 'give content {"text": "…"}'),
    ],
)
def test_an_input_without_a_document_says_what_to_give(
    agent: IngestionAgent, task_type: str | None, content: dict[str, Any], hint: str
) -> None:
    output = ingest(agent, task_type, **content)

    assert (output.status, output.metadata["hint"]) == ("error", hint)


def test_an_unknown_task_type_is_no_matter_where_the_keys_tell(agent: IngestionAgent) -> None:
    assert ingest(agent, "task_assignment", text="words").status == "success"


def test_facts_of_the_input_are_kept(tmp_path: Path) -> None:
    agent = IngestionAgent(storage_path=tmp_path, ids=lambda: "1", now=lambda: datetime(2026, 1, 31, 9, 30, tzinfo=UTC))
    given = AgentInput(
        task_id="T", content={"text": "words"}, metadata={"user_id": "u1", "tags": "a, b", "title": "From outside"}
    )
    agent.run(given)
    stored = agent.store.get("text_1")

    assert stored["created_at"] == "2026-01-31T09:30:00.000000Z"
    assert (stored["title"], stored["metadata"]["user_id"]) == ("From outside", "u1")
    assert stored["metadata"]["tags"] == ["a", "b"]


def test_a_second_attempt_gives_what_the_first_one_stored(agent: IngestionAgent) -> None:
    def attempt(number: Any, key: Any = "m-1") -> dict[str, Any]:
        facts = {"idempotency_key": key, "attempt": number}
        return agent.run(AgentInput(task_id="T", content={"text": "words"}, metadata=facts)).result

    first = attempt(1)
    (agent.store.storage / "odd.json").write_text('{"metadata": 7}')

    assert attempt(2) == first
    assert attempt(2, "m-2")["content_id"] != first["content_id"]
    assert attempt("2")["content_id"] != first["content_id"]
    assert len(list(agent.store.documents())) == 4


def test_a_document_without_a_title_is_named_after_its_source(agent: IngestionAgent, tmp_path: Path) -> None:
    (tmp_path / "minutes.txt").write_text("----\n====\n")

    assert ingest(agent, "text", file_path="minutes.txt").result["title"] == "minutes.txt"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["url", "text", "pdf_data", "file_path", "filename", "title", "tags", "max_content_length"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3),
    ),
    st.sampled_from([None, "url", "pdf", "markdown", "text", "other"]),
)
def test_no_input_raises_and_what_is_stored_is_json(
    tmp_path: Path, content: dict[str, Any], task_type: str | None
) -> None:
    agent = IngestionAgent(storage_path=tmp_path / "k", allowed_root=tmp_path / "empty", resolver=lambda _h, _p: [])
    output = ingest(agent, task_type, **content)

    if output.status == "success":
        stored = json.loads((tmp_path / "k" / f"{output.result['content_id']}.json").read_text())
        assert stored["title"].strip()
    else:
        assert output.error
