"""Real files, changed as each rule of reading allows: what the reader finds changes just as the rule says.

Each mutation takes the lines of a file and what is known of its cards, and returns both as they are afterwards.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pytest

from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.queries.record import read_cards
from bluelabel.services.cards.text.parser import parse

CORPUS = os.environ.get("BLUELABEL_CORPUS")
pytestmark = pytest.mark.skipif(not CORPUS, reason="BLUELABEL_CORPUS names no folder of real files")


@dataclass(frozen=True)
class Known:
    """What a file is known to say of a card; `line` is the index of its heading, `status_line` that of its status."""

    id: str
    title: str
    status: str | None
    raw: str | None
    assignees: tuple[str, ...]
    line: int
    status_line: int | None


Lines = list[str]
Truth = list[Known]
Mutation = Callable[[random.Random, Lines, Truth], tuple[Lines, Truth]]


def known() -> Iterator[tuple[str, Lines, Truth]]:
    """Yield each file of one line ending that has cards, the smallest first: its name, its lines and its cards."""
    root = Path(CORPUS or ".")
    truths = json.loads((root / "EXPECT.json").read_text())["task_cards"]
    for name, truth in sorted(truths.items(), key=lambda entry: (root / entry[0]).stat().st_size):
        document = parse((root / name).read_bytes())
        if document.cards and "\r" not in document.text and "<<<<<<<" not in document.text:
            places = [card.fields.get("status") for card in document.cards]
            plain = [
                field.line - 1 if field and field.raw and not field.below and field.form != "heading" else None
                for field in places
            ]
            cards = [
                Known(c["id"], c["title"], c["status"], c["status_raw"], tuple(c["assignees"]), c["line"] - 1, at)
                for c, at in zip(truth["cards"], plain, strict=True)
            ]
            yield name, document.text.split("\n"), cards


def end_of(lines: Lines, truth: Truth, place: int) -> int:
    """Return the index of the line after the last words of a card, which is where something can be put in."""
    document = parse("\n".join(lines).encode())
    card = document.cards[place]
    return document.text.count("\n", 0, card.end) + 1


def other_level(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """The level of a card's heading carries no meaning, as long as it stays above its own sections."""
    card = chance.choice(truth)
    rest = lines[card.line].lstrip("#")
    return [*lines[: card.line], "##" + rest, *lines[card.line + 1 :]], truth


def other_separator(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """An em dash parts id and title as a colon does."""
    card = chance.choice(truth)
    head = lines[card.line]
    return [*lines[: card.line], head.replace(f"{card.id}: ", f"{card.id} — ", 1), *lines[card.line + 1 :]], truth


def status_in_another_style(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """A metadata line counts in each style."""
    chosen = [card for card in truth if card.status_line is not None]
    form = chance.choice(
        ["Status: {}", "**Status**: {}  ", "**Status:** {}", "- Status: {}", "- **Status:** {}", "__Status__: {}"]
    )
    changed = list(lines)
    for card in chance.sample(chosen, min(3, len(chosen))):
        changed[card.status_line or 0] = form.format(card.raw)
    return changed, truth


def status_in_other_words(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """The word decides: no emoji, sign, case or remark does."""
    chosen = [place for place, card in enumerate(truth) if card.status_line is not None]
    if not chosen:
        return lines, truth
    raw, status = chance.choice(
        [
            ("COMPLETED 🔴", "COMPLETED"),
            ("✅ done (No Changes)", "COMPLETED"),
            ("Complete ✓", "COMPLETED"),
            ("not-started 🔴", "NOT_STARTED"),
            ("🔄 Planned", "NOT_STARTED"),
            ("In Progress: CA 🔄", "IN_PROGRESS"),
            ("IN-PROGRESS ✅", "IN_PROGRESS"),
            ("blocked ✅", "BLOCKED"),
            ("CANCELLED ❌ (by ARCH)", "CANCELLED"),
        ]
    )
    place = chance.choice(chosen)
    card = truth[place]
    at = card.status_line or 0
    changed = [*lines[:at], f"**Status**: {raw}", *lines[at + 1 :]]
    return changed, [*truth[:place], replace(card, raw=raw, status=status), *truth[place + 1 :]]


def open_fence(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """A fence that is never closed ends at the next card."""
    at = end_of(lines, truth, chance.randrange(len(truth)))
    return [*lines[:at], "", "```python", "Status: FAILED", "## Status", *lines[at:]], truth


def sample_output(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """A metadata line in the card's own fence is none."""
    card = chance.choice(truth)
    shown = ["```", "Status: success", "**Owner**: nobody", "```"]
    return [*lines[: card.line + 1], *shown, *lines[card.line + 1 :]], truth


def later_status(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """The first line of a key counts."""
    place = chance.randrange(len(truth))
    if truth[place].status_line is None:
        return lines, truth
    at = end_of(lines, truth, place)
    return [*lines[:at], "**Status**: CANCELLED", *lines[at:]], truth


def repeated(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """A card that stands twice is kept twice."""
    place = chance.randrange(len(truth))
    card, end = truth[place], end_of(lines, truth, place)
    return [*lines[:end], "", *lines[card.line : end], *lines[end:]], [*truth[: place + 1], card, *truth[place + 1 :]]


def placeholder(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """A template is no card."""
    at = end_of(lines, truth, chance.randrange(len(truth)))
    model = ["", f"### TASK-{chance.choice(['XXX', 'XXXX'])}: Title", "Status: A | B", "Assigned: CC | CA", ""]
    return [*lines[:at], *model, *lines[at:]], truth


def mentioned(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """Backlog lines, rows, entries and dashboards are no cards; a bold backlog line ends the card before it."""
    at = end_of(lines, truth, chance.randrange(len(truth)))
    line = chance.choice(
        [
            "**TASK-900: Later**",
            "| TASK-900 | later | CC |",
            "- [ ] SPRINT9-001: later (HIGH, 2h)",
            "- TASK-900: later ✅",
        ]
    )
    return [*lines[:at], "", line, *lines[at:]], truth


def marked(chance: random.Random, lines: Lines, truth: Truth) -> tuple[Lines, Truth]:
    """Conflict markers that were saved hide no card."""
    place = chance.randrange(len(truth))
    card, end = truth[place], end_of(lines, truth, place)
    block = ["<<<<<<< HEAD", *lines[card.line : end], "=======", ">>>>>>> dev/side"]
    return [*lines[: card.line], *block, *lines[end:]], truth


MUTATIONS: tuple[Mutation, ...] = (
    *(other_level, other_separator, status_in_another_style, status_in_other_words, open_fence, sample_output),
    *(later_status, repeated, placeholder, mentioned, marked),
)
ENDS = ("\n", "\r\n")


def wrong(mutation: Mutation, name: str, lines: Lines, truth: Truth, seed: int) -> str | None:
    """Return what the reader got wrong of a mutated file, None when it agrees."""
    chance = random.Random(f"{name}/{mutation.__name__}/{seed}")
    changed, wanted = mutation(chance, lines, truth)
    data = chance.choice([b"", b"\xef\xbb\xbf"]) + chance.choice(ENDS).join(changed).encode()
    data = data.rstrip(b"\r\n") if chance.random() < 0.3 else data
    got = [(c["id"], c["title"], c["status"], c["status_raw"], tuple(c["assignees"])) for c in read_cards(data)[0]]
    want = [(c.id, c.title, c.status, c.raw, c.assignees) for c in wanted]
    if parse(data).to_bytes() != data:
        return f"{name} seed {seed}: not written back as it was"
    differing = [f"{a} is not {b}" for a, b in zip(got, want, strict=False) if a != b]
    return None if got == want else f"{name} seed {seed}: {len(got)} of {len(want)}; {differing[:1]}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_small_file_mutated_by_a_rule_is_read_as_the_rule_says(mutation: Mutation) -> None:
    assert [said for found in islice(known(), 8) if (said := wrong(mutation, *found, 0))] == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_file_mutated_by_a_rule_is_read_as_the_rule_says(mutation: Mutation) -> None:
    """Over 80 files, each 4 times: more than 320 files for each of 11 rules."""
    found = [(*one, seed) for one in known() for seed in range(4)]

    assert len(found) > 320
    assert [said for one in found if (said := wrong(mutation, *one))] == []


def one_line(before: str, after: str) -> bool:
    """Tell whether two texts differ in one line at the most: rewritten, put in, or taken out."""
    old, new = before.split("\n"), after.split("\n")
    same = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest_old, rest_new = old[same:], new[same:]
    back = zip(reversed(rest_old), reversed(rest_new), strict=False)
    tail = next((at for at, (a, b) in enumerate(back) if a != b), min(len(rest_old), len(rest_new)))
    return max(len(rest_old), len(rest_new)) - tail <= 1


def set_and_back(files: int | None) -> int:
    """Set one to three fields of every card of so many files, and back; return how many cards that were."""
    count = 0
    for name, lines, _ in islice(known(), files):
        text = "\n".join(lines)
        document = parse(text.encode("utf-8", "surrogateescape"))
        for place, card in enumerate(document.cards):
            for field, value in [("status", "BLOCKED"), ("assignee", "ARCH"), ("priority", "HIGH")][: 1 + place % 3]:
                before = card.fields.get(field)
                after = parse(edit.set_field(document, card, field, value))
                back = edit.set_field(after, after.cards[place], field, before.raw if before else None)
                assert one_line(text, after.text), (name, card.id, field)
                assert after.cards[place].raw(field) == value, (name, card.id, field)
                assert back == document.to_bytes(), (name, card.id, field)
            count += 1
    return count


def test_a_field_of_a_card_set_and_set_back_gives_the_very_file() -> None:
    assert set_and_back(8) >= 8


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_field_of_every_card_set_and_set_back_gives_the_very_file() -> None:
    """Every card of every file, more than 2,000 of them: the status of each, of every third all three fields."""
    assert set_and_back(None) > 2000
