"""Events applied to texts that are not the ones they were decided on."""

import pytest

from bluelabel.services.cards.apply_events import Outcome, apply, pack, unpack
from bluelabel.services.cards.text.parser import parse

BASE = b"## Active Tasks\n\n### TASK-1: a\nStatus: Done\n- [ ] one\n- [ ] one\n\n### TASK-2: b\nStatus:\nBLOCKED\n"


def after(data: bytes, kind: str, /, **event: object) -> Outcome:
    outcome = Outcome(parse(data))
    apply(outcome, [(kind, event)])
    return outcome


def test_what_is_done_already_is_left() -> None:
    for kind, event in (
        ("card.changed", {"id": "TASK-1", "field": "status", "before": "x", "after": "Done"}),
        ("card.changed", {"id": "TASK-1", "field": "section", "before": "x", "after": "Active Tasks"}),
        ("card.created", {"id": "TASK-1", "block": "### TASK-1: other"}),
        ("card.archived", {"id": "TASK-9", "to": "section"}),
        ("card.restored", {"id": "TASK-1", "block": "### TASK-1: a"}),
        ("card.verified", {"id": "TASK-1"}),
    ):
        outcome = after(BASE, kind, **event)
        assert (outcome.text.encode(), outcome.missed, outcome.clashes) == (BASE, [], [])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("TASK-1", b"Status: Done\nStatus (other side): BLOCKED 1\n- [ ] one"),
        ("TASK-2", b"Status:\nBLOCKED\nStatus (other side): BLOCKED 1\n"),
    ],
)
def test_what_was_changed_otherwise_stands_beside_and_only_once(name: str, kept: bytes) -> None:
    event = {"id": name, "field": "status", "before": "pending", "after": "BLOCKED 1"}
    once = after(BASE, "card.changed", **event)
    twice = after(once.text.encode(), "card.changed", **event)

    assert kept in once.text.encode()
    assert twice.text == once.text
    assert len(once.clashes) == 1


def test_a_clash_at_the_very_end_and_of_a_title() -> None:
    end = after(
        b"### TASK-1: a\nStatus: Done", "card.changed", id="TASK-1", field="status", before="x", after="BLOCKED"
    )
    title = after(BASE, "card.changed", id="TASK-1", field="title", before="x", after="y")

    assert end.text == "### TASK-1: a\nStatus: Done\nStatus (other side): BLOCKED"
    assert title.text == BASE.decode().replace("### TASK-1: a\n", "### TASK-1: a\n<!-- title (other side): y -->\n")
    assert len(title.clashes) == 1
    assert (
        after(title.text.encode(), "card.changed", id="TASK-1", field="title", before="x", after="y").text == title.text
    )


def test_what_a_save_took_back_is_only_told_and_what_an_older_copy_has_otherwise_is_kept_beside() -> None:
    changed = {"id": "TASK-1", "field": "status", "before": "pending", "after": "Done"}
    told = after(BASE, "card.changed", **changed, seen="git")
    older = after(BASE, "card.changed", **changed, seen="older copy")
    emptied = after(BASE, "card.changed", **changed | {"before": None}, seen="older copy")
    back = after(BASE, "card.changed", id="TASK-1", field="status", before="Done", after="x", seen="older copy")

    assert (told.text.encode(), told.clashes) == (BASE, [])
    assert "Status: Done\nStatus (other side): pending\n" in older.text
    assert "both are kept" in older.clashes[0]
    assert (emptied.text.encode(), "it stands" in emptied.clashes[0]) == (BASE, True)
    assert (back.text.encode(), back.clashes) == (BASE, [])


def test_what_cannot_be_done_is_said() -> None:
    gone = after(BASE, "card.changed", id="TASK-9", field="status", before="x", after="y")
    entry = after(BASE, "card.checked", id="TASK-1", number=1, text="three", done=True)
    edited = after(BASE, "card.archived", id="TASK-1", to="A.md", block="### TASK-1: a\nStatus: pending")

    assert [len(outcome.missed) for outcome in (gone, entry, edited)] == [1, 1, 1]
    assert {outcome.text.encode() for outcome in (gone, entry, edited)} == {BASE}


def test_one_of_two_entries_with_the_same_words_is_ticked_by_its_number() -> None:
    outcome = after(BASE, "card.checked", id="TASK-1", number=2, text="one", done=True)

    assert "- [ ] one\n- [x] one\n" in outcome.text


def test_a_card_comes_back_after_the_one_it_followed() -> None:
    outcome = after(BASE, "card.restored", id="TASK-3", block="### TASK-3: c", section="Active Tasks", follows="TASK-1")
    lost = after(BASE, "card.restored", id="TASK-3", block="### TASK-3: c", section="Nowhere", follows="TASK-1")

    assert [card.id for card in outcome.document.cards] == ["TASK-1", "TASK-3", "TASK-2"]
    assert [card.id for card in lost.document.cards] == ["TASK-1", "TASK-2", "TASK-3"]


def test_text_that_is_no_utf8_is_wrapped_for_the_ledger() -> None:
    assert pack(None) is None
    assert pack("plain") == "plain"
    assert unpack(pack("\udcff")) == "\udcff"
    assert unpack(7) is None
