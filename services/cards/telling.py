"""What the ledger is told of a save that somebody else made: what it took back, what is made again, what it lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bluelabel.interfaces.events import Draft
from bluelabel.services.cards.apply_events import BY_GIT, BY_HAND, OLDER_COPY, SAME_MOMENT, pack
from bluelabel.services.cards.card_file import Paper
from bluelabel.services.cards.inverse import archived, followed, inverse, plain
from bluelabel.services.cards.save_detection import Judgement, Taken, raw
from bluelabel.services.cards.text.model import CardDocument


class Teller:
    """Writes the events of one save; they say what stands in the file, so that history and figures stay true.

    Args:
        paper: the file.
        before: the last text known of it.
        now: the save.
        by_git: git has it as a version.
    """

    def __init__(self, paper: Paper, before: CardDocument, now: CardDocument, *, by_git: bool) -> None:
        self.paper = paper
        self.before = before
        self.now = now
        self.seen = BY_GIT if by_git else BY_HAND

    def events(self, found: Judgement) -> list[Draft]:
        """Return the events of what was judged."""
        kept = OLDER_COPY if found.older else SAME_MOMENT
        return [
            *(draft for taken in found.stands for draft in self._taken_back(taken)),
            *(self._otherwise(taken, "overrides", self.seen) for taken in found.over),
            *(self._otherwise(taken, "overrides", kept) for taken in found.beside),
            *(self._again(taken) for taken in found.again),
        ]

    def gone(self, names: Iterable[str]) -> Iterator[Draft]:
        """Yield that cards are not in a version of git's, with their text, so that each can be brought back."""
        follows = followed(self.before)
        for name in names:
            card = self.before.by_id[name][-1]
            draft = archived(self.paper, self.before, card, None, follows[card.start])
            yield Draft(draft.kind, self.paper.person, {**draft.data, "seen": self.seen})

    def _taken_back(self, taken: Taken) -> list[Draft]:
        event = taken.last
        if event.kind == "card.changed":
            return [self._otherwise(taken, "reverts", self.seen)]
        told = {"reverts": event.event, "seen": self.seen}
        drafts = inverse(self.paper, self.before, event, followed(self.before))
        return [Draft(draft.kind, self.paper.person, plain(draft.data) | told) for draft in drafts]

    def _otherwise(self, taken: Taken, how: str, seen: str) -> Draft:
        event = taken.last
        data = {"before": event.data.get("after"), "after": pack(raw(self.now, event))}
        told = {how: event.event, "seen": seen}
        return self.paper.draft(event.kind, plain(event.data) | data | told, self.paper.person)

    def _again(self, taken: Taken) -> Draft:
        event = taken.last
        data = {"before": pack(raw(self.now, event))} if event.kind == "card.changed" else {}
        return self.paper.draft(event.kind, plain(event.data) | data | {"again": event.event})


def remarks(found: Judgement, drafts: Sequence[Draft]) -> list[str]:
    """Say what a person should know of a save: what came from an older copy, and which cards are not there any more."""
    said: list[str] = []
    if found.older:
        kept = "; both are kept" if found.beside else ""
        again = f"; made again: {_names(found.again)}" if found.again else ""
        said.append(
            f"a save from an older copy took changes of {_names([*found.beside, *found.again])} back{kept}{again}"
        )
    twice = [taken for taken in found.stands if "again" in taken.last.data]
    if twice:
        said.append(f"a second save took changes of {_names(twice)} back; that stands")
    gone = [
        str(draft.data["id"]) for draft in drafts if draft.kind == "card.archived" and draft.data.get("seen") == BY_GIT
    ]
    if gone:
        names = ", ".join(gone[:5]) + (f" and {len(gone) - 5} more" if len(gone) > 5 else "")
        said.append(f"a version that git has stands here; it is without {names} (`bluelabel card restore ID`)")
    return said


def _names(taken: Iterable[Taken]) -> str:
    return ", ".join(sorted({str(one.last.data.get("id")) for one in taken}))
