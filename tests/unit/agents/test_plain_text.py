"""Text made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.agents.plain_text import clean, one_line


@given(st.text())
def test_clean_text_has_no_control_characters_but_tab_and_line_end(text: str) -> None:
    left = [c for c in clean(text) if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\n"]

    assert left == []


@given(st.text(alphabet="abc \t\n\x1b[]\x07m0;\u202e", max_size=200))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\u202eabc\u2066", "abc"),
        ("\ud800x", "\ufffdx"),
        ("\x9b31mred", "red"),
        ("plain \u00e9 \u4e2d", "plain \u00e9 \u4e2d"),
    ],
)
def test_what_steers_a_terminal_goes_away(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(2, 40))
def test_a_line_is_one_line_and_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert len(line) <= limit
    assert "\n" not in line


def test_a_cut_line_says_so() -> None:
    assert one_line("abcdef", 4) == "abc…"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x1b[0", "\x1b]8;;", "\x9b;", " ", "\x1b\x1b]a"])
def test_no_text_makes_cleaning_slow(piece: str) -> None:
    clean(piece * (1_000_000 // len(piece)))
