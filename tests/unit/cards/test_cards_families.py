"""Card files as two branches really leave them, merged: no card and no word is lost, and only true clashes are said."""

import pytest
from reliability.card_families import (
    FAMILIES,
    Family,
    both_reordered,
    case,
    header_lines,
    lost,
    mangled_by_an_encoding,
    one_field_two_ways,
    one_paragraph_two_ways,
    rewritten_whole,
    the_same_card_appended,
)

from bluelabel.services.cards.merge.card import merge_card
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.text.parser import parse

CLASHING = (
    header_lines,
    mangled_by_an_encoding,
    one_field_two_ways,
    one_paragraph_two_ways,
    rewritten_whole,
    the_same_card_appended,
)
"""Families in which both sides do change one thing, each otherwise."""


def check(family: Family, seed: int) -> None:
    base, ours, theirs = case(family, seed)
    result = merge(base, ours, theirs)

    assert lost(base, ours, theirs, result.content) == [], (family.__name__, seed)
    assert result.clean or family in CLASHING, (family.__name__, seed, result.problems)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_merge_loses_nothing_and_says_only_true_clashes(family: Family) -> None:
    for seed in range(2):
        check(family, seed)


def test_two_cards_that_change_places_with_others_on_both_sides_are_no_clash() -> None:
    check(both_reordered, 107)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_hundred_merges_of_each_family_lose_nothing(family: Family) -> None:
    for seed in range(100, 200):
        check(family, seed)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_merging_the_result_again_changes_no_card(family: Family) -> None:
    base, ours, theirs = case(family, 7)
    once = merge(base, ours, theirs).content
    again = merge(theirs, once, theirs).content

    assert again == once
    assert [card.id for card in parse(again).cards] == [card.id for card in parse(once).cards]


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("Status: pending", "**Status**: pending", "Status: Done", "**Status**: Done"),
        ("**Status**: a  ", "**Status**: a", "**Status**: Done  ", "**Status**: Done"),
        ("Status: pending", "Status: Done", "- Status: pending", "- Status: Done"),
        ("### Status: pending", "### Status: Done", "### State", "### Status: Done\n### State"),
        ("1. a\n2. b", "1. a\n2. x\n3. b", "1. a\n2. b\n3. y", "1. a\n2. x\n3. b\n4. y"),
        ("1. a\n1. b", "1. a\n1. x\n1. b", "1. a\n1. b\n1. y", "1. a\n1. x\n1. b\n1. y"),
        ("2) a\n3) b", "2) x\n3) a\n4) b", "2) a\n3) y\n4) b", "2) x\n3) a\n4) y\n5) b"),
    ],
)
def test_how_a_line_is_written_and_what_it_says_merge_apart(base: str, ours: str, theirs: str, merged: str) -> None:
    head = "### TASK-1: a\n"

    assert merge_card(head + base, head + ours, head + theirs)[0] == head + merged
