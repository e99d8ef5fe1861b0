"""Notes that two branches write into one card file: both whole, whatever lines they share."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.services.cards.document import parse
from bluelabel.services.cards.merge import MergeResult, merge

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

    assert result.problems == ()
    assert found == counted(case.base) + counted(case.ours[1]) + counted(case.theirs[1])
    assert stands_whole(case.ours[1], result.content)
    assert stands_whole(case.theirs[1], result.content)
    assert parse(result.content).problems == ()
    assert result.content.count(b"\n") in (result.content.count(b"\r\n"), result.content.count(b"\n") * (case.end == "\n"))
    base, ours, theirs = case.text(), case.text(case.ours), case.text(case.theirs)
    assert merge(base, theirs, ours).content == result.content
    assert merge(base, result.content, ours).content == result.content
    assert merge(base, result.content, theirs).content == result.content


@given(cases())
@settings(max_examples=int(os.environ.get("N", "200")), deadline=None)
def test_notes_of_two_sides_both_stand_whole(case: Case) -> None:
    check(case)
