from datetime import date
from pathlib import Path

import pytest

from bluelabel.interfaces.errors import AlreadyExists, UsageError
from bluelabel.services.cards.editing.ids import checked, ids_elsewhere, ids_in, next_id
from bluelabel.services.cards.loss_check import compare
from bluelabel.services.cards.queries.dependencies import cycles, dependencies, is_ready, next_cards, rank
from bluelabel.services.cards.queries.lint import lint
from bluelabel.services.cards.status.statuses import Vocabulary
from bluelabel.services.cards.text.parser import parse

TODAY = date(2026, 3, 1)


def cards(*lines: str) -> bytes:
    return "".join(f"### {line}\n\n" for line in lines).encode()


def test_a_card_is_ready_when_all_it_waits_for_is_completed() -> None:
    document = parse(
        cards(
            "TASK-1: a\nStatus: Done",
            "TASK-2: b\nStatus: NOT_STARTED\nDependencies: TASK-1",
            "TASK-3: c\nStatus: NOT_STARTED\nDependencies: TASK-1, TASK-2",
            "TASK-4: d\nStatus: NOT_STARTED\nDependencies: None\nPriority: Critical\nAssigned: CA",
            "TASK-5: e\nStatus: IN_PROGRESS",
        )
        + b"## Archive\n\n- TASK-9: gone \xe2\x86\x92 A.md\n\n### TASK-6: f\nStatus: NOT_STARTED\n"
    )

    assert [card.id for card in document.cards if is_ready(document, card)] == ["TASK-2", "TASK-4"]
    assert [card.id for card in next_cards(document)] == ["TASK-4", "TASK-2"]
    assert [card.id for card in next_cards(document, "ca")] == ["TASK-4"]
    assert [card.id for card in next_cards(document, "WA")] == ["TASK-2"]
    assert dependencies(document.card("TASK-3")) == ("TASK-1", "TASK-2")
    moved = parse(b"### TASK-8: h\nStatus: NOT_STARTED\nDependencies: TASK-9\n\n" + document.to_bytes())
    assert is_ready(moved, moved.card("TASK-8"))


@pytest.mark.parametrize(
    ("raw", "expected"), [("CRITICAL", 0), ("High!", 1), ("2", 1), ("5", 3), ("low", 3), (None, 2), ("odd", 2)]
)
def test_priorities_are_words_or_numbers(raw: str | None, expected: int) -> None:
    assert rank(raw) == expected


def test_rings_of_cards_are_found_each_once() -> None:
    document = parse(
        cards(
            "TASK-1: a\nDependencies: TASK-2",
            "TASK-2: b\nDependencies: TASK-3, TASK-4",
            "TASK-3: c\nDependencies: TASK-1",
            "TASK-4: d\nDependencies: TASK-4",
            "TASK-5: e\nDependencies: TASK-1",
        )
    )

    assert sorted(cycles(document)) == [("TASK-1", "TASK-2", "TASK-3"), ("TASK-4",)]


def test_a_chain_of_thousands_of_cards_is_no_problem() -> None:
    document = parse(cards(*(f"TASK-{n}: a\nDependencies: TASK-{n + 1}" for n in range(5000))))

    assert cycles(document) == []


def test_everything_wrong_is_told_with_its_line() -> None:
    data = (
        b"### TASK-1: a\nStatus: Done\nCreated: 2026-02-10\nCompleted: 2026-02-01\nDependencies: TASK-77\n"
        b"Status (other side): BLOCKED\n- [ ] open\n\n"
        b"### TASK-2: b\nUpdated: 2027-01-01\nDependencies: TASK-2\nDate: 2026-13-45\n\n"
        b"## Backlog\n\n| TASK-1 | a | CC |\n- [ ] TASK-1: a\n- TASK-1: a\n\n## Statistics\n\n- Completed: 7\n"
    )
    found = [(problem.code, problem.line) for problem in lint(parse(data), TODAY)]

    assert found == [
        ("date-order", 4),
        ("unknown-dependency", 5),
        ("unresolved-clash", 6),
        ("open-checklist", 7),
        ("cycle", 9),
        ("date-ahead", 10),
        ("stale-reference", 16),
        ("stale-reference", 17),
        ("wrong-statistics", 22),
    ]


def test_new_ids_follow_the_manner_of_the_file() -> None:
    assert next_id(parse(b""), ()) == "TASK-001"
    assert next_id(parse(cards("TASK-007: a")), ("TASK-008",)) == "TASK-009"
    assert next_id(parse(cards("TASK-161FY: a", "TASK-161FZ: b", "TASK-9: c")), ()) == "TASK-161GA"
    assert next_id(parse(cards("TASK-161Z: a")), ("TASK-161AA",)) == "TASK-161AB"
    assert next_id(parse(cards("TASK-161Z: a")), (), "TASK-162") == "TASK-162A"
    assert next_id(parse(cards("TASK-161ZZ: a")), (), "TASK") == "TASK-162"
    assert next_id(parse(cards("QUICK-001: a")), ()) == "QUICK-002"
    assert next_id(parse(cards("TASK-BATCH-5: a")), ()) == "TASK-001"
    assert next_id(parse(b"| TASK-004 | a | b |\n"), (), "TASK-") == "TASK-005"
    with pytest.raises(UsageError):
        next_id(parse(b""), (), "RFC-")
    assert next_id(parse(b""), (), "WORK-") == "WORK-001"
    assert next_id(parse(cards("TC-007: a", "TC-008: b", "TASK-1: c")), ()) == "TC-009"
    assert next_id(parse(cards("T1: a", "T2: b"), Vocabulary(prefixes=("T",))), ()) == "T3"
    assert next_id(parse(b"### Task 8: a\n"), ()) == "TASK-9"


def test_a_given_id_must_be_free_and_an_id() -> None:
    document = parse(cards("TASK-1: a"))

    assert checked("TASK-2", document, ()) == "TASK-2"
    for name in ("TASK-XXX", "TASK 2", "../x"):
        with pytest.raises(UsageError):
            checked(name, document, ())
    for name in ("TASK-1", "TASK-3"):
        with pytest.raises(AlreadyExists):
            checked(name, document, ("TASK-3",))


def test_ids_are_read_from_headings_alone(tmp_path: Path) -> None:
    assert ids_in(b"### TASK-1: a\r\n```\n## TASK-2: b\nTASK-3: no\n") == {"TASK-1", "TASK-2"}
    assert ids_elsewhere(None, "TASK_CARDS.md", tmp_path) == set()


def test_the_guard_sees_what_a_save_took_away() -> None:
    before = parse(cards("TASK-1: a", "TASK-2: b", "TASK-3: c"))
    after = parse(cards("TASK-1: a", "TASK-1: a") + b"<<<<<<< x\n=======\n>>>>>>> y\n")
    alarm = compare(before, after, frozenset({"TASK-3"}))

    assert (alarm.lost, alarm.doubled, alarm.markers) == (("TASK-2",), ("TASK-1",), (5,))
    assert alarm.message("T.md") == (
        "T.md: a save took out 1 card (3 -> 2): TASK-2; now twice: TASK-1; conflict markers in line 5"
    )
    assert [problem.code for problem in alarm.problems()] == ["cards-lost", "duplicate-id", "conflict-markers"]
    assert not compare(before, before)
    many = compare(parse(cards(*(f"TASK-{n}: a" for n in range(1, 9)))), parse(b""))
    assert many.message("T.md").endswith("and 3 more")
