import os
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import Refused
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.editing import sections as places
from bluelabel.services.cards.evidence.claims import claims
from bluelabel.services.cards.merge.diff3 import blocks
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.queries.record import looks_like_cards, read_cards
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.text.body import checklist, sections
from bluelabel.services.cards.text.parser import parse

LINES = [
    *("### TASK-1: One", "## TASK-2 (CA): Two", "#### TASK-3A — Three", "### TASK-XXX: Template", "### TASK-1: Again"),
    *(
        "Status: COMPLETED ✅",
        "**Status**: pending  ",
        "**Status:** ",
        "- Status: Done",
        "### Status: BLOCKED",
        "## Status",
    ),
    *("✅ Complete", "Status: a | b", "**Owner**: CC, CA", "Assigned: TBD", "Priority: HIGH", "Created: 2026-01-01"),
    *("**Deliverables:**", "- [ ] one", "- [x] two", "- ✅ three", "- âŒ four", "**Files:**", "- /a/b.py (new)"),
    *("```", "```python", "~~~", "   ```", "<<<<<<< HEAD", "||||||| base", "=======", ">>>>>>> other", "---", ""),
    *("## Active Tasks", "## Archive", "## Task Summary Statistics", "- Total Tasks: 50+", "*Last Updated: 2026*"),
    *(
        "**TASK-4: Backlog**",
        "| TASK-5 | a | b |",
        "- [ ] SPRINT1-001: x",
        "- TASK-6: y",
        "words",
        "Dependencies: TASK-2",
    ),
    *("\ufeff", "\u2028", "\x0b", "\x85", "a\rb", "\t", "é", "-" * 40, "*" * 40, "#" * 40, "`" * 40, "|" * 40),
]
line = st.one_of(st.sampled_from(LINES), st.text(alphabet=st.sampled_from("#*-`:|[]( )TASK-1\t\r\x00é✅"), max_size=12))
text = st.lists(line, max_size=25).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines).encode("utf-8", "replace"))
)
garbled = st.tuples(text, st.binary(max_size=6), st.integers(0, 400)).map(
    lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
)


def examples(count: int) -> settings:
    """As many examples as `make test` has time for, or as many as BLUELABEL_EXAMPLES asks for."""
    return settings(max_examples=max(count, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)


@examples(200)
@given(garbled)
def test_parse_then_write_gives_the_very_bytes_and_everything_in_it_can_be_asked(data: Any) -> None:
    document = parse(data)
    assert document.to_bytes() == data
    read_cards(data)
    looks_like_cards(data)
    for card in document.cards:
        assert 0 <= card.start <= card.heading_end <= card.end <= card.stop <= len(document.text)
        sections(document, card)
        checklist(document, card)
        claims(document, card)


@examples(80)
@given(garbled, st.sampled_from(["status", "assignee", "branch"]), st.integers(0, 9))
@example("### TASK-1: One\n\u2028\nStatus: a | b".encode(), "branch", 0)  # a line that only looks blank
def test_a_set_changes_one_field_of_one_card_and_can_be_taken_back(data: Any, field: Any, number: Any) -> None:
    document = parse(data)
    if not document.cards:
        return
    place = number % len(document.cards)
    card = document.cards[place]
    found = card.fields.get(field)
    new = edit.set_field(document, card, field, "BLOCKED")
    after = parse(new)

    assert [other.id for other in after.cards] == [other.id for other in document.cards]
    assert after.cards[place].raw(field) == "BLOCKED"
    if found:
        kept = document.text[: found.value_start], document.text[found.value_end :]
        text = after.text
        assert text.startswith(kept[0])
        assert text.endswith(kept[1])
        assert text[len(kept[0]) : len(text) - len(kept[1])].strip() == "BLOCKED"
        if found.raw:
            assert edit.set_field(after, after.cards[place], field, found.raw) == data


@examples(60)
@given(garbled, st.integers(0, 9))
def test_archiving_keeps_every_card_or_refuses(data: Any, number: Any) -> None:
    document = parse(data)
    if not document.cards:
        return
    try:
        after = parse(places.archive(document, document.cards[number % len(document.cards)]))
    except Refused:
        return
    before = sorted(edit.block(document, card) for card in document.cards)
    assert sorted(edit.block(after, card) for card in after.cards) == before


@examples(60)
@given(garbled, garbled, garbled)
def test_a_merge_of_anything_never_fails_and_never_loses_an_id(base: Any, ours: Any, theirs: Any) -> None:
    found = set(parse(merge(base, ours, theirs).content).by_id)
    sides = parse(ours), parse(theirs)
    gone = {r.id for side in sides for r in side.references}

    assert set(sides[0].by_id) | set(sides[1].by_id) <= found | gone


@examples(60)
@given(garbled)
def test_a_repair_of_anything_never_fails_and_keeps_every_id(data: Any) -> None:
    fixed = repair(data)

    assert set(parse(fixed.content).by_id) == set(parse(data).by_id)


def test_hard_texts_take_linear_time() -> None:
    began = time.process_time()
    for unit in (
        "#",
        "`",
        "*",
        "- ",
        "|",
        "[",
        "(",
        "TASK-1-",
        "**a",
        "Status: ",
        "a ",
        "\t",
        "é",
        "<<<<<<< ",
        "- `a/b.c` ",
    ):
        for data in (
            (unit * 50_000).encode(),
            (f"{unit}\n" * 20_000).encode(),
            b"### TASK-1: a\n" + (unit * 50_000).encode(),
        ):
            document = parse(data)
            for card in document.cards:
                claims(document, card)
                sections(document, card)
            assert document.to_bytes() == data

    assert time.process_time() - began < 30  # a pattern that is not linear takes hours here


@given(st.text("aab", max_size=40), st.text("aab", max_size=40))
def test_the_shared_blocks_of_two_sequences_are_shared_in_order_and_apart(one: Any, two: Any) -> None:
    at, other = 0, 0
    for start, start_other, length in blocks(one, two):
        assert length > 0
        assert start >= at
        assert start_other >= other
        assert one[start : start + length] == two[start_other : start_other + length]
        at, other = start + length, start_other + length
    assert blocks(one, one) == ([(0, 0, len(one))] if one else [])


@pytest.mark.parametrize(
    "unit", ["### TASK-{0}: a\nStatus: {1}\n\n", "<<<<<<< a\n### TASK-{0}: {1}\n=======\n>>>>>>> b\n"]
)
def test_thousands_of_cards_changed_on_both_sides_are_merged_in_linear_time(unit: str) -> None:
    base, ours, theirs = ("".join(unit.format(n, word) for n in range(500)).encode() for word in ("x", "y", "z"))

    assert len(parse(merge(base, ours, theirs[::-1]).content).by_id) == 500
    assert len(parse(merge(base, ours, theirs).content).by_id) == 500


def test_ten_thousand_cards_are_read_and_kept() -> None:
    block = "### TASK-{0}: Title\nStatus: COMPLETED ✅\n\n**Files:**\n- a.py\n\n"
    data = "".join(block.format(number) for number in range(10_000)).encode()
    document = parse(data)

    assert len(document.cards) == 10_000
    assert document.to_bytes() == data
    assert len(document.problems) == 0
