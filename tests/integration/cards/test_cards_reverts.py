"""A change of a card that git or a person takes back stays taken back; the ledger learns of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from editors import backed_up, renamed_over

from bluelabel.interfaces.errors import Conflict, NotFound
from bluelabel.services.cards import card_store as desks
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_file import Report
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.file_state import Memory, State
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.book import Book
from bluelabel.services.sprint.figures import status_facts

CARDS = "TASK_CARDS.md"


class Tree:
    """A git repository with a card file, and boards over it."""

    def __init__(self, root: Path, data: bytes, *, attributes: str = "") -> None:
        self.root, self.path, self.home = root, root / CARDS, root / ".git" / "bluelabel"
        self.git("init", "-q", "-b", "main")
        if attributes:
            (root / ".gitattributes").write_text(attributes)
        self.path.write_bytes(data)
        self.commit("Begin")
        self.home.mkdir()
        self.book = Book.open(self.home, (CardsProjection(),))
        self.board().inspect()

    def git(self, *args: str) -> str:
        done = subprocess.run(["git", *args], cwd=self.root, capture_output=True, check=False)
        assert done.returncode == 0, (args, done.stderr.decode(), done.stdout.decode())
        return done.stdout.decode()

    def commit(self, words: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", words)

    def board(self, actor: str = "CC") -> Board:
        return Board(Desk(self.path, self.book, self.home, actor, GitRepository.find(self.root), person="MAX"))

    def set(self, value: str, name: str = "TASK-210C") -> None:
        self.board().set(name, "status", value)

    def looked(self) -> Report:
        """Look twice, as a watcher and the next command do; return what the first look told."""
        told = self.board().inspect()
        assert not self.board().inspect()
        return told

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def status(self, name: str = "TASK-210C") -> str | None:
        return parse(self.data).card(name).status_raw

    def last(self, name: str = "TASK-210C") -> tuple[str, str | None]:
        """Return who changed a status last and to what, as the ledger has it."""
        changes = [event for event in self.board().history(name) if event.get("field") == "status"]
        return changes[-1]["by"], changes[-1]["after"]


@pytest.fixture(autouse=True)
def _own_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "tester@example.com")


@pytest.fixture
def tree(tmp_path: Path, sample: Callable[[str], bytes]) -> Iterator[Tree]:
    made = Tree(tmp_path, sample("tracker"))
    yield made
    made.book.close()


def by_hand(tree: Tree) -> None:
    tree.path.write_bytes(tree.data.replace("**Status**: BLOCKED 🔴  ".encode(), b"**Status**: pending  "))


WAYS: dict[str, Callable[[Tree], object]] = {
    "hand": by_hand,
    "checkout": lambda tree: tree.git("checkout", "--", CARDS),
    "checkout of HEAD": lambda tree: tree.git("checkout", "HEAD", "--", CARDS),
    "checkout of all": lambda tree: tree.git("checkout", "-f"),
    "restore": lambda tree: tree.git("restore", CARDS),
    "restore of a source": lambda tree: tree.git("restore", "--source=HEAD", "--staged", "--worktree", CARDS),
    "stash": lambda tree: tree.git("stash", "push", "-q"),
    "stash of the file": lambda tree: tree.git("stash", "push", "-q", "--", CARDS),
    "reset": lambda tree: tree.git("reset", "-q", "--hard"),
    "apply": lambda tree: (
        (tree.root / ".git" / "p").write_text(tree.git("diff")),
        tree.git("apply", "-R", ".git/p"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_change_that_was_not_committed_is_taken_back_and_stays_so(tree: Tree, way: str) -> None:
    before = tree.data
    tree.set("BLOCKED")
    WAYS[way](tree)
    told = tree.looked()

    assert tree.data == before
    assert (told.alarms, told.clashes) == ([], [])
    assert tree.last() == ("MAX", "pending")


COMMITTED: dict[str, Callable[[Tree], object]] = {
    "revert": lambda tree: tree.git("revert", "--no-edit", "HEAD"),
    "revert without a commit": lambda tree: tree.git("revert", "-n", "HEAD"),
    "reset": lambda tree: tree.git("reset", "-q", "--hard", "HEAD~1"),
    "reset that keeps": lambda tree: tree.git("reset", "-q", "--keep", "HEAD~1"),
    "checkout of a version": lambda tree: tree.git("checkout", "-q", "HEAD~1", "--", CARDS),
    "restore of a version": lambda tree: tree.git("restore", "--source=HEAD~1", CARDS),
    "a merge of the contrary": lambda tree: (
        tree.git("checkout", "-q", "-b", "side"),
        tree.git("revert", "--no-edit", "HEAD"),
        tree.git("checkout", "-q", "main"),
        tree.git("merge", "-q", "--no-ff", "-m", "Merge", "side"),
    ),
}


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("way", COMMITTED)
def test_a_committed_change_is_taken_back_and_stays_so(tree: Tree, way: str, between: bool) -> None:
    before = tree.data
    tree.set("BLOCKED")
    tree.commit("Blocked")
    if between:
        assert not tree.looked()
    COMMITTED[way](tree)
    told = tree.looked()

    assert tree.data == before
    assert (told.alarms, told.clashes) == ([], [])
    assert tree.last() == ("MAX", "pending")


def test_several_changes_of_several_cards_are_taken_back_together(tree: Tree) -> None:
    before = tree.data
    tree.set("BLOCKED")
    tree.board().check("TASK-210C", 1)
    tree.board().set("TASK-210E", "branch", "dev/x")
    tree.board().move("TASK-210A", "statistics")
    tree.board().archive(["TASK-210B"])
    tree.git("checkout", "--", CARDS)
    told = tree.looked()

    assert tree.data == before
    assert not told
    kinds = [(event["kind"], event["seen"]) for event in tree.board().history("TASK-210B") if "seen" in event]
    assert kinds == [("card.restored", "git")]
    assert [event["done"] for event in tree.board().history("TASK-210C") if "done" in event] == [True, False]


def test_a_stash_that_comes_back_brings_its_change_back_and_the_ledger_follows(tree: Tree) -> None:
    tree.set("BLOCKED")
    changed = tree.data
    tree.git("stash", "push", "-q")
    tree.looked()
    assert tree.last() == ("MAX", "pending")
    tree.git("stash", "pop", "-q")
    assert not tree.looked()

    assert tree.data == changed
    assert tree.last() == ("MAX", "BLOCKED 🔴")
    statuses = [fact.status for fact in status_facts(tree.book.read())]
    assert statuses == ["BLOCKED", "NOT_STARTED", "BLOCKED"]


def test_a_stash_that_comes_back_onto_another_change_is_merged_and_stands(tree: Tree) -> None:
    tree.set("BLOCKED")
    tree.git("stash", "push", "-q")
    tree.looked()
    tree.board().set("TASK-210E", "priority", "LOW")
    tree.commit("Low")
    tree.git("stash", "pop", "-q")
    given = tree.data

    assert not tree.looked()
    assert tree.data == given
    assert (tree.status(), tree.last()) == ("BLOCKED 🔴", ("MAX", "BLOCKED 🔴"))


@pytest.mark.parametrize("attributes", ["* text=auto eol=crlf\n", "* text eol=lf\n", "* -text\n"])
def test_a_version_is_known_whatever_its_line_endings(
    tmp_path: Path, sample: Callable[[str], bytes], attributes: str
) -> None:
    end = b"\r\n" if "crlf" in attributes else b"\n"
    tree = Tree(tmp_path, sample("tracker").replace(b"\n", end), attributes=attributes)
    tree.git("checkout", "-q", "--", CARDS)
    before = tree.data
    tree.set("BLOCKED")
    tree.board().set("TASK-210E", "branch", "dev/x")
    tree.git("checkout", "-f", "-q")

    assert before.count(end)
    assert not tree.looked()
    assert tree.data == before
    tree.book.close()


def test_a_card_that_git_takes_away_is_told_without_alarm_and_can_be_brought_back(tree: Tree) -> None:
    before = tree.data
    made = tree.board().new("Fresh")
    tree.git("checkout", "--", CARDS)
    told = tree.looked()

    assert tree.data == before
    assert told.alarms == []
    assert made in told.notes[0]
    assert tree.board().history(made)[-1]["kind"] == "card.archived"
    assert tree.board().restore([made]) == [made]
    assert made in parse(tree.data).by_id


def test_an_older_commit_without_some_cards_is_told_without_alarm(tree: Tree) -> None:
    before = tree.data
    tree.path.write_bytes(before + b"\n### TASK-900: By hand\nStatus: pending\n")
    tree.board().inspect()
    tree.commit("One more")
    tree.board().new("Fresh")
    tree.commit("And one")
    tree.git("reset", "-q", "--hard", "HEAD~2")
    told = tree.looked()

    assert tree.data == before
    assert told.alarms == []
    assert "TASK-900" in told.notes[0]
    assert tree.board().restore() == []
    assert tree.board().restore(["TASK-900"]) == ["TASK-900"]


def test_a_new_commit_that_loses_cards_is_an_alarm(tree: Tree) -> None:
    tree.path.write_bytes(b"# Mine\n\n### TASK-500: Only this\nStatus: COMPLETED\n")
    tree.commit("Rewritten")

    assert len(tree.board().inspect().alarms[0].lost) == 5
    assert len(tree.board().restore()) == 5


def test_a_file_that_goes_with_its_commit_stays_away(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "_GONE", 0.02)
    tree.board().new("Fresh")
    tree.git("rm", "-q", "-f", CARDS)
    tree.board().inspect()

    assert not tree.path.exists()


def test_each_branch_keeps_what_was_changed_on_it(tree: Tree) -> None:
    tree.set("BLOCKED")
    tree.commit("Blocked")
    tree.git("checkout", "-q", "-b", "dev/x", "HEAD~1")
    assert not tree.looked()
    assert tree.status() == "pending"
    tree.set("IN_PROGRESS")
    tree.commit("Begun")
    working = tree.status()
    for branch, status in (("main", "BLOCKED 🔴"), ("dev/x", working), ("main", "BLOCKED 🔴")):
        tree.git("checkout", "-q", branch)
        assert not tree.looked()
        assert tree.status() == status
    assert tree.git("status", "--porcelain") == ""
    assert [event for event in tree.book.read() if "seen" in event.data] == []


def test_a_branch_is_asked_for_once_git_has_done_with_it(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout writes the files first; here it says which branch it is while the cards are looked at."""
    tree.set("BLOCKED")
    tree.commit("Blocked")
    tree.git("checkout", "-q", "-b", "dev/x", "HEAD~1")
    tree.board().inspect()
    tree.set("IN_PROGRESS")
    tree.commit("Begun")
    tree.git("checkout", "-q", "main")
    there = tree.git("show", f"dev/x:{CARDS}").encode()
    tree.path.write_bytes(there)
    lock = tree.root / ".git" / "index.lock"
    lock.touch()

    def switched(_seconds: float) -> None:
        if lock.exists():
            lock.unlink()
            tree.git("symbolic-ref", "HEAD", "refs/heads/dev/x")

    monkeypatch.setattr(time, "sleep", switched)

    assert not tree.board().inspect()
    assert tree.data == there
    assert [event for event in tree.book.read() if "seen" in event.data] == []


def test_what_was_changed_before_a_branch_was_made_is_kept_against_an_older_copy_on_it(tree: Tree) -> None:
    old = tree.data
    tree.set("BLOCKED")
    tree.git("checkout", "-q", "-b", "dev/x")
    tree.board().inspect()
    tree.path.write_bytes(old.replace(b"Reads the file.", b"Reads all files."))
    told = tree.board().inspect()

    assert len(told.clashes) == 1
    assert "(other side)**: BLOCKED 🔴" in tree.data.decode()


def test_another_worktree_is_another_file(tree: Tree) -> None:
    tree.set("BLOCKED")
    changed = tree.data
    other = tree.root / "other"
    tree.git("worktree", "add", "-q", "-b", "dev/y", str(other))
    there = Board(Desk(other / CARDS, tree.book, tree.home, "CA", GitRepository.find(other), person="MAX"))
    there.inspect()
    there.set("TASK-210C", "status", "IN_PROGRESS")
    subprocess.run(["git", "checkout", "-q", "--", CARDS], cwd=other, check=True)

    assert not there.inspect()
    assert parse((other / CARDS).read_bytes()).card("TASK-210C").status_raw == "pending"
    assert not tree.looked()
    assert tree.data == changed


def test_two_changes_and_one_taken_back_by_hand(tree: Tree) -> None:
    for first in (True, False):
        before = tree.data
        tree.set("BLOCKED")
        tree.board().set("TASK-210E", "branch", "dev/x")
        line = next(line for line in tree.data.splitlines() if b"dev/x" in line)
        taken = (b"BLOCKED \xf0\x9f\x94\xb4", b"pending") if first else (line + b"\n", b"")
        saved = tree.data.replace(*taken)
        tree.path.write_bytes(saved)

        assert not tree.looked()
        assert tree.data == saved
        tree.path.write_bytes(before)
        tree.board().inspect()


@pytest.mark.parametrize("editor", [renamed_over, backed_up])
def test_a_hand_edit_in_the_same_second_stands(tree: Tree, editor: Callable[[Path, bytes], None]) -> None:
    before = tree.data
    tree.set("BLOCKED")
    for words in (b"pending", b"Pending", b"NOT_STARTED"):
        saved = before.replace(b"**Status**: pending", b"**Status**: " + words)
        editor(tree.path, saved)
        assert not tree.looked()
        assert tree.data == saved


def test_a_line_that_was_added_and_is_taken_out_by_hand_stays_out(tree: Tree) -> None:
    tree.board().set("TASK-210E", "branch", "dev/x")
    line = next(line for line in tree.data.splitlines() if b"dev/x" in line)
    saved = tree.data.replace(line, b"")
    tree.path.write_bytes(saved)

    assert not tree.looked()
    assert tree.data == saved


def test_a_new_card_that_is_taken_out_by_hand_stays_out(tree: Tree) -> None:
    before = tree.data + b"\nNot committed.\n"
    tree.path.write_bytes(before)
    tree.looked()
    made = tree.board().new("Fresh")
    tree.path.write_bytes(before)

    assert tree.board().inspect().alarms[0].lost == (made,)
    assert tree.data == before


def test_of_an_older_copy_of_two_fields_both_are_kept(tree: Tree) -> None:
    old = tree.data
    tree.set("BLOCKED")
    tree.board().set("TASK-210E", "title", "Other words")
    tree.board().set("TASK-210E", "branch", "dev/x")
    tree.path.write_bytes(old.replace(b"Reads the file.", b"Reads all files."))
    told = tree.board().inspect()

    document = parse(tree.data)
    title = document.card("TASK-210E").title
    assert "Reads all files." in document.text
    assert tree.status() == "pending"
    assert "**Status (other side)**: BLOCKED 🔴" in document.text
    assert "title (other side): Other words -->" in document.text
    assert title != "Other words"
    assert document.card("TASK-210E").raw("branch") == "dev/x"
    assert (len(told.clashes), "older copy" in told.notes[0], told.alarms) == (2, True, [])
    assert tree.last() == ("MAX", "pending")
    assert not tree.looked()


def test_a_copy_as_young_as_the_last_change_takes_an_earlier_one_back_on_purpose(tree: Tree) -> None:
    tree.set("BLOCKED")
    tree.board().set("TASK-210E", "branch", "dev/x")
    saved = tree.data.replace("BLOCKED 🔴".encode(), b"pending").replace(b"Reads the file.", b"Reads all files.")
    tree.path.write_bytes(saved)

    assert not tree.looked()
    assert tree.data == saved


def test_an_editor_that_was_open_over_two_saves_loses_no_change(tree: Tree) -> None:
    old = tree.data
    tree.set("BLOCKED")
    tree.path.write_bytes(tree.data.replace(b"Reads the file.", b"Reads all files."))
    assert not tree.looked()
    tree.path.write_bytes(old + b"\nMore words.\n")
    tree.board().inspect()

    assert "**Status (other side)**: BLOCKED 🔴" in tree.data.decode()
    assert tree.data.endswith(b"\nMore words.\n")


def test_what_a_crash_left_to_be_written_is_written_into_what_git_put_back(tree: Tree) -> None:
    tree.board().set("TASK-210E", "branch", "dev/x")
    drafts = tree.board("CA").plan_move("TASK-210C", "in_progress", by="CA")
    tree.book.append(lambda _db: drafts)
    tree.git("checkout", "--", CARDS)
    tree.board().recover()

    assert tree.status() != "pending"
    assert parse(tree.data).card("TASK-210E").raw("branch") is None
    assert tree.last()[0] == "CA"


def test_what_a_crash_left_is_written_beside_an_older_copy_too(tree: Tree) -> None:
    old = tree.data
    tree.board().set("TASK-210E", "branch", "dev/x")
    drafts = tree.board("CA").plan_move("TASK-210C", "in_progress", by="CA")
    tree.book.append(lambda _db: drafts)
    tree.path.write_bytes(old.replace(b"Reads the file.", b"Reads all files."))
    tree.board().recover()

    assert tree.status() == drafts[-1].data["after"]
    assert parse(tree.data).card("TASK-210E").raw("branch") == "dev/x"
    assert b"Reads all files." in tree.data


def test_a_command_that_dies_while_it_learns_of_a_revert_does_not_undo_it(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree.data
    tree.set("BLOCKED")
    tree.git("checkout", "--", CARDS)

    def dies(_memory: Memory, _state: State) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Memory, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            tree.board().inspect()
    tree.board().recover()

    assert tree.data == before
    assert len([event for event in tree.board().history("TASK-210C") if "seen" in event]) == 1
    tree.git("stash", "list")
    assert not tree.looked()


def test_a_change_of_a_worker_is_taken_back_by_the_name_of_its_card(tree: Tree) -> None:
    before = tree.data
    drafts = tree.board("CA").plan_move("TASK-210C", "in_progress", by="CA", message="m1")
    tree.book.append(lambda _db: drafts)
    tree.board("CA").recover()
    tree.board().set("TASK-210E", "branch", "dev/x")
    after = tree.data
    (event,) = tree.board().undo("TASK-210C")

    assert (event.kind, event.by, event.data["undoes"]) == ("card.changed", "CC", drafts and event.data["undoes"])
    assert "message" not in event.data
    assert tree.status() == "pending"
    assert tree.board().undo("TASK-210E")[0].data["field"] == "branch"
    assert tree.data == before
    tree.board().undo("TASK-210E")
    tree.board().undo("TASK-210C")
    assert tree.data == after


def test_a_revert_that_was_noticed_is_taken_back_by_the_name_of_its_card(tree: Tree) -> None:
    tree.set("BLOCKED")
    changed = tree.data
    tree.git("checkout", "--", CARDS)
    with pytest.raises(Conflict, match="changed again"):
        tree.board().undo()
    tree.board().undo("TASK-210C")

    assert tree.data == changed
    assert not tree.looked()
    made = tree.board().new("Fresh")
    tree.git("checkout", "--", CARDS)
    tree.board().undo(made)
    assert made in parse(tree.data).by_id


@pytest.mark.parametrize("kind", ["field", "tick", "new", "moved"])
def test_what_was_changed_again_meanwhile_is_not_taken_back(tree: Tree, kind: str) -> None:
    board, name = tree.board(), "TASK-210C"
    if kind == "field":
        tree.set("BLOCKED")
        tree.path.write_bytes(tree.data.replace("**Status**: BLOCKED 🔴".encode(), b"**Status**: Done"))
    elif kind == "tick":
        board.check(name, 1)
        tree.path.write_bytes(tree.data.replace(b"- [x] It waits", b"- [x] It waits long"))
    elif kind == "new":
        name = board.new("Fresh")
        tree.path.write_bytes(tree.data.replace(b"Fresh", b"Fresh words"))
    else:
        board.move(name, "statistics")
        block = parse(tree.data)
        card = block.card(name)
        tree.path.write_bytes((block.text[: card.start] + block.text[card.stop :]).encode())
    saved = tree.data
    with pytest.raises(Conflict, match="changed again"):
        tree.board().undo(name)

    assert b"Fresh words" in saved or kind != "new"


def test_nothing_recorded_of_a_card_is_said(tree: Tree) -> None:
    with pytest.raises(NotFound, match="no change of this card"):
        tree.board().undo("TASK-210C")
    with pytest.raises(NotFound, match="no change of this card"):
        tree.board().undo("TASK-999")


def test_the_last_change_of_a_card_is_the_one_that_stands_on_this_branch(tree: Tree) -> None:
    tree.set("BLOCKED")
    tree.commit("Blocked")
    tree.git("checkout", "-q", "-b", "dev/x", "HEAD~1")
    tree.board().inspect()
    tree.board().set("TASK-210C", "status", "COMPLETED", force=True, reason="x")
    tree.commit("Done")
    tree.git("checkout", "-q", "main")
    tree.board().undo("task-210c")
    assert tree.status() == "pending"
    tree.git("checkout", "-q", "-f", "main")
    tree.git("checkout", "-q", "-b", "joined", "dev/x")
    tree.board().undo("TASK-210C")

    assert tree.status() == "pending"


def test_without_git_a_revert_by_hand_stands_too(tmp_path: Path, sample: Callable[[str], bytes]) -> None:
    path = tmp_path / "cards.md"
    path.write_bytes(sample("tracker"))
    (tmp_path / "home").mkdir()
    book = Book.open(tmp_path / "home", (CardsProjection(),))
    board = Board(Desk(path, book, tmp_path / "home", "CC"))
    board.inspect()
    board.set("TASK-210C", "status", "BLOCKED")
    path.write_bytes(sample("tracker"))

    assert not board.inspect()
    assert path.read_bytes() == sample("tracker")
    assert board.history("TASK-210C")[-1]["by"] == "HUMAN"
    book.close()


def test_cards_that_went_elsewhere_go_there_again_with_what_an_older_copy_says_in_them(tree: Tree) -> None:
    old = tree.data
    tree.board().archive(["TASK-210B"])
    tree.board().move("TASK-210C", "statistics")
    tree.board().archive(["TASK-210A"], "docs/archive/A.md")
    tree.path.write_bytes(old.replace(b"Reads the file.", b"Reads all files."))
    told = tree.board().inspect()

    document = parse(tree.data)
    assert "Archive" in document.card("TASK-210B").section
    assert "Statistics" in document.card("TASK-210C").section
    assert "Reads all files." in document.text
    assert "made again: TASK-210" in told.notes[0]
    assert told.alarms == []
    assert not tree.looked()


def test_a_card_that_a_person_wrote_in_is_not_taken_out_again(tree: Tree) -> None:
    made = tree.board().new("Fresh")
    between = tree.data
    tree.board().undo()
    saved = between.replace(b"Fresh", b"Fresh words") + b"\nMore.\n"
    tree.path.write_bytes(saved)

    assert not tree.looked()
    assert tree.data == saved
    assert tree.board().history(made)[-1]["kind"] == "card.restored"


def test_a_second_save_from_an_older_copy_stands_and_is_told(tree: Tree) -> None:
    old = tree.data
    tree.board().check("TASK-210C", 1)
    for words, told in ((b"\nMore.\n", "made again"), (b"\nMore.\nAnd more.\n", "that stands")):
        tree.path.write_bytes(old + words)
        assert told in tree.board().inspect().notes[0]

    assert tree.data == old + b"\nMore.\nAnd more.\n"


def test_where_the_last_text_is_lost_both_are_kept(tree: Tree) -> None:
    tree.path.write_bytes(tree.data + b"\nNot committed.\n")
    tree.board().inspect()
    old = tree.data
    tree.set("BLOCKED")
    for kept in tree.home.glob("cards/*/text-*"):
        kept.write_bytes(b"damaged")
    tree.path.write_bytes(old)
    tree.board().inspect()

    assert "**Status**: pending  \n**Status (other side)**: BLOCKED 🔴" in tree.data.decode()
