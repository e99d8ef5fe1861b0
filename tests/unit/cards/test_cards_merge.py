import random
from collections import Counter

import pytest

from bluelabel.services.cards.editing import edit, sections, template
from bluelabel.services.cards.merge.card import merge_card
from bluelabel.services.cards.merge.diff3 import chunks
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.text.body import checklist
from bluelabel.services.cards.text.parser import parse

FORMS = {"plain": "{}: {}\n", "bold": "**{}**: {}  \n", "inside": "**{}:** {}\n"}


def card(number: int, form: str = "plain") -> str:
    lines = [("Status", "NOT_STARTED"), ("Assigned", "CC"), ("Priority", "HIGH"), ("Created", "2026-01-01")]
    head = "".join(FORMS[form].format(*line) for line in lines)
    gap = "\n" if form == "inside" else ""
    items = "".join(f"- [ ] {word} of {number}\n" for word in ("one", "two", "three"))
    body = f"**Description:**\nAbout {number}.\n\n**Deliverables:**\n{items}"
    return f"### TASK-{number:03d}: Title {number}\n{gap}{head}\n{body}\n"


def tracker(cards: str) -> bytes:
    return (
        f"# Task Cards\n\n## Active Tasks\n\n{cards}## Completed Tasks Archive\n\n[Moved here]\n\n"
        "## Task Summary Statistics\n\n- Total Tasks: 3\n- Completed: 0\n\n---\n\n*Last Updated: 2026-01-01*\n"
    ).encode()


BASE = tracker("".join(card(number) for number in range(3)))


def changed(data: bytes, *changes: tuple[str, ...]) -> bytes:
    for kind, name, *rest in changes:
        document = parse(data)
        if kind == "new":
            text = template.filled(
                document, name, f"New {name}", {"assignee": "CA"}, {"description": [f"About {name}"]}
            )
            data = sections.add(document, text)
            continue
        found = document.card(name)
        if kind == "set":
            data = edit.set_field(document, found, rest[0], rest[1])
        elif kind == "check":
            data = edit.check(document, found, int(rest[0]))
        elif kind == "archive":
            data = sections.archive(document, found)
        elif kind == "report":
            data = (
                document.text[: found.end] + f"\n\n**{rest[0]}:**\n- done {name}" + document.text[found.end :]
            ).encode()
        elif kind == "drop":
            data = edit.without(document, found).encode()
    return data


def test_different_fields_of_one_card_meet_without_conflict() -> None:
    ours = changed(BASE, ("set", "TASK-001", "status", "BLOCKED"), ("check", "TASK-001", "1"))
    theirs = changed(BASE, ("set", "TASK-001", "assignee", "WA"), ("check", "TASK-001", "2"))
    result = merge(BASE, ours, theirs)

    found = parse(result.content).card("TASK-001")
    assert (found.status_raw, found.assignees) == ("BLOCKED", ("WA",))
    assert [item.done for item in checklist(parse(result.content), found)] == [True, True, False]
    assert result.problems == ()
    assert result.clean


def test_one_sided_changes_are_taken_as_they_are() -> None:
    new = changed(BASE, ("new", "TASK-100"))

    assert merge(BASE, new, BASE).content == new
    assert merge(BASE, BASE, new).content == new
    assert merge(BASE, new, new).content == new
    assert merge(b"", new, b"").content == new


def test_new_cards_of_both_sides_stay_and_an_edit_follows_a_move() -> None:
    ours = changed(BASE, ("new", "TASK-100"), ("archive", "TASK-001"))
    theirs = changed(BASE, ("new", "TASK-200"), ("set", "TASK-001", "status", "COMPLETED"))
    document = parse(merge(BASE, ours, theirs).content)

    assert [found.id for found in document.cards] == ["TASK-000", "TASK-002", "TASK-100", "TASK-200", "TASK-001"]
    assert sections.in_archive(document.card("TASK-001"))
    assert document.card("TASK-001").status == "COMPLETED"


@pytest.mark.parametrize(
    ("ours", "theirs", "clean"),
    [
        ("Status: B | Owner: X | Updated: 2026-01-02", "Status: A | Owner: Y | Updated: 2026-01-03", True),
        ("Status: B | Owner: X | Updated: 2026-01-01", "Status: C | Owner: X | Updated: 2026-01-01", False),
        ("Status: B | Owner: X | Updated: 2026-01-01", "Status: A | Owner: X", False),
    ],
)
def test_fields_of_one_line_are_merged_each_for_itself(ours: str, theirs: str, clean: bool) -> None:
    base = "Status: A | Owner: X | Updated: 2026-01-01"
    sides = [f"### TASK-1: a\n{line}\n".encode() for line in (base, ours, theirs)]
    result = merge(sides[0], sides[1], sides[2])

    assert result.clean is clean
    if clean:
        assert result.content == b"### TASK-1: a\nStatus: B | Owner: Y | Updated: 2026-01-03\n"
    else:
        assert ours.encode() in result.content


def test_a_clash_of_one_field_keeps_both_and_says_so() -> None:
    ours = changed(BASE, ("set", "TASK-001", "status", "BLOCKED"))
    theirs = changed(BASE, ("set", "TASK-001", "status", "COMPLETED ✅"))
    result = merge(BASE, ours, theirs)

    assert b"Status: BLOCKED\nStatus (other side): COMPLETED" in result.content
    assert [problem.code for problem in result.problems] == ["merge-clash"]
    assert "TASK-001" in result.problems[0].message
    assert not result.clean
    assert b"<<<<" not in result.content


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ("**Status:** A", "**Status:** B", "**Status:** A\n**Status (other side):** B"),
        ("- **Status**: A", "- **Status**: B", "- **Status**: A\n- **Status (other side)**: B"),
        ("### Status: A", "### Status: B", "### Status: A\nStatus (other side): B"),
        ("Updated: 2026-01-03", "Updated: 2026-01-04", "Updated: 2026-01-04"),
        ("Updated: 2026-01-05", "Updated: 2026-01-04", "Updated: 2026-01-05"),
    ],
)
def test_each_form_of_line_has_room_for_both(ours: str, theirs: str, merged: str) -> None:
    base = "### TASK-1: a\n" + ours.replace("A", "C").replace("2026", "2025")
    text, _ = merge_card(base, "### TASK-1: a\n" + ours, "### TASK-1: a\n" + theirs)

    assert text == "### TASK-1: a\n" + merged


def test_titles_changed_on_both_sides_are_both_kept() -> None:
    text, clashes = merge_card("### TASK-1: a\nx", "### TASK-1: b\nx", "### TASK-1: c\nx")

    assert text == "### TASK-1: b\n<!-- title (other side): TASK-1: c -->\nx"
    assert clashes == ["the title"]


def test_words_rewritten_on_both_sides_are_both_kept() -> None:
    text, clashes = merge_card("### TASK-1: a\nold", "### TASK-1: a\nours", "### TASK-1: a\ntheirs")

    assert text == "### TASK-1: a\nours\ntheirs"
    assert clashes == ["the line “old”"]


def test_a_line_changed_here_and_removed_there_stays() -> None:
    base = "### TASK-1: a\nStatus: x\nPriority: LOW\nend"
    text, clashes = merge_card(base, base.replace("LOW", "HIGH"), base.replace("Priority: LOW\n", ""))

    assert "Priority: HIGH" in text
    assert clashes == ["priority"]


def test_a_card_taken_out_without_a_word_stays() -> None:
    ours = changed(BASE, ("drop", "TASK-001"))
    for result in (merge(BASE, ours, BASE), merge(BASE, BASE, ours)):
        assert [found.id for found in parse(result.content).cards] == ["TASK-000", "TASK-001", "TASK-002"]
        assert [problem.code for problem in result.problems] == ["merge-kept-card"]


def test_a_card_that_went_to_an_archive_file_goes_on_both_sides() -> None:
    document = sections.noted(parse(changed(BASE, ("drop", "TASK-001"))), ["- TASK-001: Title 1 → docs/archive/A.md"])
    theirs = changed(BASE, ("set", "TASK-002", "status", "BLOCKED"))
    result = merge(BASE, document.to_bytes(), theirs)

    assert [found.id for found in parse(result.content).cards] == ["TASK-000", "TASK-002"]


def test_a_rewrite_of_the_whole_file_loses_no_card() -> None:
    theirs = changed(BASE, ("set", "TASK-000", "status", "BLOCKED"))
    result = merge(BASE, b"# Task Cards\n\n### TASK-500: Only mine\nStatus: COMPLETED\n", theirs)

    assert {found.id for found in parse(result.content).cards} == {"TASK-000", "TASK-001", "TASK-002", "TASK-500"}


def test_one_id_given_twice_keeps_both_cards() -> None:
    ours = sections.add(parse(BASE), "### TASK-100: Mine\nStatus: BLOCKED")
    theirs = sections.add(parse(BASE), "### TASK-100: Yours\nStatus: COMPLETED")
    result = merge(BASE, ours, theirs)

    assert [found.title for found in parse(result.content).by_id["TASK-100"]] == ["Mine", "Yours"]
    assert [problem.code for problem in result.problems] == ["duplicate-id"]


def test_the_same_new_card_of_both_sides_is_one() -> None:
    ours = sections.add(parse(BASE), "### TASK-100: Same\nStatus: BLOCKED\n\n**Notes:**\n- ours")
    theirs = sections.add(parse(BASE), "### TASK-100: Same\nStatus: BLOCKED\n\n**Notes:**\n- theirs")
    document = parse(merge(BASE, ours, theirs).content)

    (found,) = document.by_id["TASK-100"]
    assert edit.block(document, found).endswith("- ours\n- theirs")


def test_a_card_moved_by_both_sides_stands_once_where_ours_put_it() -> None:
    two = BASE.replace(b"## Completed Tasks Archive", b"## Backlog\n\nLater.\n\n## Completed Tasks Archive")
    ours, theirs = (
        sections.move(parse(two), parse(two).cards[0], "backlog"),
        sections.archive(parse(two), parse(two).cards[0]),
    )
    result = merge(two, ours, theirs)

    assert parse(result.content).card("TASK-000").section == "Backlog"
    assert len(parse(result.content).by_id["TASK-000"]) == 1
    assert [problem.code for problem in result.problems] == ["merge-moved"]


def test_statistics_and_dates_never_conflict() -> None:
    ours = BASE.replace(b"Total Tasks: 3", b"Total Tasks: 4").replace(b"Updated: 2026-01-01", b"Updated: 2026-01-03")
    theirs = BASE.replace(b"Total Tasks: 3", b"Total Tasks: 5").replace(b"Updated: 2026-01-01", b"Updated: 2026-01-02")
    result = merge(BASE, ours, theirs)

    assert b"- Total Tasks: 3\n" in result.content
    assert b"*Last Updated: 2026-01-03*" in result.content
    assert result.clean


def test_a_line_of_text_rewritten_on_both_sides_is_kept_twice() -> None:
    ours, theirs = BASE.replace(b"[Moved here]", b"[Ours]"), BASE.replace(b"[Moved here]", b"[Theirs]")
    result = merge(BASE, ours, theirs)

    assert b"[Ours]\n[Theirs]\n" in result.content
    assert not result.clean


def test_new_line_endings_on_one_side_are_no_change_of_every_line() -> None:
    ours = changed(BASE, ("set", "TASK-001", "status", "BLOCKED")).replace(b"\n", b"\r\n")
    theirs = changed(BASE, ("set", "TASK-002", "status", "BLOCKED"))

    for one, two in ((ours, theirs), (theirs, ours)):
        result = merge(BASE, one, two)
        assert [found.status_raw for found in parse(result.content).cards] == ["NOT_STARTED", "BLOCKED", "BLOCKED"]
        assert result.content.count(b"\n") == result.content.count(b"\r\n")
        assert result.clean


def test_rows_and_list_entries_are_known_by_their_id() -> None:
    base = b"| TASK-1 | a | CC |\n\n- [ ] SPRINT1-001: b\n"
    ours = base.replace(b"| a |", b"| aa |")
    theirs = base.replace(b"[ ]", b"[x]")

    assert merge(base, ours, theirs).content == b"| TASK-1 | aa | CC |\n\n- [x] SPRINT1-001: b\n"


def test_what_an_open_fence_hides_comes_out_at_the_end() -> None:
    base = b"# Task Cards\n"
    ours = b"# Task Cards\n\n```\n"
    theirs = b"# Task Cards\n\n### TASK-1: a\n"

    assert "TASK-1" in parse(merge(base, ours, theirs).content).by_id


def test_chunks_cover_all_three_sides() -> None:
    base, ours, theirs = list("abcdef"), list("abXdef"), list("abcdYf")
    found = list(chunks(base, ours, theirs))

    assert [line for chunk in found for line in base[chunk.base.start : chunk.base.stop]] == base
    assert [line for chunk in found for line in ours[chunk.ours.start : chunk.ours.stop]] == ours
    assert [line for chunk in found for line in theirs[chunk.theirs.start : chunk.theirs.stop]] == theirs
    assert [chunk.same for chunk in found] == [True, False, True, False, True]


SLOTS = (
    [("set", f"TASK-{n:03d}", f) for n in range(8) for f in ("status", "assignee", "priority", "branch", "completed")]
    + [("check", f"TASK-{n:03d}", str(i)) for n in range(8) for i in (1, 2, 3)]
    + [("archive", f"TASK-{n:03d}") for n in range(8)]
    + [("report", f"TASK-{n:03d}") for n in range(8)]
)


def history(seed: int) -> tuple[bytes, bytes, bytes, list[tuple[str, ...]]]:
    """Make one base and two branches of it whose edits touch different things."""
    chance = random.Random(seed)
    base = tracker("".join(card(n, chance.choice(list(FORMS))) for n in range(8)))
    base = base.replace(b"\n", b"\r\n") if chance.random() < 0.2 else base
    sides: tuple[list[tuple[str, ...]], list[tuple[str, ...]]] = ([], [])
    for slot in chance.sample(SLOTS, chance.randint(2, 20)):
        side = chance.randint(0, 1)
        extra = {"set": (f"COMPLETED ({side})",), "report": (f"Report {side}",)}.get(slot[0], ())
        sides[side].append((*slot, *extra))
    for side in (0, 1):
        for number in range(chance.randint(0, 3)):
            sides[side].insert(chance.randint(0, len(sides[side])), ("new", f"TASK-{side + 1}{number:02d}"))
    return base, changed(base, *sides[0]), changed(base, *sides[1]), [*sides[0], *sides[1]]


def check_history(seed: int) -> None:
    base, ours, theirs, edits = history(seed)
    result = merge(base, ours, theirs)
    document = parse(result.content)
    both = Counter(c.id for c in parse(ours).cards) | Counter(c.id for c in parse(theirs).cards)

    assert result.problems == (), seed
    assert Counter(c.id for c in document.cards) == both, seed
    assert document.problems == (), seed
    assert b"<<<<<<<" not in result.content
    for kind, name, *rest in edits:
        found = document.card(name)
        if kind == "set":
            assert found.raw(rest[0]) == rest[1], (seed, name, rest)
        elif kind == "check":
            assert checklist(document, found)[int(rest[0]) - 1].done, (seed, name, rest)
        elif kind == "archive":
            assert sections.in_archive(found), (seed, name)
        elif kind == "report":
            assert rest[0] in edit.block(document, found), (seed, name)


def test_branches_that_touch_different_things_never_conflict() -> None:
    for seed in range(20):
        check_history(seed)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_thousand_histories_never_conflict() -> None:
    for seed in range(1000, 2000):
        check_history(seed)
