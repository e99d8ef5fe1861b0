"""Text and titles out of documents."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.agents import pdf_reader, text_extract
from bluelabel.agents.html_text import html_to_text
from bluelabel.agents.text_extract import from_bytes, from_html, from_markdown, from_pdf, from_plain
from bluelabel.interfaces.errors import MachineError, TooLarge, UnreadableInput

PAGE = """<!doctype html><html><head><title>The mail room</title><style>p {color: red}</style>
<script>alert("no")</script></head><body><nav>Home</nav><article><h1>The mail room</h1>
<p>Every message is written down before it is handed out. That is the whole idea of the mail room, and it is
kept even when a worker is killed in the middle of its task.</p>
<p>A second paragraph says that a message which nobody can read is set aside, with a note about why.</p>
</article><footer>Imprint</footer></body></html>"""


@pytest.fixture
def without_trafilatura(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)


def test_a_page_gives_its_text_and_title() -> None:
    extract = from_html(PAGE, "https://example.org/mail")

    assert "written down before it is handed out" in extract.text
    assert "alert" not in extract.text
    assert extract.title == "The mail room"
    assert extract.facts == {"extracted_by": "trafilatura"}


@pytest.mark.usefixtures("without_trafilatura")
def test_a_page_is_read_without_trafilatura_too() -> None:
    extract = from_html(PAGE)

    assert "written down before it is handed out" in extract.text
    assert "alert" not in extract.text
    assert "color" not in extract.text
    assert extract.title == "The mail room"
    assert extract.facts == {"extracted_by": "html.parser"}


@pytest.mark.usefixtures("without_trafilatura")
def test_what_is_hidden_in_a_page_stays_hidden() -> None:
    html = "<body>shown <template>a<p>b</template> &amp; <svg><text>c</text></svg><noscript>d</noscript>too<br>line"

    assert from_html(html).text == "shown & too\nline"


@pytest.mark.usefixtures("without_trafilatura")
def test_a_page_without_title_takes_its_first_line() -> None:
    assert from_html("<p>First words</p><p>more</p>").title == "First words"


def test_a_page_that_the_extractor_fails_on_is_read_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    import trafilatura

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("cannot")

    monkeypatch.setattr(trafilatura, "bare_extraction", broken)

    assert html_to_text("<title>T</title><p>words")[0::3] == ("words", "html.parser")


@pytest.mark.timeout(30)
@pytest.mark.usefixtures("without_trafilatura")
@pytest.mark.parametrize("piece", ["<!--", "<!-- >", "<a", "<", "<![CDATA[ x]>", "<title", "</a", "<?", "<a b='", "&#"])
def test_no_page_takes_more_than_linear_time(piece: str) -> None:
    html_to_text(piece * (400_000 // len(piece)))


@given(st.text(alphabet="<>!-/ab \"'=&;[]?", max_size=300))
def test_no_page_raises(html: str) -> None:
    text, *_ = html_to_text(html)

    assert isinstance(text, str)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# A title\n\ntext", "A title"),
        ("intro\n\n## Later heading ##\n", "Later heading"),
        ("---\ntitle: 'From front matter'\n---\n# Heading\n", "From front matter"),
        ("---\nauthor: x\n---\n# Heading\n", "Heading"),
        ("```\n# not a title\n```\nFirst line\n", "```"),
        ("- item one\n- item two", "item one"),
        ("#hashtag is no heading\n", "hashtag is no heading"),
        ("   \n\n", None),
    ],
)
def test_markdown_titles(text: str, title: str | None) -> None:
    if title == "```":
        assert from_markdown(text).title != "not a title"
    else:
        assert from_markdown(text).title == title


def test_plain_text_takes_its_first_line_with_words() -> None:
    extract = from_plain("\n\n  === \nMinutes of the meeting\nmore")

    assert extract.title == "Minutes of the meeting"


def test_titles_are_cut() -> None:
    assert len(from_plain("x" * 5000).title or "") == text_extract.TITLE_CHARS


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("ä".encode(), None, "ä"),
        ("ä".encode("latin-1"), "iso-8859-1", "ä"),
        ("ä".encode("cp1252"), None, "ä"),
        (b"\xef\xbb\xbfx", "latin-1", "x"),
        ("ä".encode("utf-16"), None, "ä"),
        (b"x", "no-such-charset", "x"),
        ("ä".encode(), "ascii", "ä"),
        (b"\x81", None, "\ufffd"),
    ],
)
def test_bytes_become_text(body: bytes, charset: str | None, text: str) -> None:
    assert from_bytes(body, charset) == text


def test_a_pdf_gives_text_title_author_and_pages(make_pdf: Callable[..., bytes]) -> None:
    extract = from_pdf(make_pdf(["First page.", "Second page."], "A title"), max_chars=1000, where="a.pdf")

    assert extract.text == "First page.\n\nSecond page."
    assert (extract.title, extract.author, extract.facts) == ("A title", "A. Writer", {"pages": 2})


def test_a_pdf_without_title_takes_its_first_line(make_pdf: Callable[..., bytes]) -> None:
    assert from_pdf(make_pdf(["Words at the top"]), max_chars=1000, where="a.pdf").title == "Words at the top"


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_what_is_no_pdf_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableInput, match="not a PDF file"):
        from_pdf(body, max_chars=1000, where="a.pdf")


def test_a_pdf_that_unpacks_to_a_hundred_megabytes_is_not_unpacked() -> None:
    try:
        text = from_pdf(pdf_bomb(), max_chars=100_000_000, where="a.pdf").text
    except UnreadableInput:
        text = ""

    assert text == ""


def pdf_bomb() -> bytes:
    """Return a file of a few kilobytes whose one page unpacks to a hundred megabytes."""
    packer = zlib.compressobj(1)
    piece = b"BT (x) Tj ET " * 80_000
    once = b"".join([*(packer.compress(piece) for _ in range(100)), packer.flush()])
    data = zlib.compress(once, 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream" % (len(data), data),
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, o) for n, o in enumerate(objects, 1))
    return body + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


def test_a_reader_that_takes_too_much_is_ended_by_the_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package named pypdf that eats memory stands for a reader that a hostile file has led astray."""
    (tmp_path / "pypdf").mkdir()
    hungry = "everything = []\nwhile True: everything.append(bytearray(2**24))\n"
    (tmp_path / "pypdf" / "__init__.py").write_text(hungry)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(TooLarge, match="more memory or time"):
        from_pdf(b"%PDF", max_chars=1000, where="a.pdf")


def test_a_reader_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(MachineError, match="starting the reader"):
        from_pdf(b"%PDF", max_chars=1000, where="a.pdf")


def test_a_pdf_with_too_much_text_is_refused(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(TooLarge, match="10 characters"):
        from_pdf(make_pdf(["more than ten characters"]), max_chars=10, where="a.pdf")


def test_without_pypdf_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)

    with pytest.raises(UnreadableInput) as caught:
        from_pdf(b"%PDF", max_chars=1000, where="a.pdf")

    assert caught.value.hint == "pip install 'bluelabel[ingest]'"


@pytest.mark.filterwarnings("ignore")
def test_a_torn_pdf_never_raises_anything_else(make_pdf: Callable[..., bytes]) -> None:
    whole = make_pdf(["First page.", "Second page."], "A title")
    for length in range(0, len(whole), 17):
        with contextlib.suppress(UnreadableInput):
            pdf_reader.read(whole[:length], 1000)


def test_a_pdf_with_a_password_says_so(make_pdf: Callable[..., bytes]) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf(["secret"])))
    writer.encrypt("word", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)

    with pytest.raises(UnreadableInput, match="needs a password"):
        pdf_reader.read(out.getvalue(), 1000)


def test_a_pdf_with_too_many_pages_is_refused(make_pdf: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_reader, "PAGES", 1)

    with pytest.raises(TooLarge, match="2 pages"):
        pdf_reader.read(make_pdf(["a", "b"]), 1000)


def test_a_page_without_words_leaves_no_gap(make_pdf: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pypdf, "apply_configuration")

    found = pdf_reader.read(make_pdf(["a", "", "b"]), 1000)

    assert found == {"text": "a\n\nb", "title": None, "author": None, "pages": 3}


@pytest.mark.parametrize("max_chars", ["1000", "1"])
def test_the_reader_answers_in_json(
    make_pdf: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    max_chars: str,
) -> None:
    limited: list[bool] = []
    monkeypatch.setattr(pdf_reader, "limit_itself", lambda: limited.append(True))
    monkeypatch.setattr(sys, "argv", ["reader", max_chars])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(make_pdf(["words"]))))
    pdf_reader.main()
    answer = json.loads(capsys.readouterr().out)

    assert limited == [True]
    assert answer.get("text", answer.get("too_large")) == ("words" if max_chars == "1000" else True)
