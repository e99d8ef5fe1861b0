"""Three-way merge of inbox.json and outbox.json, message by message: nothing that a side says is lost.

Messages are the same when their ids are, tasks and reports when their task ids are, anything else when it says the
same. What only one side changed is taken from it, field by field. Where both changed one field, the status that has
come further, the larger counter and the later moment win; any other clash keeps both: theirs under ``<key>.theirs``.
A message that one side dropped is kept, because dropping is not deciding: the post office knows what was handled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from bluelabel.interfaces.problems import Problem
from bluelabel.services.postbox.boxes.json_tree import Container, Kind, Member, Node, Unreadable, expand, node_of, read
from bluelabel.services.postbox.boxes.merge_identity import (
    HEADER,
    IDS,
    Key,
    framed,
    further,
    identify,
    in_order,
    names,
    task,
    unrelated,
)

BOXES: Final = ("messages", "reports", "tasks", "history")
"""The keys under which an object keeps its messages, in the order of preference for strays."""


@dataclass(frozen=True, slots=True)
class BoxMerge:
    """The merged text, and what a person should know about it; `text` is None when a side could not be read."""

    text: str | None
    problems: tuple[Problem, ...] = ()


def merge(base: str | None, ours: str, theirs: str) -> BoxMerge:
    """Merge two versions of a box file that grew from `base`.

    An unreadable base counts as an empty one. The layout is that of `ours`; what comes from `theirs` keeps its own.
    """
    if theirs in (ours, base):
        return BoxMerge(ours)
    if base == ours:
        return BoxMerge(theirs)
    try:
        mine, other = read(ours), read(theirs)
    except Unreadable as error:
        message = f"a side is not JSON ({error}); merged line by line instead"
        return BoxMerge(None, (Problem("unreadable-box", message, hint="mend the file, then merge again"),))
    try:
        old = read(base) if base else None
    except Unreadable:
        old = None
    work = _Merge()
    return BoxMerge(work.roots(old, mine, other), tuple(work.problems))


@dataclass(slots=True)
class _Merge:
    problems: list[Problem] = field(default_factory=list[Problem])

    def roots(self, old: Container | None, mine: Container, other: Container) -> str:
        if _is_box(mine) or _is_box(other):
            old = None if old is None else _as_box(old, mine, other)
            return self.objects(old, _as_box(mine, other), _as_box(other, mine))
        row, other_row = _as_row(mine), _as_row(other)
        members, close = self.entries(None if old is None else _as_row(old), row, other_row, frozenset())
        kinds = (mine.kind, other.kind)
        if Kind.ARRAY not in kinds and (len(members) <= 1 or Kind.STREAM in kinds):
            return row.text(_apart(members), kind=Kind.STREAM)
        return row.text(members, kind=Kind.ARRAY, close=close)

    def value(self, old: Node | None, mine: Node, other: Node, key: str) -> tuple[Node, Node | None]:
        """Return the merged value, and theirs where it could not be merged into it."""
        ours, theirs, before = mine.canonical, other.canonical, old.canonical if old else None
        if theirs in (ours, before):
            return mine, None
        if before == ours:
            return other, None
        if mine.fields is not None and other.fields is not None:
            base = expand(old) if old is not None and old.fields is not None else None
            return node_of(self.objects(base, expand(mine), expand(other))), None
        if mine.items is not None and other.items is not None:
            return self.array(old, mine, other, frozenset()), None
        winner = further(key, mine, other)
        return (winner, None) if winner is not None else (mine, other)

    def array(self, old: Node | None, mine: Node, other: Node, moved: frozenset[str]) -> Node:
        base = expand(old) if old is not None and old.items is not None else None
        left = expand(mine)
        members, close = self.entries(base, left, expand(other), moved)
        return node_of(left.text(members, close=close))

    def objects(self, old: Container | None, mine: Container, other: Container) -> str:
        before, left, right = _by_key(old), _by_key(mine), _by_key(other)
        chosen: list[Member] = []
        for key in in_order(list(left), list(right), set(before)):
            base = before[key].node if key in before else None
            if key in left and key in right:
                chosen += self.field(base, left[key], right[key], (mine, other))
            else:
                member = left[key] if key in left else right[key]
                if base is None or _stays(base, member.node):
                    chosen.append(member)
        return mine.text(chosen, close=mine.close if mine.members else other.close)

    def field(
        self, base: Node | None, mine: Member, other: Member, around: tuple[Container, Container]
    ) -> list[Member]:
        """Merge one field of an object; what a side moved to another list of the object is not brought back."""
        key = mine.key or ""
        if mine.node.items is not None and other.node.items is not None:
            moved = frozenset(_elsewhere(around[0], key) | _elsewhere(around[1], key))
            return [replace(mine, node=self.array(base, mine.node, other.node, moved))]
        node, clash = self.value(base, mine.node, other.node, key)
        if clash is None:
            return [replace(mine, node=node)]
        self.note(key, around[0])
        beside = f"{key}.theirs"
        label = json.dumps(beside, ensure_ascii=False) + ": "
        return [replace(mine, node=node), replace(other, node=clash, key=beside, label=label)]

    def entries(
        self, old: Container | None, mine: Container, other: Container, moved: frozenset[str]
    ) -> tuple[list[Member], str]:
        before, left, right = identify([() if old is None else old.members, mine.members, other.members])
        chosen: list[Member] = []
        for key in framed(in_order(list(left), list(right), set(before))):
            base = before[key].node if key in before else None
            if key in left and key in right:
                chosen += self.entry(key, base, left[key], right[key])
            elif base is None or not _given_up(key, base, before, (left, right), moved):
                chosen.append(left[key] if key in left else right[key])
        return chosen, mine.close if mine.members else other.close

    def entry(self, key: Key, base: Node | None, mine: Member, other: Member) -> list[Member]:
        if key == HEADER:  # its revision speaks of our post office
            return [mine]
        if base is None and unrelated(mine.node, other.node):
            message = f"two messages carry the id {key[1][:60]!r}; both are kept"
            self.problems.append(Problem("same-id", message, hint="give one of them another id"))
            return [mine, other]
        return [replace(mine, node=self.value(base, mine.node, other.node, "")[0])]

    def note(self, key: str, around: Container) -> None:
        fields = _by_key(around)
        who = next((str(fields[name].node.value) for name in (*IDS, "task_id") if name in fields), "")
        message = f"both sides changed {key!r}" + (f" of {who[:60]}" if who else "") + "; both are kept"
        self.problems.append(Problem("clash", message, hint=f"choose one and remove {key + '.theirs'!r}"))


def _given_up(
    key: Key,
    base: Node,
    before: Mapping[Key, Member],
    sides: tuple[Mapping[Key, Member], Mapping[Key, Member]],
    moved: frozenset[str],
) -> bool:
    """Tell whether an entry that one side no longer has was moved or replaced there, not just dropped."""
    stays, drops = sides if key in sides[0] else (sides[1], sides[0])
    node = stays[key].node
    if base.canonical != node.canonical:
        return False
    if node.fields is None:
        return True  # a word in a list of words
    if names(node.fields) & moved:
        return True
    fresh = {task(member.node.fields) for name, member in drops.items() if name not in before}
    return key[0] == "content" and task(node.fields) is not None and task(node.fields) in fresh


def _is_box(side: Container) -> bool:
    """Tell whether an object is the file itself, a box or an agent's account of itself, and not one message in it."""
    keys = {m.key for m in side.members}
    account = "agent_id" in keys and not keys & {*IDS, "task_id"}
    holds = any(m.key in BOXES and m.node.items is not None for m in side.members)
    return side.kind is Kind.OBJECT and (account or holds)


def _as_box(side: Container, *others: Container) -> Container:
    """Return an object that holds what `side` holds: itself, or its items under the key that the other side uses."""
    if side.kind is Kind.OBJECT:
        return side
    keys = {m.key for other in others for m in other.members}
    key = next((name for name in BOXES if name in keys), BOXES[0])
    raw = replace(side, head="", tail="").text(kind=Kind.ARRAY)
    return Container(Kind.OBJECT, (Member(node_of(raw), "", f'"{key}": ', key),), "", side.head, side.tail)


def _as_row(side: Container) -> Container:
    """Return a lone object as a row of one."""
    if side.kind is not Kind.OBJECT:
        return side
    raw = replace(side, head="", tail="").text()
    return Container(Kind.STREAM, (Member(node_of(raw)),), "", side.head, side.tail)


def _apart(members: Iterable[Member]) -> Iterator[Member]:
    for place, member in enumerate(members):
        yield replace(member, lead=member.lead or "\n\n") if place else member


def _by_key(side: Container | None) -> dict[str, Member]:
    return {} if side is None else {m.key: m for m in side.members if m.key is not None}


def _elsewhere(side: Container, key: str) -> set[str]:
    """Return the names of what stands in the other lists of an object, and not in this one."""
    here: set[str] = set()
    there: set[str] = set()
    for member in side.members:
        if member.node.items is not None:
            found = {name for item in expand(member.node).members for name in names(item.node.fields)}
            if member.key == key:
                here |= found
            else:
                there |= found
    return there - here


def _stays(before: Node, now: Node) -> bool:
    """Tell whether a field that one side removed stays: the other changed it, or it holds messages."""
    holds = any(isinstance(item, dict) for item in now.items or ())
    return holds or before.canonical != now.canonical


def merge_files(base: bytes | None, ours: bytes, theirs: bytes) -> tuple[bytes | None, tuple[Problem, ...]]:
    """Merge box files, for a merge driver of git; bytes that are not UTF-8 survive.

    Returns:
        The merged text, None where it cannot be merged by message; and what a person should know.
    """
    old, mine, other = (
        None if data is None else data.decode("utf-8", "surrogateescape") for data in (base, ours, theirs)
    )
    found = merge(old, mine or "", other or "")
    return None if found.text is None else found.text.encode("utf-8", "surrogateescape"), found.problems
