"""While `bluelabel up` watches the card file, what git and people take back stays taken back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_driver import bluelabel
from up_process import Up

from bluelabel.services.cards.text.parser import parse

CARDS = "TASK_CARDS.md"
WAYS: dict[str, list[list[str]]] = {
    "checkout": [["checkout", "--", CARDS]],
    "restore": [["restore", CARDS]],
    "stash": [["stash", "push", "-q"]],
    "reset": [["reset", "-q", "--hard"]],
    "revert": [["commit", "-q", "-a", "-m", "Blocked"], ["revert", "--no-edit", "HEAD"]],
    "reset of a commit": [["commit", "-q", "-a", "-m", "Blocked"], ["reset", "-q", "--hard", "HEAD~1"]],
}


class Watched:
    """A repository that `up` serves."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / CARDS
        self.up = Up(root, "--no-workers")
        self.up.until(lambda: "serving" in self.up.said())

    def git(self, *args: str) -> str:
        settings = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_EDITOR": ":"}
        done = subprocess.run(["git", *settings, *args], cwd=self.root, env=env, capture_output=True, check=True)
        return done.stdout.decode()

    def told(self) -> list[tuple[str, str]]:
        """Return what the ledger was told of saves that took a status back: by whom, and to what."""
        lines = bluelabel(self.root, "log", "--json").lines
        return [(line["by"], line["after"]) for line in lines if "seen" in line and line["kind"] == "card.changed"]


@pytest.fixture
def watched(tmp_path: Path, sample: Callable[[str], bytes]) -> Iterator[Watched]:
    root = tmp_path / "project"
    root.mkdir()
    (root / CARDS).write_bytes(sample("tracker"))
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=root, check=True)
    assert bluelabel(root, "init", "--agents", "CC,CA").code == 0
    made = Watched(root)
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "Begin")
    yield made
    if made.up.process.poll() is None:
        made.up.process.kill()
        made.up.process.wait()
    made.up.log.close()


@pytest.mark.timeout(120)
def test_while_up_watches_what_git_and_people_take_back_stays_so(watched: Watched) -> None:
    before = watched.path.read_bytes()
    reverts: list[tuple[str, str]] = []
    for way in ("hand", *WAYS):
        assert bluelabel(watched.root, "card", "set", "TASK-210C", "status", "BLOCKED").code == 0
        assert watched.path.read_bytes() != before, way
        if way == "hand":
            watched.path.write_bytes(before)
        for words in WAYS.get(way, []):
            watched.git(*words)
        reverts.append(("HUMAN", "pending"))
        watched.up.until(lambda: watched.told() == reverts)
        assert bluelabel(watched.root, "card", "list").code == 0
        assert watched.path.read_bytes() == before, way
    assert watched.up.end() == 0
    assert watched.path.read_bytes() == before


@pytest.mark.timeout(120)
def test_while_up_watches_branches_keep_their_cards(watched: Watched) -> None:
    assert bluelabel(watched.root, "card", "set", "TASK-210C", "status", "BLOCKED").code == 0
    watched.git("commit", "-q", "-a", "-m", "Blocked")
    blocked = watched.path.read_bytes()
    watched.git("checkout", "-q", "-b", "dev/x", "HEAD~1")
    assert bluelabel(watched.root, "card", "set", "TASK-210C", "status", "IN_PROGRESS").code == 0
    watched.git("commit", "-q", "-a", "-m", "Begun")
    begun = watched.path.read_bytes()
    begun_as = parse(begun).card("TASK-210C").status_raw
    for number in range(12):
        branch, text = (("main", blocked), ("dev/x", begun))[number % 2]
        watched.git("checkout", "-q", branch)
        if number % 3:
            assert bluelabel(watched.root, "card", "list").code == 0
        assert watched.path.read_bytes() == text
    assert watched.up.end() == 0
    assert watched.path.read_bytes() == begun
    assert watched.git("status", "--porcelain", CARDS) == ""
    lines = [line for line in bluelabel(watched.root, "log", "--json").lines if line["kind"] == "card.changed"]
    last = {line["branch"]: line["after"] for line in lines}
    assert (last["main"], last["dev/x"]) == ("BLOCKED 🔴", begun_as)


@pytest.mark.timeout(120)
def test_while_up_watches_an_older_copy_loses_nothing_and_that_is_said(watched: Watched) -> None:
    old = watched.path.read_bytes()
    assert bluelabel(watched.root, "card", "set", "TASK-210C", "status", "BLOCKED").code == 0
    watched.path.write_bytes(old.replace(b"Reads the file.", b"Reads all files."))
    watched.up.until(lambda: "both are kept" in watched.up.said())

    text = watched.path.read_text(encoding="utf-8")
    assert "**Status**: pending  \n**Status (other side)**: BLOCKED 🔴" in text
    assert "Reads all files." in text
    assert watched.up.end() == 0
