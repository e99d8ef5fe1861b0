"""Notes that two branches write into one card file: both whole, whatever lines they share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.services.cards.merge.document import MergeResult, merge
from bluelabel.services.cards.text.parser import parse

Block = tuple[str, ...]

WORDS = ("decided", "open question: none", "see below", "- none", "done")


def fenced(mark: str, words: list[str]) -> Block:
    return (mark, *words, mark[:3])


words = st.sampled_from(WORDS)
some = st.lists(words, min_size=1, max_size=3)
paragraph = some.map(lambda lines: tuple(line.lstrip("- ") for line in lines))
bullets = some.map(lambda lines: tuple(f"- {line}" for line in lines))
nested = some.map(lambda lines: ("- top", *(f"  - {line}" for line in lines)))
numbered = some.map(lambda lines: tuple(f"{number}. {line}" for number, line in enumerate(lines, 1)))
checks = st.lists(st.tuples(st.sampled_from("x "), words), min_size=1, max_size=3).map(
    lambda items: tuple(f"- [{mark}] {line}" for mark, line in items)
)
fence = st.tuples(st.sampled_from(["```", "```sh", "~~~"]), some).map(lambda parts: fenced(*parts))
table = some.map(lambda lines: ("| what | who |", "|---|---|", *(f"| {line} | CC |" for line in lines)))
quote = some.map(lambda lines: tuple(f"> {line}" for line in lines))
comment = some.map(lambda lines: ("<!--", *lines, "-->"))
label = words.map(lambda line: (f"**Result:** {line}",))
block = st.one_of(paragraph, bullets, nested, numbered, checks, fence, table, quote, comment, label)
opened = some.map(lambda lines: ("```", *lines))
TITLES = {"ours": ("monday CC", "2026-01-02 CC: report"), "theirs": ("tuesday CA", "2026-01-01 CA: report")}


def note(side: str) -> st.SearchStrategy[list[Block]]:
    """What a side writes: a line that says who, then blocks that the other side may have written just so."""
    title = st.sampled_from(TITLES[side]).map(lambda line: (line,))
    return st.tuples(title, st.lists(block, min_size=1, max_size=4)).map(lambda parts: [parts[0], *parts[1]])


@dataclass(frozen=True)
class Case:
    """A base as blocks, and what each side puts in before which of them."""

    base: list[Block]
    ours: tuple[int, list[Block]]
    theirs: tuple[int, list[Block]]
    end: str = "\n"
    final: bool = True

    def text(self, *added: tuple[int, list[Block]]) -> bytes:
        blocks = list(self.base)
        for at, new in added:
            blocks[at:at] = new
        return (f"{self.end * 2}".join(self.end.join(one) for one in blocks) + self.end * self.final).encode()

    def merged(self) -> MergeResult:
        return merge(self.text(), self.text(self.ours), self.text(self.theirs))


HEAD: list[Block] = [("# Task Cards",), ("### TASK-001: One", "Status: IN_PROGRESS"), ("**Notes:**",)]
TAIL: list[Block] = [("**Next:**", "more"), ("### TASK-002: Two", "Status: BLOCKED"), ("## Archive",)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    old = draw(st.lists(block, max_size=3))
    base = [*HEAD, *old, *TAIL[draw(st.integers(0, 3)) :]]
    places = st.integers(3, len(base))
    at = draw(places)
    other = draw(st.one_of(st.just(at), places))
    sides = draw(note("ours")), draw(note("theirs"))
    return Case(base, (at, sides[0]), (other, sides[1]), draw(st.sampled_from(["\n", "\r\n"])), draw(st.booleans()))


def lines(data: bytes) -> list[str]:
    return [line.rstrip() for line in data.decode().splitlines()]


def counted(blocks: list[Block]) -> Counter[str]:
    return Counter(line for one in blocks for line in one)


def stands_whole(blocks: list[Block], data: bytes) -> bool:
    wanted, found = "\n\n".join("\n".join(one) for one in blocks), "\n".join(lines(data))
    return f"\n{wanted}\n" in f"\n{found}\n"


def check(case: Case) -> None:
    result = case.merged()
    found = Counter(line for line in lines(result.content) if line)
    endings = result.content.count(b"\r\n")

    assert result.problems == ()
    assert found == counted(case.base) + counted(case.ours[1]) + counted(case.theirs[1])
    assert stands_whole(case.ours[1], result.content)
    assert stands_whole(case.theirs[1], result.content)
    assert parse(result.content).problems == ()
    assert endings == (result.content.count(b"\n") if case.end == "\r\n" else 0)
    assert merge(case.text(), case.text(case.theirs), case.text(case.ours)).content == result.content


@given(cases())
@settings(max_examples=50, deadline=None)
def test_notes_of_two_sides_both_stand_whole_with_every_line_and_in_one_order(case: Case) -> None:
    check(case)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@given(cases())
@settings(max_examples=10_000, deadline=None)
def test_ten_thousand_pairs_of_notes_both_stand_whole(case: Case) -> None:
    check(case)


@st.composite
def new_cases(draw: st.DrawFn) -> Case:
    """Cases in which nothing that a side adds stands in the base already."""
    old = draw(st.lists(st.integers(0, 9).map(lambda number: (f"before {number}",)), max_size=3, unique=True))
    case = draw(cases())
    base = [*HEAD, *old, *TAIL[draw(st.integers(0, 3)) :]]
    at, other = (min(place, len(base)) for place in (case.ours[0], case.theirs[0]))
    return Case(base, (at, case.ours[1]), (other, case.theirs[1]), case.end, case.final)


@given(new_cases())
@settings(max_examples=25, deadline=None)
def test_a_merge_that_is_merged_with_one_of_its_sides_again_stays_as_it_is(case: Case) -> None:
    result = case.merged().content

    for side in (case.ours, case.theirs):
        assert merge(case.text(), result, case.text(side)).content == result
        assert merge(case.text(), case.text(side), result).content == result


@given(cases(), note("ours"))
@settings(max_examples=25, deadline=None)
def test_a_note_that_both_sides_picked_stands_once(case: Case, more: list[Block]) -> None:
    at, picked = case.ours
    both = merge(case.text(), case.text((at, picked)), case.text((at, picked), (at + len(picked), more)))

    assert both.content == case.text((at, picked), (at + len(picked), more))


RAW = (
    *("decided", "open question: none", "- none", "- top", "  - sub", "  more", "1. one", "2. two", "    code"),
    *("```", "```", "~~~", "<!--", "-->", "> said", "---", "", "", "", "**Result:** x", "#### Part", "### Part"),
    *("| a | b |", "|---|---|", "text | more", "- [ ] a", "- [x] b"),
)
raw = st.lists(st.sampled_from(RAW), min_size=1, max_size=6)
old = st.lists(st.sampled_from(RAW), max_size=6)
begins, follows = st.sampled_from([4, 8]), st.sampled_from([(), ("", "### TASK-2: b")])
endings, additions = st.sampled_from(["\n", "\r\n"]), st.integers(1, 2)
signed = {side: st.sampled_from([(), (f"{side} line",)]) for side in ("ours", "theirs")}
START = ("# Task Cards", "", "## Sprint", "", "### TASK-001: One", "Status: IN_PROGRESS", "", "**Notes:**")


@st.composite
def anywhere(draw: st.DrawFn) -> tuple[bytes, bytes, bytes, Counter[str]]:
    """Lines of any kind, put in at any place, in the middle of a fence or an entry too; and how often each stands."""
    begin = START[: draw(begins)]  # in the text of the file, and in a card
    base = [*begin, *draw(old), *draw(follows)]
    end, final = draw(endings), draw(st.booleans())
    texts, wanted = [base], Counter(base)
    for mark in signed.values():
        text = list(base)
        for _ in range(draw(additions)):
            new = [*draw(raw), *draw(mark)]
            at = draw(st.integers(len(begin) - 1, len(text)))
            text[at:at] = new
            wanted.update(new)
        texts.append(text)
    base_text, ours, theirs = ((end.join(text) + end * final).encode() for text in texts)
    return base_text, ours, theirs, wanted


def check_anywhere(made: tuple[bytes, bytes, bytes, Counter[str]]) -> None:
    base, ours, theirs, wanted = made
    result = merge(base, ours, theirs)
    there = Counter(line for line in lines(result.content) if line)
    sides = [Counter(line for line in lines(side) if line) for side in (ours, theirs)]

    assert sides[0] | sides[1] <= there
    assert result.decided is merge(base, theirs, ours).decided
    if result.decided:
        assert merge(base, theirs, ours).content == result.content
        doubled = wanted - there  # only what both wrote just so, and one of them perhaps more below it, stands once
        assert not any(doubled[line] for line in ("ours line", "theirs line"))
    else:
        assert b"<<<<<<< ours" in result.content


@given(anywhere())
@settings(max_examples=60, deadline=None)
def test_whatever_two_sides_put_in_anywhere_no_line_is_lost(made: tuple[bytes, bytes, bytes, Counter[str]]) -> None:
    check_anywhere(made)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@given(anywhere())
@settings(max_examples=10_000, deadline=None)
def test_ten_thousand_times_no_line_is_lost(made: tuple[bytes, bytes, bytes, Counter[str]]) -> None:
    check_anywhere(made)
