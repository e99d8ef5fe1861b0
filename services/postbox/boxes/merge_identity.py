"""Which entries of two versions of a box are the same entry, and in which order a merge lists them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from bluelabel.services.postbox.boxes.json_tree import Member, Node

IDS: Final = ("id", "message_id", "msg_id")

Key = tuple[str, ...]
HEADER: Final[Key] = ("header",)
END: Final[Key] = ("end",)

_T = TypeVar("_T")
_RANKS: Final[Mapping[str, int]] = {
    word: rank
    for rank, words in enumerate(
        (
            ("pending", "not_started", "queued", "new", "sent", "unread", "planned"),
            ("assigned", "seen", "read", "ready"),
            ("claimed", "in_progress", "running", "active", "blocked"),
            ("ready_for_review", "review"),
            ("withdrawn", "expired", "purged", "cancelled", "dead", "failed", "partial", "partial_success"),
            ("acked", "handled", "completed", "complete", "done", "success", "closed"),
        )
    )
    for word in words
}
_COUNTER = re.compile(r"(?:attempt|progress|rev|shown|more|total.*|.*_count|.*_total|retries)", re.IGNORECASE)
_MOMENT_KEY = re.compile(r"(?:.*_at|.*timestamp|last_?updated|updated|date|created|completed)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(?:Z|\+00:?00)?", re.ASCII)


def identify(sides: Sequence[Sequence[Member]]) -> list[dict[Key, Member]]:
    """Give every entry a key that is the same in all versions and unique in each.

    The key is the entry's id, else its task id, else what it says. An id that one version uses twice tells nothing.
    """
    doubled: set[Key] = set()
    for members in sides:
        counts = Counter(key for member in members if (key := _identity(member.node)) is not None)
        doubled |= {key for key, count in counts.items() if count > 1}
    named: list[dict[Key, Member]] = []
    for members in sides:
        found: dict[Key, Member] = {}
        for place, member in enumerate(members):
            key = _frame(member.node, place, len(members)) or _identity(member.node)
            if key is None or key in doubled:
                key = ("content", member.node.canonical)
            while key in found:  # said twice in one version
                key = (*key, "again")
            found[key] = member
        named.append(found)
    return named


def names(value: Mapping[str, Any] | None) -> set[str]:
    """Return the ids that an entry carries: its own and its task's."""
    return {value[name] for name in (*IDS, "task_id") if isinstance(value.get(name), str)} if value else set()


def task(value: Mapping[str, Any] | None) -> str | None:
    """Return the task id of an entry, or None."""
    found = value.get("task_id") if value else None
    return found if isinstance(found, str) and found else None


def unrelated(mine: Node, other: Node) -> bool:
    """Tell whether two entries with one id are two messages: another sender, or another moment of making."""
    left, right = mine.fields or {}, other.fields or {}
    keys = ("sender", "sender_id", "created_at", "timestamp", "type")
    return any(key in left and key in right and left[key] != right[key] for key in keys)


def in_order(left: Sequence[_T], right: Sequence[_T], before: set[_T]) -> list[_T]:
    """Return ours in order; what only theirs has follows what it followed there, after what we added at that place."""
    known, shared = set(left), set(right)
    runs: dict[_T | None, list[_T]] = {}
    anchor: _T | None = None
    for key in right:
        if key in known:
            anchor = key
        else:
            runs.setdefault(anchor, []).append(key)
    order: list[_T] = []
    waiting = runs.pop(None, [])
    for key in left:
        if waiting and (key in shared or key in before):
            order += waiting
            waiting = []
        order.append(key)
        waiting = runs.pop(key, waiting)
    return order + waiting


def framed(order: Sequence[Key]) -> list[Key]:
    """Put the header of a view first and its final null last."""
    ends = {HEADER, END}
    inner = [key for key in order if key not in ends]
    return [*(key for key in order if key == HEADER), *inner, *(key for key in order if key == END)]


def further(key: str, mine: Node, other: Node) -> Node | None:
    """Return the one of two plain values that has come further, or None when that cannot be said."""
    left, right = mine.value, other.value
    if isinstance(left, str) and isinstance(right, str):
        if key in ("status", "state"):
            one, two = _rank(left), _rank(right)
            return None if None in (one, two) or one == two else (mine if (one or 0) > (two or 0) else other)
        moments = _MOMENT.fullmatch(left), _MOMENT.fullmatch(right)
        if _MOMENT_KEY.fullmatch(key) and moments[0] and moments[1]:
            spelled = [(moment[1], moment[2] or "") for moment in moments if moment]
            return mine if spelled[0] >= spelled[1] else other
    if _COUNTER.fullmatch(key) and _is_number(left) and _is_number(right):
        return mine if left >= right else other
    return None


def _frame(node: Node, place: int, count: int) -> Key | None:
    fields = node.fields
    if place == 0 and fields is not None and "rev" in fields and not names(fields):
        return HEADER
    return END if node.value is None and place == count - 1 and count > 1 else None


def _identity(node: Node) -> Key | None:
    fields = node.fields or {}
    for name in IDS:
        if isinstance(fields.get(name), str) and fields[name]:
            return ("id", fields[name])
    found = task(fields)
    return None if found is None else ("task", found)


def _rank(word: str) -> int | None:
    return _RANKS.get(re.sub(r"[\s-]+", "_", word.strip().casefold()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
