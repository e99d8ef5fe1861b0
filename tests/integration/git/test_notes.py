"""Notes that two branches write at one place of a card file, brought together by git itself in its four ways."""

from __future__ import annotations

import pytest

from bluelabel.services.git.install import install
from bluelabel.services.git.repository import GitRepository

from .conftest import Scratch

CARDS = "TASK_CARDS.md"
BASE = "# Task Cards\n\n### TASK-001: One\nStatus: IN_PROGRESS\n\n**Notes:**\n"
MINE = "\nmonday CC\n- decided: A\n- open question: none\n\n```\nleft output\n```\n"
OTHER = "\ntuesday CA\n- decided: B\n- open question: none\n\n```\nright output\n```\n"


def forked(scratch: Scratch, base: str, ours: str, theirs: str) -> None:
    """Install the drivers, and leave `theirs` on a branch `side` while `ours` is checked out."""
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    install(repository)
    scratch.commit("base", **{CARDS: base})
    scratch.git("checkout", "-q", "-b", "side")
    scratch.commit("theirs", **{CARDS: theirs})
    scratch.git("checkout", "-q", "main")
    scratch.commit("ours", **{CARDS: ours})


@pytest.mark.parametrize("words", ["merge -q --no-edit side", "rebase -q side", "cherry-pick side"])
@pytest.mark.parametrize("swapped", [False, True])
def test_both_notes_stand_whole_in_one_order(scratch: Scratch, words: str, swapped: bool) -> None:
    sides = (OTHER, MINE) if swapped else (MINE, OTHER)
    forked(scratch, BASE, *(BASE + side for side in sides))
    scratch.git(*words.split())

    assert (scratch.root / CARDS).read_text() == BASE + MINE + OTHER


def test_both_notes_stand_whole_after_a_stash(scratch: Scratch) -> None:
    forked(scratch, BASE, BASE, BASE)
    scratch.write(CARDS, BASE + MINE)
    scratch.git("stash", "-q")
    scratch.commit("theirs", **{CARDS: BASE + OTHER})
    scratch.git("stash", "pop", "-q")

    assert (scratch.root / CARDS).read_text() == BASE + MINE + OTHER


def test_a_note_that_was_picked_before_the_merge_stands_once(scratch: Scratch) -> None:
    forked(scratch, BASE, BASE, BASE + OTHER)
    scratch.git("cherry-pick", "side")
    scratch.commit("more", **{CARDS: BASE + OTHER + MINE})
    scratch.git("checkout", "-q", "side")
    scratch.commit("else", README="x")
    scratch.git("merge", "-q", "--no-edit", "main")

    assert (scratch.root / CARDS).read_text() == BASE + OTHER + MINE


def test_what_nobody_can_merge_is_a_conflict_that_git_shows_and_the_check_refuses(scratch: Scratch) -> None:
    code = "\n```\nold output\n```\n"
    forked(scratch, BASE + code, BASE + code.replace("old", "left"), BASE + code.replace("old", "right"))

    assert scratch.code("merge", "-q", "--no-edit", "side") == 1
    assert scratch.git("status", "--porcelain") == f"UU {CARDS}"
    text = (scratch.root / CARDS).read_text()
    marked = "<<<<<<< ours\n{}=======\n{}>>>>>>> theirs"
    sides = ["```\nleft output\n```\n", "```\nright output\n```\n"]
    assert text == f"{BASE}\n{marked.format(*sides)}\n"
    scratch.git("add", CARDS)
    assert scratch.code("commit", "-q", "-m", "as it is") != 0
    scratch.write(CARDS, BASE + "\n" + sides[0])
    scratch.git("add", CARDS)
    assert scratch.code("commit", "-q", "-m", "resolved") == 0


def test_a_field_removed_here_and_set_there_stops_the_merge(scratch: Scratch) -> None:
    base = BASE.replace("Status", "Priority: LOW\nStatus")
    forked(scratch, base, BASE, base.replace("LOW", "HIGH"))

    assert scratch.code("merge", "-q", "--no-edit", "side") == 1
    assert (scratch.root / CARDS).read_text() == base.replace("LOW", "HIGH")
