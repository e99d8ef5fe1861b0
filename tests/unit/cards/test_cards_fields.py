"""The fields of a line, of a table and of a fence: what is read, what is told, and that a set changes no other byte."""

import os
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import Refused
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.queries.lint import lint
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.model import FieldForm
from bluelabel.services.cards.text.parser import parse

TODAY = date(2026, 3, 1)


def card_of(*lines: str) -> bytes:
    return "\n".join(("### TASK-1: a", *lines, "")).encode()


def raws(data: bytes) -> dict[str, str]:
    return {name: field.raw for name, field in parse(data).cards[0].fields.items()}


def put(data: bytes, name: str, value: str | None) -> bytes:
    document = parse(data)
    return edit.set_field(document, document.cards[0], name, value)


def told(data: bytes) -> list[tuple[str, int | None, int | None]]:
    return [(problem.code, problem.line, problem.column) for problem in lint(parse(data), TODAY)]


ONE_LINE = {
    "**Status:** todo | **Owner:** CC | **Phase:** A": {"status": "todo", "assignee": "CC", "phase": "A"},
    "**Type:** ops | **Status:** done | **Owner:** AI": {"status": "done", "assignee": "AI"},
    "Points: 3 | Status: todo": {"status": "todo"},
    "> **Status:** ✅ Complete · **Tests:** 35/35 · **Frontend:** x": {"status": "✅ Complete"},
    "Status: todo, Owner: CC": {"status": "todo", "assignee": "CC"},
    "Status: todo Owner: CC": {"status": "todo", "assignee": "CC"},
    "**Status: Done** | **Owner: CC**": {"status": "Done", "assignee": "CC"},
    "`Status`: todo | `Owner`: CC": {"status": "todo", "assignee": "CC"},
    "- 🔴 *Status:* todo • *Owner:* CC": {"status": "todo", "assignee": "CC"},
    "状态：进行中，负责人：CC": {"status": "进行中", "assignee": "CC"},
    "Statut : Terminé": {"status": "Terminé"},
    "Status:: done": {"status": "done"},
    "assigned_to: @cc": {"assignee": "@cc"},
    "1. Status: done": {"status": "done"},
    "| **Status:** Done | **Owner:** CC |": {"status": "Done", "assignee": "CC"},
    "### Status: Done | Owner: CC": {"status": "Done", "assignee": "CC"},
    "### Status: Done ###": {"status": "Done"},
    "Status: todo <!-- the lead's -->": {"status": "todo"},
    "Status: <!-- pick one --> todo": {"status": "todo"},
    "Status: todo <!-- goes on": {"status": "todo"},
    "Status: todo\\": {"status": "todo"},
    "Status: todo<br>": {"status": "todo"},
    "Status: todo (owner: CC | status: x)": {"status": "todo (owner: CC | status: x)"},
    "Owner: `a | Status: b`": {"assignee": "`a | Status: b`"},
    "Branch: https://x/y?status:done | Updated: 2024-01-01 10:30": {
        "branch": "https://x/y?status:done",
        "updated": "2024-01-01 10:30",
    },
    "Status: NOT_STARTED | IN_PROGRESS | COMPLETED": {"status": "NOT_STARTED | IN_PROGRESS | COMPLETED"},
    "Note: it said so, status: done": {},
    "Status: todo ((a) b | Owner: x) | Branch: y": {"status": "todo ((a) b | Owner: x)", "branch": "y"},
    "Status: todo <!-- `( | Owner: x --> | Branch: y": {"status": "todo", "branch": "y"},
    "Status: todo (a `b) c` | Branch: y": {"status": "todo (a `b) c`", "branch": "y"},
    "Status: todo --> `a | Branch: y": {"status": "todo --> `a", "branch": "y"},
    "Status: todo ) | Branch: y": {"status": "todo )", "branch": "y"},
    "Status:**Done**": {"status": "**Done**"},
    "**Status: ** | Owner: CC": {"assignee": "CC"},
}


@pytest.mark.parametrize("line", ONE_LINE)
def test_every_field_of_a_line_is_read_and_no_more(line: str) -> None:
    assert raws(card_of(line)) == ONE_LINE[line]


SEPARATORS = [" | ", "|", " · ", " • ", "; ", ", ", " / ", " - ", " — ", " – ", "  ", "   ", "\t", "<br>", " <br/> "]
FORMS = [
    "{}: {}",
    "**{}:** {}",
    "**{}**: {}",
    "__{}__: {}",
    "*{}:* {}",
    "`{}`: {}",
    "**{}: {}**",
    "📊 {}: {}",
    "{}:: {}",
]
KEYS = {
    "status": ["Status", "status", "Estado", "Статус", "状态", "상태", "Durum"],
    "assignee": ["Owner", "Assigned To", "assigned_to", "担当者", "Zuständig"],
    "priority": ["Priority", "Prioridade", "Priorité"],
    "updated": ["Updated", "Last Updated", "Zuletzt aktualisiert"],
    "branch": ["Branch"],
    "due": ["Due", "Échéance", "Срок"],
}
VALUES = [
    "todo",
    "✅ Done (Work Preserved)",
    "CC, CA",
    "2026-01-01 10:30",
    "https://x.y/a?b=c",
    "`a|b`",
    "dev/x",
    "a | b",
]
NEW = ["BLOCKED", "In Progress", "ARCH", "2026-02-02", "x (y)"]
BEFORE = ["", "- ", "* ", "> ", "1. ", "> - "]
BEHIND = ["", "  ", " <!-- only the lead -->", "\\", "<br>", " <!-- a --> <!-- b -->", "\t"]


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    names = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=5, unique=True))
    form, separator = draw(st.sampled_from(FORMS)), draw(st.sampled_from(SEPARATORS))
    values = {name: draw(st.sampled_from(VALUES)) for name in names}
    parts = [form.format(draw(st.sampled_from(KEYS[name])), value) for name, value in values.items()]
    return draw(st.sampled_from(BEFORE)) + separator.join(parts) + draw(st.sampled_from(BEHIND)), values


def a_field_set_and_set_back_changes_nothing_else(
    line: tuple[str, dict[str, str]], place: int, new: str, end: str
) -> None:
    text, values = line
    data = end.join(("### TASK-1: a", text, "", "More words: and so on.", "")).encode()
    name = sorted(values)[place % len(values)]

    assert raws(data) == values
    changed = put(data, name, new)
    field = parse(data).cards[0].fields[name]
    at = len(parse(data).text[: field.value_start].encode())
    assert changed == data[:at] + new.encode() + data[at + len(field.raw.encode()) :]
    assert raws(changed) == {**values, name: new}
    assert put(changed, name, values[name]) == data
    assert raws(put(data, name, None)) == {key: value for key, value in values.items() if key != name}


@settings(max_examples=max(150, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)
@given(lines(), st.integers(0, 9), st.sampled_from(NEW), st.sampled_from(["\n", "\r\n"]))
def test_a_field_of_any_line_set_and_set_back_gives_the_very_file(
    line: tuple[str, dict[str, str]], place: int, new: str, end: str
) -> None:
    a_field_set_and_set_back_changes_nothing_else(line, place, new, end)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@settings(max_examples=10_000, deadline=None)
@given(lines(), st.integers(0, 9), st.sampled_from(NEW), st.sampled_from(["\n", "\r\n"]))
def test_ten_thousand_lines_set_and_set_back_give_the_very_file(
    line: tuple[str, dict[str, str]], place: int, new: str, end: str
) -> None:
    a_field_set_and_set_back_changes_nothing_else(line, place, new, end)


DOWN = (
    "",
    "| Field | Value |",
    "|---|---|",
    "| **Status** | Done |",
    "| Owner | CC \\| CA |",
    "| Packet | 3 |",
    "| Due | |",
)
ACROSS = ("", "| ID | Status | Owner |", "|:---|---:|---|", "| TASK-1 | Done | CC |")
PAIR = ("| Status | Done |", "|--------|------|", "| Owner  | CC   |")
FENCE = (
    "```yaml",
    "id: TASK-1",
    'status: "done"  # now',
    "assigned_to: '@cc'",
    "priority: high # why",
    "tags: [a, b]",
    "```",
)
UNTAGGED = ("```", "id: TASK-1", "status: done", "```")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (DOWN, {"status": "Done", "assignee": "CC | CA", "due": ""}),
        (ACROSS, {"status": "Done", "assignee": "CC"}),
        (PAIR, {"status": "Done", "assignee": "CC"}),
        (FENCE, {"status": "done", "assignee": "@cc", "priority": "high", "tags": "a, b"}),
        (UNTAGGED, {"status": "done"}),
    ],
)
@pytest.mark.parametrize("value", ["BLOCKED", "a | b", ""])
def test_fields_of_tables_and_fences_are_read_and_set_and_set_back(
    block: tuple[str, ...], expected: dict[str, str], value: str
) -> None:
    data = card_of(*block, "", "Words.")
    assert raws(data) == expected
    for name, raw in expected.items():
        changed = put(data, name, value)
        assert raws(changed) == {**expected, name: value}
        assert put(changed, name, raw) == data
        old, new = data.split(b"\n"), changed.split(b"\n")
        assert sum(a != b for a, b in zip(old, new, strict=True)) == (raw != value)


def test_quotes_stay_as_they_were_and_come_where_yaml_needs_them() -> None:
    data = card_of(*FENCE)

    assert b'status: "BLOCKED"  # now\n' in put(data, "status", "BLOCKED")
    assert b"assigned_to: CA\n" in put(data, "assignee", "CA")
    assert b"priority: 'a: b' # why\n" in put(data, "priority", "a: b")
    assert b"tags: [c]\n" in put(data, "tags", "c")


def test_a_missing_field_goes_into_the_table_or_the_fence() -> None:
    assert b"| Due | |\n| Branch | dev/x |\n" in put(card_of(*DOWN), "branch", "dev/x")
    assert b"tags: [a, b]\nbranch: dev/x\n```" in put(card_of(*FENCE), "branch", "dev/x")
    assert put(card_of(*ACROSS), "branch", "dev/x").startswith(b"### TASK-1: a\nBranch: dev/x\n\n| ID")


@pytest.mark.parametrize(
    "block",
    [
        ("```", "Status: success", "```"),
        ("```text", "id: TASK-1", "status: open", "```", "Status: todo"),
        ("```yaml", "id: TASK-9", "status: done", "```"),
        ("```yaml", "jobs: x", "steps: y", "run: z", "status: done", "```"),
        ("```yaml", "status: done"),
        ("| Task | Status |", "|---|---|", "| Write | Done |"),
        ("| Check | Result |", "|---|---|", "| Status | ok |", "| Lint | ok |", "| Types | ok |"),
        ("| Status | Owner |", "|---|---|", "| Done | CC |", "| Todo | CA |"),
        ("- Sub-task", "  - Status: done", "  - **Owner:** CC"),
    ],
)
def test_what_is_about_something_else_is_no_field_of_the_card(block: tuple[str, ...]) -> None:
    assert parse(card_of(*block)).cards[0].status is not CardStatus.COMPLETED


@pytest.mark.parametrize(
    "line",
    [
        *("Staus: done", "Stauts: done", "State: done", "Estatus: listo", "**Current Status:** done", "Status = done"),
        *("Status - done", "**Status** done", "**Status** — done", "Status → done", "`Status: done`", "Status | done"),
        *("- [ ] Status: done", "[status:: done]", "<b>Status:</b> done", "#status/done", "@status(done)"),
        *("**Status: done", "- **Status: done | x"),
        *("🔴 P0 | ⬜ TODO | Est: 3d", "✅ Done · CC"),
    ],
)
def test_what_looks_like_a_status_is_told_and_no_second_line_is_put_beside_it(line: str) -> None:
    data = card_of("Owner: CC", line)

    assert [found[:2] for found in told(data)] == [("unread-field", 3)]
    with pytest.raises(Refused, match="looks like the status") as refused:
        put(data, "status", "BLOCKED")
    assert (refused.value.where or "").startswith("3:")


@pytest.mark.parametrize("fence", [("```json", '{"status": "done"}', "```"), ("```toml", 'status = "done"', "```")])
def test_fields_in_another_notation_are_told(fence: tuple[str, ...]) -> None:
    assert [found[:2] for found in told(card_of(*fence))] == [("unread-field", 3)]
    with pytest.raises(Refused):
        put(card_of(*fence), "status", "BLOCKED")


def test_a_key_that_is_no_fields_is_told_once_and_sections_are_not_told() -> None:
    cards = "".join(f"### TASK-{n}: a\nStatus: todo\n**Reviewer:** CC\n**Deliverables:** x\n\n" for n in (1, 2, 3))

    assert told(cards.encode()) == [("unread-field", 3, 3)]


def test_a_head_goes_on_behind_a_key_that_is_no_fields() -> None:
    assert raws(card_of("Status: todo", "Reviewer: CA", "Priority: High")) == {"status": "todo", "priority": "High"}


def test_statuses_that_contradict_each_other_at_the_head_are_unknown() -> None:
    for lines_ in (("Status: Done", "Status: todo"), ("Status: Done | Status: todo",), ("Status: todo", *PAIR)):
        document = parse(card_of(*lines_))
        assert document.cards[0].status is None
        assert "unknown-status" in [problem.code for problem in document.problems]
    assert parse(card_of("Status: Done", "Status: completed")).cards[0].status is CardStatus.COMPLETED


def test_a_field_that_stands_twice_is_told_and_the_first_counts() -> None:
    data = card_of("Status: Done", "", "Words.", "**Status:** todo")

    assert parse(data).cards[0].status is CardStatus.COMPLETED
    assert told(data) == [("field-twice", 5, 3)]
    assert told(card_of("Status: Done", "", "Words.", "**Status:** done")) == []


def test_a_list_below_the_dependencies_is_read_and_not_edited() -> None:
    data = card_of("Status: todo", "**Dependencies:**", "- TASK-7", "- TASK-8")

    assert raws(data)["dependencies"] == "TASK-7, TASK-8"
    with pytest.raises(Refused, match="not edited"):
        put(data, "dependencies", "TASK-9")
    blocks = card_of("```yaml", "status: todo", "depends_on:", "  - TASK-7", "```")
    assert raws(blocks)["dependencies"] == "TASK-7"
    with pytest.raises(Refused, match="not edited"):
        put(blocks, "dependencies", "TASK-9")


def test_an_empty_key_above_a_list_is_a_section() -> None:
    data = card_of("**Created:**", "- a/b.py")

    assert raws(data) == {}
    assert put(data, "created", "2026-01-01").startswith(b"### TASK-1: a\nCreated: 2026-01-01\n**Created:**")


@pytest.mark.parametrize("value", ["Done | Owner: CA", "Done <!-- x -->", "Done\\", "Done **Owner:** CA"])
def test_a_value_that_would_be_read_as_something_else_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="would not be read"):
        put(card_of("Status: todo"), "status", value)


def test_a_value_that_would_begin_another_card_is_refused() -> None:
    with pytest.raises(Refused, match="would not be read"):
        put(card_of("## Owner", "", "Words."), "assignee", "### TASK-2: b")


def test_the_end_of_a_file_needs_no_line_end() -> None:
    for end in ("\n", "\r\n"):
        data = f"### TASK-1: a{end}Status: todo".encode()

        assert put(data, "status", None) == b"### TASK-1: a"
        assert put(data, "assignee", "CC") == data + f"{end}Assigned: CC".encode()


def test_a_field_is_taken_out_of_a_line_with_its_separator() -> None:
    data = card_of("- **Status:** todo | **Owner:** CC | **Phase:** A", "Branch: x <!-- y -->")

    assert b"- **Owner:** CC | **Phase:** A\n" in put(data, "status", None)
    assert b"- **Status:** todo | **Phase:** A\n" in put(data, "assignee", None)
    assert b"- **Status:** todo | **Owner:** CC\n" in put(data, "phase", None)
    assert b"\n <!-- y -->\n" in put(data, "branch", None)
    assert b"| Owner  |   |\n" in put(card_of(*PAIR), "assignee", "")
    assert b"| Status | |\n" not in put(card_of(*PAIR), "status", None)


def test_a_card_read_again_alone_has_its_fields_where_they_are() -> None:
    data = card_of("Status: todo") + card_of("Status: todo | Owner: CC").replace(b"TASK-1", b"TASK-2")
    document = parse(data)
    moved = parse(card_of("Status: todo | Owner: CC")).cards[0].fields["assignee"].moved(27, 2)

    assert document.cards[1].fields["assignee"] == moved


MARKS = {
    **dict.fromkeys(("[x]", "[X]", "[✓]", "[✔]", "[✅]", "✅", "☑", "✔"), True),
    **dict.fromkeys(("[ ]", "[~]", "[/]", "[-]", "[>]", "[!]", "[?]", "[.]", "☐", "⬜", "◻", "▢", "☒"), False),
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("before", ["- ", "* ", "+ ", "1. ", "2) ", "  - ", "> - ", "• "])
def test_every_mark_is_an_entry_and_only_a_tick_is_done(mark: str, before: str) -> None:
    data = card_of("Status: COMPLETED", "", f"{before}{mark} words")
    document = parse(data)
    items = checklist(document, document.cards[0])

    assert [(item.mark, item.done, item.text) for item in items] == [(mark, MARKS[mark], "words")]
    assert [found[0] for found in told(data)] == ([] if MARKS[mark] else ["open-checklist"])
    changed = edit.check(document, document.cards[0], 1, done=not MARKS[mark])
    at = data.index(mark.encode())
    assert changed.startswith(data[:at])
    assert changed.endswith(data[at + len(mark.encode()) :])
    assert [item.done for item in checklist(parse(changed), parse(changed).cards[0])] == [not MARKS[mark]]


@pytest.mark.parametrize(
    "line", ["- [1] a note", "- [a](b) c", "- [x](y)", "[x]: z", "- words [ ] more", "✅ Complete"]
)
def test_what_only_looks_like_a_box_is_no_entry(line: str) -> None:
    document = parse(card_of(line))

    assert checklist(document, document.cards[0]) == ()


@pytest.mark.parametrize("line", ["-[ ] a", "[ ] a", "☐ a"])
def test_a_box_without_its_blank_or_its_bullet_is_an_entry(line: str) -> None:
    document = parse(card_of(line))

    assert len(checklist(document, document.cards[0])) == 1


def test_a_box_that_is_ticked_becomes_a_ticked_box() -> None:
    document = parse(card_of("- ☐ a"))
    ticked = parse(edit.check(document, document.cards[0], 1))

    assert "- ☑ a" in ticked.text
    assert edit.check(ticked, ticked.cards[0], 1, done=False) == document.to_bytes()


def test_a_long_line_of_fields_takes_linear_time(sample: Callable[[str], bytes]) -> None:
    for unit in ("Status: a | ", "a: ", "(", "`", "<!-- ", "| ", " ", "Status: <br>", "**a:** ", "-->"):
        data = card_of("Status: " + unit * 20_000, "", "| Status | " + unit * 5_000 + " |")
        assert parse(data).to_bytes() == data
    assert parse(sample("styles")).cards[0].fields["status"].form is FieldForm.PLAIN
