"""A clone brings plans, cards, commits and tags, and no ledger: what can be told is told, the rest is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import IllegalTransition
from bluelabel.interfaces.events import Draft
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.sprint.checklist import APPROVALS
from bluelabel.services.sprint.closeout.run import close, look
from bluelabel.services.sprint.documents.action_items import items
from bluelabel.services.sprint.documents.postmortem import postmortem
from bluelabel.services.sprint.documents.writers import write_history, write_state, write_summary
from bluelabel.services.sprint.figures import figures
from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.planning import launch, plan

from .conftest import Office
from .steps import branch_of, completed, planned


@pytest.fixture
def clone(office: Any, tmp_path: Path) -> Iterator[Any]:
    """Return a function that clones the office as it stands, branches included."""
    made: list[Any] = []

    def cloned() -> Any:
        office.git("add", "-A", ".")
        office.git("commit", "-q", "--allow-empty", "-m", "As it stands")
        root = tmp_path / f"clone{len(made)}"
        office.git("clone", "-q", str(office.root), str(root))
        made.append(Office(root, fresh=False))
        for branch in office.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split():
            made[-1].git("branch", "-q", "--force", branch, f"origin/{branch}") if branch != "main" else None
        made[-1].git("remote", "remove", "origin")
        made[-1].test_command = office.test_command
        return made[-1]

    yield cloned
    for each in made:
        each.book.close()


def keys(found: Any) -> Any:
    return {number.key.partition(".")[0] for number in found.numbers}


def test_a_plan_read_back_is_the_plan_that_was_written(office: Any, clone: Any) -> None:
    odd = PlannedCard("TASK-9", "Pipes | and `ticks`", None, None)
    wanted = Plan(
        "1", "6.13", "A: colon", "2026-11-20", "2026-11-27", "v1", "Goal with | pipe", "main",
        (PlannedCard("TASK-1", "One", "CA", "dev/TASK-1-x"), odd), ("It works", "- twice"),
    )  # fmt: skip
    sprint, _ = plan(office.desk, wanted)
    there = clone()
    [found] = there.desk.sprints()

    assert found.plan == sprint.plan
    assert (found.state, found.recorded) == ("planned", False)
    assert launch(there.desk, found).sprint.recorded


def test_a_sprint_under_way_is_told_from_cards_and_commits_and_what_is_missing_is_named(
    office: Any, clone: Any
) -> None:
    sprint = planned(office)
    completed(office)
    there = clone()
    found = there.desk.sprint()
    told = figures(there.desk, found)

    assert (found.key, found.state, found.recorded) == (sprint.key, "launched", False)
    assert told.completed == 2
    assert told.days[-1].remaining == 0
    assert all(card.completed for card in told.cards)
    assert keys(told) == {"cards", "hours", "git"}
    assert "messages, runs and checks of claims" in told.missing[0]
    assert there.book.head().seq == 0
    assert told.as_json()["missing"] == list(told.missing)


def test_the_figures_of_git_in_a_clone_are_those_of_the_first_repository(office: Any, clone: Any) -> None:
    sprint = planned(office)
    completed(office)
    there = clone()
    first = {n.key: n.value for n in figures(office.desk, sprint).numbers if n.key.startswith("git")}
    second = {n.key: n.value for n in figures(there.desk, there.desk.sprint()).numbers if n.key.startswith("git")}

    assert second == first


def test_a_sprint_is_closed_in_a_clone_and_its_summary_says_what_this_ledger_did_not_see(
    office: Any, clone: Any
) -> None:
    planned(office)
    completed(office)
    there = clone()
    assert [drift.target for drift in look(there.desk, there.desk.sprint()).drifts] == [branch_of(0)]
    assert there.book.head().seq == 0
    outcome = close(there.desk, there.desk.sprint(), APPROVALS)

    assert outcome.reason is None
    assert outcome.closed
    closed = there.desk.sprint("1")
    assert closed.recorded
    assert closed.began < closed.launched_at
    text = (there.root / "reports/SPRINT_1_SUMMARY.md").read_text()
    assert f"this ledger saw nothing of the sprint before its event {closed.launched}" in text
    assert "| Cards completed | 2 |" in text
    assert [e.kind for e in there.book.read() if e.kind == "message.sent"] == ["message.sent"]
    assert there.is_sound()


def test_reports_that_a_clone_adopts_count_alike_in_the_dry_run_and_in_the_closing(office: Any, clone: Any) -> None:
    office.book.append(lambda _db: [Draft("ledger.opened", "HUMAN", {"home": "first"})])
    office.clock.shift = timedelta(days=-1)
    office.postbox.send(OutgoingMessage("WA", ("ARCH",), task_id="TASK-2", content={"body": "of another sprint"}))
    office.clock.shift = timedelta()
    planned(office, cards=4, branches=0)
    for agent in ("CA", "CC"):
        held = office.postbox.claim(agent)
        office.postbox.ack(held.message.id, held.token)
    completed(office, cards=4, branches=0)
    office.boxes.refresh(office.postbox.directory.mailboxes)
    there = clone()
    there.book.append(lambda _db: [Draft("ledger.opened", "HUMAN", {"home": "second"})])
    there.boxes.adopt("HUMAN")
    there.postbox.send(OutgoingMessage("CA", ("ARCH",), task_id="TASK-3", content={"body": "done"}))
    told = [
        finding.words
        for outcome in (look(there.desk, there.desk.sprint()), close(there.desk, there.desk.sprint(), APPROVALS))
        for finding in outcome.findings
        if finding.step == "reports"
    ]

    assert told == ["3 of 4 completed cards were reported on by their agents; not yet: TASK-2"] * 2


def test_a_sprint_that_was_closed_elsewhere_stays_closed_and_keeps_its_figures(office: Any, clone: Any) -> None:
    sprint = planned(office)
    completed(office)
    assert close(office.desk, sprint, APPROVALS).closed
    there = clone()
    found = there.desk.sprint()
    summary, history = (there.root / path for path in ("reports/SPRINT_1_SUMMARY.md", "docs/system/SPRINT_HISTORY.md"))
    kept = summary.read_bytes(), history.read_bytes()

    assert (found.state, found.recorded) == ("closed", False)
    assert found.closing["tag"] == sprint.plan.tag
    assert close(there.desk, found, APPROVALS).closed
    changed, told = write_summary(there.desk, found)
    assert changed == []
    assert told.completed == 2
    write_history(there.desk, found)
    assert (summary.read_bytes(), history.read_bytes()) == kept
    numbers = (there.root / sprint.plan.postmortem_path).read_text().partition("postmortem-numbers end")[0]
    postmortem(there.desk, found, actions=[("Later", None)])
    assert (there.root / sprint.plan.postmortem_path).read_text().startswith(numbers)
    with pytest.raises(IllegalTransition, match="is closed"):
        launch(there.desk, found)


def test_the_next_sprint_in_a_clone_keeps_the_history_and_carries_the_action_items(office: Any, clone: Any) -> None:
    sprint = planned(office)
    completed(office)
    postmortem(office.desk, sprint, actions=[("Measure", "CA"), ("Done with (this)", None)], done=["AI-6.13-1-2"])
    assert close(office.desk, sprint, APPROVALS).closed
    there = clone()
    first = (there.root / "docs/system/SPRINT_HISTORY.md").read_text().partition("<!-- bluelabel:sprint end")[0]
    wanted = Plan("2", "6.13", "Next", "2026-11-28", "2026-12-04", "v2", cards=(PlannedCard("TASK-7", "S", "CA"),))
    second, _ = plan(there.desk, wanted)
    launch(there.desk, second)

    assert second.plan.carried == ("AI-6.13-1-1",)
    assert (there.root / "docs/system/SPRINT_HISTORY.md").read_text().startswith(first)
    assert f"**Last Completed Tag:** {sprint.plan.tag}" in (there.root / "docs/system/ARCH_CONTINUITY.md").read_text()
    found = [(i.id, i.text, i.owner, i.done) for i in items(there.desk)]
    assert found == [("AI-6.13-1-1", "Measure", "CA", False), ("AI-6.13-1-2", "Done with (this)", None, True)]
    postmortem(there.desk, there.desk.sprint("1"), actions=[("Third", None)], done=["AI-6.13-1-1"])
    assert [(i.id, i.done) for i in items(there.desk)] == [
        ("AI-6.13-1-1", True), ("AI-6.13-1-2", True), ("AI-6.13-1-3", False),
    ]  # fmt: skip
    assert there.desk.sprint(begun=True).plan.number == "2"


def test_launching_in_a_clone_hands_out_what_is_open_and_nothing_twice(office: Any, clone: Any) -> None:
    planned(office, cards=3, branches=0)
    office.set_status("TASK-0", "COMPLETED")
    there = clone()
    done = launch(there.desk, there.desk.sprint())

    assert (done.again, done.taken_over, done.assigned) == (True, True, {"CC": 1, "WA": 1})
    again = launch(there.desk, there.desk.sprint())
    assert (again.again, again.taken_over) == (True, False)
    sent = [e.data["message"].get("task_id") for e in there.book.read() if e.kind == "message.sent"]
    assert sent == ["TASK-1", "TASK-2", None]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("**Phase:**", "**Face:**"),
        lambda text: text.replace("**Dates:** 2026-11-20 to", "**Dates:** soon to"),
        lambda text: text.replace("bluelabel:sprint begin", "bluelabel:sprnt begin"),
        lambda text: text.replace("**Sprint:** 1", "**Sprint:** 7"),
        lambda _: "\udcff\udcfe",
        lambda _: "",
    ],
)
def test_a_plan_that_is_damaged_or_somebody_elses_is_no_sprint(office: Any, clone: Any, damage: Any) -> None:
    sprint = planned(office, cards=1, branches=0)
    file = office.root / sprint.plan.plan_path
    file.write_bytes(damage(file.read_text()).encode("utf-8", "surrogateescape"))

    assert clone().desk.sprints() == []


def test_outside_git_the_documents_are_believed(office: Any, clone: Any) -> None:
    sprint = planned(office, cards=1, branches=0)
    completed(office, cards=1, branches=0)
    close(office.desk, sprint, APPROVALS)
    there = clone()
    there.git("rm", "-q", "--cached", "-r", ".")
    (there.root / ".git").rename(there.root.parent / "away")
    found = there.desk.sprint()

    assert (found.state, found.recorded) == ("closed", False)
    told = figures(there.desk, found)
    assert keys(told) == {"cards"}
    assert told.completed == 1
    assert write_state(there.desk, found)
