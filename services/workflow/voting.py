"""Counts votes: a callable for workflow steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def count(
    votes: Mapping[str, Any], *, accept: Sequence[Any] = ("accept",), needed: int | None = None
) -> dict[str, Any]:
    """Return how a vote ended.

    Args:
        votes: who voted what; null is an abstention.
        accept: the words that count as a yes. Upper and lower case do not matter.
        needed: how many of them carry it; more than half of all voters unless given.

    Returns:
        ``{"passed", "accepted", "rejected", "abstained", "needed", "votes"}``.
    """
    words = {str(word).casefold() for word in accept}
    given = {name: str(vote).casefold() for name, vote in votes.items() if vote is not None}
    accepted = sum(vote in words for vote in given.values())
    least = len(votes) // 2 + 1 if needed is None else needed
    return {
        "passed": bool(votes) and accepted >= least,
        "accepted": accepted,
        "rejected": len(given) - accepted,
        "abstained": len(votes) - len(given),
        "needed": least,
        "votes": dict(votes),
    }
