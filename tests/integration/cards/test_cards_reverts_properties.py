"""Random histories of a card file: tools change it, people save fresh and stale copies, git puts versions back."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.book import Book

CARDS = "TASK_CARDS.md"
NAMES = ("TASK-1", "TASK-2", "TASK-3")
FIELDS = ("status", "assignee", "branch")
TEXT = "# Cards\n\n## Active Tasks\n\n" + "".join(
    f"### {name}: Title {name}\n**Status**: pending  \n**Owner**: CC  \n\nWords of {name}.\n\n- [ ] entry of {name}\n\n"
    for name in NAMES
)
USUAL = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}
number = st.integers(0, 40)
step = st.one_of(
    st.tuples(st.sampled_from(["set", "set", "tick", "new", "undo"]), number),
    st.tuples(st.sampled_from(["words", "field", "back", "both", "stale", "stale"]), number),
    st.tuples(st.sampled_from(["commit", "checkout", "stash", "reset", "revert"]), number),
)


class History:
    """A card file, what was done to it, and what has to be in it."""

    def __init__(self, root: Path, *, git: bool) -> None:
        self.root, self.path, self.home = root, root / CARDS, root / "home"
        self.path.write_text(TEXT)
        self.home.mkdir()
        self.has_git = git
        if git:
            self.git("init", "-q", "-b", "main")
            (root / ".git" / "info" / "exclude").write_text("home\n")
            self.git("add", CARDS)
            self.git("commit", "-q", "-m", "Begin")
            self.git("commit", "-q", "--allow-empty", "-m", "Go on")
        self.book = Book.open(self.home, (CardsProjection(),))
        self.board = Board(Desk(self.path, self.book, self.home, "CC", GitRepository.find(root) if git else None))
        self.board.inspect()
        self.copies: list[tuple[bytes, int]] = []
        self.made: list[tuple[str, str, str]] = []
        self.count = 0
        self.renew()

    def git(self, *args: str) -> int:
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | USUAL
        return subprocess.run(["git", *args], cwd=self.root, env=env, capture_output=True, check=False).returncode

    @property
    def text(self) -> str:
        return self.path.read_text()

    def renew(self) -> None:
        """Begin a new time of copies: what stands in the file now was written by somebody else."""
        self.copies, self.made = [(self.path.read_bytes(), 0)], []

    def save(self, text: str) -> None:
        """Save as a person does who takes a minute over it: not in the very moment of a change."""
        self.path.write_text(text)
        later = self.path.stat().st_mtime + 60
        os.utime(self.path, (later, later))

    def do(self, what: str, number: int) -> None:
        self.count += 1
        name, field = NAMES[number % 3], FIELDS[number // 3 % 3]
        if what in ("set", "tick", "new", "undo"):
            self.tool(what, name, field)
        elif what == "stale":
            self.stale(number)
        elif what in ("words", "field", "back", "both"):
            self.fresh(what, name, field)
        elif self.has_git:
            self.by_git(what)

    def tool(self, what: str, name: str, field: str) -> None:
        before, word = self.path.read_bytes(), f"tool-{self.count}"
        if what == "set" and name in parse(before).by_id:
            value = ("BLOCKED", "IN_PROGRESS", "NOT_STARTED")[self.count % 3] if field == "status" else word
            value = self.board.set(name, field, value).raw(field) or ""
            self.made = [one for one in self.made if one[:2] != (name, field)]
            self.made += [(name, field, value)] if self.path.read_bytes() != before else []
        elif what == "tick" and name in parse(before).by_id:
            self.board.check(name, 1)
            self.made += [(name, "entry", f"[x] entry of {name}")] if self.path.read_bytes() != before else []
        elif what == "new":
            self.made.append((self.board.new(word), "card", word))
        elif what == "undo" and self.made:
            self.board.undo(self.made[-1][0])
            self.renew()  # what counts as made from here on is another question
        self.copies.append((self.path.read_bytes(), len(self.made)))

    def fresh(self, what: str, name: str, field: str) -> None:
        text, word = self.text, f"person-{self.count}"
        if what in ("words", "both"):
            text = text.replace(f"Words of {name}.", f"Words of {name}. {word}")
        document = parse(text.encode())
        if what == "back" and name in document.by_id:  # by hand, as it was in the beginning
            text = edit.set_field(document, document.card(name), "status", "pending").decode()
        elif what in ("field", "both") and name in document.by_id:
            value = ("Done", "CANCELLED", "COMPLETED")[self.count % 3] if field == "status" else word
            text = edit.set_field(document, document.card(name), field, value).decode()
        self.save(text)
        self.board.inspect()
        assert self.text == text, what
        assert not self.board.inspect()
        self.renew()

    def stale(self, number: int) -> None:
        """Save words into an older copy: they are there, and so is every change that the copy did not have."""
        copy, _ = self.copies[number % len(self.copies)]
        word = f"person-{self.count}"
        self.save(copy.decode() + f"\n{word}\n")
        self.board.inspect()
        text = self.text
        assert word in text
        document = parse(text.encode())
        for name, what, value in self.made:
            (card,) = document.by_id[name]
            assert value in text[card.start : card.end], (name, what, value)
        assert not self.board.inspect()
        self.renew()

    def by_git(self, what: str) -> None:
        if what == "commit":
            self.git("commit", "-q", "-a", "-m", "work")
            return
        words = {
            "checkout": ["checkout", "--", CARDS],
            "stash": ["stash", "push", "-q"],
            "reset": ["reset", "-q", "--hard", "HEAD~1"],
            "revert": ["revert", "--no-edit", "HEAD"],
        }
        if what == "revert" and self.git("rev-parse", "HEAD~1") != 0:
            return  # it would take the whole file away
        if self.git(*words[what]) != 0:
            self.git("revert", "--abort")
        given = self.path.read_bytes()
        self.board.inspect()
        assert self.path.read_bytes() == given, what
        assert not self.board.inspect()
        if what == "stash" and self.git("stash", "pop", "-q") == 0:
            given = self.path.read_bytes()
            self.board.inspect()
            assert self.path.read_bytes() == given, "pop"
        self.renew()


def lived(steps: list[tuple[str, int]], *, git: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), git=git)
        try:
            for what, value in steps:
                history.do(what, value)
            _is_told(history)
        finally:
            history.book.close()


def _is_told(history: History) -> None:
    """What the ledger says last of a field that it knows is what stands there."""
    document = parse(history.path.read_bytes())
    for name in NAMES:
        for field in FIELDS:
            changes = [event for event in history.board.history(name) if event.get("field") == field]
            if changes and name in document.by_id:
                assert (changes[-1]["after"] or None) == document.card(name).raw(field), changes


steps = st.lists(step, min_size=2, max_size=9)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_nothing_of_a_person_or_a_tool_is_lost(steps: list[tuple[str, int]]) -> None:
    lived(steps, git=False)


@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_nothing_of_a_person_a_tool_or_git_is_lost(steps: list[tuple[str, int]]) -> None:
    lived(steps, git=True)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@settings(max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_nothing_of_a_person_or_a_tool_is_lost_in_two_thousand_histories(steps: list[tuple[str, int]]) -> None:
    lived(steps, git=False)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_nothing_of_a_person_a_tool_or_git_is_lost_in_five_hundred_histories(steps: list[tuple[str, int]]) -> None:
    lived(steps, git=True)
