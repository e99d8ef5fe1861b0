"""What two branches put in at one place of a card or of the text round the cards, shape by shape."""

import pytest

from bluelabel.services.cards.editing import sections
from bluelabel.services.cards.merge.card import merge_card
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.text.parser import parse

HEAD = "### TASK-1: a\n"
NOTES = (
    "**Notes:**",
    "**Notes:**\n\nmonday CC\n- decided: A\n- open question: none\n\n```\nleft output\n```",
    "**Notes:**\n\ntuesday CA\n- decided: B\n- open question: none\n\n```\nright output\n```",
)

KEPT = [
    # two entries of one list, and one that goes on with an entry above
    ("- a", "- a\n- b", "- a\n- c", "- a\n- b\n- c"),
    ("- [ ] a", "- [ ] a\n- [ ] b", "- [x] a\n- [x] c", "- [x] a\n- [ ] b\n- [x] c"),
    ("- a", "- a\n- b", "- a\n  - under a", "- a\n  - under a\n- b"),
    ("- a", "- a\n- b", "- a\n  more of a", "- a\n  more of a\n- b"),
    ("- a", "- a\nmore of a", "- a\n- b", "- a\nmore of a\n- b"),
    ("1. a\n2. b", "1. a\n2. b\n3. x", "1. a\n2. b\n3. y", "1. a\n2. b\n3. x\n3. y"),
    ("- a\n- b", "- new\n- a\n- b", "para\n\n- a\n- b", "para\n\n- new\n- a\n- b"),
    # a list of its own keeps its numbers
    ("**N:**", "**N:**\n1. a\n2. b", "**N:**\n1. x\n2. y", "**N:**\n1. a\n2. b\n\n1. x\n2. y"),
    ("**N:**", "**N:**\n- a", "**N:**\nwords\n- b", "**N:**\n- a\n\nwords\n- b"),
    # an entry that both sides added is one, ticked when one side has ticked it
    ("- [ ] a", "- [ ] a\n- [ ] b", "- [ ] a\n- [x] b", "- [ ] a\n- [x] b"),
    ("- [ ] a", "- ✅ a", "- [X]  a", "- ✅ a"),
    # rows of one table, and two tables
    (
        "| h |\n|---|\n| 1 |",
        "| h |\n|---|\n| 1 |\n| 2 |",
        "| h |\n|---|\n| 1 |\n| 3 |",
        "| h |\n|---|\n| 1 |\n| 2 |\n| 3 |",
    ),
    (
        "a | b\n--|--\n1 | 2",
        "a | b\n--|--\n1 | 2\n3 | 4",
        "a | b\n--|--\n1 | 2\n5 | 6",
        "a | b\n--|--\n1 | 2\n3 | 4\n5 | 6",
    ),
    ("| h |\n|---|", "| h |\n|---|\n| 1 |", "| h |\n|---|\n\nwords", "| h |\n|---|\n| 1 |\n\nwords"),
    (
        "**N:**",
        "**N:**\n| h |\n|---|\n| 1 |",
        "**N:**\n| h |\n|---|\n| 2 |",
        "**N:**\n| h |\n|---|\n| 1 |\n\n| h |\n|---|\n| 2 |",
    ),
    # lines one below the other, as a log is written
    ("log\none", "log\none\ntwo", "log\none\nzwei", "log\none\ntwo\nzwei"),
    ("**N:**", "**N:**\na one\na two", "**N:**\nb one\nb two", "**N:**\na one\na two\n\nb one\nb two"),
    # quotations, comments, folded text, headings of one name
    ("**N:**", "**N:**\n> a", "**N:**\n> b", "**N:**\n> a\n\n> b"),
    ("> a", "> a\n> b", "> a\n> c", "> a\n> b\n> c"),
    ("**N:**", "**N:**\n<!--\na\n-->", "**N:**\n<!--\nb\n-->", "**N:**\n<!--\na\n-->\n\n<!--\nb\n-->"),
    (
        "**N:**",
        "**N:**\n\n<details>\n\n- a\n\n</details>",
        "**N:**\n\n<details>\n\n- b\n\n</details>",
        "**N:**\n\n<details>\n\n- a\n\n</details>\n\n<details>\n\n- b\n\n</details>",
    ),
    (
        "x",
        "x\n\n#### Fixed\n- a\n- tests",
        "x\n\n#### Fixed\n- b\n- tests",
        "x\n\n#### Fixed\n- a\n- tests\n\n#### Fixed\n- b\n- tests",
    ),
    # entries that end alike, or begin alike, or are set apart by a rule
    ("x", "x\n- **A.**\n  Same end.", "x\n- **B.**\n  Same end.", "x\n- **A.**\n  Same end.\n- **B.**\n  Same end."),
    ("x", "x\n- **T.**\n  A end.", "x\n- **T.**\n  B end.", "x\n- **T.**\n  A end.\n- **T.**\n  B end."),
    ("x", "x\n\n---\n\n#### A\n\na", "x\n\n---\n\n#### B\n\nb", "x\n\n---\n\n#### A\n\na\n\n---\n\n#### B\n\nb"),
    (
        "- one, why\n  it is so",
        "- one, why\n  it is so\n\n#### A\n- two, why\n  it is so",
        "- one, why\n  it is so\n\n#### B\n- three, why\n  it is so",
        "- one, why\n  it is so\n\n#### A\n- two, why\n  it is so\n\n#### B\n- three, why\n  it is so",
    ),
    (
        "```\n1\n```\n\n```\n2\n```",
        "```\n1\n```\n\n```\n2\n```\n\na\n\n```\n3\n```",
        "```\n1\n```\n\nb\n\n```\n3\n```\n\n```\n2\n```",
        "```\n1\n```\n\nb\n\n```\n3\n```\n\n```\n2\n```\n\na\n\n```\n3\n```",
    ),
    # a fence of other marks, and a mark that stands in a fence
    ("x", "x\n\n````\n```\na\n````", "x\n\n~~~\n```\n~~~", "x\n\n````\n```\na\n````\n\n~~~\n```\n~~~"),
    # the earlier day comes first, whatever the words
    ("x", "x\n\n2026-01-03 a", "x\n\n**2026-01-02** b", "x\n\n**2026-01-02** b\n\n2026-01-03 a"),
    (
        "x",
        "x\n\n- 2026-01-02T09:00 z",
        "x\n\n- 2026-01-02 08:00 b",
        "x\n\n- 2026-01-02 08:00 b\n\n- 2026-01-02T09:00 z",
    ),
    # the same on both sides is one: a note, a mended word, a note after which one side went on
    ("x", "x\n\ny\n- z", "x\n\ny\n- z", "x\n\ny\n- z"),
    ("teh", "the", "the", "the"),
    ("x", "x\n\ny\n- z", "x\n\ny\n- z\n\nmore", "x\n\ny\n- z\n\nmore"),
    # but an entry that is equal is not
    ("x", "x\n\n- z", "x\n\ny\n- z", "x\n\n- z\n\ny\n- z"),
    # changes next to each other
    ("- a\n- b", "- a\n- b!", "- a\n- b\n\nnote", "- a\n- b!\n\nnote"),
    ("- a\n- b\n- c", "- a!\n- b\n- c", "- a\n- b!\n- c", "- a!\n- b!\n- c"),
    ("a\n\nb", "b", "a\n\nb\n\nc", "b\n\nc"),
    # different lines of one fence
    ("```\n1\n2\n3\n```", "```\n1!\n2\n3\n```", "```\n1\n2\n3!\n```", "```\n1!\n2\n3!\n```"),
    # metadata lines are known by their name
    (
        "Status: x",
        "Status: x\nBranch: a\nOwner: b",
        "Status: x\nOwner: b\nCreated: c",
        "Status: x\nBranch: a\nOwner: b\nCreated: c",
    ),
]


@pytest.mark.parametrize(("base", "ours", "theirs", "merged"), KEPT)
def test_both_additions_stay_whole_whichever_side_is_ours(base: str, ours: str, theirs: str, merged: str) -> None:
    for one, two in ((ours, theirs), (theirs, ours)):
        text, clashes = merge_card(HEAD + base, HEAD + one, HEAD + two)

        assert text == HEAD + merged
        assert clashes == []


CLASHES = [
    ("one removed what the other changed", "a\nb\nc", "a\nc", "a\nB\nc"),
    ("one removed where the other added", "- a\n  more\n- b", "- b", "- a\n  more\n  - new\n- b"),
    ("both changed one line of code", "```\n1\n2\n```", "```\n1\n3\n```", "```\n1\n4\n```"),
    ("both added to one fence", "```\n1\n```", "```\n1\n2\n```", "```\n1\n3\n```"),
    ("both wrote several lines anew", "a\nb\nc", "A\nB\nc", "a\n2\n3"),
    ("a fence is never closed", "x", "x\n\n```\nopen", "x\n\n```\nclosed\n```"),
    ("a comment is never closed", "x", "x\n\n<!--\nopen", "x\n\nnote"),
    ("an entry would go to another's list", "- a", "- a\n  - b\n- c", "- a\n  - d\n- e"),
    ("text would go on with another's entry", "- a", "- a\nmore", "- a\n  - b"),
]


@pytest.mark.parametrize(("base", "ours", "theirs"), [case[1:] for case in CLASHES], ids=[case[0] for case in CLASHES])
def test_what_cannot_be_had_for_certain_stands_between_markers_both_sides_whole(
    base: str, ours: str, theirs: str
) -> None:
    text = merge_card(HEAD + base, HEAD + ours, HEAD + theirs)[0]
    before, rest = text.split("<<<<<<< ours\n")
    mine, rest = rest.split("=======\n")
    other, after = rest.split(">>>>>>> theirs")

    assert f"{before}{mine}{after.removeprefix(chr(10))}".rstrip("\n") == HEAD + ours
    assert f"{before}{other}{after.removeprefix(chr(10))}".rstrip("\n") == HEAD + theirs
    result = merge((HEAD + base).encode(), (HEAD + ours).encode(), (HEAD + theirs).encode())
    assert [problem.code for problem in result.problems] == ["merge-conflict"]
    assert not result.decided
    assert not result.clean


def test_a_metadata_line_that_one_side_removed_and_the_other_set_stays_and_is_to_be_decided_on() -> None:
    base, ours = f"{HEAD}Status: x\nPriority: LOW\n".encode(), f"{HEAD}Status: x\n".encode()
    result = merge(base, ours, base.replace(b"LOW", b"HIGH"))

    assert result.content == base.replace(b"LOW", b"HIGH")
    assert not result.decided


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("final", ["", "\n"])
def test_the_lines_that_two_notes_share_stay_with_their_own_note(end: str, final: str) -> None:
    base, ours, theirs = ((HEAD + text + final).replace("\n", end).encode() for text in NOTES)
    both = (HEAD + NOTES[1] + NOTES[2].removeprefix(NOTES[0]) + final).replace("\n", end).encode()

    assert merge(base, ours, theirs).content == both
    assert merge(base, theirs, ours).content == both
    assert merge(base, both, ours).content == both


def test_text_outside_the_cards_is_merged_by_the_same_rules() -> None:
    frame = "# Task Cards\n\n{}\n\n## Active Tasks\n\n### TASK-1: a\nStatus: x\n\n## Statistics\n\n- Total Tasks: 1\n"
    base, ours, theirs = (frame.format(text).encode() for text in NOTES)
    both = frame.format(NOTES[1] + NOTES[2].removeprefix(NOTES[0])).encode()

    assert merge(base, ours, theirs).content == merge(base, theirs, ours).content == both


def test_a_passage_outside_the_cards_that_nobody_can_merge_is_marked_there() -> None:
    base, ours, theirs = (
        f"# Task Cards\n\n{text}\n\n### TASK-1: a\n".encode() for text in ("a\nb\nc", "A\nB\nc", "a\n2\n3")
    )
    result = merge(base, ours, theirs)

    assert (
        result.content == b"# Task Cards\n\n<<<<<<< ours\nA\nB\nc\n=======\na\n2\n3\n>>>>>>> theirs\n\n### TASK-1: a\n"
    )
    assert not result.decided


def test_text_that_one_side_wrote_anew_round_cards_that_the_other_moved_is_no_conflict_of_the_cards() -> None:
    base = b"# T\n\n### TASK-1: a\n\n## A\n\nwords\n\n### TASK-2: b\n\n## B\n\n### TASK-3: c\n"
    ours = b"# T\n\n### TASK-3: c\n\n## A\n\nother words\n\n### TASK-1: a\n\n## B\n"
    result = merge(base, ours, b"# T\n\n## A\n\nnew words\n\n### TASK-2: b\n\n### TASK-1: a\n\n## B\n\n### TASK-3: c\n")

    assert sorted(parse(result.content).by_id) == ["TASK-1", "TASK-2", "TASK-3"]
    assert all(len(found) == 1 for found in parse(result.content).by_id.values())
    assert b"other words" in result.content
    assert b"new words" in result.content


def test_a_note_follows_a_card_that_the_other_side_archives_or_moves() -> None:
    base, ours, theirs = (
        f"# T\n\n## Active Tasks\n\n{HEAD}Status: x\n\n{text}\n\n### TASK-2: b\n\n## Backlog\n\n## Archive\n".encode()
        for text in NOTES
    )
    for moved in (
        sections.archive(parse(ours), parse(ours).card("TASK-1")),
        sections.move(parse(ours), parse(ours).card("TASK-1"), "backlog"),
    ):
        for result in (merge(base, moved, theirs), merge(base, theirs, moved)):
            assert result.decided
            assert (NOTES[1] + NOTES[2].removeprefix(NOTES[0])).encode() in result.content
            assert len(parse(result.content).by_id["TASK-1"]) == 1


def test_a_rule_that_one_side_puts_below_a_card_stays() -> None:
    base, ours = b"### TASK-1: a\n\nwords\n", b"### TASK-1: a\n\nwords\n\nmore\n"
    for result in (merge(base, ours, base + b"\n---\n"), merge(base, base + b"\n---\n", ours)):
        assert result.content == ours + b"\n---\n"


def test_notes_in_one_new_card_of_both_sides_stay_whole() -> None:
    card = f"# T\n\n{HEAD}Status: x\n\n"
    ours, theirs = ((card + text + "\n").encode() for text in NOTES[1:])

    assert merge(b"# T\n", ours, theirs).content.decode() == f"{card}{NOTES[1]}{NOTES[2].removeprefix(NOTES[0])}\n"


def test_a_repair_of_saved_markers_keeps_both_notes_whole_and_leaves_what_cannot_be_told() -> None:
    mine, other = (text.removeprefix(NOTES[0]) for text in NOTES[1:])
    saved = f"{HEAD}{NOTES[0]}\n<<<<<<< HEAD{mine}\n======={other}\n>>>>>>> side\n"
    undecided = f"{HEAD}```\n<<<<<<< HEAD\n1\n||||||| base\n2\n=======\n3\n>>>>>>> side\n```\n".encode()

    assert repair(saved.encode(), ("conflicts",)).content.decode() == f"{HEAD}{NOTES[0]}{mine}{other}\n"
    assert repair(undecided, ("conflicts",)).content == undecided
