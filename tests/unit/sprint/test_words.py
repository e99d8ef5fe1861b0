"""Plans, settings, heads and approvals: the words of a sprint."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.errors import UnreadableInput
from bluelabel.interfaces.events import Event, Head
from bluelabel.services.sprint.checklist import CHECKLIST, STEPS, checklist
from bluelabel.services.sprint.closeout.approvals import covers
from bluelabel.services.sprint.closeout.state import Drift, Finding
from bluelabel.services.sprint.ledger_tag import head_line, heads_in, ledger_name
from bluelabel.services.sprint.model import Plan, PlannedCard, cell, one_line
from bluelabel.services.sprint.settings import SprintSettings, evidence_settings, sprint_settings

PLAN = Plan(
    "2A", "6.13", "Words", "2026-01-01", "2026-01-07", "v1", "Goal", "main",
    (
        PlannedCard("T-1", "One", "CA", "dev/one"),
        PlannedCard("T-2", "Two", "CA", "main"),
        PlannedCard("T-3", "Three", "CC", "dev/one"),
    ),
    ("It works",), ("AI-6.13-1-1",),
)  # fmt: skip


def test_a_plan_reads_back_what_it_wrote() -> None:
    assert Plan.from_json(PLAN.as_json()) == PLAN
    assert Plan.from_json(PLAN.as_json() | {"unknown": 1}) == PLAN
    assert Plan.from_json({"number": "1", "phase": "p", "title": "", "start": "s", "end": "e", "tag": "t"}).cards == ()


def test_a_plan_names_its_people_branches_and_papers() -> None:
    assert PLAN.name == "Phase 6.13 Sprint 2A: Words"
    assert PLAN.agents == ("CA", "CC")
    assert PLAN.branches == ("dev/one",)
    assert PLAN.plan_path == "docs/devphases/PHASE_6.13/sprints/SPRINT_2A_PLAN.md"
    assert PLAN.postmortem_path == "docs/devphases/PHASE_6.13/sprints/SPRINT_2A_POSTMORTEM.md"
    assert PLAN.summary_path == "reports/SPRINT_2A_SUMMARY.md"


@given(st.text())
def test_a_line_is_a_line_and_ends_no_block(text: Any) -> None:
    line = one_line(text)

    assert "\n" not in line
    assert "<!--" not in line
    assert "-->" not in line
    assert line == one_line(line)
    assert len(("x" + cell(text) + "x").splitlines()) == 1


def test_a_cell_breaks_no_table() -> None:
    assert cell("a|b") == "a\\|b"
    assert cell(None) == cell("") == "-"
    assert cell(0) == "0"


def test_a_tag_message_carries_the_end_of_its_ledger() -> None:
    head = Head(12, "a" * 64)
    name = ledger_name(Event(1, "", "", "", {}, "f" * 64))
    text = f"Sprint\n\n{head_line(head, name)}\n{head_line(Head(3, 'b' * 64), None)}\nLedger-Head: x y\n"

    assert name == "f" * 16
    assert ledger_name(None) is None
    assert heads_in(text) == (head, Head(3, "b" * 64))
    assert heads_in(text, name) == (head, Head(3, "b" * 64))
    assert heads_in(text, "other") == (Head(3, "b" * 64),)


def test_settings_are_read_or_refused_with_a_word() -> None:
    found = sprint_settings(
        {
            "tag": "r{phase}-{number}", "remote": "up", "documents": {"A.md": "x/a.md"}, "contexts": ["A.md"],
            "routine": ["tests"], "coverage": ["cov"], "test_each_merge": False, "require_reports": True,
        }
    )  # fmt: skip

    assert found == SprintSettings(
        "r{phase}-{number}", "up", {"A.md": "x/a.md"}, ("A.md",), ("tests",), ("cov",), False, True
    )
    assert found.tag_name("6", "1") == "r6-1"
    assert sprint_settings({}) == SprintSettings()
    wrong = (
        {"tags": "x"}, {"tag": 1}, {"tag": ""}, {"documents": ["x"]}, {"documents": {"a": 1}}, {"contexts": "x"},
        {"routine": ["test"]}, {"routine": [1]}, {"coverage": "cov"}, {"test_each_merge": "yes"},
    )  # fmt: skip
    for table in wrong:
        with pytest.raises(UnreadableInput) as told:
            sprint_settings(table)
        assert told.value.hint


LINT = {"id": "lint", "run": ["make", "lint"], "after": "tests"}


def test_steps_of_a_projects_own_stand_where_they_are_put() -> None:
    own = [LINT, {**LINT, "id": "types"}, {**LINT, "id": "notes", "after": "summary", "critical": False}]
    own += [{"id": "first", "run": ["true"], "before": "cards", "title": "First of all", "timeout": "2m"}]
    found = sprint_settings({"routine": ["tests", "cards"], "step": own}).checklist
    by_id = {step.id: step for step in found}

    assert [step.id for step in found][:7] == ["branches", "tests", "lint", "types", "first", "cards", "verdict"]
    assert [step.id for step in found][9:12] == ["documents", "summary", "notes"]
    assert [step.id for step in found if step.command and step.acts] == ["notes"]
    assert (by_id["first"].title, by_id["first"].seconds, by_id["first"].critical) == ("First of all", 120.0, True)
    assert by_id["lint"].items == ("`make lint` ends with exit code 0",)
    assert not by_id["notes"].critical


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"step": LINT}, "step"),
        ({"step": ["lint"]}, "step"),
        ({"step": [{**LINT, "id": ""}]}, "id"),
        ({"step": [{**LINT, "id": "Lint it"}]}, "id"),
        ({"step": [{**LINT, "id": "tests"}]}, "id"),
        ({"step": [LINT, LINT]}, "id"),
        ({"step": [{**LINT, "run": "make lint"}]}, "run"),
        ({"step": [{**LINT, "run": []}]}, "run"),
        ({"step": [{**LINT, "run": ["a\0b"]}]}, "run"),
        ({"step": [{"id": "lint", "run": ["x"]}]}, "id"),
        ({"step": [{**LINT, "before": "merge"}]}, "after"),
        ({"step": [{**LINT, "after": "test"}]}, "after"),
        ({"step": [{**LINT, "after": "final"}]}, "after"),
        ({"step": [{**LINT, "critical": 1}]}, "critical"),
        ({"step": [{**LINT, "timeout": "soon"}]}, "timeout"),
        ({"step": [{**LINT, "timeout": True}]}, "timeout"),
        ({"step": [{**LINT, "runs": 1}]}, "runs"),
        ({"routine": ["tests", "tests"]}, "routine"),
        ({"routine": ["merge", "tests"]}, "routine"),
        ({"routine": ["lint"], "step": [LINT]}, "routine"),
    ],
)
def test_a_wrong_step_or_order_is_refused_with_its_place(table: dict[str, Any], key: str) -> None:
    asked: list[str] = []

    def locate(name: str, _step: int | None) -> str:
        asked.append(name)
        return "bluelabel.toml:7"

    with pytest.raises(UnreadableInput, match=r"bluelabel\.toml:7") as told:
        sprint_settings(table, locate)
    assert asked == [key]
    assert told.value.hint


def anywhere(_key: str, _step: int | None) -> str:
    return "bluelabel.toml"


def test_the_test_command_is_a_list_or_one_line() -> None:
    assert evidence_settings({"test": "make 'my unit'", "timeout": "2m"}, anywhere) == (("make", "my unit"), 120.0)
    assert evidence_settings({"test": ["make"], "timeout": 90}, anywhere) == (("make",), 90.0)
    assert evidence_settings({}, anywhere) == ((), 600.0)
    for wrong in ({"test": 5}, {"test": [1]}, {"timeout": "soon"}, {"timeout": 0}):
        with pytest.raises(UnreadableInput):
            evidence_settings(wrong, anywhere)


def test_a_project_may_leave_out_only_what_is_optional() -> None:
    needed = [step.id for step in CHECKLIST if step.needed]

    assert checklist(None) == CHECKLIST
    assert [step.id for step in checklist(())] == needed
    assert [step.id for step in checklist(("sync",))] == [s for s in STEPS if s in needed or s == "sync"]
    assert {"cards", "branches", "verdict", "merge", "tag", "final"} <= set(needed)


@pytest.mark.parametrize(
    ("agreed", "wanted", "holds"),
    [
        ({"merge": {"a": "1", "b": "2"}}, {"merge": {"b": "2"}}, True),
        ({"merge": {"a": "1"}}, {"merge": {"a": "2"}}, False),
        ({"merge": {"a": "1"}}, {"merge": {"a": "1", "b": "2"}}, False),
        ({"delete": ["a", "b"]}, {"delete": ["b"]}, True),
        ({"delete": ["a"]}, {"delete": ["b"]}, False),
        ({"tag": "v1", "commit": "c"}, {"tag": "v1", "commit": "d"}, False),
        (None, {"tag": "v1"}, False),
    ],
)
def test_an_approval_covers_what_it_named_and_no_more(
    agreed: dict[str, Any] | None, wanted: dict[str, Any], holds: bool
) -> None:
    assert covers(agreed, wanted) is holds


def test_a_finding_reads_back_what_it_wrote() -> None:
    finding = Finding("cards", "words", (Drift("card", "T-1", "is open"),), {"n": 1})

    assert Finding.from_json(finding.as_json()) == finding
