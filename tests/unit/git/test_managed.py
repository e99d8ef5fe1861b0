"""Managed blocks: whatever the file, bytes outside the marks stay."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.files.managed_block import Marks, blocks, body, put, take

MARKS = Marks(b"<!-- ours begin -->", b"<!-- ours end -->")
TEXT = st.lists(
    st.sampled_from(
        [b"word", b"\n", b"\r\n", b"```\n", b"<!-- ours begin -->", b"<!-- ours end -->", b"\xff", b" ", b"\r"]
    ),
    max_size=14,
).map(b"".join)


def test_a_new_block_stands_at_the_end_after_an_empty_line() -> None:
    assert put(b"a\n", MARKS, "x\ny\n") == b"a\n\n<!-- ours begin -->\nx\ny\n<!-- ours end -->\n"
    assert put(b"a", MARKS, "x", apart=False) == b"a\n<!-- ours begin -->\nx\n<!-- ours end -->\n"
    assert put(b"", MARKS, "") == b"<!-- ours begin -->\n<!-- ours end -->\n"


def test_the_line_endings_are_those_of_the_file() -> None:
    assert put(b"a\r\nb", MARKS, "x\ny") == b"a\r\nb\r\n\r\n<!-- ours begin -->\r\nx\r\ny\r\n<!-- ours end -->\r\n"


def test_a_block_is_rewritten_where_it_stands() -> None:
    text = b"a\n  <!-- ours begin -->  \nold\n<!-- ours end -->\nb"

    assert put(text, MARKS, "new") == b"a\n  <!-- ours begin -->  \nnew\n<!-- ours end -->\nb"
    assert body(text, MARKS) == b"old\n"
    assert take(text, MARKS) == b"a\nb"


def test_a_lone_mark_encloses_nothing() -> None:
    text = b"<!-- ours end -->\n<!-- ours begin -->\n<!-- ours begin -->\nx\n<!-- ours end -->\n<!-- ours begin -->\n"

    assert [text[b.body_start : b.body_end] for b in blocks(text, MARKS)] == [b"x\n"]
    assert body(b"<!-- ours begin -->\n", MARKS) is None


@given(TEXT, st.sampled_from(["", "x", "x\ny\n"]), st.sampled_from(["", "z", "one\ntwo"]))
def test_bytes_outside_the_block_never_change(data: Any, first: Any, second: Any) -> None:
    once = put(data, MARKS, first)
    twice = put(once, MARKS, second)
    [old, *_] = blocks(once, MARKS)
    [new, *_] = blocks(twice, MARKS)

    assert once[: old.body_start] == twice[: new.body_start]
    assert once[old.body_end :] == twice[new.body_end :]
    assert put(twice, MARKS, second) == twice
    if not blocks(data, MARKS):
        assert once.startswith(data)
    else:
        assert take(once, MARKS) == take(data, MARKS)
