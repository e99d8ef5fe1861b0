"""A sprint of cards whose statuses nobody can read: every command refuses it with the cards' own words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cli_driver import bluelabel

CARDS = """# Task Cards

## Active Tasks

### TASK-1: Parser
Status: Done, tests pending
Assigned: CC

### TASK-2: Writer
**Status:** COMPLETED → reverted
**Assigned:** CA

### TASK-3: Reader
Status: To Do
Assigned: CC
Depends on: TASK-1
"""


def git(root: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=root, capture_output=True, check=True, text=True).stdout.strip()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    assert bluelabel(root, "init", "--agents", "CA,CC,ARCH").code == 0
    (root / "TASK_CARDS.md").write_text(CARDS, encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "Begin")
    return root


def say(root: Path, card: str, status: str) -> None:
    """Write a status by hand, as people do."""
    path = root / "TASK_CARDS.md"
    head, mark, rest = path.read_text("utf-8").partition(f"### {card}:")
    lines = rest.split("\n")
    at = next(number for number, line in enumerate(lines) if "Status" in line)
    lines[at] = f"Status: {status}"
    path.write_text(head + mark + "\n".join(lines), encoding="utf-8")


PLAN = ("sprint", "plan", "1", "--phase", "7", "--title", "First")
BOTH = ("--card", "TASK-1:CC", "--card", "TASK-2:CA")


def test_doubtful_cards_are_shown_as_written_told_and_counted_apart(shop: Path) -> None:
    listed = bluelabel(shop, "card", "list", "--json", "--status", "UNKNOWN").lines
    assert [(one["id"], one["status"], one["status_unknown"], one["status_raw"]) for one in listed] == [
        ("TASK-1", None, True, "Done, tests pending"),
        ("TASK-2", None, True, "COMPLETED → reverted"),
    ]
    assert bluelabel(shop, "card", "list", "--json", "--status", "NONE").lines == []
    assert bluelabel(shop, "card", "list", "--json", "--status", "COMPLETED").lines == []
    shown = bluelabel(shop, "card", "list").out
    assert "? Done, tests pending" in shown
    assert "? COMPLETED → reverted" in shown

    lint = bluelabel(shop, "card", "lint")
    assert lint.code == 1
    assert "TASK_CARDS.md:6:9: the status of TASK-1 is none that is known: “Done, tests pending”" in lint.out
    assert "TASK_CARDS.md:10:13:" in lint.out

    counts = bluelabel(shop, "card", "stats", "--json").object["by_status"]
    assert (counts["unknown"], counts["none"], counts["COMPLETED"], counts["NOT_STARTED"]) == (2, 0, 0, 1)
    board = bluelabel(shop, "card", "board", "--json").object["columns"]
    assert [card["id"] for card in board["UNKNOWN"]] == ["TASK-1", "TASK-2"]
    assert bluelabel(shop, "status", "--json").object["cards"] == {"unknown": 2, "NOT_STARTED": 1}
    assert bluelabel(shop, "card", "archive", "--completed").code == 3  # there is nothing to archive
    assert (shop / "TASK_CARDS.md").read_text("utf-8") == CARDS
    refused = bluelabel(shop, "card", "set", "TASK-1", "status", "Done, mostly")
    assert refused.code == 2
    assert "[cards.statuses]" in refused.err


def test_the_whole_chain_refuses_doubtful_cards_with_their_own_words(shop: Path) -> None:
    said = ("TASK-1 says “Done, tests pending”", "TASK-2 says “COMPLETED → reverted”")

    nothing = bluelabel(shop, "card", "next")
    assert nothing.code == 3
    assert all(words in nothing.err for words in said)

    plan = bluelabel(shop, *PLAN, *BOTH)
    assert plan.code != 0
    assert all(words in plan.err for words in said)
    assert bluelabel(shop, "sprint", "status", "--all", "--json").lines == []
    assert not list(shop.rglob("SPRINT_1_PLAN.md"))

    for card in ("TASK-1", "TASK-2"):
        say(shop, card, "To Do")
    assert bluelabel(shop, *PLAN, *BOTH).code == 0
    say(shop, "TASK-1", "Done, tests pending")
    launch = bluelabel(shop, "sprint", "launch")
    assert launch.code != 0
    assert said[0] in launch.err
    assert bluelabel(shop, "sprint", "status", "--json").object["state"] == "planned"
    assert not [one for one in bluelabel(shop, "log", "--json").lines if one.get("kind") == "message.sent"]

    say(shop, "TASK-1", "To Do")
    assert bluelabel(shop, "sprint", "launch").code == 0
    say(shop, "TASK-1", "Done, tests pending")
    say(shop, "TASK-2", "COMPLETED → reverted")
    git(shop, "add", ".")
    git(shop, "commit", "-q", "-m", "Doubtful")
    status = bluelabel(shop, "sprint", "status", "--json").object
    assert [card["status"] for card in status["cards"]] == ["UNKNOWN", "UNKNOWN"]
    assert {n["key"]: n["value"] for n in status["numbers"] if n["key"].startswith("cards.")} == {
        "cards.planned": 2, "cards.completed": 0, "cards.cancelled": 0, "cards.open": 0, "cards.unknown": 2,
        "cards.forced": 0,
    }  # fmt: skip
    for args in (("closeout", "--dry-run"), ("closeout", "--yes")):
        closing = bluelabel(shop, "sprint", *args)
        assert closing.code == 1
        assert all(words in closing.out + closing.err for words in said)
    assert git(shop, "tag") == ""
    assert bluelabel(shop, "sprint", "status", "--json").object["state"] == "launched"


@pytest.mark.parametrize("status", ["80% done", "Not yet done", "To be done", "~~Done~~ Reopened", "Half done"])
def test_a_sprint_of_open_cards_is_handed_out_and_never_closed(shop: Path, status: str) -> None:
    for card in ("TASK-1", "TASK-2"):
        say(shop, card, status)
    plan = json.loads(bluelabel(shop, *PLAN, *BOTH, "--json").out.splitlines()[-1])
    assert not any("done already" in remark for remark in plan["remarks"])
    launched = bluelabel(shop, "sprint", "launch", "--json").object
    assert launched["assigned"] == {"CC": 1, "CA": 1}
    git(shop, "add", ".")
    git(shop, "commit", "-q", "-m", "Launched")

    assert bluelabel(shop, "sprint", "closeout", "--yes").code == 1
    assert git(shop, "tag") == ""


def test_next_passes_doubtful_cards_over_and_says_so(shop: Path) -> None:
    say(shop, "TASK-1", "Done")
    found = bluelabel(shop, "card", "next", "--json")

    assert [one["id"] for one in found.lines] == ["TASK-3"]
    assert "passed over 1 card with unknown status: TASK-2 says “COMPLETED → reverted”" in found.err


def test_phrases_of_the_settings_are_known_everywhere(shop: Path) -> None:
    with (shop / "bluelabel.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[cards.statuses]\n"done, tests pending" = "IN_PROGRESS"\n"shipped to prod" = "COMPLETED"\n')
    say(shop, "TASK-2", "🚀 Shipped to prod")

    assert bluelabel(shop, "card", "lint").code == 0
    assert bluelabel(shop, "card", "list", "--status", "shipped to prod", "--json").object["id"] == "TASK-2"
    assert bluelabel(shop, "card", "set", "TASK-1", "status", "Shipped to prod").code == 0
    assert bluelabel(shop, "card", "next", "--json").object["id"] == "TASK-3"
    assert bluelabel(shop, *PLAN, *BOTH).code == 0
    assert "done already" in " ".join(bluelabel(shop, *PLAN, *BOTH, "--json").object["remarks"])
    assert bluelabel(shop, "status", "--json").object["cards"] == {"COMPLETED": 2, "NOT_STARTED": 1}


def test_wrong_phrases_in_the_settings_are_refused_with_their_line(shop: Path) -> None:
    text = (shop / "bluelabel.toml").read_text("utf-8")
    (shop / "bluelabel.toml").write_text(text + '\n[cards.statuses]\n"done-ish" = "ALMOST"\n', encoding="utf-8")
    answer = bluelabel(shop, "card", "list")

    assert answer.code != 0
    assert f"bluelabel.toml:{text.count(chr(10)) + 3}" in answer.err
    assert "done-ish is not one of NOT_STARTED" in answer.err
