from collections.abc import Callable
from typing import Any

import pytest

from bluelabel.services.cards.queries.record import looks_like_cards, read_cards
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus
from bluelabel.services.cards.text.body import checklist, section_text, sections
from bluelabel.services.cards.text.model import FieldForm
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.cards.text.vocabulary import assignees_of, field_of, named


def test_every_style_of_metadata_is_read(sample: Callable[[str], bytes]) -> None:
    cards, problems = read_cards(sample("styles"))

    found = [(card["id"], card["status"], card["assignees"]) for card in cards]
    assert found == [
        ("TASK-001", "IN_PROGRESS", ["CC"]),
        ("TASK-002", "COMPLETED", ["CA", "WA", "CC"]),
        ("TASK-003", "COMPLETED", ["CA"]),
        ("TASK-004", "BLOCKED", ["WA"]),
        ("TASK-005", "CANCELLED", ["ARCH"]),
        ("TASK-006", "COMPLETED", ["CA"]),
        ("TASK-007", "COMPLETED", []),
        ("TASK-008", None, ["CC"]),
        ("TASK-009", None, []),
        ("TASK-010", "COMPLETED", []),
        ("TASK-011", None, []),
        ("QUICK-001", "NOT_STARTED", []),
    ]
    assert problems == []


def test_a_tracker_is_read_with_its_template_left_out(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))

    assert [card.id for card in document.cards] == ["TASK-210A", "TASK-210B", "TASK-210C", "TASK-210D", "TASK-210E"]
    assert [template.line for template in document.templates] == [8]
    assert [heading.text for heading in document.headings] == [
        "Task Cards",
        "Template for New Tasks",
        "Active Tasks",
        "Completed Tasks Archive",
        "Task Summary Statistics",
    ]
    assert {line.key: line.value for line in document.statistics}["Total Tasks"] == "50+"
    assert document.last_updated is not None
    assert document.last_updated.value == "2026-01-11"
    assert document.card("TASK-210E").agent == "CA"


def test_the_status_in_a_fence_is_not_the_cards(sample: Callable[[str], bytes]) -> None:
    card = parse(sample("tracker")).card("TASK-210B")

    assert card.status is CardStatus.COMPLETED
    assert card.status_raw == "✅ Completed"
    assert card.title == "Draw the graph — with arrows"


def test_backlog_lines_tables_and_lists_are_references_and_no_cards(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("backlog"))

    assert [card.id for card in document.cards] == ["TASK-001", "TASK-002"]
    assert [(found.kind, found.id, found.title, found.owner, found.done) for found in document.references] == [
        ("backlog", "TASK-001", "Second meaning of an id", "WA", None),
        ("table", "TASK-046", "A dashboard", "WA", None),
        ("checklist", "SPRINT4-001", "Adapter (HIGH, 16h)", None, False),
        ("checklist", "SPRINT4-002", "Injection (HIGH, 12h)", None, True),
        ("dashboard", "TASK-002", "Second ✓", None, None),
    ]


def test_a_card_ends_a_fence_that_was_left_open(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("open_fence"))

    assert [card.status for card in document.cards] == [CardStatus.COMPLETED, CardStatus.NOT_STARTED]
    assert [(problem.code, problem.line) for problem in document.problems] == [("unclosed-fence", 7)]


def test_a_saved_conflict_is_told_and_both_sides_are_read(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("conflict"))

    assert [card.id for card in document.cards] == ["TASK-1", "TASK-2", "TASK-1", "TASK-3", "TASK-4"]
    assert [(problem.code, problem.line) for problem in document.problems] == [
        ("conflict-markers", 5),
        ("duplicate-id", 14),
    ]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"### TASK-1: a\n<<<<<<< HEAD\nx\n", ["conflict-markers"]),
        (b"### TASK-1: a\n>>>>>>> other\n", ["conflict-markers"]),
        (b"### TASK-1: a\nStatus: Splendid\n", ["unknown-status"]),
        (b"### TASK-1: a\nStatus: NOT_STARTED | BLOCKED\n", ["unknown-status"]),
        (b"### TASK-1: a\n\xff\n", ["not-utf8"]),
        (b"### TASK-1: a\n\0\n", ["nul-byte"]),
        ("### TASK-1: a\nStatus: âœ… Done\n".encode(), ["mojibake"]),
        (b"### TASK-1: a\n```\nopen\n", ["unclosed-fence"]),
        (b"### TASK-1: a\nTitle\n=======\nno conflict\n", []),
    ],
)
def test_what_is_wrong_is_a_problem_and_never_an_error(data: Any, codes: Any) -> None:
    assert [problem.code for problem in parse(data).problems] == codes


def test_problems_name_line_and_column() -> None:
    problem = parse(b"\xef\xbb\xbf### TASK-1: a\r\nok \xff\r\n").problems[0]

    assert (problem.line, problem.column) == (2, 4)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("COMPLETED ✅", CardStatus.COMPLETED),
        ("✅ Done (Not Found)", CardStatus.COMPLETED),
        ("NOT_STARTED 🔴", CardStatus.NOT_STARTED),
        ("Not started", CardStatus.NOT_STARTED),
        ("🔄 Planned", CardStatus.NOT_STARTED),
        ("In Progress: WA", CardStatus.IN_PROGRESS),
        ("partially completed", CardStatus.IN_PROGRESS),
        ("Not completed", CardStatus.NOT_STARTED),
        ("incomplete", CardStatus.IN_PROGRESS),
        ("", None),
        (None, None),
        ("Active Reference", None),
    ],
)
def test_the_word_decides_never_the_emoji(raw: str | None, status: Any) -> None:
    assert BUILT_IN.status(raw) is status


def test_assignees_are_names_and_what_is_known() -> None:
    assert assignees_of("CA (implementation), CC and WA") == ("CA", "CC", "WA")
    assert assignees_of("GPT-4") == ()
    assert assignees_of("gpt-4, CC", ("GPT-4",)) == ("GPT-4", "CC")
    assert assignees_of("CC | CA") == ()
    assert assignees_of("code-reviewer") == ("code-reviewer",)
    assert assignees_of(None) == ()
    assert named("TBD") is None
    assert named("FE Team") == "FE Team"
    assert named(None) is None
    assert field_of("Nonsense") is None


def test_sections_and_checklist_of_a_card(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("tracker"))
    first, graph, waiting = document.cards[:3]

    assert [part.name for part in sections(document, first)] == [
        "description",
        "deliverables",
        "files created/modified",
    ]
    assert section_text(document, sections(document, first)[0]) == "Reads the file."
    assert [(item.number, item.done, item.text) for item in checklist(document, waiting)] == [
        (1, False, "It waits"),
        (2, True, "It is written down"),
        (3, False, "It is tested"),
    ]
    assert [item.mark for item in checklist(document, first)] == ["✅", "✅"]
    assert [part.title for part in sections(document, graph)] == ["Objective", "Output Format"]


def test_a_list_may_name_sections_too() -> None:
    document = parse(b"### TASK-1: a\n- Status: Done\n- Description: all of it\n- Files Added:\n  - a/b.py\n")

    assert [part.name for part in sections(document, document.cards[0])] == ["description", "files added"]
    assert document.cards[0].fields["status"].form is FieldForm.PLAIN


def test_sections_of_the_document_end_a_card_and_its_own_do_not(sample: Callable[[str], bytes]) -> None:
    flat = parse(sample("styles")).card("TASK-006")

    assert [part.name for part in sections(parse(sample("styles")), flat)] == ["key updates"]
    assert parse(sample("tracker")).card("TASK-210D").section == "Active Tasks"
    ended = parse(b"### TASK-1: a\nStatus: Done\n\n## Phase 2: b\n\n- Completed: 3\n")
    assert ended.cards[0].end < ended.headings[0].start
    assert "completed" not in ended.cards[0].fields


def test_what_looks_like_cards() -> None:
    assert looks_like_cards(b"\xef\xbb\xbf# Task Cards\n")
    assert looks_like_cards(b"words\r\n### TASK-7: a\r\n")
    assert not looks_like_cards(b"### TASK-XXX: a\n")
    assert not looks_like_cards(b'{"a": "### TASK-7: a"}')
    assert not looks_like_cards(b"### Results of TASK-7\n")


def test_a_card_is_found_by_id_and_by_its_place_among_equals(sample: Callable[[str], bytes]) -> None:
    document = parse(sample("conflict"))

    assert document.card("TASK-1#2").status is CardStatus.BLOCKED
    assert document.card("task-4").id == "TASK-4"
    for name in ("TASK-9", "TASK-1#3", "TASK-1#x"):
        with pytest.raises(Exception, match="no such card"):
            document.card(name)


def test_counts_add_up(sample: Callable[[str], bytes]) -> None:
    counts = parse(sample("styles")).counts()

    assert counts["total"] == 12 == sum(count for name, count in counts.items() if name != "total")
