"""Notices what a save took away: cards that are gone, ids that stand twice, conflict markers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bluelabel.interfaces.problems import Problem
from bluelabel.services.cards.text.model import CardDocument


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong with a save, compared with the file before it."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    markers: tuple[int, ...] = ()
    before: int = 0
    after: int = 0

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.markers)

    def message(self, file: str) -> str:
        """Return one line for a person."""
        said: list[str] = []
        if self.lost:
            names = ", ".join(self.lost[:5]) + (f" and {len(self.lost) - 5} more" if len(self.lost) > 5 else "")
            count = f"{len(self.lost)} card" + ("s" if len(self.lost) > 1 else "")
            said.append(f"a save took out {count} ({self.before} -> {self.after}): {names}")
        if self.doubled:
            said.append(f"now twice: {', '.join(self.doubled[:5])}")
        if self.markers:
            said.append(f"conflict markers in line {', '.join(map(str, self.markers[:5]))}")
        return f"{file}: {'; '.join(said)}"

    def problems(self) -> tuple[Problem, ...]:
        """Return one problem for each thing, with what to do about it."""
        found: list[Problem] = []
        if self.lost:
            hint = "`bluelabel card restore` brings them back beside the new text"
            found.append(Problem("cards-lost", f"a save took out {', '.join(self.lost[:20])}", hint=hint))
        found += [Problem("duplicate-id", f"a save doubled {name}") for name in self.doubled]
        hint = "`bluelabel doctor --fix` keeps both sides' cards"
        found += [Problem("conflict-markers", "a merge conflict was saved", line, 1, hint) for line in self.markers]
        return tuple(found)


def compare(before: CardDocument, after: CardDocument, gone: frozenset[str] = frozenset()) -> Alarm:
    """Compare two versions of a file.

    Args:
        before: the last version that was known to be good.
        after: what stands there now.
        gone: cards that were taken out on purpose, by a recorded change.
    """
    had, has = (Counter(card.id for card in document.cards) for document in (before, after))
    lost = tuple(name for name in (had - has) if name not in gone and _is_gone(name, before, after))
    doubled = tuple(name for name, count in has.items() if count > 1 and count > had[name])
    markers = _markers(after)
    new = markers if len(markers) > len(_markers(before)) else ()
    return Alarm(lost, doubled, new, len(before.cards), len(after.cards))


def _is_gone(name: str, before: CardDocument, after: CardDocument) -> bool:
    """One of two cards with one id is gone only when its title is: a copy may be taken away."""
    had, has = ({card.title for card in document.by_id.get(name, ())} for document in (before, after))
    return not has or bool(had - has)


def _markers(document: CardDocument) -> tuple[int, ...]:
    return tuple(problem.line or 1 for problem in document.problems if problem.code == "conflict-markers")
