"""What a commit may not hold."""

from __future__ import annotations

from typing import Any

from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.check import check, staged
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.postbox.boxes.json_tree import is_json

CARDS = "# Task Cards\n\n### TASK-1: One\nStatus: NOT_STARTED\n\n### TASK-2: Two\nStatus: NOT_STARTED\n"


def looked_at(scratch: Any) -> Any:
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    scratch.git("add", "-A")
    files = staged(repository)
    return [
        (f.path, f.problem.code, f.problem.line)
        for f in check(files, lambda d: [(c.id, c.line) for c in parse(d).cards], is_json)
    ]


def cards(scratch: Any, text: Any) -> Any:
    scratch.write("TASK_CARDS.md", text)
    return looked_at(scratch)


def test_a_first_commit_and_a_plain_edit_pass(scratch: Any) -> None:
    assert cards(scratch, CARDS) == []
    scratch.commit()
    assert cards(scratch, CARDS.replace("NOT_STARTED", "COMPLETED")) == []


def test_a_lost_card_is_named(scratch: Any) -> None:
    scratch.commit("c", **{"TASK_CARDS.md": CARDS})

    assert cards(scratch, CARDS[: CARDS.index("### TASK-2")]) == [("TASK_CARDS.md", "lost-card", None)]
    (scratch.root / "TASK_CARDS.md").unlink()
    assert [code for _, code, _ in looked_at(scratch)] == ["lost-card", "lost-card"]


def test_a_card_moved_to_an_archive_is_not_lost(scratch: Any) -> None:
    scratch.commit("c", **{"TASK_CARDS.md": CARDS})
    place = CARDS.index("### TASK-2")
    scratch.write("docs/archive/2025.md", CARDS[place:])

    assert cards(scratch, CARDS[:place]) == []


def test_an_id_used_twice_is_named_at_its_second_place(scratch: Any) -> None:
    twice = CARDS + "\n### TASK-1: Again\nStatus: NOT_STARTED\n"

    assert cards(scratch, twice) == [("TASK_CARDS.md", "duplicate-id", 9)]
    scratch.commit()
    assert cards(scratch, twice + "\n") == []  # it was there before; lint tells of it


def test_conflict_markers_are_found_where_they_stand(scratch: Any) -> None:
    found = cards(scratch, CARDS + "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> side\n")

    assert found == [("TASK_CARDS.md", "conflict-marker", 8), ("TASK_CARDS.md", "conflict-marker", 12)]


def test_a_box_that_stops_being_json_is_refused_and_one_that_never_was_is_let_through(scratch: Any) -> None:
    box = "postbox/CA/outbox.json"
    scratch.write(box, "[1, 2")
    assert looked_at(scratch) == [(box, "broken-box", None)]
    scratch.commit()
    scratch.write(box, "[1, 2, 3")
    assert looked_at(scratch) == []
    scratch.write(box, "[]")
    scratch.commit()
    scratch.write(box, b"[\xff")
    assert looked_at(scratch) == [(box, "broken-box", None)]
    scratch.write(box, "[\n<<<<<<< HEAD\n]")
    assert looked_at(scratch) == [(box, "conflict-marker", 2)]
    (scratch.root / box).unlink()
    assert looked_at(scratch) == []


def test_a_resolved_merge_may_not_lose_the_cards_of_the_other_side(scratch: Any) -> None:
    scratch.commit("base", **{"TASK_CARDS.md": CARDS})
    scratch.git("checkout", "-q", "-b", "side")
    scratch.commit("side", **{"TASK_CARDS.md": CARDS + "\n### TASK-9: Nine\n"})
    scratch.git("checkout", "-q", "main")
    scratch.commit("main", **{"TASK_CARDS.md": CARDS + "\n### TASK-8: Eight\n"})
    assert scratch.code("merge", "side") == 1

    assert cards(scratch, CARDS + "\n### TASK-8: Eight\n") == []  # nothing differs from HEAD but the merge itself
    assert cards(scratch, CARDS + "\n### TASK-8: Eight!\n") == [("TASK_CARDS.md", "lost-card", None)]


def test_what_the_other_side_never_touched_may_have_been_taken_out_since(scratch: Any) -> None:
    scratch.commit("base", **{"TASK_CARDS.md": CARDS})
    scratch.git("checkout", "-q", "-b", "side")
    scratch.commit("side", other="x")
    scratch.git("checkout", "-q", "main")
    scratch.commit("main", **{"TASK_CARDS.md": CARDS[: CARDS.index("### TASK-2")], "other": "y"})
    scratch.code("merge", "side")
    scratch.write("other", "z")

    assert cards(scratch, CARDS[: CARDS.index("### TASK-2")] + "more\n") == []
