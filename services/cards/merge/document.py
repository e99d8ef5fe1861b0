"""Merges three versions of a card file by card and field, so that two branches' work meets without conflict.

A card is merged where it stands; its place, the sections and all other text are merged as a frame in which each card
is one entry. No card is ever lost: one that a side took out while the other kept it stays, and that is said.
Where both sides changed one field, ours stays and theirs stands beside it; where nobody can tell what was meant, both
sides stand between conflict markers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.merge.card import Undecided, merge_card, merge_value
from bluelabel.services.cards.merge.frame import Frame
from bluelabel.services.cards.merge.merged_lines import Entry
from bluelabel.services.cards.merge.union import union
from bluelabel.services.cards.status.statuses import BUILT_IN, Vocabulary
from bluelabel.services.cards.text.model import Card, CardDocument, shown, to_bytes, to_text
from bluelabel.services.cards.text.parser import parse_text
from bluelabel.services.cards.text.statistics import with_statistics

UNDECIDED: Final = "merge-conflict"
"""The code of a problem that a person has to decide on before the merge is done."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The merged file, and what a person should look at: clashes of one field, cards that were kept."""

    content: bytes
    problems: tuple[Problem, ...] = ()

    @property
    def clean(self) -> bool:
        """Tell whether no two sides changed the same thing."""
        return not any(problem.code in ("merge-clash", UNDECIDED) for problem in self.problems)

    @property
    def decided(self) -> bool:
        """Tell whether nothing is left for a person to decide."""
        return not any(problem.code == UNDECIDED for problem in self.problems)


def merge(base: bytes, ours: bytes, theirs: bytes, vocabulary: Vocabulary = BUILT_IN) -> MergeResult:
    """Merge three versions of a card file.

    Args:
        base: the version both sides began with; empty when there was none.
        ours: the version of the branch that is checked out.
        theirs: the version that comes in.
        vocabulary: what the project's own words stand for.
    """
    if ours == theirs:
        return MergeResult(ours)
    one, two, three = _same_endings(to_text(base), to_text(ours), to_text(theirs))
    documents = parse_text(one, vocabulary), parse_text(two, vocabulary), parse_text(three, vocabulary)
    missing = _ids(documents[0]) - (_ids(documents[1]) & _ids(documents[2]))
    if base == theirs and not missing:
        return MergeResult(ours)
    if base == ours and not missing:
        return MergeResult(theirs)
    return _Merge(*documents).run()


def _ids(document: CardDocument) -> Counter[str]:
    return Counter(card.id for card in document.cards)


def _same_endings(base: str, ours: str, theirs: str) -> tuple[str, str, str]:
    """A side that changed all line endings must not have changed every line: the newer ending is taken for all."""
    endings = ["\r\n" if "\r\n" in text else "\n" for text in (base or ours, ours, theirs)]
    if len(set(endings)) == 1:
        return base, ours, theirs
    wanted = endings[2] if endings[0] == endings[1] else endings[1]
    one, two, three = (text.replace("\r\n", "\n").replace("\n", wanted) for text in (base, ours, theirs))
    return one, two, three


class _Merge:
    """One merge: the frame first, then the text of each card, then whatever is still missing."""

    def __init__(self, base: CardDocument, ours: CardDocument, theirs: CardDocument) -> None:
        counts = [_ids(document) for document in (base, ours, theirs)]
        twice = {name for found in counts for name, count in found.items() if count > 1}
        twice |= {card.id for card in ours.cards if self._another(card, base, theirs)}
        self.base, self.ours, self.theirs = (Frame(found, frozenset(twice)) for found in (base, ours, theirs))
        self.problems: list[Problem] = []
        self.stale_statistics = False

    @staticmethod
    def _another(card: Card, base: CardDocument, theirs: CardDocument) -> bool:
        """Both sides gave one id to different cards: both stay."""
        others = theirs.by_id.get(card.id, ())
        return card.id not in base.by_id and any(other.title != card.title for other in others)

    def run(self) -> MergeResult:
        found = union(self.base.lines, self.ours.lines, self.theirs.lines, self._line)
        for code, keys, then in (("merge-clash", found.clashes, _KEPT), (UNDECIDED, found.conflicts, _DECIDE)):
            for key in keys:
                words = shown(key.strip("=\1 ")[:50])
                self._say(code, f"both sides changed the line “{words}”; {then}")
        entries = self._once(found.entries)
        entries = self._complete(entries)
        text = self._written(entries)
        if self.stale_statistics:
            text = to_text(with_statistics(parse_text(text, self.ours.document.vocabulary)))
        return self._proved(text)

    def _line(self, key: str, _base: str, ours: str, theirs: str) -> tuple[list[str], bool]:
        if key.startswith("\1statistic"):
            self.stale_statistics = True
            return [ours], False
        later = merge_value(ours, theirs) if key == "\1updated" else None
        if later or ours.rstrip() == theirs.rstrip():
            return [later or ours], False
        return [ours if ours.endswith("\n") else ours + self.ours.document.eol, theirs], True

    def _once(self, entries: list[Entry]) -> list[Entry]:
        """Let each card stand once: both sides may have moved it, then it stands where ours put it."""
        places: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.key.startswith("\0"):
                places.setdefault(entry.key, []).append(entry)
        keep = {key: min(found, key=lambda entry: _RANK[entry.side]) for key, found in places.items()}
        for key, found in places.items():
            if len(found) > 1:
                self._say("merge-moved", f"both sides moved {_id(key)}; it stands where ours put it")
        return [entry for entry in entries if not entry.key.startswith("\0") or keep[entry.key] is entry]

    def _complete(self, entries: list[Entry]) -> list[Entry]:
        """Put back the cards that one side took out, after the card they followed."""
        present = {entry.key for entry in entries}
        kept: dict[str, list[Entry]] = {}
        for frame, other, side in ((self.ours, self.theirs, "theirs"), (self.theirs, self.ours, "ours")):
            before = ""
            for key in frame.cards:
                if key in present:
                    before = key
                elif _id(key) not in other.gave_up:
                    kept.setdefault(before, []).append(Entry(key, key, "both"))
                    self._say("merge-kept-card", f"{_id(key)} was taken out by {side} without a word; it is kept")
            present.update(entry.key for found in kept.values() for entry in found)
        first = next((i for i, entry in enumerate(entries) if entry.key.startswith("\0")), len(entries))
        entries = [*entries[:first], *kept.pop("", ()), *entries[first:]]
        return [both for entry in entries for both in (entry, *kept.pop(entry.key, ()))]

    def _written(self, entries: list[Entry]) -> str:
        eol = self.ours.document.eol if self.ours.document.text else self.theirs.document.eol
        parts: list[str] = []
        for place, entry in enumerate(entries):
            final = place == len(entries) - 1
            text = self._card(entry, final=final) if entry.key.startswith("\0") else entry.text
            if parts and not parts[-1].endswith("\n"):
                parts.append(eol * 2 if entry.key.startswith("\0") else eol)
            parts.append(text)
        return "".join(parts)

    def _card(self, entry: Entry, *, final: bool) -> str:
        key = entry.key
        base, ours, theirs = (
            frame.block(key) if key in frame.cards else None for frame in (self.base, self.ours, self.theirs)
        )
        from_theirs = ours is None or (
            theirs is not None and (entry.side == "theirs" or self._their_tail(key, final=final))
        )
        tail = (self.theirs if from_theirs else self.ours).tail(key, final=final)
        if ours is None or theirs is None:
            return (ours or theirs or "") + tail
        text, clashes = merge_card(base, ours, theirs, self.ours.document.vocabulary)
        for what in clashes:
            code, then = (UNDECIDED, _DECIDE) if isinstance(what, Undecided) else ("merge-clash", _KEPT)
            self._say(code, f"{_id(key)}: both sides changed {what}; {then}")
        return text + tail

    def _their_tail(self, key: str, *, final: bool) -> bool:
        """Tell whether what follows a card there is to follow it: a rule was put in or out there, or it fits better."""
        old, mine, other = (frame.tails.get(key, "") for frame in (self.base, self.ours, self.theirs))
        if bool(mine.strip()) is not bool(other.strip()):
            return bool(other.strip()) is not bool(old.strip())
        fits = [(key == frame.last) is final for frame in (self.ours, self.theirs)]
        if fits[0] is not fits[1]:
            return fits[1]
        return mine == old or (other != old and (len(other), other) > (len(mine), mine))

    def _proved(self, text: str) -> MergeResult:
        """Look at the result as a reader will: what an open fence or a broken line hides is put at the end."""
        ours, theirs = _ids(self.ours.document), _ids(self.theirs.document)
        found = self._parsed(text)
        hidden = [name for name in (ours | theirs) - _ids(found) if name not in self.ours.gave_up | self.theirs.gave_up]
        if hidden:
            frames = [self.ours if name in ours else self.theirs for name in hidden]
            blocks = [
                edit.block(frame.document, frame.document.by_id[name][-1])
                for frame, name in zip(frames, hidden, strict=True)
            ]
            text = edit.inserted(found, {len(found.text): (found.eol * 2).join(blocks)})
            found = self._parsed(text)
            self._say("merge-kept-card", f"{', '.join(hidden[:20])}: kept at the end of the file")
        for name, count in _ids(found).items():
            if count > max(ours[name], theirs[name]):
                self._say("duplicate-id", f"both sides gave {name} to a card; both are kept")
        return MergeResult(to_bytes(text), tuple(self.problems))

    def _parsed(self, text: str) -> CardDocument:
        return parse_text(text, self.ours.document.vocabulary)

    def _say(self, code: str, message: str) -> None:
        self.problems.append(Problem(code, message))


_KEPT: Final = "both are kept"
_DECIDE: Final = "a person has to choose"
_RANK: Final = {"both": 0, "ours": 1, "theirs": 2}


def _id(key: str) -> str:
    return key.split("\0")[1]
