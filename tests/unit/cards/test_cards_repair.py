from collections.abc import Callable
from typing import Any

import pytest

from bluelabel.services.cards.encoding import repair_encoding
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.text.parser import parse


def damaged(text: str) -> str:
    """Read UTF-8 as Windows-1252, the bytes it does not define dropped."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") for byte in text.encode())


CLEAN = (
    "### TASK-1: Arrows → and — dashes\nStatus: COMPLETED ✅ 🚧 🔴\n- café naïve “quoted” © ± 100 °C\n"
    "│ ┌─┬─┐ └─┘ ├┤\n- ❌ not yet\n"
)


def test_damaged_text_becomes_what_it_was() -> None:
    assert repair(damaged(CLEAN).encode()).content.decode() == CLEAN


@pytest.mark.parametrize("text", [CLEAN, "É–Ü à â ð “x” né…»", "plain", "ça va → là", "Ã alone, â alone, ð alone"])
def test_clean_text_passes_untouched(text: Any) -> None:
    assert repair_encoding(text) == (text, [])


def test_each_kind_of_damage_is_told_once_with_its_first_line() -> None:
    done = repair(damaged("✅\n✅ →\n").encode()).done

    assert [(problem.code, problem.line) for problem in done] == [("encoding-repaired", 1), ("encoding-repaired", 2)]


def test_the_two_lossy_spots_and_the_selector_come_back() -> None:
    assert repair_encoding("âŒ â” ï¸ â€\xa0")[0].startswith("❌ ┐ \ufe0f ")


def test_conflict_markers_go_and_both_sides_cards_stay(sample: Callable[[str], bytes]) -> None:
    fixed = repair(sample("conflict"))
    document = parse(fixed.content)

    assert [card.id for card in document.cards] == ["TASK-1", "TASK-2", "TASK-3", "TASK-4"]
    assert document.problems == ()
    assert b"Status: COMPLETED\nStatus (other side): BLOCKED\n" in fixed.content
    assert [problem.code for problem in fixed.done] == ["conflict-resolved", "merge-clash"]


def test_the_base_of_a_conflict_is_left_out() -> None:
    data = b"a\n<<<<<<< HEAD\nours\n||||||| base\nold\n=======\ntheirs\n>>>>>>> x\nz\n"

    assert repair(data).content == b"a\nours\ntheirs\nz\n"


@pytest.mark.parametrize("data", [b"<<<<<<< HEAD\nours\n", b"=======\n", b">>>>>>> x\n", b"<<<<<<< a\n=======\n"])
def test_a_conflict_that_is_not_whole_is_left_to_people(data: bytes) -> None:
    assert repair(data).content == data


def test_open_fences_are_closed_where_their_card_ends(sample: Callable[[str], bytes]) -> None:
    fixed = repair(sample("open_fence"))

    assert b'print("Status: nothing")\n```\n\n### TASK-2' in fixed.content
    assert parse(fixed.content).problems == ()
    assert [problem.code for problem in fixed.done] == ["fence-closed"]


def test_an_indented_fence_is_closed_with_its_own_marks() -> None:
    fixed = repair(b"### TASK-1: a\r\n   ~~~~text\r\n   ~~~\r\nopen\r\n").content

    assert fixed == b"### TASK-1: a\r\n   ~~~~text\r\n   ~~~\r\nopen\r\n   ~~~~\r\n"


def test_a_fence_open_before_the_first_card_is_closed_there() -> None:
    fixed = repair(b"words\n\n```\nopen\n\n### TASK-1: a\n")

    assert fixed.content == b"words\n\n```\nopen\n```\n\n### TASK-1: a\n"
    assert parse(fixed.content).problems == ()
    assert repair(b"```\nopen").content == b"```\nopen\n```"


def test_a_card_that_stands_twice_word_for_word_stands_once() -> None:
    data = b"### TASK-1: a\nStatus: Done\n\n### TASK-2: b\n\n### TASK-1: a\nStatus: Done\n"
    fixed = repair(data)

    assert fixed.content == b"### TASK-1: a\nStatus: Done\n\n### TASK-2: b\n"
    assert [(problem.code, problem.line) for problem in fixed.done] == [("duplicate-removed", 6)]


def test_a_card_that_stands_many_times_up_to_the_end_stands_once() -> None:
    fixed = repair(b"### TASK-1: a\nStatus: Done\n\n" * 4)

    assert fixed.content == b"### TASK-1: a\nStatus: Done\n"
    assert [problem.line for problem in fixed.done] == [4, 7, 10]


def test_cards_of_one_id_that_differ_are_left_to_people() -> None:
    data = b"### TASK-1: a\n\n### TASK-1: b\n"

    assert repair(data).content == data


def test_only_what_was_asked_for_is_repaired(sample: Callable[[str], bytes]) -> None:
    assert repair(sample("conflict"), ("encoding",)).content == sample("conflict")


@pytest.mark.parametrize("name", ["tracker", "styles", "backlog"])
def test_a_sound_file_is_left_alone(sample: Callable[[str], bytes], name: str) -> None:
    assert repair(sample(name)).content == sample(name)
    assert repair(sample(name)).done == ()
