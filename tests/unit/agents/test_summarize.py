"""Summaries from a text's own sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.agents.summarize import split, summarize

TEXT = """# The mail room

The mail room keeps every message. It was raining that day. A message in the mail room is written down before
it is handed out. Lunch was at noon. The mail room forgets no message, even when a worker is killed.

```
code_is_left_out()
```

| a | table |
|---|---|
"""


def test_the_sentences_about_the_subject_are_chosen() -> None:
    summary = summarize(TEXT, title="The mail room", sentences=2)

    assert "mail room" in summary
    assert "raining" not in summary
    assert "Lunch" not in summary


def test_code_tables_and_the_title_are_left_out() -> None:
    assert [s for s in split(TEXT, "The mail room") if "code" in s or "table" in s or s == "The mail room"] == []


def test_chosen_sentences_keep_their_order() -> None:
    summary = summarize(TEXT, sentences=5)
    found = [summary.find(sentence) for sentence in split(TEXT) if sentence in summary]

    assert found == sorted(found)


def test_markdown_marks_and_links_become_words() -> None:
    marked = "See [the *book*](https://example.org/x) and **write** `it` down."

    assert split(marked) == ["See the book and write it down."]


def test_items_of_a_list_are_sentences_of_their_own() -> None:
    assert split("- one thing\n- another thing\n") == ["one thing", "another thing"]


def test_front_matter_is_left_out() -> None:
    assert split("---\ntitle: x\n---\nThe text.") == ["The text."]


@pytest.mark.parametrize("text", ["", "   \n\n", "```\nonly code\n```", "---\n", "a"])
def test_a_text_without_sentences_has_no_summary(text: str) -> None:
    assert summarize(text) == ""


def test_a_text_without_long_words_still_gives_something() -> None:
    assert summarize("1 2 3. 4 5 6.") == "1 2 3. 4 5 6."


def test_one_endless_sentence_is_cut() -> None:
    summary = summarize("word " * 1000, limit=100)

    assert (len(summary) <= 100, summary[-1]) == (True, "…")


def test_a_long_sentence_gives_way_to_those_that_fit() -> None:
    text = "The ledger keeps order. " + "The ledger " * 80 + ". The ledger is a book."

    assert len(summarize(text, limit=300)) <= 300


@given(st.text(max_size=2000), st.integers(1, 5), st.integers(20, 600))
def test_a_summary_is_made_of_the_text_and_within_its_limit(text: str, sentences: int, limit: int) -> None:
    summary = summarize(text, sentences=sentences, limit=limit)

    assert len(summary) <= limit
    assert summarize(text, sentences=sentences, limit=limit) == summary
    if summary and not summary.endswith("…"):
        assert any(sentence in summary for sentence in split(text))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["[", "![", "[a](", "`", "_", "#", "|", "- ", "\n", "1.", "**a", ". "])
def test_no_text_makes_it_slow(piece: str) -> None:
    summarize(piece * (1_000_000 // len(piece)))
