"""What may not be committed: conflict markers, lost cards, doubled ids, boxes that stopped being JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.git.repository import GitRepository

CardIds = Callable[[bytes], Sequence[tuple[str, int]]]
"""Reads a card file: the id and the 1-based line of every card, in order."""

IsJson = Callable[[bytes], bool]
"""Tells whether the bytes of a box are JSON."""

_CARDS: Final = "TASK_CARDS.md"
_BOXES: Final = ("inbox.json", "outbox.json")


@dataclass(frozen=True, slots=True)
class Staged:
    """A file as it is about to be committed.

    Args:
        path: relative to the root, with ``/``.
        after: its bytes in the index; None when it is to be removed.
        before: what each parent of the commit has; nothing in a first commit.
    """

    path: str
    after: bytes | None
    before: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and the file it is in."""

    path: str
    problem: Problem


def staged(repository: GitRepository) -> list[Staged]:
    """Return the files that differ between the index and the commit it is made on, those of a merge included."""
    names = repository.git.must(
        "compare", "diff", "--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff"
    ).lines()
    merging = repository.resolve("MERGE_HEAD")
    found: list[Staged] = []
    for path in sorted(names):
        if path.endswith((".md", ".json")):
            answer = repository.git.ask("cat-file", "blob", f":{path}")
            found.append(Staged(path, answer.out if answer.code == 0 else None, _parents(repository, path, merging)))
    return found


def _parents(repository: GitRepository, path: str, merging: str | None) -> tuple[bytes, ...]:
    mine = repository.read(path, "HEAD")
    theirs = repository.read(path, merging) if merging else None
    if theirs is not None and merging is not None:
        base = repository.merge_base("HEAD", merging)
        if base is not None and repository.read(path, base) == theirs:
            theirs = None  # they did not touch it: what we took out since is not lost
    return tuple(data for data in (mine, theirs) if data is not None)


def check(files: Sequence[Staged], card_ids: CardIds, is_json: IsJson) -> list[Finding]:
    """Return what is wrong with files that are about to be committed; nothing means they may be.

    Args:
        files: what is staged.
        card_ids: reads card files.
        is_json: reads boxes.
    """
    findings: list[Finding] = []
    elsewhere = {
        name
        for file in files
        if file.path.endswith(".md") and file.after is not None
        for name, _ in card_ids(file.after)
    }
    for file in files:
        name = PurePosixPath(file.path).name
        if name == _CARDS:
            found = _cards(file, card_ids, elsewhere)
        elif name in _BOXES:
            found = _box(file, is_json)
        else:
            found = []
        findings += [Finding(file.path, problem) for problem in found]
    return findings


def markers(data: bytes) -> list[Problem]:
    """Return the conflict markers of a text: opening and closing ones; the line between proves nothing alone."""
    found: list[Problem] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith((b"<<<<<<< ", b">>>>>>> ")):
            hint = "choose what stays and remove the markers"
            found.append(Problem("conflict-marker", "a conflict marker", number, 1, hint))
    return found


def _cards(file: Staged, card_ids: CardIds, elsewhere: set[str]) -> list[Problem]:
    found = markers(file.after or b"")
    now: Sequence[tuple[str, int]] = card_ids(file.after) if file.after is not None else ()
    old = {name for data in file.before for name, _ in card_ids(data)}
    before = Counter({name: max(_count(card_ids(data))[name] for data in file.before) for name in old})
    for name in sorted(old - elsewhere):
        hint = "`bluelabel card restore` brings it back; `bluelabel card archive` moves it and keeps it"
        found.append(Problem("lost-card", f"the card {name} is gone", hint=hint))
    for name, count in _count(now).items():
        if count > max(1, before[name]):
            line = [place for card, place in now if card == name][-1]
            found.append(Problem("duplicate-id", f"the id {name} stands {count} times", line, 1, "give one another id"))
    return found


def _count(ids: Sequence[tuple[str, int]]) -> Counter[str]:
    return Counter(name for name, _ in ids)


def _box(file: Staged, is_json: IsJson) -> list[Problem]:
    if file.after is None:
        return []
    found = markers(file.after)
    if not found and not is_json(file.after) and (not file.before or any(map(is_json, file.before))):
        found.append(
            Problem("broken-box", "not JSON any more", hint="`bluelabel read` says where; mend it, then commit")
        )
    return found
