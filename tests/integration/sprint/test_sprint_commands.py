"""The sprint commands: what they print, what they exit with, and that a cut ledger is found out afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bluelabel.apps.cli.main import main
from bluelabel.services.sprint.checklist import CHECKLIST


class Line:
    """Calls the program in this process."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._patch = monkeypatch
        self._capsys = capsys

    def __call__(self, *args: str, code: int = 0) -> str:
        self._patch.setattr(sys, "argv", ["bluelabel", "--root", str(self.root), *args])
        with pytest.raises(SystemExit) as left:
            main()
        told = self._capsys.readouterr()
        assert left.value.code == code, told.out + told.err
        return told.out if code == 0 or "--json" in args else told.out + told.err

    def json(self, *args: str, code: int = 0) -> dict[str, Any]:
        return dict(json.loads(self(*args, "--json", code=code).splitlines()[-1]))

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.root, capture_output=True, check=True, text=True).stdout.strip()


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    root = tmp_path / "shop"
    root.mkdir()
    made = Line(root, monkeypatch, capsys)
    made.git("init", "-q", "-b", "main")
    made("init", "--agents", "CA,CC,WA,ARCH")
    made.git("add", ".")
    made.git("commit", "-q", "-m", "Begin")
    return made


def planned(line: Any) -> Any:
    cards = ("--card", "TASK-1:CA", "--card", "TASK-2:CC::Second: with a colon")
    return line.json("sprint", "plan", "1", "--phase", "7", "--title", "First", *cards, "--criterion", "It works")


def test_a_sprint_goes_round_by_commands(line: Line) -> None:
    plan = planned(line)
    assert plan["schema"] == "bluelabel.sprint/1"
    assert plan["state"] == "planned"
    assert plan["plan"]["cards"][1]["title"] == "Second: with a colon"
    assert plan["plan"]["tag"] == "v0.7-alpha1"
    assert "Phase 7 Sprint 1: First is launched" in line("sprint", "launch")
    assert "launched already" in line("sprint", "launch", "--sprint", "1")
    assert "launched already" in line("sprint", "launch", "1")
    assert "two sprints are named" in line("sprint", "launch", "1", "--sprint", "2", code=2)
    line.git("add", ".")
    line.git("commit", "-q", "-m", "Launch")
    assert "0 of 2 completed" in line("sprint", "status").replace("cards ", "")
    assert [s["state"] for s in map(json.loads, line("sprint", "status", "--all", "--json").splitlines())] == [
        "launched"
    ]
    assert "First" in line("sprint", "status", "--all")
    line("card", "set", "TASK-1", "status", "COMPLETED")
    told = line.json("sprint", "burndown", "--svg", str(line.root / "chart.svg"))
    assert told["days"][-1]["remaining"] == 1
    assert (line.root / "chart.svg").read_text().startswith("<svg")
    assert "█" in line("sprint", "burndown")
    assert "sprint.launched" in line("sprint", "summary")
    told = line.json("sprint", "closeout", "--dry-run", code=1)
    assert [drift["target"] for drift in told["drifts"]] == ["TASK-2"]
    assert "TASK-2 is NOT_STARTED" in line("sprint", "closeout", code=1)
    line("card", "set", "TASK-2", "status", "COMPLETED")
    assert "nothing is in the way" in line("sprint", "closeout", "--dry-run")
    refused = line("sprint", "closeout", code=1)
    assert "a person has to agree: make the tag v0.7-alpha1" in refused
    assert "--approve tag" in refused
    told = line.json("sprint", "closeout", "--yes")
    assert told["closed"]
    assert told["state"] == "closed"
    assert told["head"]["seq"] > told["launched"]
    assert "is closed" in line("sprint", "closeout")
    told = line.json(
        "sprint", "postmortem", "--sprint", "1", "--action", "CA:Write more", "--action", "No owner: at all"
    )
    assert [(item["text"], item["owner"]) for item in told["action_items"]] == [
        ("Write more", "CA"),
        ("No owner: at all", None),
    ]
    assert "[x] AI-7-1-1: Write more (CA)" in line("sprint", "postmortem", "--done", "AI-7-1-1")
    assert "[ ] AI-7-1-2" in line("sprint", "postmortem")


def test_a_ledger_that_was_cut_after_the_closing_is_found_out(line: Line) -> None:
    planned(line)
    line("sprint", "launch")
    line.git("add", ".")
    line.git("commit", "-q", "-m", "Launch")
    for card in ("TASK-1", "TASK-2"):
        line("card", "set", card, "status", "COMPLETED")
    told = line.json("sprint", "closeout", "--yes")
    line("log", "verify")
    [segment] = (line.root / ".git/bluelabel/ledger").glob("*.jsonl")
    events = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(events[: told["head"]["seq"] - 2]))
    (line.root / ".git/bluelabel/index.db").unlink()

    assert str(told["head"]["seq"]) in line("log", "verify", code=1)


def test_wrong_calls_are_answered_with_a_code_and_a_hint(line: Line) -> None:
    assert "plan one with" in line("sprint", "status", code=3)
    assert "2026-01-31" in line("sprint", "plan", "1", "--phase", "7", "--start", "soon", code=2)
    assert "no agent, group or queue" in line("sprint", "plan", "1", "--phase", "7", "--card", "TASK-1:XX", code=3)
    assert "not a sprint number" in line("sprint", "plan", "../1", "--phase", "7", code=2)
    planned(line)
    assert "is not launched" in line("sprint", "closeout", code=4)
    line("sprint", "launch")
    assert "is launched" in line("sprint", "plan", "1", "--phase", "7", code=4)
    (line.root / "bluelabel.toml").write_text('[sprint]\nroutine = ["nonsense"]\n')
    assert "unknown step 'nonsense'" in line("sprint", "status", code=5)


def test_the_settings_reach_the_desk(line: Line) -> None:
    tables = (
        '[workspace]\nagents = ["CA", "CC", "WA", "ARCH"]',
        '[evidence]\ntest = "false --flag"\ntimeout = "5s"',
        '[sprint]\ntag = "r{number}"',
    )
    (line.root / "bluelabel.toml").write_text("\n".join(tables))
    assert planned(line)["plan"]["tag"] == "r1"
    line("sprint", "launch")
    told = line.json("sprint", "closeout", "--dry-run", code=1)

    assert ("tests", "false --flag") in [(drift["kind"], drift["target"]) for drift in told["drifts"]]


def closable(line: Line) -> None:
    """Plan and launch a sprint of two cards, one with a branch, and complete them."""
    line("sprint", "plan", "1", "--phase", "7", "--card", "TASK-1:CA:dev/TASK-1-x", "--card", "TASK-2:CC")
    line("sprint", "launch")
    line.git("add", ".")
    line.git("commit", "-q", "-m", "Launch")
    line.git("branch", "dev/TASK-1-x", line.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "Work"))
    for card in ("TASK-1", "TASK-2"):
        line("card", "set", card, "status", "COMPLETED")


def test_the_commands_for_approvals_serve_the_closing_of_a_sprint(line: Line) -> None:
    closable(line)
    assert "bluelabel approve closeout-7-1 merge" in line("sprint", "closeout", code=1)
    assert "rejected merge of closeout-7-1: merge into main" in line(
        "reject", "closeout-7-1", "merge", "--reason", "no"
    )
    assert "did not agree (no)" in line("sprint", "closeout", code=1)
    given = line.json("approve", "closeout-7-1", "merge")
    assert (given["run_id"], given["step_id"], given["verdict"]) == ("closeout-7-1", "merge", "approved")
    assert "already" in line("approve", "closeout-7-1", "merge", code=4)
    assert "did you mean tag" in line("approve", "closeout-7-1", "tagg", code=3)
    assert "closeout --approve tag" in line("sprint", "closeout", code=1)
    line("approve", "closeout-7-1", "tag")

    assert "is closed" in line("sprint", "closeout")
    assert line.git("rev-list", "--count", "--merges", "HEAD") == "1"


def test_a_clone_tells_what_it_has_and_names_what_it_has_not(line: Line) -> None:
    closable(line)
    line.git("add", ".")
    line.git("commit", "-q", "-m", "Complete")
    line("sprint", "closeout", "--yes")
    line.git("add", ".")
    line.git("commit", "-q", "--allow-empty", "-m", "Boxes")
    summary = line.root / "reports/SPRINT_1_SUMMARY.md"
    written, first = summary.read_bytes(), line.root
    line.root = first.with_name("clone")
    line.root.mkdir()
    line.git("clone", "-q", str(first), ".")
    line("init")
    told = line.json("sprint", "status")

    assert (told["state"], told["recorded"], told["tag"]) == ("closed", False, "v0.7-alpha1")
    assert "messages" in told["missing"][0]
    assert "not here: this ledger saw nothing" in line("sprint", "burndown")
    assert "was left as it is: another ledger closed this sprint" in line("sprint", "summary")
    assert (line.root / "reports/SPRINT_1_SUMMARY.md").read_bytes() == written
    assert "is closed" in line("sprint", "closeout")


def test_a_chart_is_printed_or_written_or_refused_with_its_place(line: Line) -> None:
    assert "no sprint is planned" in line("sprint", "status", "--all")
    planned(line)
    assert "is not launched" in line("sprint", "postmortem", "--sprint", "1", code=4)
    line("sprint", "launch")

    assert line("sprint", "burndown", "--svg", "-").startswith("<svg")
    told = line("sprint", "burndown", "--svg", "/nonexistent/x.svg", code=6)
    assert "a folder that is not there: /nonexistent/x.svg" in told


def test_a_routine_that_the_project_chose_is_what_runs_and_what_the_checklist_says(line: Line) -> None:
    with (line.root / "bluelabel.toml").open("a") as settings:
        settings.write('\n[sprint]\nroutine = ["reports"]\n')
    closable(line)
    assert line.json("sprint", "closeout", "--yes")["closed"]
    steps = list(line.json("run", "dag", "--status", "closeout-7-1")["steps"])
    text = (line.root / "docs/system/TEMPLATE_SPRINT_CLOSEOUT.md").read_text()
    headings = [heading.partition(". ")[2] for heading in text.splitlines() if heading.startswith("## ")]

    assert headings == [step.title for step in CHECKLIST if step.id in steps]
    assert "reports" in steps
    assert not {"tests", "sync", "coverage"} & set(steps)


def test_a_slip_in_a_plan_is_named_and_no_plan_is_launched_by_chance(line: Line) -> None:
    planned(line)
    line("sprint", "launch")
    line("card", "set", "TASK-1", "status", "COMPLETED")
    assert "is launched already" in line("sprint", "launch").replace("was launched", "is launched")
    slips = ("--card", "TASK-1", "--card", "TASK-9", "--branch", "nowhere", "--tag", "-x")

    assert line.json("sprint", "plan", "2", "--phase", "7", *slips)["remarks"] == [
        "not in TASK_CARDS.md yet, and added at the launch: TASK-9",
        "done already: TASK-1",
        "assigned to nobody: TASK-9",
        "there is no branch called 'nowhere' to end on",
        "git allows no tag called '-x'",
    ]
    assert "cannot be launched without" in line("sprint", "plan", "3", "--phase", "7")
    assert "not an id of a card: 'T9'" in line("sprint", "plan", "4", "--phase", "7", "--card", "T9", code=2)
    assert "the first day is not a day: '20261128'" in line(
        "sprint", "plan", "4", "--phase", "7", "--start", "20261128", code=2
    )
    assert "is not launched" in line("sprint", "closeout", "--sprint", "2", "--dry-run", code=4)
    line("card", "set", "TASK-2", "status", "COMPLETED")
    line.git("add", ".")
    line.git("commit", "-q", "-m", "Done")
    assert line.json("sprint", "closeout", "--sprint", "1", "--yes")["closed"]
    assert "Sprint 1: First is closed" in line("sprint", "closeout", "--sprint", "1", "--dry-run")
    assert "several sprints are planned: 2, 3" in line("sprint", "launch", code=1)


def test_what_nobody_has_read_yet_is_named_by_a_dry_run_and_read_by_the_closing(line: Line) -> None:
    closable(line)
    box = line.root / "postbox/CA/outbox.json"
    report = {"to": "ARCH", "type": "task_result", "task_id": "TASK-1", "content": {"body": "done"}}
    box.write_text(json.dumps([*json.loads(box.read_text())[:-1], report, None]))
    before = box.read_bytes()

    told = line("sprint", "closeout", "--dry-run", code=1)
    assert "written into the boxes of CA and not read yet" in told
    assert "error: nothing else is in the way, but this is not merged yet: dev/TASK-1-x\n" in told
    assert line.json("sprint", "closeout", "--dry-run", code=1)["unread"] == ["CA"]
    assert box.read_bytes() == before
    assert "1 of 2 completed cards were reported on" in line("sprint", "closeout", "--yes")


@pytest.mark.parametrize(
    ("text", "number", "what"),
    [
        ("[sprint]\nremote = 'up'\n\n  tag = 1\n", 4, "sprint.tag is not a text"),
        (
            '[[sprint.step]]\nid = "a"\nrun = ["x"]\nafter = "tests"\n[[sprint . step]]\nid = "b"\nrun = 1\n',
            7,
            "list",
        ),
        ('[[sprint.step]]\nrun = ["x"]\n', 1, "sprint.step.id is not a text"),
        ('[sprint.documents]\n"A.md" = 1\n', 1, "names no paths"),
        ("[evidence]\ntest = 5\n", 2, "evidence.test is not a list"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_place(line: Line, text: str, number: int, what: str) -> None:
    planned(line)
    file = line.root / "bluelabel.toml"
    start = file.read_text().count("\n")
    with file.open("a") as settings:
        settings.write(text)
    told = line("sprint", "closeout", "--dry-run", code=5)

    assert what in told
    assert f"bluelabel.toml:{start + number}\nhint: " in told
