import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_driver import Result, bluelabel

from bluelabel.services.cards.text.parser import parse


@pytest.fixture
def space(tmp_path: Path, sample: Callable[[str], bytes]) -> Any:
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull}

    def git(*args: str) -> None:
        subprocess.run(["git", *settings, *args], cwd=tmp_path, check=True, capture_output=True, env=environment)

    git("init", "-q", "-b", "main")
    (tmp_path / "TASK_CARDS.md").write_bytes(sample("tracker"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "reader.py").write_text("x\n")
    (tmp_path / "src" / "main.py").write_text("x\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    (tmp_path / "src" / "main.py").write_text("y\n")
    assert bluelabel(tmp_path, "init").code == 0
    return tmp_path


def card(root: Path, *args: str, **variables: Any) -> Result:
    return bluelabel(root, "card", *args, **variables)


def test_list_filters_by_status_assignee_sprint_section_and_readiness(space: Any) -> None:
    def ids(*args: str) -> list[str]:
        return [line["id"] for line in card(space, "list", "--json", *args).lines]

    assert ids() == ["TASK-210A", "TASK-210B", "TASK-210C", "TASK-210D", "TASK-210E"]
    assert ids("--status", "completed") == ["TASK-210A", "TASK-210B"]
    assert ids("--status", "in progress", "--status", "NONE") == ["TASK-210D"]
    assert ids("--assignee", "cc") == ["TASK-210A", "TASK-210B"]
    assert ids("--ready") == ["TASK-210C", "TASK-210E"]
    assert ids("--section", "statistics") == ["TASK-210E"]
    card(space, "set", "TASK-210A", "sprint", "Sprint 3")
    assert ids("--sprint", "3") == ["TASK-210A"]
    assert ids("--sprint", "sprint 4") == []
    wrong = card(space, "list", "--status", "splendid")
    assert (wrong.code, "hint: one of:" in wrong.err) == (2, True)


def test_a_card_in_json_has_what_the_contract_names(space: Any) -> None:
    first = card(space, "list", "--json").lines[0]

    assert first == {
        "schema": "bluelabel.card/1",
        "id": "TASK-210A",
        "title": "Build the reader",
        "status": "COMPLETED",
        "status_raw": "COMPLETED ✅",
        "status_unknown": False,
        "assignee": "CC",
        "assignees": ["CC"],
        "line": 30,
        "priority": "HIGH",
        "section": "Active Tasks",
        "dependencies": [],
        "ready": False,
    }


def test_people_get_tables_and_lines(space: Any) -> None:
    assert "TASK-210B" in card(space, "list").out
    assert "5 of 5 cards" in card(space, "list").out
    shown = card(space, "show", "TASK-210A").out
    assert "### TASK-210A: Build the reader" in shown
    assert "COMPLETED (2)" in card(space, "board").out
    assert "TASK-210E" in card(space, "next", "--all").out
    assert "line 85: Total Tasks says 50+, there are 5" in card(space, "stats").out


def test_show_tells_fields_sections_claims_evidence_and_history(space: Any) -> None:
    card(space, "verify", "TASK-210A")
    card(space, "set", "TASK-210A", "priority", "LOW", BLUELABEL_AGENT="CA")
    found = card(space, "show", "TASK-210A", "--json").object

    assert found["fields"]["priority"] == "LOW"
    assert [part["name"] for part in found["sections"]] == ["description", "deliverables", "files created/modified"]
    assert [claim["target"] for claim in found["claims"]] == ["/src/reader.py", "src/main.py"]
    assert found["evidence"]["verdict"] == "verified"
    assert [(event["kind"], event["by"]) for event in found["history"]] == [
        ("card.verified", "HUMAN"),
        ("card.changed", "CA"),
    ]
    people = card(space, "show", "TASK-210A").out
    assert "last check: verified" in people
    assert "CA card.changed priority" in people


def test_next_and_board(space: Any) -> None:
    assert card(space, "next", "--json").object["id"] == "TASK-210E"
    assert card(space, "next", "--assignee", "WA", "--json").object["id"] == "TASK-210C"
    columns = card(space, "board", "--json").object["columns"]
    assert {name: len(cards) for name, cards in columns.items()} == {
        "NOT_STARTED": 2,
        "IN_PROGRESS": 1,
        "COMPLETED": 2,
        "BLOCKED": 0,
        "CANCELLED": 0,
    }
    card(space, "set", "TASK-210C", "status", "BLOCKED")
    card(space, "set", "TASK-210E", "status", "BLOCKED")
    nothing = card(space, "next")
    assert (nothing.code, "nothing to begin" in nothing.err) == (3, True)


@pytest.mark.parametrize(("width", "line"), [("40", "  TASK-210A Build the reader\n"), ("200", "COMPLETED (2) ")])
def test_a_board_stands_side_by_side_where_there_is_room(space: Any, width: str, line: str) -> None:
    shown = card(space, "board", COLUMNS=width).out

    assert line in shown
    assert (width == "40") is (shown.startswith("NOT_STARTED (2)\n"))
    assert "no card: BLOCKED, CANCELLED\n" in shown


def test_a_board_without_cards_says_so(space: Any) -> None:
    (space / "TASK_CARDS.md").write_text("# Task Cards\n")
    card(space, "list")

    assert card(space, "board").out == "no card: NOT_STARTED, IN_PROGRESS, COMPLETED, BLOCKED, CANCELLED\n"


def test_undo_says_how_the_card_stands_then(space: Any) -> None:
    said: list[str] = []
    for words in (
        ("set", "TASK-210A", "priority", "LOW"),
        ("check", "TASK-210A", "1", "--off"),
        ("archive", "TASK-210A"),
        ("archive", "TASK-210A"),
        ("new", "Fresh"),
    ):
        assert card(space, *words).code in (0, 3)
        said.append(card(space, "undo").out)

    assert said[:3] == [
        "TASK-210A: priority is 'HIGH' again\n",
        "TASK-210A: entry 1 is ticked again\n",
        "TASK-210A: back where it was\n",
    ]
    assert said[3:] == ["TASK-210A: back where it was\n", "TASK-210F: taken out again\n"]
    assert card(space, "undo").out == "TASK-210F: back where it was\n"


def test_undo_by_id_takes_back_what_another_has_changed(space: Any) -> None:
    before = (space / "TASK_CARDS.md").read_bytes()
    card(space, "set", "TASK-210C", "status", "BLOCKED", BLUELABEL_AGENT="CA")
    card(space, "set", "TASK-210E", "priority", "LOW", BLUELABEL_AGENT="CC")
    done = card(space, "undo", "--id", "TASK-210C", "--json")

    assert (done.code, done.object["id"], done.object["kind"]) == (0, "TASK-210C", "card.changed")
    assert card(space, "undo", "--id", "TASK-210E").out == "TASK-210E: priority is empty again\n"
    assert (space / "TASK_CARDS.md").read_bytes() == before
    assert card(space, "undo", "--id", "TASK-210E#2").code == 3
    card(space, "set", "TASK-210C", "status", "BLOCKED")
    text = (space / "TASK_CARDS.md").read_text(encoding="utf-8")
    (space / "TASK_CARDS.md").write_text(text.replace("**Status**: BLOCKED 🔴  ", "**Status**: Done  "))
    refused = card(space, "undo", "--id", "TASK-210C")
    assert (refused.code, "status of TASK-210C was changed again since" in refused.err) == (4, True)


def test_a_card_needs_a_title(space: Any) -> None:
    for words in (("new", " "), ("set", "TASK-210A", "title", "")):
        done = card(space, *words)
        assert (done.code, "a card needs a title" in done.err) == (2, True)


def test_a_card_is_made_set_ticked_moved_archived_and_all_of_it_undone(space: Any) -> None:
    options = ["--assignee", "CC", "--priority", "HIGH", "--depends", "TASK-210A", "--set", "branch=dev/x"]
    options += ["--deliverable", "do it", "--path", "a.py (new)", "--description", "What it is."]
    assert card(space, "new", "Fresh", *options).out == "TASK-210F\n"
    made = card(space, "show", "TASK-210F", "--json").object
    assert (made["status"], made["assignees"], made["dependencies"]) == ("NOT_STARTED", ["CC"], ["TASK-210A"])
    assert made["fields"]["branch"] == "dev/x"
    assert card(space, "set", "TASK-210F", "status", "blocked", "--json").object["status_raw"] == "BLOCKED 🔴"
    assert "entry 1 ticked" in card(space, "check", "TASK-210F", "1").out
    assert "entry 1 cleared" in card(space, "check", "TASK-210F", "1", "--off").out
    assert "stands in Task Summary Statistics" in card(space, "move", "TASK-210F", "statistics").out
    assert card(space, "archive", "TASK-210F").out == "TASK-210F archived\n"
    assert card(space, "restore", "TASK-210F").out == "TASK-210F is back\n"
    assert card(space, "undo", "--json").object["id"] == "TASK-210F"
    kinds = [line["kind"] for line in bluelabel(space, "log", "--json").lines if line["kind"].startswith("card.")]
    assert kinds == [
        "card.created",
        "card.changed",
        "card.checked",
        "card.checked",
        "card.changed",
        "card.archived",
        "card.restored",
        "card.archived",
    ]


def test_verify_exits_with_one_when_a_claim_is_false_and_gives_each_claim(space: Any) -> None:
    good = card(space, "verify", "TASK-210A", "--json")
    assert (good.code, good.object["verdict"]) == (0, "verified")
    assert good.object["claims"][0] == {
        "kind": "path-created",
        "text": "- /src/reader.py (new)",
        "target": "/src/reader.py",
        "ok": True,
        "evidence": good.object["claims"][0]["evidence"],
        "line": 45,
    }
    bad = card(space, "verify", "--json")
    assert (bad.code, [line["verdict"] for line in bad.lines]) == (1, ["verified", "false"])
    words = card(space, "verify", "TASK-210B", "TASK-210E", "--rev", "main")
    assert (words.code, "FALSE branch" in words.out) == (1, True)
    assert "claims nothing" in words.out
    assert card(space, "verify", "--rev", "nowhere").code == 3


def test_completed_is_refused_on_a_false_claim_unless_forced_with_a_reason(space: Any) -> None:
    (space / "TASK_CARDS.md").write_bytes(b"### TASK-1: a\nStatus: NOT_STARTED\nBranch: dev/never\n")
    refused = card(space, "set", "TASK-1", "status", "COMPLETED")
    assert (refused.code, refused.out) == (1, "")
    assert "claims are false" in refused.err
    assert "--force --reason" in refused.err
    assert card(space, "set", "TASK-1", "status", "COMPLETED", "--force").code == 2
    assert card(space, "set", "TASK-1", "status", "COMPLETED", "--force", "--reason", "squashed").code == 0


def test_lost_cards_are_told_and_restored(space: Any) -> None:
    card(space, "list")
    (space / "TASK_CARDS.md").write_bytes(b"# Rewritten\n\n### TASK-210C: Wait for the graph\n")
    listed = card(space, "list")
    assert listed.err.startswith(
        "warning: TASK_CARDS.md: a save took out 4 cards (5 -> 1): TASK-210A, TASK-210B, TASK-210D, TASK-210E\nhint: "
    )
    assert card(space, "restore").out.splitlines() == [f"TASK-210{letter} is back" for letter in "ABDE"]
    assert card(space, "restore").out == "nothing is missing\n"


def test_lint_exits_with_one_on_faults_only(space: Any) -> None:
    assert card(space, "lint").code == 0
    assert "0 faults, 2 remarks in 5 cards" in card(space, "lint").out
    with (space / "TASK_CARDS.md").open("ab") as file:
        file.write(b"\n### TASK-210A: Twice\nDependencies: TASK-999\n")
    result = card(space, "lint", "--json")
    assert (result.code, {line["code"] for line in result.lines if line["fault"]}) == (
        1,
        {"duplicate-id", "unknown-dependency"},
    )


FORMS = """# Task Cards

### Task 8: word and number
Status: todo

### T1: by its prefix
Status: todo

### Story 4 - no prefix of ours
Status: todo

```markdown
### TASK-901: Name of the task
Status: todo
```
"""


def test_headings_that_are_not_read_are_told_in_one_line_and_prefixes_can_be_set(space: Any) -> None:
    (space / "TASK_CARDS.md").write_text(FORMS)
    shown = card(space, "list")
    checked = bluelabel(space, "doctor")

    assert [line["id"] for line in card(space, "list", "--json").lines] == ["TASK-8"]
    assert "note: 2 headings look like cards; see `card lint`" in shown.err
    assert "2 headings look like cards" in checked.out
    assert checked.out.count("look") == 1
    told = [line for line in card(space, "lint", "--json").lines if line["code"] == "looks-like-card"]
    assert [(line["line"], line["fault"]) for line in told] == [(6, False), (9, False)]
    with (space / "bluelabel.toml").open("a") as settings:
        settings.write('\n[cards]\nprefixes = ["T", "story"]\n')
    assert [line["id"] for line in card(space, "list", "--json").lines] == ["TASK-8", "T1", "STORY-4"]
    assert "look" not in card(space, "list").err + card(space, "lint").out + bluelabel(space, "doctor").out


def test_a_card_is_changed_by_the_name_of_its_heading_and_the_example_stays(space: Any) -> None:
    text = FORMS.replace("Task 8", "~~Task 8~~").replace("TASK-901", "TASK-8")
    (space / "TASK_CARDS.md").write_text(text)

    assert card(space, "set", "Task 8", "status", "BLOCKED").code == 0
    assert card(space, "set", "TASK-8", "title", "another").code == 0
    wanted = text.replace("todo", "BLOCKED", 1).replace("word and number", "another")
    assert (space / "TASK_CARDS.md").read_text() == wanted
    assert bluelabel(space, "doctor", "--fix").code == 0
    assert (space / "TASK_CARDS.md").read_text() == wanted
    assert card(space, "undo").code == 0
    assert (space / "TASK_CARDS.md").read_text() == text.replace("todo", "BLOCKED", 1)


def test_a_new_card_goes_on_with_the_prefix_of_the_file(space: Any) -> None:
    (space / "TASK_CARDS.md").write_text("# Task Cards\n\n### TC-007 — one\nStatus: todo\n\n### TC-008 — two\n")

    assert card(space, "new", "Next").out.strip() == "TC-009"
    assert card(space, "new", "Bug", "--series", "BUG").out.strip() == "BUG-001"
    assert card(space, "new", "Bug", "--id", "RFC-1").code == 2
    assert [line["id"] for line in card(space, "list", "--json").lines] == ["TC-007", "TC-008", "TC-009", "BUG-001"]


def test_statistics_are_corrected_on_request(space: Any) -> None:
    assert card(space, "stats", "--write", "--json").object["differs"] == []
    assert b"- Total Tasks: 5\n" in (space / "TASK_CARDS.md").read_bytes()


def test_any_file_may_be_named_and_looking_needs_no_workspace(
    space: Any, tmp_path_factory: pytest.TempPathFactory, sample: Callable[[str], bytes]
) -> None:
    alone = tmp_path_factory.mktemp("alone")
    (alone / "T.md").write_bytes(sample("styles"))
    path = str(alone / "T.md")

    assert len(card(alone, "list", "--json", "--file", path).lines) == 12
    assert card(alone, "show", "TASK-001", "--json", "--file", path).object["history"] == []
    assert card(alone, "lint", "--file", path).code == 0
    assert card(alone, "verify", "TASK-001", "--json", "--file", path).object["verdict"] == "unverifiable"
    assert card(alone, "list", "--file", str(alone / "none.md")).code == 3
    assert card(alone, "list").code == 3
    assert card(alone, "set", "TASK-001", "status", "BLOCKED", "--file", path).code == 3
    assert card(space, "set", "TASK-001", "status", "BLOCKED", "--file", path).code == 0
    assert parse((alone / "T.md").read_bytes()).card("TASK-001").status == "BLOCKED"
    assert card(space, "list", "--json", "--file", "TASK_CARDS.md").code == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("show", "TASK-999"), 3, "no such card"),
        (("show", "TASK-210"), 3, "did you mean"),
        (("set", "TASK-210A", "weather", "fine"), 2, "no such field"),
        (("set", "TASK-210A", "status", "splendid"), 2, "not a status"),
        (("set", "TASK-210A", "branch", "a\nb"), 2, "one line"),
        (("check", "TASK-210A", "9"), 3, "no entry 9"),
        (("check", "TASK-210A", "zero"), 2, "zero"),
        (("move", "TASK-210A", "nowhere"), 3, "no such section"),
        (("archive",), 2, "name the cards"),
        (("archive", "TASK-210A", "--to", "../x"), 2, "beside or below"),
        (("new", "x", "--set", "branch"), 2, "not FIELD=VALUE"),
        (("new", "x", "--id", "TASK-210A"), 4, "has this id"),
        (("restore", "TASK-999"), 3, "nothing is known"),
        (("undo",), 3, "nothing to undo"),
        (("stats", "--file", "nothing.md"), 3, "no card file"),
        (("sett",), 2, "set"),
    ],
)
def test_errors_are_one_line_and_a_hint_with_their_exit_code(space: Any, args: Any, code: int, words: str) -> None:
    result = card(space, *args)

    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert "Traceback" not in result.err
    assert result.err.startswith("error: ")


def test_archiving_all_completed_cards_twice_finds_nothing(space: Any) -> None:
    assert card(space, "archive", "--completed").out == "TASK-210A archived\nTASK-210B archived\n"
    again = card(space, "archive", "--completed")
    assert (again.code, "nothing to archive" in again.err) == (3, True)


def test_help_lists_every_command_with_its_summary(space: Any) -> None:
    text = card(space, "--help").out

    for name in (
        "list",
        "show",
        "new",
        "set",
        "check",
        "move",
        "archive",
        "stats",
        "lint",
        "verify",
        "restore",
        "undo",
        "next",
        "board",
    ):
        assert f"\n  {name} " in text


def test_escapes_in_a_card_steer_no_terminal(space: Any) -> None:
    (space / "TASK_CARDS.md").write_bytes(b"### TASK-1: \x1b]0;x\x07 a\nStatus: Done\n**Files:**\n- src/\x1b[31mx.py\n")
    for args in (
        ("list",),
        ("show", "TASK-1"),
        ("verify",),
        ("board",),
        ("lint",),
        ("set", "TASK-1", "branch", "dev/x"),
    ):
        result = card(space, *args)
        assert "\x1b" not in result.out + result.err
