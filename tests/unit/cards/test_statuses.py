"""What a status says: the whole of a value is a known phrase, or it is unknown, and unknown is never a success."""

from __future__ import annotations

import os
import string
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import UnreadableInput, UsageError
from bluelabel.runner.settings import FILE, load
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.queries.dependencies import is_ready, next_cards, passed_over
from bluelabel.services.cards.status.phrases import PHRASES
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus, Vocabulary
from bluelabel.services.cards.text import statistics
from bluelabel.services.cards.text.parser import parse

TABLE = Path(__file__).resolve().parents[2] / "data" / "cards" / "status_values.tsv"
ROWS = [
    (raw, CardStatus(word) if word != "UNKNOWN" else None)
    for raw, word in (line.split("\t") for line in TABLE.read_text("utf-8").splitlines() if not line.startswith("#"))
]
OPEN = [raw for raw, status in ROWS if status is not CardStatus.COMPLETED]
TEAM = Vocabulary.of(("CC", "CA", "WA", "ARCH"))
DECORATIONS: tuple[Callable[[str], str], ...] = (
    lambda raw: f"✅ {raw}",
    lambda raw: f"{raw} 🎉",
    lambda raw: f"**{raw}**",
    lambda raw: f"`{raw}`",
    lambda raw: f"{raw} (2026-01-02)",
    lambda raw: f"{raw} (CC)",
    lambda raw: f"{raw} 2026-01-02",
    lambda raw: f"{raw} - CC",
    lambda raw: f"{raw} on 2026-01-02 by CC",
    lambda raw: f"{raw} in #12",
    lambda raw: f"{raw}.",
    lambda raw: f"<!-- kept --> {raw}",
    lambda raw: raw.upper(),
    lambda raw: raw.lower(),
)
FAMILIAR = [phrase for phrase in PHRASES if phrase.isascii() and phrase.replace(" ", "").isalpha()]


def examples(count: int) -> settings:
    return settings(max_examples=max(count, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)


@pytest.mark.parametrize(("raw", "status"), ROWS)
def test_every_value_of_the_table_is_read_as_it_is_meant(raw: str, status: CardStatus | None) -> None:
    assert TEAM.status(raw) is status


def test_of_the_table_few_values_are_unknown() -> None:
    assert len(ROWS) >= 200
    assert sum(status is None for _, status in ROWS) < 0.15 * len(ROWS)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("[ ] To do [x] In progress [ ] Done", CardStatus.IN_PROGRESS),
        ("Not started [ ] In progress [ ] Done [x]", CardStatus.COMPLETED),
        ("[ ] To do [ ] Done", None),
        ("[x] To do [x] Done", None),
        ("[x] ~~Done~~", None),
        ("✅ ~~Done~~", None),
        ("<del>Done</del> <b>Blocked</b>", CardStatus.BLOCKED),
        (":white_check_mark: Done", CardStatus.COMPLETED),
        (":x: Done", None),
        ("COMPLETED âœ…", CardStatus.COMPLETED),
        ("[Done](https://example.com/7)", CardStatus.COMPLETED),
        ('<span style="color: green">Done</span>', CardStatus.COMPLETED),
        ("𝗗𝗼𝗻𝗲", CardStatus.COMPLETED),
        ("½ done", CardStatus.IN_PROGRESS),
        ("50-60% done", CardStatus.IN_PROGRESS),
        ("~100% done", None),
        ("120%", None),
        ("0/0", None),
        ("Not 100% done", None),
        ("Done (2/3)", None),
        ("Done (92% coverage)", CardStatus.COMPLETED),
        ("Completed by 2026-01-02", None),
        ("Done by end of week", None),
        ("TASK-7: done", None),
        ("CC: done, CA: in progress", None),
        ("2026-01-02: Done", CardStatus.COMPLETED),
        ("In Progress → Done", None),
        ("Blocked, now resolved", None),
        ("Cancelled, then reinstated", None),
        ("Not started (blocked by TASK-7)", None),
        ("Done...", None),
        ("(not) done", None),
        ("[not] done", None),
        ("Done (no)", None),
        ("Done (not found)", CardStatus.COMPLETED),
        ("Done (no changes)", CardStatus.COMPLETED),
        ("Done (to be verified)", None),
        ("Done (uncommitted)", None),
        ("Done (backend only)", None),
        ("100% (of phase 1)", None),
        ("- [ ] Done", CardStatus.NOT_STARTED),
        ("* [x] Done", CardStatus.COMPLETED),
        ("Done (", CardStatus.COMPLETED),
        ("Done (pending", None),
        ("Termin\udce9", None),
        ("Done \udc85", CardStatus.COMPLETED),
        ("\ue011", None),
        ("x" * 5000, None),
    ],
)
def test_what_stands_round_a_phrase_counts_where_it_says_the_contrary(raw: str, status: CardStatus | None) -> None:
    assert TEAM.status(raw) is status


@examples(300)
@given(st.sampled_from(OPEN), st.lists(st.sampled_from(DECORATIONS), max_size=3))
def test_no_decoration_makes_an_open_value_a_success(raw: str, decorations: list[Callable[[str], str]]) -> None:
    plain = any(char.isalnum() for char in raw)  # a mark without words is another value with another mark
    for decorate in decorations:
        raw = decorate(raw)

    assert TEAM.status(raw) is not CardStatus.COMPLETED or not plain


@examples(200)
@given(st.sampled_from(FAMILIAR), st.lists(st.sampled_from(DECORATIONS[:-2]), max_size=2))
def test_decoration_does_not_count(phrase: str, decorations: list[Callable[[str], str]]) -> None:
    raw = phrase
    for decorate in decorations:
        raw = decorate(raw)

    assert TEAM.status(raw) is PHRASES[phrase]


@examples(300)
@given(
    st.text(string.ascii_lowercase, min_size=5, max_size=12).filter(lambda word: word not in PHRASES),
    st.sampled_from(["done", "completed", "merged", "closed", "erledigt", "готово"]),
    st.sampled_from(["{0} {1}", "{1} {0}", "{1} but {0}", "{0}: {1}", "{1}, {0} left", "{1} / {0}", "{1} → {0}"]),
)
def test_a_known_word_in_a_sentence_completes_nothing(word: str, success: str, sentence: str) -> None:
    raw = sentence.format(word, success)
    harmless = {"works", "working", "tested", "validated", "reviewed", "approved", "documented", "committed", "pushed"}
    sure = {"already", "fully", "totally", "completely", "entirely", "successfully", "everything"}

    assert BUILT_IN.status(raw) is not CardStatus.COMPLETED or word in harmless | sure


@examples(200)
@given(st.text(max_size=80))
def test_any_text_is_a_status_or_none(raw: str) -> None:
    assert TEAM.status(raw) in {None, *CardStatus}


def test_no_value_makes_reading_slow() -> None:
    began = time.perf_counter()
    for piece in ("by A ", "~~a", "[ ] ", "(", "a-", ", ", "on on ", "1/", "by CC and ", ":a", "*_", "in #1 "):
        BUILT_IN.status((piece * 600)[:600])

    assert time.perf_counter() - began < 2


def test_phrases_of_a_project_go_before_those_of_everybody() -> None:
    words = Vocabulary.of((), {"Shipped to prod": "COMPLETED", "closed": "CANCELLED", "ready?": "NOT_STARTED"})

    assert words.status("🚀 shipped-to_prod (2026-01-02)") is CardStatus.COMPLETED
    assert words.status("Closed") is CardStatus.CANCELLED
    assert words.status("not shipped to prod") is None
    assert words.status("Shipped to prod?") is None
    assert BUILT_IN.status("shipped to prod") is None
    document = parse(b"### TASK-1: a\nStatus: Shipped to prod\n", words)
    assert (document.cards[0].status, document.problems) == (CardStatus.COMPLETED, ())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"going well" = "GOOD"', "going well is not one of NOT_STARTED"),
        ('"going well" = 3', "going well is not one of NOT_STARTED"),
        ('"done?" = "COMPLETED"', "done? is not a phrase"),
        ('"a | b" = "BLOCKED"', "is not a phrase"),
        ('"" = "BLOCKED"', "is not a phrase"),
        ('"Completed" = "BLOCKED"', "is not a phrase of your own"),
    ],
)
def test_a_wrong_phrase_in_the_settings_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / FILE).write_text(f'[cards]\nstatistics = false\n\n[cards.statuses]\n"fine" = "COMPLETED"\n{line}\n')
    with pytest.raises(UnreadableInput) as error:
        load(tmp_path)

    assert told in str(error.value)
    assert f"{FILE}:6" in str(error.value) or line.startswith('""')


def test_statuses_of_the_settings_have_to_be_a_table(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[cards]\nstatuses = "done"\n')
    with pytest.raises(UnreadableInput, match="statuses is not a table"):
        load(tmp_path)


CARDS = b"""### TASK-1: first
Status:  Done?
### TASK-2: second
**Status**:
Not done yet, I guess
### TASK-3: third
Status: To Do
Depends on: TASK-1
### TASK-4: fourth
### TASK-5: fifth
Status: To Do

## Statistics
- Total Cards: 9
- Completed: 9
- In Progress: 1
- In Review: 1
- Unknown: 9
"""


def test_an_unknown_status_is_told_at_the_place_of_its_value_and_counted_apart() -> None:
    document = parse(CARDS)
    first, second, *others = document.cards

    assert [(p.code, p.line, p.column) for p in document.problems] == [
        ("unknown-status", 2, 10),
        ("unknown-status", 5, 1),
    ]
    assert "“Done?”" in document.problems[0].message
    assert first.status_unknown
    assert (second.status_raw, second.status_word) == ("Not done yet, I guess", "UNKNOWN")
    assert [card.status_word for card in others] == ["NOT_STARTED", None, "NOT_STARTED"]
    counts = document.counts()
    assert (counts["none"], counts["unknown"], counts["NOT_STARTED"], counts["COMPLETED"]) == (1, 2, 2, 0)


def test_an_unknown_status_begins_nothing_and_lets_nothing_begin() -> None:
    document = parse(CARDS)

    assert not is_ready(document, document.card("TASK-3"))
    assert [card.id for card in next_cards(document)] == ["TASK-5"]
    assert [card.id for card in passed_over(document)] == ["TASK-1", "TASK-2"]
    assert [card.id for card in passed_over(document, "CC")] == ["TASK-1", "TASK-2"]
    owned = parse(b"### TASK-1: a\nStatus: Done?\nAssigned: CA\n")
    assert [len(passed_over(owned, agent)) for agent in ("ca", "CC")] == [1, 0]


def test_two_lines_of_the_statistics_for_one_status_are_left_to_people() -> None:
    fixed = statistics.with_statistics(parse(CARDS))

    assert fixed.endswith(
        b"- Total Cards: 5\n- Completed: 0\n- In Progress: 1\n- In Review: 1\n- Unknown: 2\n",
    )


def test_a_status_is_written_with_a_word_that_says_no_more() -> None:
    document = parse(
        b"### TASK-1: a\nStatus: In Review\n### TASK-2: b\nStatus: Merged\n### TASK-3: c\nStatus: closed\n"
    )
    own = parse(document.to_bytes(), Vocabulary.of((), {"closed": "CANCELLED"}))

    assert edit.spelled(document, CardStatus.IN_PROGRESS) == "IN_PROGRESS"
    assert edit.spelled(document, CardStatus.COMPLETED) == "closed"
    assert edit.spelled(own, CardStatus.COMPLETED) == "COMPLETED"


def test_a_status_that_is_unknown_is_not_set_and_near_ones_are_named() -> None:
    with pytest.raises(UsageError) as error:
        edit.check_value("status", "finishd")

    assert "did you mean finished" in str(error.value.hint)
    assert "[cards.statuses]" in str(error.value.hint)
    assert edit.check_value("status", "finishd", Vocabulary.of((), {"finishd": "COMPLETED"})) == "finishd"


def test_a_merge_counts_with_the_phrases_of_the_project() -> None:
    words = Vocabulary.of((), {"shipped to prod": "COMPLETED"})
    one = b"### TASK-1: a\nStatus: shipped to prod\n\n"
    two, end = b"### TASK-2: b\nStatus: Done\n\n", b"## Statistics\n- Completed: %d\n"
    base, ours, theirs = one + end % 1, one + two + end % 2, one + two.replace(b"2", b"3") + end % 3
    merged = merge(base, ours, theirs, words)

    assert b"- Completed: 3\n" in merged.content
