import difflib
from collections.abc import Callable
from typing import Any

import pytest

from bluelabel.interfaces.errors import NotFound, Refused, UsageError
from bluelabel.services.cards.editing import edit, sections, template
from bluelabel.services.cards.editing.reparse import reread
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text import statistics
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.parser import parse

SAMPLES = ("tracker", "styles", "backlog", "conflict", "open_fence")


def changed_lines(old: bytes, new: bytes) -> list[str]:
    diff = difflib.ndiff(old.decode().split("\n"), new.decode().split("\n"))
    return [line for line in diff if line[0] in "+-"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("field", ["status", "assignee", "priority", "branch"])
@pytest.mark.parametrize("endings", [b"\n", b"\r\n"])
def test_a_field_set_and_set_back_gives_the_very_file(
    sample: Callable[[str], bytes], name: Any, field: str, endings: bytes
) -> None:
    data = sample(name).replace(b"\n", endings)
    document = parse(data)
    for place, card in enumerate(document.cards):
        found = card.fields.get(field)
        new = edit.set_field(document, card, field, "BLOCKED")
        after = parse(new)
        assert after.cards[place].raw(field) == "BLOCKED"
        assert len(after.cards) == len(document.cards)
        back = edit.set_field(after, after.cards[place], field, found.raw if found else None)
        assert back == data


@pytest.mark.parametrize("name", SAMPLES)
def test_one_set_changes_one_line_only(sample: Callable[[str], bytes], name: Any) -> None:
    document = parse(sample(name))
    for card in document.cards:
        lines = changed_lines(sample(name), edit.set_field(document, card, "status", "BLOCKED"))
        below = card.fields["status"].below if "status" in card.fields else False
        assert len(lines) <= (3 if below else 2)


def test_a_value_is_written_in_the_style_of_its_card(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("styles"))
    wanted = {
        "TASK-001": b"Status: BLOCKED\n",
        "TASK-002": b"**Status**: BLOCKED  \n",
        "TASK-003": b"**Status:** BLOCKED\n",
        "TASK-004": b"- **Status:** BLOCKED\n",
        "TASK-005": b"### Status: BLOCKED\n",
        "TASK-006": b"## Status\nBLOCKED\n",
        "TASK-007": b"**Status:**\nBLOCKED\n",
        "TASK-008": b"**Status**: BLOCKED\n",
    }
    for name, line in wanted.items():
        assert line in edit.set_field(document, document.card(name), "status", "BLOCKED")


def test_a_line_that_is_missing_is_put_in_like_its_neighbours(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("styles"))

    def added(name: str, field: str) -> list[str]:
        new = edit.set_field(document, document.card(name), field, "high")
        return [line for line in changed_lines(sample("styles"), new) if line.strip("+ ")]

    assert added("TASK-002", "priority") == ["+ **Priority**: high  "]
    assert added("TASK-003", "priority") == ["+ **Priority:** high"]
    assert added("TASK-004", "priority") == ["+ - **Priority:** high"]
    assert added("TASK-005", "priority") == ["+ ### Priority: high"]
    assert added("TASK-006", "priority") == ["+ ## Priority", "+ high"]
    assert added("TASK-007", "priority") == ["+ **Priority:**", "+ high"]
    assert added("TASK-009", "priority") == ["+ Priority: high"]


def test_a_card_without_lines_in_a_file_without_any_gets_a_plain_one() -> None:
    document = parse(b"### TASK-1: a")

    assert edit.set_field(document, document.cards[0], "status", "BLOCKED") == b"### TASK-1: a\nStatus: BLOCKED"
    assert edit.set_field(document, document.cards[0], "status", None) == b"### TASK-1: a"


def test_a_colon_without_a_blank_gets_one() -> None:
    document = parse(b"### TASK-1: a\nStatus:\n")

    assert edit.set_field(document, document.cards[0], "status", "BLOCKED") == b"### TASK-1: a\nStatus: BLOCKED\n"


def test_a_heading_without_a_value_gets_it_on_the_next_line() -> None:
    document = parse(b"### TASK-1: a\n\n## Status\nno such word\n")

    new = edit.set_field(document, document.cards[0], "status", "BLOCKED")
    assert new == b"### TASK-1: a\n\n## Status\nBLOCKED\nno such word\n"


def test_a_title_is_set_and_nothing_else(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    new = edit.set_field(document, document.card("TASK-210E"), "title", "Before the footer")

    assert changed_lines(sample("tracker"), new) == [
        "- ## TASK-210E (CA): After the footer",
        "+ ## TASK-210E (CA): Before the footer",
    ]
    bare = parse(b"### TASK-1\n")
    assert edit.set_field(bare, bare.cards[0], "title", "x") == b"### TASK-1: x\n"


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    data = b"\xef\xbb\xbf### TASK-1: \xff\xfe\r\nStatus: \xe9t\xe9\t \r\n\0\x85 tail without end"
    document = parse(data)

    new = edit.set_field(document, document.cards[0], "status", "BLOCKED")
    assert new == data.replace(b"\xe9t\xe9", b"BLOCKED")


@pytest.mark.parametrize("value", ["a\nb", "a\x00", "a\u2028b", "x" * 2001, "\ud800"])
def test_a_value_is_one_line_of_text(value: str) -> None:
    with pytest.raises(UsageError):
        edit.check_value("branch", value)


def test_fields_and_statuses_that_do_not_exist_are_refused() -> None:
    assert edit.field_name("Owner") == "assignee"
    assert edit.field_name("TITLE") == "title"
    with pytest.raises(UsageError, match="no such field"):
        edit.field_name("reviewr")
    with pytest.raises(UsageError, match="not a status"):
        edit.check_value("status", "splendid")


def test_a_status_is_spelled_as_the_file_spells_it(sample: Callable[[str], bytes]) -> None:
    tracker = parse(sample("tracker"))

    assert edit.spelled(tracker, CardStatus.COMPLETED) == "COMPLETED ✅"
    assert edit.spelled(tracker, CardStatus.BLOCKED) == "BLOCKED 🔴"
    assert edit.spelled(tracker, CardStatus.IN_PROGRESS) == "IN_PROGRESS 🚧"
    assert edit.spelled(parse(b""), CardStatus.BLOCKED) == "BLOCKED"


def test_a_checklist_is_ticked_with_the_marks_the_card_uses(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    card = document.card("TASK-210C")

    assert changed_lines(sample("tracker"), edit.check(document, card, 1)) == ["- - [ ] It waits", "+ - [x] It waits"]
    assert edit.check(document, card, 2) == sample("tracker")
    cleared = parse(edit.check(document, document.card("TASK-210A"), 2, done=False))
    assert [item.mark for item in checklist(cleared, cleared.card("TASK-210A"))] == ["✅", "[ ]"]
    again = parse(edit.check(cleared, cleared.card("TASK-210A"), 2))
    assert [item.mark for item in checklist(again, again.card("TASK-210A"))] == ["✅", "✅"]


def test_an_entry_that_is_not_there_is_not_found(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))

    for name in ("TASK-210C", "TASK-210D"):
        with pytest.raises(NotFound, match="no entry 9"):
            edit.check(document, document.card(name), 9)


@pytest.mark.parametrize("name", ["tracker", "styles", "backlog"])
def test_archiving_moves_a_card_byte_for_byte(sample: Callable[[str], bytes], name: str) -> None:
    document = parse(sample(name))
    before = sorted(edit.block(document, card) for card in document.cards)
    for card in document.cards:
        after = parse(sections.archive(document, card))
        assert sorted(edit.block(after, found) for found in after.cards) == before
        assert sections.in_archive(after.card(card.id)) or len(document.by_id[card.id]) > 1
        assert set(document.text.split("\n")) <= set(after.text.split("\n"))


def test_a_card_moves_to_the_end_of_a_section_found_by_a_part_of_its_name(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("backlog"))

    after = parse(sections.move(document, document.cards[0], "planned"))
    assert [card.id for card in after.cards] == ["TASK-002", "TASK-001"]
    assert after.card("TASK-001").section == "⏭️ Planned Tasks (Backlog)"
    with pytest.raises(NotFound, match="no such section"):
        sections.move(document, document.cards[0], "Nowhere")


def test_rules_between_cards_are_kept_between_cards() -> None:
    data = b"## Active Tasks\n\n### TASK-1: a\nStatus: Done\n\n---\n\n### TASK-2: b\n\n---\n\n## Archive\n"
    document = parse(data)

    assert edit.uses_rules(document)
    assert sections.archive(document, document.cards[0]) == (
        b"## Active Tasks\n\n### TASK-2: b\n\n---\n\n## Archive\n\n### TASK-1: a\nStatus: Done\n\n---\n"
    )


def test_an_open_fence_refuses_what_it_would_swallow(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("open_fence") + b"\n## Archive\n\n## Notes\n")

    with pytest.raises(Refused, match="never closed"):
        sections.archive(document, document.cards[0])


def test_the_last_card_leaves_no_hole() -> None:
    document = parse(b"### TASK-1: a\n\n### TASK-2: b\n")

    assert edit.without(document, document.cards[1]) == "### TASK-1: a\n"
    assert edit.without(document, document.cards[0]) == "### TASK-2: b\n"
    alone = parse(b"### TASK-1: a")
    assert edit.without(alone, alone.cards[0]) == ""


def test_a_new_card_follows_the_template(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    values = {"assignee": "CC", "priority": "HIGH", "created": "2026-02-01"}
    text = template.filled(
        document,
        "TASK-211",
        "New",
        values,
        {"description": ["What."], "deliverables": ["- [ ] a"], "Risks": ["- none"]},
    )

    assert text == (
        "### TASK-211: New\nStatus: NOT_STARTED\nAssigned: CC\nPriority: HIGH\nCreated: 2026-02-01\n\n"
        "**Description:**\nWhat.\n\n**Deliverables:**\n- [ ] a\n\n**Files Created/Modified:**\n\n**Risks:**\n- none"
    )
    after = parse(sections.add(document, text))
    assert [card.id for card in after.cards][3:5] == ["TASK-210D", "TASK-211"]
    assert after.card("TASK-211").section == "Active Tasks"


def test_without_a_template_a_new_card_follows_the_fullest_one(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("backlog"))
    text = template.filled(document, "TASK-003", "New", {"assignee": "CC", "priority": "LOW"}, {"files": ["- a.py"]})

    assert text.splitlines()[:4] == [
        "### TASK-003: New",
        "**Status**: NOT_STARTED",
        "**Owner**: CC",
        "**Priority**: LOW",
    ]


def test_an_empty_file_gets_cards_in_the_plain_form() -> None:
    document = parse(b"")
    text = template.filled(document, "TASK-001", "First", {"status": "BLOCKED"}, {})

    assert text.startswith("### TASK-001: First\nStatus: BLOCKED\n\n**Description:**\n\n**Deliverables:**")
    assert sections.add(document, "### TASK-001: First") == b"### TASK-001: First\n"


def test_without_sections_the_newest_card_stands_where_the_newest_stood() -> None:
    newest_first = parse(b"### TASK-2: b\nCreated: 2026-02-01\n\n### TASK-1: a\nCreated: 2026-01-01\n")
    oldest_first = parse(b"### TASK-1: a\nCreated: 2026-01-01\n\n### TASK-2: b\nCreated: 2026-02-01\n")

    assert [card.id for card in parse(sections.add(newest_first, "### TASK-3: c")).cards] == [
        "TASK-3",
        "TASK-2",
        "TASK-1",
    ]
    assert [card.id for card in parse(sections.add(oldest_first, "### TASK-3: c")).cards] == [
        "TASK-1",
        "TASK-2",
        "TASK-3",
    ]


def test_a_note_says_where_a_card_went_and_goes_when_it_returns(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    noted = sections.noted(document, ["- TASK-9: Gone → archive/A.md"])
    twice = sections.noted(noted, ["- TASK-8: Gone too → archive/A.md"])

    assert "here]\n\n- TASK-9: Gone → archive/A.md\n- TASK-8" in twice.text
    assert sections.unnoted(sections.unnoted(twice, ["TASK-9"]), ["TASK-8"]).text != twice.text
    assert sections.unnoted(document, ["TASK-9"]) is document
    bare = sections.noted(parse(b"### TASK-1: a\n"), ["- TASK-9: Gone → A.md"])
    assert bare.text == "### TASK-1: a\n\n## Archive\n\n- TASK-9: Gone → A.md\n"


def test_statistics_are_computed_and_only_their_numbers_change(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    found = statistics.report(document)

    assert (found["total"], found["by_status"]["COMPLETED"], found["by_status"]["NOT_STARTED"]) == (5, 2, 2)
    assert [(line["key"], line["stated"], line["computed"]) for line in found["differs"]] == [
        ("Total Tasks", "50+", 5),
        ("In Progress", "0", 1),
    ]
    fixed = statistics.with_statistics(document)
    assert changed_lines(sample("tracker"), fixed) == [
        "- - Total Tasks: 50+",
        "+ - Total Tasks: 5",
        "- - In Progress: 0",
        "+ - In Progress: 1",
    ]
    assert statistics.report(parse(fixed))["differs"] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_a_card_read_again_alone_is_the_card_of_the_whole_file(sample: Callable[[str], bytes], name: Any) -> None:
    document = parse(sample(name))
    for place, card in enumerate(document.cards):
        text = edit.set_field(document, card, "status", "BLOCKED").decode()
        again = reread(document, card, text)
        assert again == parse(text.encode()).cards[place] or (again is None and name == "conflict")


def test_a_card_that_is_no_longer_one_card_is_not_read_alone(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    card = document.cards[1]

    assert reread(document, card, "x" + document.text) is None
    assert reread(document, card, document.text + "x") is None
    assert reread(document, card, document.text[: card.start] + document.text[card.stop :]) is None
    doubled = document.text[: card.start] + "### TASK-9: x\n" + document.text[card.start :]
    assert reread(document, card, doubled) is None
