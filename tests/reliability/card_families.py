"""Histories of a card file as two branches really write them: rewritten whole, reordered, wiped, mangled by editors.

Each family makes a base and two sides from a seed. `lost` says what a merge of them has lost: every card of either
side must be there, and every line that a side brought in, unless it is one that is computed or superseded.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bluelabel.services.cards.text.parser import parse

FORMS: Final = {
    "plain": "{}: {}\n",
    "bold": "**{}**: {}  \n",
    "inside": "**{}:** {}\n",
    "list": "- {}: {}\n",
    "listed": "- **{}:** {}\n",
}
STATUSES: Final = ("NOT_STARTED", "IN_PROGRESS 🚧", "COMPLETED ✅", "pending", "BLOCKED 🔴")
Sides = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Made:
    """A card as a generator thinks of it."""

    id: str
    title: str
    form: str = "plain"
    status: str = "NOT_STARTED"
    assignee: str = "CC"
    text: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    level: int = 3

    def written(self) -> str:
        """Return its text."""
        line = FORMS[self.form]
        head = line.format("Status", self.status) + line.format("Assigned", self.assignee)
        gap = "\n" if self.form == "inside" else ""
        body = "".join(f"\n**Description:**\n{words}\n" if words else "" for words in self.text)
        items = "\n**Deliverables:**\n" + "".join(f"{item}\n" for item in self.items) if self.items else ""
        return f"{'#' * self.level} {self.id}: {self.title}\n{gap}{head}{body}{items}\n"


@dataclass(frozen=True)
class File:
    """A card file as a generator thinks of it."""

    active: tuple[Made, ...]
    archive: tuple[Made, ...] = ()
    title: str = "# Task Cards\n\nEvery task.\n\n"
    sections: tuple[str, str] = ("## Active Tasks", "## Completed Tasks Archive")
    note: str = "[Moved here]\n\n"
    total: str = "50+"
    updated: str = "2026-01-01"
    rule: str = ""

    def written(self) -> bytes:
        """Return its bytes."""
        active, archive = (
            "".join(card.written() + self.rule for card in cards) for cards in (self.active, self.archive)
        )
        numbers = f"## Task Summary Statistics\n\n- Total Tasks: {self.total}\n- Completed: 45+\n\n---\n\n"
        return (
            f"{self.title}{self.sections[0]}\n\n{active}{self.sections[1]}\n\n{self.note}{archive}"
            f"{numbers}*Last Updated: {self.updated}*\n"
        ).encode()

    def with_card(self, at: int, card: Made) -> File:
        """Return it with one card replaced."""
        return replace(self, active=(*self.active[:at], card, *self.active[at + 1 :]))

    def without(self, at: int) -> File:
        """Return it without one card."""
        return replace(self, active=self.active[:at] + self.active[at + 1 :])


Family = Callable[[random.Random, File], Sides]


def begin(chance: random.Random) -> File:
    """Return a base of some cards in mixed styles."""
    cards = tuple(
        Made(
            f"TASK-{number:03d}{chance.choice(['', 'A', 'FB'])}",
            f"Title {number}",
            chance.choice(list(FORMS)),
            chance.choice(STATUSES),
            chance.choice(["CC", "CA", "WA (initial), CA (finalization)"]),
            (f"About {number}, in some words.",),
            tuple(f"- [ ] {word} of {number}" for word in ("one", "two", "three")),
        )
        for number in range(chance.randint(4, 9))
    )
    done = tuple(
        Made(f"TASK-9{number:02d}", f"Old {number}", status="COMPLETED ✅") for number in range(chance.randint(0, 3))
    )
    return File(cards, done, rule=chance.choice(["", "", "---\n\n"]))


def _new(side: str, number: int = 1, form: str = "plain") -> Made:
    return Made(
        f"TASK-{'5' if side == 'a' else '6'}{number:02d}", f"New of {side}", form, text=(f"Words of {side} {number}.",)
    )


def _two(chance: random.Random, file: File) -> tuple[int, int]:
    one, two = chance.sample(range(len(file.active)), 2)
    return one, two


def _set(file: File, at: int, status: str) -> File:
    return file.with_card(at, replace(file.active[at], status=status))


def rewritten_whole(chance: random.Random, base: File) -> Sides:
    """Both sides write the file anew from what they know: another order, one style for all, other words on top."""
    one, two = _two(chance, base)
    sides: list[bytes] = []
    for at, side in ((one, "a"), (two, "b")):
        file = _set(base, at, f"BLOCKED by {side}")
        cards = [replace(card, form=chance.choice(["plain", "bold"])) for card in file.active]
        chance.shuffle(cards)
        title = f"# Task Cards\n\nEvery task, says {side}.\n\n"
        sides.append(replace(file, active=(*cards, _new(side)), title=title, rule="").written())
    return base.written(), sides[0], sides[1]


def reordered_here_edited_there(chance: random.Random, base: File) -> Sides:
    """One side sorts the cards, the other sets a field and adds a card."""
    one, _ = _two(chance, base)
    ours = replace(base, active=tuple(sorted(base.active, key=lambda card: card.id, reverse=True)))
    theirs = _set(base, one, "BLOCKED by b")
    return base.written(), ours.written(), replace(theirs, active=(*theirs.active, _new("b"))).written()


def both_reordered(chance: random.Random, base: File) -> Sides:
    """Both sides sort the cards, each in its own way."""
    sides = [replace(base, active=tuple(chance.sample(base.active, len(base.active)))).written() for _ in "ab"]
    return base.written(), sides[0], sides[1]


def statistics_and_dates(chance: random.Random, base: File) -> Sides:
    """Both sides touch the numbers and the date, and each ends a card."""
    one, two = _two(chance, base)
    ours = replace(_set(base, one, "COMPLETED ✅"), total="51", updated="2026-01-03")
    theirs = replace(_set(base, two, "COMPLETED ✅"), total="52+", updated="2026-01-02")
    return base.written(), ours.written(), theirs.written()


def appended_at_the_end(chance: random.Random, base: File) -> Sides:
    """Both sides append cards after the footer, with and without a final newline."""
    text = base.written()
    ends = [text + b"\n" + "".join(_new(side, n).written() for n in range(1, 4)).encode() for side in "ab"]
    return text, *(end.rstrip(b"\n") if chance.random() < 0.5 else end for end in ends)  # type: ignore[return-value]


def the_same_card_appended(chance: random.Random, base: File) -> Sides:
    """Both sides bring the very same card, and one goes on with it."""
    card = _new("a")
    ours = replace(base, active=(*base.active, card))
    theirs = replace(
        base, active=(card if chance.random() < 0.5 else replace(card, status="BLOCKED by b"), *base.active)
    )
    return base.written(), ours.written(), theirs.written()


def both_archive_one(chance: random.Random, base: File) -> Sides:
    """Both sides archive the same card, and one more each."""
    one, two = _two(chance, base)
    same = base.active[one]
    ours = replace(base.without(one), archive=(*base.archive, same))
    rest = [card for card in base.active if card not in (same, base.active[two])]
    theirs = replace(base, active=tuple(rest), archive=(same, base.active[two], *base.archive))
    return base.written(), ours.written(), theirs.written()


def deleted_here_edited_there(chance: random.Random, base: File) -> Sides:
    """One side takes a card out that the other edits."""
    one, _ = _two(chance, base)
    card = replace(base.active[one], status="BLOCKED by b", text=(*base.active[one].text, "More by b."))
    return base.written(), base.without(one).written(), base.with_card(one, card).written()


def archived_here_edited_there(chance: random.Random, base: File) -> Sides:
    """One side archives a card that the other edits."""
    one, _ = _two(chance, base)
    ours = replace(base.without(one), archive=(*base.archive, base.active[one]))
    card = replace(base.active[one], assignee="ARCH", text=(*base.active[one].text, "More by b."))
    return base.written(), ours.written(), base.with_card(one, card).written()


def other_line_endings(chance: random.Random, base: File) -> Sides:
    """One side's editor writes CRLF, perhaps a BOM; the other sets a field."""
    one, two = _two(chance, base)
    ours = _set(base, one, "BLOCKED by a").written().replace(b"\n", b"\r\n")
    theirs = _set(base, two, "BLOCKED by b").written()
    return base.written(), (b"\xef\xbb\xbf" if chance.random() < 0.3 else b"") + ours, theirs


def trailing_blanks_stripped(chance: random.Random, base: File) -> Sides:
    """One side's editor strips blanks at line ends and doubles blank lines; the other edits cards."""
    one, two = _two(chance, base)
    ours = re.sub(rb"[ \t]+\n", b"\n", _set(base, one, "BLOCKED by a").written())
    theirs = _set(base, two, "BLOCKED by b")
    return (
        base.written(),
        ours.replace(b"\n\n###", b"\n\n\n###"),
        replace(theirs, active=(*theirs.active, _new("b"))).written(),
    )


def a_block_of_cards_moved(chance: random.Random, base: File) -> Sides:
    """One side moves the first half below the second; the other edits in both halves."""
    half = len(base.active) // 2
    ours = replace(base, active=base.active[half:] + base.active[:half])
    theirs = _set(_set(base, 0, "BLOCKED by b"), half, "IN_PROGRESS by b")
    return base.written(), ours.written(), theirs.written()


def lists_renumbered(chance: random.Random, base: File) -> Sides:
    """Both sides put an entry into a numbered list, and so renumber what follows."""
    entries = [f"step {number}" for number in range(1, 6)]

    def numbered(words: list[str]) -> File:
        items = tuple(f"{number}. {word}" for number, word in enumerate(words, 1))
        return base.with_card(0, replace(base.active[0], items=items))

    here, there = sorted(chance.sample(range(6), 2))
    ours, theirs = list(entries), list(entries)
    ours.insert(here, "step of a")
    theirs.insert(there, "step of b")
    return numbered(entries).written(), numbered(ours).written(), numbered(theirs).written()


def checklists(chance: random.Random, base: File) -> Sides:
    """Both sides tick entries of one card and add some."""
    card = base.active[0]
    marks = chance.sample(["- [x]", "- ✅", "- ❌"], 2)
    ours = (card.items[0].replace("- [ ]", marks[0]), *card.items[1:], "- [ ] added by a")
    theirs = (*card.items[:2], card.items[2].replace("- [ ]", marks[1]), "- [x] added by b")
    return base.written(), *(base.with_card(0, replace(card, items=items)).written() for items in (ours, theirs))  # type: ignore[return-value]


def section_renamed(chance: random.Random, base: File) -> Sides:
    """One side gives a section another name, the other puts a card into it."""
    ours = replace(base, sections=(chance.choice(["## Current Tasks", "## Sprint 4"]), base.sections[1]))
    return base.written(), ours.written(), replace(base, active=(_new("b"), *base.active)).written()


def title_changed_here_status_there(chance: random.Random, base: File) -> Sides:
    """One side gives a card another title, the other sets its status."""
    one, _ = _two(chance, base)
    ours = base.with_card(one, replace(base.active[one], title=f"{base.active[one].title} (renamed by a)"))
    return base.written(), ours.written(), _set(base, one, "COMPLETED by b").written()


def one_id_two_cards(chance: random.Random, base: File) -> Sides:
    """Both sides give one id to different cards."""
    cards = [replace(_new(side), id="TASK-700", title=f"Seven of {side}") for side in "ab"]
    sides = [replace(base, active=(*base.active, card)).written() for card in cards]
    return base.written(), sides[0], sides[1]


def style_here_value_there(chance: random.Random, base: File) -> Sides:
    """One side writes a card's lines in another style, the other sets its status and assignee."""
    one, _ = _two(chance, base)
    ours = base.with_card(one, replace(base.active[one], form="bold" if base.active[one].form != "bold" else "plain"))
    theirs = base.with_card(one, replace(base.active[one], status="COMPLETED by b", assignee="ARCH"))
    return base.written(), ours.written(), theirs.written()


def wiped_here_worked_there(chance: random.Random, base: File) -> Sides:
    """One side saves only its own card; the other goes on."""
    one, _ = _two(chance, base)
    ours = _new("a").written().encode()
    theirs = _set(replace(base, active=(*base.active, _new("b"))), one, "COMPLETED by b")
    return base.written(), ours, theirs.written()


def levels_changed(chance: random.Random, base: File) -> Sides:
    """One side makes all headings of cards one level higher, the other edits and adds."""
    one, _ = _two(chance, base)
    ours = replace(base, active=tuple(replace(card, level=2) for card in base.active))
    theirs = _set(replace(base, active=(*base.active, _new("b"))), one, "COMPLETED by b")
    return base.written(), ours.written(), theirs.written()


def one_paragraph_two_ways(chance: random.Random, base: File) -> Sides:
    """Both sides rewrite one paragraph of one card."""
    one, _ = _two(chance, base)
    sides = [base.with_card(one, replace(base.active[one], text=(f"About it, as {side} sees it.",))) for side in "ab"]
    return base.written(), sides[0].written(), sides[1].written()


def one_field_two_ways(chance: random.Random, base: File) -> Sides:
    """Both sides set one status, each otherwise."""
    one, _ = _two(chance, base)
    return base.written(), _set(base, one, "BLOCKED by a").written(), _set(base, one, "COMPLETED by b").written()


def header_lines(chance: random.Random, base: File) -> Sides:
    """Both sides change the bold lines on top: version, date, state."""
    form = "# Task Cards\n\n**Version:** {}\n**Last Updated:** {}\n**Status:** {}\n\n"
    olds = [replace(base, title=form.format(*words)) for words in (("1", "2026-01-01", "ACTIVE"),)]
    ours = replace(base, title=form.format("2", "2026-01-04", "ACTIVE"))
    theirs = replace(base, title=form.format("1.1", "2026-01-03", "ACTIVE"), active=(*base.active, _new("b")))
    return olds[0].written(), ours.written(), theirs.written()


def reports_under_one_card(chance: random.Random, base: File) -> Sides:
    """Both sides write a report at the end of one card."""
    one, _ = _two(chance, base)
    card = base.active[one]
    sides = [
        base.with_card(
            one,
            replace(
                card, items=(*card.items, "", f"**Report of {side}:**", f"- done by {side}", f"- [x] all of {side}")
            ),
        )
        for side in "ab"
    ]
    return base.written(), sides[0].written(), sides[1].written()


def no_common_base(chance: random.Random, base: File) -> Sides:
    """Both sides bring the file, and there was none before."""
    ours = replace(base, active=(*base.active, _new("a")))
    return b"", ours.written(), replace(base, active=(_new("b"), *base.active)).written()


def markers_saved(chance: random.Random, base: File) -> Sides:
    """One side saved a conflict with its marks; the other works on."""
    text = replace(base, active=(*base.active, _new("a"))).written().decode()
    at = text.index("## Completed")
    ours = text[:at] + "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> side\n" + text[at:]
    return base.written(), ours.encode(), _set(base, 0, "COMPLETED by b").written()


def mangled_by_an_encoding(chance: random.Random, base: File) -> Sides:
    """One side saved the file in the wrong encoding; the other sets a status."""
    text = "".join(
        bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else "" for byte in base.written()
    )
    return base.written(), text.encode(), _set(base, 0, "IN_PROGRESS by b").written()


FAMILIES: Final[tuple[Family, ...]] = (
    rewritten_whole,
    reordered_here_edited_there,
    both_reordered,
    statistics_and_dates,
    appended_at_the_end,
    the_same_card_appended,
    both_archive_one,
    deleted_here_edited_there,
    archived_here_edited_there,
    other_line_endings,
    trailing_blanks_stripped,
    a_block_of_cards_moved,
    lists_renumbered,
    checklists,
    section_renamed,
    title_changed_here_status_there,
    one_id_two_cards,
    style_here_value_there,
    wiped_here_worked_there,
    levels_changed,
    one_paragraph_two_ways,
    one_field_two_ways,
    header_lines,
    reports_under_one_card,
    no_common_base,
    markers_saved,
    mangled_by_an_encoding,
)


def case(family: Family, seed: int) -> Sides:
    """Return the base and the two sides of a family for a seed; now and then the sides change places."""
    chance = random.Random(f"{family.__name__}/{seed}")
    base, ours, theirs = family(chance, begin(chance))
    return (base, ours, theirs) if chance.random() < 0.5 else (base, theirs, ours)


_COMPUTED: Final = re.compile(r"- (?:Total Tasks|Completed): |\*+Last Updated|\*\*Version|[<=>]{7}")


def _words(line: str) -> str:
    return re.sub(r"[^\w]+", " ", re.sub(r"^\s*\d+[.)] ", "", line)).strip()


def lost(base: bytes, ours: bytes, theirs: bytes, merged: bytes) -> list[str]:
    """Return what a merge lost or spoilt: ids of cards, words that a side brought in, markers."""
    found = parse(merged)
    wanted = {card.id for side in (ours, theirs) for card in parse(side).cards}
    missing = [f"card {name}" for name in sorted(wanted - set(found.by_id))]
    doubled = [
        f"{name} stands {len(cards)} times"
        for name, cards in found.by_id.items()
        if len(cards) > max(len(parse(side).by_id.get(name, ())) for side in (ours, theirs))
        and len({card.title for side in (ours, theirs) for card in parse(side).by_id.get(name, ())}) < len(cards)
    ]
    old, new = ({_words(line) for line in text.decode().splitlines()} for text in (base, merged))
    whole = "\n".join(_words(line) for line in merged.decode().splitlines())
    said = {
        line: _words(line)
        for side in (ours, theirs)
        for line in side.decode("utf-8-sig").splitlines()
        if not _COMPUTED.match(line)
    }
    gone = [
        f"words {line!r}"
        for line, words in said.items()
        if words and words not in old and words not in new and _words(line.split(":", 1)[-1]) not in whole
    ]
    marks = (
        ["conflict markers"] if b"<<<<<<<" in merged and not any(b"<<<<<<<" in side for side in (ours, theirs)) else []
    )
    return [*missing, *doubled, *gone, *marks]
