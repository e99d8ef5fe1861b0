"""init, status, doctor and recover, in a directory and in a repository with two worktrees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_driver import bluelabel


def git(where: Path, *args: str) -> None:
    names = ["-c", "user.name=T", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *args], cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch", "main")
    assert bluelabel(root, "init").code == 0
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "start")
    return root


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and ".git" not in p.parts}


def test_init_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = bluelabel(tmp_path, "init", "--json").object
    before = snapshot(tmp_path)
    second = bluelabel(tmp_path, "init", "--json").object

    assert first["done"]
    assert second["done"] == []
    assert snapshot(tmp_path) == before


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    answer = bluelabel(tmp_path, "init", "--dry-run", "--json").object

    assert answer["done"]
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_what_people_have_alone(tmp_path: Path) -> None:
    (tmp_path / "TASK_CARDS.md").write_text("mine")
    (tmp_path / ".gitignore").write_text("*.log")
    bluelabel(tmp_path, "init")

    assert (tmp_path / "TASK_CARDS.md").read_text() == "mine"
    assert (tmp_path / ".gitignore").read_text().startswith("*.log\n")


def test_init_takes_names_and_a_directory(tmp_path: Path) -> None:
    import os

    os.chdir(tmp_path)
    answer = bluelabel(tmp_path, "init", str(tmp_path / "x"))
    assert answer.code == 2

    assert bluelabel(tmp_path / "new", "init", "--agents", "ONE,TWO").code == 0
    assert set(bluelabel(tmp_path / "new", "status", "--json").object["mailboxes"]) == {"ONE", "TWO", "HUMAN"}


@pytest.mark.parametrize("names", ["A,a", ",", "../x", "con"])
def test_init_refuses_names_that_cannot_be_folders(tmp_path: Path, names: str) -> None:
    answer = bluelabel(tmp_path, "init", "--agents", names)

    assert answer.code == 2
    assert list(tmp_path.iterdir()) == []


def test_other_names_later_are_refused_with_the_way_to_add_one(tmp_path: Path) -> None:
    bluelabel(tmp_path, "init", "--agents", "A")
    answer = bluelabel(tmp_path, "init", "--agents", "B")

    assert (answer.code, "agent add" in answer.err) == (2, True)


def test_a_message_sent_in_one_worktree_is_claimed_in_the_other_without_a_commit(repository: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(repository.parent / "side"))
    sent = bluelabel(repository, "send", "--from", "ARCH", "--to", "CC", "--body", "x", "--json").object

    claimed = bluelabel(repository.parent / "side", "claim", "CC", "--json").object

    assert claimed["id"] == sent["id"]


def test_clean_stash_and_checkout_leave_the_ledger_alone(repository: Path) -> None:
    bluelabel(repository, "send", "--from", "ARCH", "--to", "CC")
    git(repository, "stash", "--include-untracked", "--quiet") if subprocess.run(
        ["git", "status", "--porcelain"], cwd=repository, capture_output=True, check=True
    ).stdout else None
    git(repository, "clean", "-fdxq")

    assert bluelabel(repository, "claim", "CC", "--json").code == 0


def test_doctor_is_content_with_a_fresh_workspace(repository: Path) -> None:
    answer = bluelabel(repository, "doctor", "--json")

    assert answer.code == 0
    assert {line["state"] for line in answer.lines} <= {"ok", "note"}


def test_doctor_names_damage_and_repairs_cards_keeping_a_copy(repository: Path) -> None:
    cards = repository / "TASK_CARDS.md"
    broken = "# Task Cards\n\n### TASK-1: Tea\nStatus: COMPLETED âœ…\n".encode()
    cards.write_bytes(broken)
    found = bluelabel(repository, "doctor", "--json")
    shown = bluelabel(repository, "doctor", "--fix", "--dry-run")
    assert cards.read_bytes() == broken
    fixed = bluelabel(repository, "doctor", "--fix", "--json")

    assert found.code == 1
    assert "+Status: COMPLETED ✅" in shown.out
    assert fixed.code == 0
    assert "✅" in cards.read_text(encoding="utf-8")
    (copy,) = (repository / ".git" / "bluelabel" / "backups").iterdir()
    assert copy.read_bytes() == broken


def test_doctor_names_a_missing_mailbox_and_damage_in_the_ledger(repository: Path) -> None:
    import shutil

    shutil.rmtree(repository / "postbox" / "CA")
    (segment,) = (repository / ".git" / "bluelabel" / "ledger").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b"ledger.opened", b"ledger.openee"))
    answer = bluelabel(repository, "doctor", "--json")

    bad = {line["area"] for line in answer.lines if line["state"] == "bad"}
    assert (answer.code, {"ledger", "boxes"} <= bad) == (1, True)


def test_doctor_makes_a_missing_mailbox_anew_with_what_waits_in_it(repository: Path) -> None:
    import shutil

    bluelabel(repository, "send", "--from", "ARCH", "--to", "CA", "--task", "TASK-1")
    shutil.rmtree(repository / "postbox" / "CA")
    fixed = bluelabel(repository, "doctor", "--fix", "--json")

    assert (fixed.code, [line["state"] for line in fixed.lines if line["area"] == "boxes"]) == (0, ["fixed", "ok"])
    assert "TASK-1" in (repository / "postbox" / "CA" / "inbox.json").read_text(encoding="utf-8")
    assert (repository / "postbox" / "CA" / "drop").is_dir()


def test_recover_seals_a_torn_tail_once_and_the_next_message_follows(repository: Path) -> None:
    (segment,) = (repository / ".git" / "bluelabel" / "ledger").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"seq":2,"at":"20')
    first = bluelabel(repository, "recover", "--json")
    second = bluelabel(repository, "recover", "--json")
    sent = bluelabel(repository, "send", "--from", "ARCH", "--to", "CC", "--json")

    assert (first.code, bool(first.object["done"])) == (0, True)
    assert (second.code, second.object["done"]) == (0, [])
    assert sent.code == 0
    assert bluelabel(repository, "log", "verify", "--json").object["sealed"] == 1


def test_recover_says_no_when_the_ledger_is_damaged(repository: Path) -> None:
    (segment,) = (repository / ".git" / "bluelabel" / "ledger").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b"ledger.opened", b"ledger.openee"))

    assert bluelabel(repository, "recover").code == 1


def test_the_index_may_vanish_at_any_time(repository: Path) -> None:
    sent = bluelabel(repository, "send", "--from", "ARCH", "--to", "CC", "--json").object
    for file in (repository / ".git" / "bluelabel").glob("index.db*"):
        file.write_bytes(b"not a database, but long enough to look like one" * 100)

    assert bluelabel(repository, "claim", "CC", "--json").object["id"] == sent["id"]
