import os
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import NotFound, Refused
from bluelabel.services.cards.editing import edit, sections
from bluelabel.services.cards.editing.ids import ids_in
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.queries.dependencies import dependencies, next_cards
from bluelabel.services.cards.queries.lint import lint
from bluelabel.services.cards.queries.record import looks_like_cards
from bluelabel.services.cards.status.statuses import CardStatus, Vocabulary
from bluelabel.services.cards.text.headings import card_heading
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.cards.text.unread import summary

FORMS = [
    ("### TASK-001: {}", "TASK-001"),
    ("# TASK-001: {}", "TASK-001"),
    ("###### TASK-001: {}", "TASK-001"),
    ("   ## TASK-001: {}  ", "TASK-001"),
    ("### TASK-161FB (CA): {}", "TASK-161FB"),
    ("### TASK-002 — {}", "TASK-002"),
    ("### TASK-002 – {}", "TASK-002"),
    ("### TASK-002 - {}", "TASK-002"),
    ("### TASK-002 -- {}", "TASK-002"),
    ("### TASK-003 · {}", "TASK-003"),
    ("### TASK-003 • {}", "TASK-003"),
    ("### TASK-003 → {}", "TASK-003"),
    ("### TASK-003 => {}", "TASK-003"),
    ("### TASK-003 / {}", "TASK-003"),
    ("### TASK-003：{}", "TASK-003"),
    ("### TASK-003. {}", "TASK-003"),
    ("### TASK-003|{}", "TASK-003"),
    ("### | TASK-003 | {} |", "TASK-003"),
    ("### [TASK-004] {}", "TASK-004"),
    ("### [TASK-004]: {}", "TASK-004"),
    ("### [TASK-004](tasks/4.md) {}", "TASK-004"),
    ("### [TASK-004: {}](tasks/4.md)", "TASK-004"),
    ("### [TASK-004: {}]", "TASK-004"),
    ("### [TASK-004][HIGH] {}", "TASK-004"),
    ("### (TASK-004) {}", "TASK-004"),
    ("### TASK-005 {}", "TASK-005"),
    ("### ✅ TASK-006: {}", "TASK-006"),
    ("### ✅ TASK-006 {}", "TASK-006"),
    ("### TASK-006 ✅: {}", "TASK-006"),
    ("### 3. TASK-006: {}", "TASK-006"),
    ("### 1.2 TASK-006: {}", "TASK-006"),
    ("### 1) ✅ TASK-006 - {}", "TASK-006"),
    ("### 1️⃣ TASK-006: {}", "TASK-006"),
    ("### [P1] TASK-006: {}", "TASK-006"),
    ("### [ ] TASK-006: {}", "TASK-006"),
    ("### - [x] TASK-1.1: {}", "TASK-1.1"),
    ("### **TASK-007**: {}", "TASK-007"),
    ("### **TASK-007: {}**", "TASK-007"),
    ("### **TASK-007: {}** 🟡", "TASK-007"),
    ("### *TASK-007* {}", "TASK-007"),
    ("### __TASK-007__ - {}", "TASK-007"),
    ("### `TASK-007` {}", "TASK-007"),
    ("### `TASK-007`: {}", "TASK-007"),
    ("### ~~TASK-007: {}~~", "TASK-007"),
    ("### ~~TASK-007: {}~~ - COMPLETE (2025-11-04)", "TASK-007"),
    ("### ~~TASK-007~~: {}", "TASK-007"),
    ("### TASK-007: {} ###", "TASK-007"),
    ("### TC-007 — {}", "TC-007"),
    ("### BUG-12: {}", "BUG-12"),
    ("### [BUG-12] · {}", "BUG-12"),
    ("### [BUG-12] {}", "BUG-12"),
    ("### **BUG-12** {}", "BUG-12"),
    ("### [Task 8] {}", "TASK-8"),
    ("### AUTH-BUG-12: {}", "AUTH-BUG-12"),
    ("### P4-019: {}", "P4-019"),
    ("### T-0.1 — {}", "T-0.1"),
    ("### US-3 / {}", "US-3"),
    ("### Task 8: {}", "TASK-8"),
    ("## Task 11 — {}", "TASK-11"),
    ("### ✅ Task 2.1: {}", "TASK-2.1"),
    ("### TASK 2.1 — {}", "TASK-2.1"),
    ("### Task #8: {}", "TASK-8"),
    ("### [Task-3.1.1] {}", "TASK-3.1.1"),
    ("### Task_003: {}", "TASK-003"),
    ("### Task TASK-009: {}", "TASK-009"),
    ("### TASK-BATCH-MERGE-5: {}", "TASK-BATCH-MERGE-5"),
]
NO_CARDS = [
    *("UTF-8 handling", "SHA-256", "SHA-256: how", "ISO-8601 dates", "COVID-19", "COVID-19: rules", "GPT-4 notes"),
    *(
        "Step 1",
        "Step 1: install",
        "Phase 2: x",
        "Sprint 3",
        "Sprint 3: x",
        "Version 1.2",
        "Week 1: setup",
        "Epic 2: x",
    ),
    *("RFC-2119", "RFC-2119: words", "CVE-2024-1234: x", "ADR-0002: x", "HTTP-404", "HTTP-404: x", "IPV4-1: x"),
    *(
        "Task Management",
        "Task-Level State Updates",
        "Tasks",
        "Task summary",
        "Testing",
        "3. Testing",
        "✅ Taski (`/a`)",
    ),
    *("2025-01-02: x", "", "#", "**Bold**", "[x] done", "MAY-2024: news"),
]
LOOK = [
    *("Story 4 - x", "Bug 3: y", "#12: x", "T1: x", "Task H.5 — x", "Task 8 review", "BUG-001 found", "BUG-001"),
    *("Q3-2025: goals", "TASK-001 and TASK-002", "TASK-001/TASK-002: x", "TASK-001's result", "Done: TASK-7: x"),
    *("Results of TASK-7", "F-16: x"),
]
words = st.text(alphabet="ab cXY 12:,.'-+&é中✅()/", max_size=20).map(lambda text: f"X{text}".strip())


def examples(count: int) -> settings:
    """As many examples as `make test` has time for, or as many as BLUELABEL_EXAMPLES asks for."""
    return settings(max_examples=max(count, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)


def read(text: str, *prefixes: str) -> CardDocument:
    return parse(text.encode(), Vocabulary(prefixes=prefixes))


def told(document: CardDocument) -> list[int | None]:
    return [problem.line for problem in document.problems if problem.code == "looks-like-card"]


@pytest.mark.parametrize(("form", "name"), FORMS)
@given(title=words, other=words)
@examples(10)
def test_every_form_of_heading_gives_its_id_and_title_and_takes_another(
    form: str, name: str, title: str, other: str
) -> None:
    text = f"## Tasks\r\n\r\n{form.format(title)}\r\nStatus: todo\r\n\r\n### TASK-999: last\r\n"
    document = read(text)

    assert [(card.id, card.title) for card in document.cards] == [(name, title), ("TASK-999", "last")]
    assert told(document) == []
    changed = parse(edit.set_field(document, document.cards[0], "title", other))
    assert changed.cards[0].title == other
    assert changed.text == text.replace(form.format(title), form.format(other))
    assert edit.set_field(changed, changed.cards[0], "title", title) == text.encode()


@given(
    st.sampled_from(FORMS), st.text(max_size=30).filter(lambda text: text.isprintable() and text.strip() == text != "")
)
@examples(100)
def test_a_title_is_taken_as_it_is_or_refused(form: tuple[str, str], title: str) -> None:
    document = read(f"{form[0].format('Old')}\n")
    try:
        changed = parse(edit.set_field(document, document.cards[0], "title", title))
    except Refused:
        return
    assert [(card.id, card.title) for card in changed.cards] == [(form[1], title)]


@pytest.mark.parametrize("form", [form for form, _ in FORMS if "{} " not in form and not form.endswith(("|", ")"))])
def test_a_heading_without_a_title_is_none_or_takes_one(form: str) -> None:
    line = form.replace("{}", "").rstrip()
    document = read(f"{line}\n")

    for card in document.cards:
        changed = parse(edit.set_field(document, card, "title", "New"))
        assert [(found.id, found.title) for found in changed.cards] == [(card.id, "New")]


@pytest.mark.parametrize("words", NO_CARDS)
@pytest.mark.parametrize("level", ["#", "###"])
def test_what_only_has_a_number_is_no_card_and_not_told(words: str, level: str) -> None:
    document = read(f"{level} {words}\n\nwords\n\n### TASK-001: real\n")

    assert [card.id for card in document.cards] == ["TASK-001"]
    assert told(document) == []


@pytest.mark.parametrize("words", LOOK)
def test_what_may_be_a_card_and_is_not_read_is_told_with_its_line(words: str) -> None:
    document = read(f"### TASK-001: real\n\n### {words}\nStatus: done\n")

    assert [(card.id, card.status) for card in document.cards] == [("TASK-001", None)]
    assert told(document) == [3]
    assert summary(document.problems) == ("1 heading looks like a card", "see `card lint`")


@pytest.mark.parametrize(
    "text", ["TASK-004: y\n===\n", "TASK-004: y\r\n---\r\n", "**TASK-004 - y**\n", "**[TASK-004] y**\n"]
)
def test_a_line_that_is_a_heading_without_marks_is_told_and_gives_the_card_above_nothing(text: str) -> None:
    document = read(f"### TASK-001: real\n\n{text}Status: done\n")

    assert [(card.id, card.status) for card in document.cards] == [("TASK-001", None)]
    assert told(document) == [3]


@pytest.mark.parametrize("words", ["Login page", "`login.py`", "12. The page"])
@pytest.mark.parametrize("level", ["##", "####"])
def test_a_heading_with_a_status_of_its_own_is_told_and_gives_it_to_no_card(words: str, level: str) -> None:
    document = read(f"### TASK-001: real\nAssigned: CC\n\n{level} {words}\n**Status:** done\n**Owner**: CA\n")

    assert [(card.id, card.status, card.assignees) for card in document.cards] == [("TASK-001", None, ("CC",))]
    assert told(document) == [4]


def test_known_sections_of_a_card_still_give_it_their_fields() -> None:
    document = read("### TASK-001: a\n#### Login page\nStatus: done\n#### Notes\nStatus: blocked\n#### Assigned: CC\n")

    assert document.cards[0].status is CardStatus.BLOCKED
    assert document.cards[0].assignees == ("CC",)


def test_headings_of_a_plan_with_a_status_are_not_told() -> None:
    assert (
        told(read("# Sprint\nStatus: done\n\n## Sprint 3 summary\n**Status**: done\n\n### Week 1\nStatus: x\n")) == []
    )


def test_a_lower_heading_with_an_id_is_a_card_of_its_own() -> None:
    document = read("### TASK-001: a\nAssigned: CC\n\n#### ✅ TASK-002: b\n**Status:** done\n")

    found = [(card.id, card.status, card.assignees) for card in document.cards]
    assert found == [("TASK-001", None, ("CC",)), ("TASK-002", CardStatus.COMPLETED, ())]


@pytest.mark.parametrize("part", ["AC-1: first", "Task 2: the page", "TASK-001 plan", "TASK-001: the plan"])
def test_a_lower_heading_that_may_be_a_part_stays_one_and_its_fields_are_nobodys(part: str) -> None:
    text = f"### TASK-001: a\n\n#### {part}\nStatus: done\n\n### TASK-002: b\nStatus: todo\n"
    document = read(text)

    assert [(card.id, card.status) for card in document.cards] == [
        ("TASK-001", None),
        ("TASK-002", CardStatus.NOT_STARTED),
    ]
    assert told(document) == [3]
    assert "Status: done" in edit.block(document, document.cards[0])


def test_lower_headings_of_the_cards_own_kind_are_cards() -> None:
    assert list(read("## Task 1: a\n\n### Task 1.1: b\n\n## BUG-1: c\n\n### BUG-2: d\n").by_id) == [
        *("TASK-1", "TASK-1.1", "BUG-1", "BUG-2")
    ]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        *(("ADR-0002: x", "ADR-0002"), ("adr 2: x", "ADR-2"), ("ADR-7 only a blank", "ADR-7"), ("ADR-9", "ADR-9")),
        *(("T1: x", "T1"), ("T 2: x", "T-2"), ("Story 4 - x", "STORY-4"), ("Story #5: x", "STORY-5")),
        *(("WEB-FE-3: x", "WEB-FE-3"), ("[Story 6] x", "STORY-6"), ("MAY-2024: x", "MAY-2024")),
    ],
)
def test_a_prefix_that_is_set_makes_cards(heading: str, name: str) -> None:
    document = read(f"### {heading}\nStatus: done\n", "ADR", "T", "STORY", "WEB-FE", "MAY")

    assert list(document.by_id) == [name]
    assert told(document) == []
    changed = parse(edit.set_field(document, document.cards[0], "status", "BLOCKED"), document.vocabulary)
    assert changed.cards[0].status is CardStatus.BLOCKED


def test_cards_of_a_set_prefix_survive_archiving_and_merging() -> None:
    base = "## Tasks\n\n### T1: a\nStatus: done\n\n### T2: b\nStatus: todo\n"
    document = read(base, "T")
    archived = sections.archive(document, document.card("T1"))
    theirs = base.replace("todo", "doing").encode()

    assert [card.section for card in parse(archived, Vocabulary(prefixes=("T",))).cards] == ["Tasks", "Archive"]
    merged = merge(base.encode(), archived, theirs, Vocabulary(prefixes=("T",)))
    assert merged.clean
    assert parse(merged.content, Vocabulary(prefixes=("T",))).card("T2").status is CardStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("heading", "status"),
    [
        *(("[x] TASK-1: a", CardStatus.COMPLETED), ("- [X] TASK-1: a", CardStatus.COMPLETED)),
        *(("[ ] TASK-1: a", CardStatus.NOT_STARTED), ("[~] TASK-1: a", None), ("[-] TASK-1: a", None)),
        *(("✅ TASK-1: a", None), ("~~TASK-1: a~~", None), ("TASK-1: a [x]", None), ("[DONE] TASK-1: a", None)),
    ],
)
def test_a_box_says_the_status_only_where_no_line_does(heading: str, status: CardStatus | None) -> None:
    assert read(f"### {heading}\n").cards[0].status is status
    assert read(f"### {heading}\nStatus: blocked\n").cards[0].status is CardStatus.BLOCKED
    assert read(f"### {heading}\nStatus: perhaps\n").cards[0].status is None


def test_a_card_is_found_by_what_its_heading_says() -> None:
    document = read("### Task 8: a\n\n### TASK-009: b\n")

    assert [document.card(name).id for name in ("Task 8", "task-8", "TASK 8", "task #8", "Task-009")] == [
        *("TASK-8", "TASK-8", "TASK-8", "TASK-8", "TASK-009")
    ]
    with pytest.raises(NotFound):
        document.card("Task 9")


def test_a_card_waits_for_cards_of_every_form_of_id() -> None:
    text = "### BUG-1: a\nStatus: todo\n\n### Task 2: b\nStatus: todo\n\n### T3: c\nStatus: todo\n\n"
    document = read(text + "### TASK-9: d\nStatus: todo\nDepends on: BUG-1, Task 2 and T3 (see RFC-7)\n", "T")

    assert dependencies(document.card("TASK-9"), document.prefixes) == ("BUG-1", "TASK-2", "T3")
    assert [card.id for card in next_cards(document)] == ["BUG-1", "TASK-2", "T3"]


@pytest.mark.parametrize("name", ["BUG-1", "TASK-8", "T3", "STORY-4", "WEB-FE-3"])
def test_the_line_that_says_where_a_card_went_is_read_for_every_form_of_id(name: str) -> None:
    document = read(f"## Archive\n\n- {name}: title → archive.md\n", "T", "STORY", "WEB-FE")

    assert document.moved == {name}


def test_what_a_heading_is_does_not_depend_on_the_other_headings() -> None:
    lines = [f"### {words}" for words in (*NO_CARDS, *LOOK)] + [form.format("x") for form, _ in FORMS]

    for line in lines:
        head = card_heading(line)
        assert bool(read(f"{line}\n").cards) is bool(head and head.certain)


def test_a_merge_keeps_cards_of_all_forms_and_joins_their_changes() -> None:
    base = "".join(f"{form.format('x')}\nStatus: todo\nPriority: LOW\n\n" for form, name in FORMS if name != "TASK-001")
    ours, theirs = base.replace("todo", "doing"), base.replace("LOW", "HIGH")
    found = merge(base.encode(), ours.encode(), theirs.encode())

    assert found.clean
    assert found.content.decode() == ours.replace("LOW", "HIGH")


def test_ids_of_all_forms_are_taken_and_a_guide_is_no_card_file() -> None:
    text = "".join(f"{form.format('x')}\n" for form, _ in FORMS)

    assert ids_in(text.encode()) == {name for _, name in FORMS}
    assert looks_like_cards(b"### [TASK-1] x\n")
    assert looks_like_cards("### BUG-1 — x\nStatus: done\n".encode())
    assert looks_like_cards(b"# Our task cards\n\n# TASK-1: a\n")
    assert not looks_like_cards(b"# Task 1: fetch\nstatus: on\n# Task 2: send\nstatus: on\n")
    assert not looks_like_cards(b"# TASK-1: the report\nStatus: done\n\n## Summary\n")
    assert not looks_like_cards(b"# Lab\n\n## Task 1: Count records\n\nUse the shell.\n\n## Task 2: Add one\n")
    assert not looks_like_cards(b"# Format\n\n```markdown\n### TASK-1: x\n```\n")


def test_lint_tells_every_heading_that_looks_like_a_card() -> None:
    document = read("".join(f"### {words}\n\n" for words in LOOK))
    found = [problem.line for problem in lint(document, date(2026, 1, 1)) if problem.code == "looks-like-card"]

    assert found == [1 + 2 * number for number in range(len(LOOK))]
    assert summary(document.problems) == (f"{len(LOOK)} headings look like cards", "see `card lint`")
