"""A sprint from plan to closing: refused while something is not so, closed once, resumed after a cut."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import Conflict, IllegalTransition, NotFound
from bluelabel.services.ledger.segments import Segments
from bluelabel.services.ledger.verify import verify
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.sprint.checklist import APPROVALS
from bluelabel.services.sprint.closeout.approvals import answer
from bluelabel.services.sprint.closeout.finish import verify_all
from bluelabel.services.sprint.closeout.programs import Programs
from bluelabel.services.sprint.closeout.run import close, look
from bluelabel.services.sprint.closeout.state import Drifted, Finding, Record
from bluelabel.services.sprint.ledger_tag import heads_in_tags, ledger_name
from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.planning import launch, plan
from bluelabel.services.sprint.settings import SprintSettings

from .steps import branch_of, completed, planned

TAG = "v0.6.13-alpha1"


def hook(office: Any, name: Any, text: Any) -> None:
    office.write(f".git/hooks/{name}", f"#!/bin/sh\n{text}\n")
    (office.root / ".git/hooks" / name).chmod(0o755)


def drifts(outcome: Any) -> Any:
    return [(drift.kind, drift.target) for drift in outcome.drifts]


def merging(office: Any) -> tuple[Any, str]:
    """Make a sprint whose closing has noted that it begins the merge of its branch; return it and the branch's tip."""
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    before, tip = office.git("rev-parse", "HEAD"), office.git("rev-parse", branch_of(0))
    began = {"run": "closeout-6.13-1", "branch": branch_of(0), "tip": tip, "before": before}
    office.desk.note(sprint.plan, "merge-began", began)
    return sprint, tip


def test_a_sprint_is_closed_and_every_trace_is_there(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    told: list[Finding] = []
    outcome = close(office.desk, sprint, APPROVALS, told.append)

    assert outcome.reason is None
    assert outcome.closed
    assert [finding.step for finding in told] == [finding.step for finding in outcome.findings]
    assert office.git("cat-file", "-t", TAG) == "tag"
    assert office.git("branch", "--list", "dev/*") == ""
    assert (office.root / "src/piece0.py").exists()
    assert office.git("status", "--porcelain", "-uno") == ""
    assert office.is_sound()
    closed = office.desk.sprint("1")
    assert closed.state == "closed"
    assert closed.closing["commit"] == office.git("rev-parse", f"{TAG}^{{commit}}")
    history = (office.root / "docs/system/SPRINT_HISTORY.md").read_text()
    assert "/docs/devphases/PHASE_6.13/sprints/SPRINT_1_POSTMORTEM.md" in history
    assert f"**Tag:** {TAG}" in history
    continuity = (office.root / "docs/system/ARCH_CONTINUITY.md").read_text()
    assert "**Sprint Status:** CLOSED" in continuity
    assert "local only" in continuity
    with pytest.raises(IllegalTransition):
        launch(office.desk, closed)


def test_closing_twice_is_closing_once(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    close(office.desk, sprint, APPROVALS)
    before = office.git("rev-parse", "HEAD", TAG)
    again = close(office.desk, office.desk.sprint("1"), APPROVALS)

    assert again.closed
    assert again.findings[-1].step == "final"
    assert office.git("rev-parse", "HEAD", TAG) == before
    assert sum(event.kind == "sprint.closed" for event in office.book.read()) == 1


def test_a_dry_run_writes_nothing(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    before = office.book.head(), office.git("status", "--porcelain"), office.git("show-ref")
    outcome = look(office.desk, sprint)

    assert not outcome.closed
    assert drifts(outcome) == [("branch", branch_of(0))]
    assert "merge" in outcome.left_out
    assert (office.book.head(), office.git("status", "--porcelain"), office.git("show-ref")) == before
    assert json.dumps(outcome.as_json())


def test_nothing_is_merged_tagged_or_pushed_without_approval(office: Any, tmp_path: Path) -> None:
    office.git("init", "-q", "--bare", str(tmp_path / "far.git"))
    office.git("remote", "add", "origin", str(tmp_path / "far.git"))
    sprint = planned(office)
    completed(office)
    head = office.git("rev-parse", "HEAD")
    outcome = close(office.desk, sprint)

    assert outcome.stopped_at == "merge"
    assert "a person has to agree: merge into main" in str(outcome.reason)
    assert drifts(outcome) == [("branch", branch_of(0))]
    assert office.git("rev-parse", "HEAD") == head
    outcome = close(office.desk, sprint, ["merge"])
    assert outcome.stopped_at == "tag"
    assert "a person has to agree" in str(outcome.reason)
    assert "--approve tag" in str(outcome.hint)
    assert office.git("tag") == ""
    outcome = close(office.desk, sprint, ["tag"])
    assert outcome.stopped_at == "sync"
    assert office.git("ls-remote", "origin") == ""
    outcome = close(office.desk, sprint, ["sync"])
    assert outcome.closed
    assert TAG in office.git("ls-remote", "origin")
    given = [event.data["step"] for event in office.book.read() if event.kind == "approval.given"]
    assert given == ["merge", "tag", "sync"]


def test_an_approval_counts_for_what_was_asked_and_not_for_what_came_since(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    hook(office, "pre-merge-commit", "exit 1")
    assert close(office.desk, sprint, ["merge"]).stopped_at == "merge"
    (office.root / ".git/hooks/pre-merge-commit").unlink()
    office.git("checkout", "-q", branch_of(0))
    office.write("evil.txt", "x")
    office.commit("slipped in", "evil.txt")
    office.git("checkout", "-q", "main")
    outcome = close(office.desk, sprint)

    assert not outcome.closed
    assert not (office.root / "evil.txt").exists()


def test_an_approval_outlives_an_interruption_and_covers_what_is_left_of_it(office: Any) -> None:
    sprint = planned(office, cards=3, branches=3)
    completed(office, cards=3, branches=3)
    hook(office, "pre-merge-commit", "test ! -e src/piece1.py")
    assert close(office.desk, sprint, ["merge"]).stopped_at == "merge"
    assert (office.root / "src/piece0.py").exists()
    (office.root / ".git/hooks/pre-merge-commit").unlink()
    outcome = close(office.desk, sprint)

    assert outcome.stopped_at == "tag"
    assert (office.root / "src/piece2.py").exists()


def test_unfinished_cards_and_missing_ones_are_named(office: Any) -> None:
    sprint = planned(office, cards=3, branches=0)
    office.set_status("TASK-0", "IN_PROGRESS")
    office.set_status("TASK-1", "CANCELLED")
    text = (office.root / "TASK_CARDS.md").read_text()
    office.write("TASK_CARDS.md", text[: text.index("### TASK-2")])
    outcome = close(office.desk, sprint, APPROVALS)

    assert drifts(outcome) == [("card", "TASK-0"), ("card", "TASK-2")]
    assert "TASK-0 is IN_PROGRESS" in str(outcome.reason)


def test_a_branch_that_conflicts_is_named_with_its_files_and_nothing_is_touched(office: Any) -> None:
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    office.write("src/piece0.py", "other\n")
    office.commit("in the way", "src")
    head = office.git("rev-parse", "HEAD")
    outcome = close(office.desk, sprint, APPROVALS)

    assert drifts(outcome) == [("branch", branch_of(0))]
    assert "conflicts in src/piece0.py" in str(outcome.reason)
    assert office.git("rev-parse", "HEAD") == head
    assert office.is_sound()


def test_a_branch_that_is_nowhere_is_named_and_one_that_was_merged_and_deleted_is_not(office: Any) -> None:
    sprint = planned(office, cards=2, branches=2)
    completed(office, cards=2, branches=2)
    office.git("merge", "-q", "--no-ff", "-m", f"Merge branch '{branch_of(0)}'", branch_of(0))
    office.git("branch", "-q", "-D", branch_of(0), branch_of(1))
    outcome = close(office.desk, sprint, APPROVALS)

    assert ("branch", branch_of(1)) in drifts(outcome)
    assert ("branch", branch_of(0)) not in drifts(outcome)


def test_a_branch_with_a_cards_id_belongs_to_the_sprint_though_no_card_names_it(office: Any) -> None:
    sprint = planned(office, cards=1, branches=0)
    office.work_on("feature/task-0-forgotten", {"f.txt": "x"})
    completed(office, cards=1, branches=0)

    assert drifts(close(office.desk, sprint)) == [("branch", "feature/task-0-forgotten")]
    assert close(office.desk, sprint, APPROVALS).closed
    assert (office.root / "f.txt").exists()


def test_a_dirty_tree_is_named_and_cards_and_boxes_are_committed_by_the_clerk(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    office.write("README.md", "changed\n")
    outcome = close(office.desk, sprint, APPROVALS)

    assert [kind for kind, _ in drifts(outcome)] == ["repository"]
    assert "README.md" in str(outcome.reason)
    office.git("checkout", "README.md")
    cards = office.root / "TASK_CARDS.md"
    cards.write_text(cards.read_text() + "\nA remark.\n")
    assert close(office.desk, sprint, APPROVALS).closed
    assert "A remark." in office.git("show", "HEAD:TASK_CARDS.md")


def test_a_detached_head_and_a_wrong_branch_are_named(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    office.git("checkout", "-q", "--detach")
    assert "detached" in str(close(office.desk, sprint, APPROVALS).reason)
    office.git("checkout", "-q", "-b", "elsewhere")
    assert "'elsewhere' is checked out" in str(close(office.desk, sprint, APPROVALS).reason)
    office.git("checkout", "-q", "main")
    assert close(office.desk, sprint, APPROVALS).closed


def test_a_tag_of_somebody_else_is_named_and_left_alone(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    office.git("tag", "-a", TAG, "-m", "mine")
    before = office.git("rev-parse", TAG)
    outcome = close(office.desk, sprint, APPROVALS)

    assert drifts(outcome) == [("tag", TAG)]
    assert office.git("rev-parse", TAG) == before


@pytest.mark.parametrize("tag", ["-x", "a b", "--upload-pack=touch x", "a\nb", "x.lock"])
def test_a_hostile_tag_name_is_named(office: Any, tag: str) -> None:
    sprint = planned(office, branches=0, tag=tag)
    completed(office, branches=0)

    assert drifts(close(office.desk, sprint, APPROVALS)) == [("tag", tag)]
    assert office.git("tag") == ""


@pytest.mark.parametrize("name", ["-x", "--upload-pack=touch-x", "$(id)", "a'b", "ignore;rules"])
def test_a_hostile_branch_name_is_merged_like_any_other(office: Any, name: str, tmp_path: Path) -> None:
    made = office.work_on("plain", {"hostile.txt": "x"})
    office.git("update-ref", f"refs/heads/{name}", made)
    office.git("branch", "-q", "-D", "plain")
    cards = (PlannedCard("TASK-0", "P", "CA", name),)
    sprint, _ = plan(office.desk, Plan("1", "6.13", "T", "2026-11-20", "2026-11-27", TAG, cards=cards))
    sprint = launch(office.desk, sprint).sprint
    office.commit("Launch", "docs", "TASK_CARDS.md")
    office.set_status("TASK-0", "COMPLETED")
    office.commit("Complete", "TASK_CARDS.md")
    before = sorted(path.name for path in office.root.iterdir())
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.closed
    assert sorted({path.name for path in office.root.iterdir()} - set(before)) == ["data", "hostile.txt", "reports"]


@pytest.mark.parametrize("name", ["a\nb", "--", "a b"])
def test_a_branch_name_that_git_does_not_know_is_missing(office: Any, name: str) -> None:
    cards = (PlannedCard("TASK-0", "P", "CA", name),)
    sprint, _ = plan(office.desk, Plan("1", "6.13", "T", "2026-11-20", "2026-11-27", TAG, cards=cards))
    sprint = launch(office.desk, sprint).sprint
    office.commit("Launch", "docs", "TASK_CARDS.md")
    office.set_status("TASK-0", "COMPLETED")

    assert ("branch", name) in drifts(close(office.desk, sprint, APPROVALS))


@pytest.mark.parametrize("name", ["pre-merge-commit", "pre-commit", "pre-push"])
def test_a_hook_that_says_no_stops_the_closing_and_is_quoted(office: Any, name: str, tmp_path: Path) -> None:
    office.git("init", "-q", "--bare", str(tmp_path / "far.git"))
    office.git("remote", "add", "origin", str(tmp_path / "far.git"))
    sprint = planned(office)
    completed(office)
    hook(office, name, "echo 'not on my watch' >&2; exit 1")
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.stopped_at == {"pre-merge-commit": "merge", "pre-commit": "commit", "pre-push": "sync"}[name]
    assert "not on my watch" in str(outcome.hint)
    (office.root / ".git/hooks" / name).unlink()
    assert close(office.desk, sprint, APPROVALS).closed
    assert office.is_sound()


def test_a_remote_that_is_gone_is_told_and_the_push_made_up_later(office: Any, tmp_path: Path) -> None:
    office.git("remote", "add", "origin", str(tmp_path / "far.git"))
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.stopped_at == "sync"
    tagged = office.git("rev-parse", TAG)
    office.git("init", "-q", "--bare", str(tmp_path / "far.git"))
    assert close(office.desk, sprint, APPROVALS).closed
    assert office.git("rev-parse", TAG) == tagged
    assert tagged in office.git("ls-remote", "origin")


def test_a_merge_that_breaks_the_tests_is_taken_back(office: Any) -> None:
    sprint = planned(office, cards=1)
    office.work_on(branch_of(0), {"broken": "x", "src/piece0.py": "x = 0\n"})
    office.set_status("TASK-0", "COMPLETED")
    office.commit("Complete", "TASK_CARDS.md")
    head = office.git("rev-parse", "HEAD")
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.stopped_at == "merge"
    assert f"after merging {branch_of(0)}, which was taken back" in str(outcome.reason)
    assert office.git("rev-parse", "HEAD") == head
    office.git("checkout", "-q", branch_of(0))
    office.git("rm", "-q", "broken")
    office.commit("mend", "src")
    office.git("checkout", "-q", "main")
    assert close(office.desk, sprint, APPROVALS).closed


def test_a_claim_that_the_merge_made_false_keeps_the_sprint_open(office: Any) -> None:
    sprint = planned(office, cards=2, branches=2)
    completed(office, cards=2, branches=2)
    office.git("checkout", "-q", branch_of(1))
    office.git("rm", "-q", "README.md")
    office.commit("remove", "src")
    office.git("checkout", "-q", "main")
    text = (office.root / "TASK_CARDS.md").read_text()
    office.write("TASK_CARDS.md", text.replace("- src/piece0.py (new)", "- src/piece0.py (new)\n- README.md (updated)"))
    office.write("README.md", "changed\n")
    office.commit("claims", "TASK_CARDS.md", "README.md")
    office.git("reset", "-q", "--hard", "HEAD~1")
    office.write("TASK_CARDS.md", text.replace("- src/piece0.py (new)", "- src/piece0.py (new)\n- README.md"))
    office.commit("claims", "TASK_CARDS.md")
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.stopped_at == "recheck"
    assert "README.md" in str(outcome.reason)


def test_a_branch_that_somebody_works_on_is_kept_and_said_so(office: Any, tmp_path: Path) -> None:
    sprint = planned(office)
    completed(office)
    office.git("worktree", "add", "-q", str(tmp_path / "second"), branch_of(0))
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.closed
    [merge] = [finding for finding in outcome.findings if finding.step == "merge"]
    assert "is checked out" in merge.words


def test_reports_can_be_required(office: Any) -> None:
    office.settings = SprintSettings(require_reports=True)
    sprint = planned(office, cards=1, branches=0)
    completed(office, cards=1, branches=0)
    assert drifts(close(office.desk, sprint, APPROVALS)) == [("report", "TASK-0")]
    office.postbox.send(OutgoingMessage("CA", ("ARCH",), "task_result", "done", {}, "TASK-0"))

    assert close(office.desk, sprint, APPROVALS).closed


def test_a_routine_may_leave_out_what_is_optional(office: Any) -> None:
    office.settings = SprintSettings(routine=("reports",))
    office.test_command = ("false",)
    sprint = planned(office, cards=1, branches=0)
    completed(office, cards=1, branches=0)
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.closed
    steps = [finding.step for finding in outcome.findings]
    assert "reports" in steps
    assert not {"tests", "coverage", "sync"} & set(steps)


@pytest.mark.parametrize(
    ("command", "words"), [(("echo", "TOTAL 97%"), "TOTAL 97%"), (("no-such-program",), "cannot be started")]
)
def test_coverage_is_kept_and_never_in_the_way(office: Any, command: Any, words: str) -> None:
    office.settings = SprintSettings(coverage=command)
    sprint = planned(office, cards=1, branches=0)
    completed(office, cards=1, branches=0)
    outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.closed
    assert words in next(finding.words for finding in outcome.findings if finding.step == "coverage")


def test_outside_git_a_sprint_is_closed_on_its_cards_alone(office: Any, tmp_path: Path) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    outcome = close(replace(office.desk, repository=None), sprint, APPROVALS)

    assert outcome.closed
    assert office.desk.sprint("1").closing.get("tag") is None
    assert office.git("tag") == ""


def test_a_planned_sprint_cannot_be_closed(office: Any) -> None:
    sprint, _ = plan(office.desk, Plan("1", "6.13", "T", "2026-11-20", "2026-11-27", TAG))
    with pytest.raises(IllegalTransition, match="not launched"):
        close(office.desk, sprint)


def test_the_tag_finds_out_a_ledger_that_was_cut(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    close(office.desk, sprint, APPROVALS)
    desk = office.desk
    name = ledger_name(next(iter(office.book.read())))
    [head] = heads_in_tags(desk.repository, name)
    ledger = office.root / ".git/bluelabel/ledger"

    assert verify(Segments(ledger), (head,)).problems == ()
    [segment] = ledger.glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[: head.seq - 3]))
    assert verify(Segments(ledger), ()).problems == ()
    assert verify(Segments(ledger), (head,)).problems
    assert heads_in_tags(desk.repository, "another") == ()


def test_a_lock_of_a_dead_git_is_cleared_and_a_living_one_waited_for(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    office.write(".git/index.lock", "")
    monkeypatch.setattr("bluelabel.services.git.crash_recovery._busy", lambda *_: True)
    with pytest.raises(Conflict):
        close(office.desk, sprint, APPROVALS)
    monkeypatch.setattr("bluelabel.services.git.crash_recovery._busy", lambda *_: False)

    assert close(office.desk, sprint, APPROVALS).closed


def test_the_last_look_names_whatever_is_missing(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    close(office.desk, sprint, APPROVALS)
    office.work_on("late/task-0", {"late.txt": "x"})
    office.git("tag", "-d", TAG)
    office.write("README.md", "changed\n")
    office.write("reports/SPRINT_1_SUMMARY.md", "rewritten by hand\n")
    record = Record(sprint, "closeout-6.13-1", Programs(office.root))

    with pytest.raises(Drifted) as told:
        verify_all(office.desk, record)
    named = [(drift.kind, drift.target) for drift in told.value.drifts]
    missing = ["reports/SPRINT_1_SUMMARY.md", "README.md", TAG, "late/task-0"]
    assert named == list(zip(["document", "repository", "tag", "branch"], missing, strict=True))
    office.git("checkout", "-q", "--", "README.md", "reports")
    office.git("checkout", "-q", "late/task-0")
    office.git("tag", "-a", TAG, "-m", "elsewhere")
    office.git("checkout", "-q", "main")
    with pytest.raises(Drifted, match="is not on main"):
        verify_all(office.desk, record)


def test_a_merge_begun_by_a_killed_closing_is_undone_before_anything_else(office: Any) -> None:
    sprint, tip = merging(office)
    office.git("merge", "-q", "--no-ff", "--no-commit", tip)
    assert close(office.desk, sprint, APPROVALS).closed
    assert office.git("rev-list", "--count", "--merges", "HEAD") == "1"


def test_a_merge_finished_by_a_killed_closing_is_counted_once(office: Any) -> None:
    sprint, tip = merging(office)
    office.git("merge", "-q", "--no-ff", "-m", f"Merge branch '{branch_of(0)}'", tip)

    assert close(office.desk, sprint, APPROVALS).closed
    assert [note.data["fresh"] for note in office.desk.notes(sprint.plan, "merged")] == [True]
    assert office.git("branch", "--list", "dev/*") == ""


def test_a_remote_branch_counts_as_a_branch_of_the_sprint(office: Any, tmp_path: Path) -> None:
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    office.git("init", "-q", "--bare", str(tmp_path / "far.git"))
    office.git("remote", "add", "up", str(tmp_path / "far.git"))
    office.git("push", "-q", "up", branch_of(0))
    office.git("branch", "-q", "-D", branch_of(0))
    outcome = close(office.desk, sprint)

    assert ("branch", branch_of(0)) in drifts(outcome)
    assert close(office.desk, sprint, APPROVALS).closed
    assert (office.root / "src/piece0.py").exists()


def test_what_waits_to_be_merged_is_named_beside_what_is_wrong_even_when_agreed_to(office: Any) -> None:
    sprint = planned(office, cards=2)
    completed(office, cards=2)
    office.set_status("TASK-1", "BLOCKED")
    outcome = close(office.desk, sprint, APPROVALS)

    assert drifts(outcome) == [("card", "TASK-1"), ("branch", branch_of(0))]
    office.set_status("TASK-1", "COMPLETED")
    outcome = close(office.desk, sprint, APPROVALS)
    assert outcome.closed
    assert outcome.drifts == ()


def test_what_a_step_asked_for_is_approved_from_elsewhere(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    for step in ("merge", "tag"):
        assert close(office.desk, sprint).stopped_at == step
        words = answer(office.desk, sprint.run_id, step, approved=True, reason="fine")
        assert words is not None
        with pytest.raises(Conflict, match="approved by HUMAN already"):
            answer(office.desk, sprint.run_id, step, approved=True)

    assert close(office.desk, sprint).closed
    given = [(e.data["step"], e.data["verdict"]) for e in office.book.read() if e.kind == "approval.given"]
    assert given == [("merge", "approved"), ("tag", "approved")]


def test_an_approval_from_elsewhere_is_for_what_was_asked_and_not_for_a_branch_that_moved_on(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    close(office.desk, sprint)
    office.git("checkout", "-q", branch_of(0))
    office.write("evil.txt", "x")
    office.commit("slipped in", "evil.txt")
    office.git("checkout", "-q", "main")
    assert answer(office.desk, sprint.run_id, "merge", approved=True)
    outcome = close(office.desk, sprint)

    assert outcome.stopped_at == "merge"
    assert "a person has to agree" in str(outcome.reason)
    assert not (office.root / "evil.txt").exists()
    assert answer(office.desk, sprint.run_id, "merge", approved=True)
    assert close(office.desk, sprint).stopped_at == "tag"
    assert (office.root / "evil.txt").exists()


def test_a_no_stands_until_somebody_says_yes(office: Any) -> None:
    sprint = planned(office)
    completed(office)
    close(office.desk, sprint)
    answer(office.desk, sprint.run_id, "merge", approved=False, reason="not before Monday")
    for _ in range(2):
        outcome = close(office.desk, sprint)
        assert outcome.stopped_at == "merge"
        assert "HUMAN did not agree (not before Monday)" in str(outcome.reason)
        with pytest.raises(Conflict, match="rejected by HUMAN already"):
            answer(office.desk, sprint.run_id, "merge", approved=False)

    assert answer(office.desk, sprint.run_id, "merge", approved=True)
    assert close(office.desk, sprint).stopped_at == "tag"


def test_only_what_was_asked_for_can_be_answered(office: Any) -> None:
    sprint = planned(office, branches=0)
    assert answer(office.desk, "another-run", "merge", approved=True) is None
    with pytest.raises(Conflict, match="not asked for anything"):
        answer(office.desk, sprint.run_id, "tag", approved=True)
    with pytest.raises(NotFound, match=r"no step of closeout-6\.13-1"):
        answer(office.desk, sprint.run_id, "tagg", approved=True)


def test_settling_an_assignment_is_a_report_and_sending_it_is_none(office: Any) -> None:
    sprint = planned(office, cards=2, branches=0)
    completed(office, cards=2, branches=0)
    held = office.postbox.claim("CA")
    office.postbox.ack(held.message.id, held.token)
    found = next(finding for finding in look(office.desk, sprint).findings if finding.step == "reports")

    assert found.facts["missing"] == ["TASK-1"]


def test_a_merge_whose_state_was_cut_short_by_a_kill_is_undone(office: Any) -> None:
    sprint, tip = merging(office)
    office.git("merge", "-q", "--no-ff", "--no-commit", tip)
    office.write(".git/MERGE_HEAD", "")

    assert close(office.desk, sprint, APPROVALS).closed
    assert office.git("rev-list", "--count", "--merges", "HEAD") == "1"


def test_a_merge_in_a_copied_repository_is_undone_though_no_file_has_its_old_times(office: Any) -> None:
    sprint, tip = merging(office)
    office.git("merge", "-q", "--no-ff", "--no-commit", tip)
    file = office.root / "src/piece0.py"
    file.write_bytes(file.read_bytes())
    os.utime(file, (1, 1))

    assert close(office.desk, sprint, APPROVALS).closed


def test_a_file_in_the_way_of_a_merge_is_named_each_time_and_not_taken_for_half_a_merge(office: Any) -> None:
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    office.write("src/piece0.py", "mine\n")
    for _ in range(2):
        outcome = close(office.desk, sprint, APPROVALS)
        assert outcome.stopped_at == "merge"
        assert "src/piece0.py" in (outcome.hint or "")
        assert (office.root / "src/piece0.py").read_text() == "mine\n"
    (office.root / "src/piece0.py").unlink()

    assert close(office.desk, sprint, APPROVALS).closed


def test_a_merge_that_nobody_tested_because_of_a_kill_is_tested_and_taken_back(office: Any) -> None:
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    office.git("checkout", "-q", branch_of(0))
    office.write("broken", "x")
    tip = office.commit("Break it", "broken")
    office.git("checkout", "-q", "main")
    before = office.git("rev-parse", "HEAD")
    began = {"run": "closeout-6.13-1", "branch": branch_of(0), "tip": tip, "before": before}
    office.desk.note(sprint.plan, "merge-began", began)
    office.git("merge", "-q", "--no-ff", "-m", "Merge", tip)
    with pytest.raises(Drifted, match="was taken back, the tests fail"):
        close(office.desk, sprint, APPROVALS)

    assert office.git("rev-parse", "HEAD") == before


def test_an_approval_of_the_tag_holds_while_nothing_but_boxes_changes(office: Any) -> None:
    sprint = planned(office, branches=0)
    completed(office, branches=0)
    office.write("postbox/CC/inbox.json", "[]")
    office.commit("Boxes", "postbox")
    assert close(office.desk, sprint).stopped_at == "tag"
    office.write("postbox/CC/inbox.json", "[null]")
    assert answer(office.desk, sprint.run_id, "tag", approved=True)

    assert close(office.desk, sprint).closed


def test_a_file_that_git_left_half_written_by_a_merge_that_failed_is_not_in_the_way_of_the_next(office: Any) -> None:
    sprint = planned(office, cards=1)
    completed(office, cards=1)
    real = shutil.which("git")
    wrapper = office.root.parent / "bin" / "git"
    wrapper.parent.mkdir()
    half = office.root / "src/piece0.py"
    failing = f'*" merge --no-ff "*) mkdir -p src; printf x > {half}; echo No space left >&2; exit 1;;'
    wrapper.write_text(f'#!/bin/sh\ncase "$*" in {failing} esac\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
        outcome = close(office.desk, sprint, APPROVALS)

    assert outcome.stopped_at == "merge"
    assert outcome.hint is not None
    assert "No space left" in outcome.hint
    assert not half.exists()
    assert close(office.desk, sprint, APPROVALS).closed
