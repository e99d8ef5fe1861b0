"""What a run and a step have in common: a status that moves by rule, its times, and a history that only grows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from bluelabel.interfaces.times import to_text
from bluelabel.services.workflow.model.states import Transition, refuse_move, seconds_between

S = TypeVar("S", bound=StrEnum)


class Tracked(ABC, Generic[S]):
    """A thing that is tracked.

    Args:
        status: where it stands.
        start_time: when it first began.
        end_time: when it ended.
        error: what went wrong last, one line.
    """

    __slots__ = ("_history", "_status", "end_time", "error", "start_time")

    _MOVES: ClassVar[Mapping[Any, frozenset[Any]]]
    _WHAT: ClassVar[str]

    def __init__(self, status: S, start_time: datetime | None, end_time: datetime | None, error: str | None) -> None:
        self.start_time: datetime | None = start_time
        self.end_time: datetime | None = end_time
        self.error: str | None = error
        self._status = status
        self._history: list[Transition] = []

    @property
    def status(self) -> S:
        """Where it stands. Setting it is a move like any other: an illegal one is refused."""
        return self._status

    @status.setter
    def status(self, to: S | str) -> None:
        if to != self._status:
            self._move(type(self._status)(to))

    @property
    def history(self) -> tuple[Transition, ...]:
        """Every move of it, oldest first."""
        return tuple(self._history)

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from the first start to the end, waits between attempts included; None before the end."""
        return seconds_between(self.start_time, self.end_time)

    @abstractmethod
    def _move(self, to: S) -> datetime:
        """Change the status, put the move on record, and return its moment."""

    def _require(self, name: str, to: S) -> None:
        """Refuse a move that the rules do not have.

        Raises:
            IllegalTransition: it is one.
        """
        if to not in self._MOVES[self._status]:
            raise refuse_move(self._WHAT, name, self._status, to)

    def _record(self, to: S, at: datetime, attempt: int, reason: str | None) -> dict[str, Any]:
        """Change the status, remember the move, and return it as the ledger keeps it."""
        before, after = str(self._status), str(to)
        self._status = to
        self._history.append(Transition(at, before, after, attempt, reason))
        change: dict[str, Any] = {"was": before, "status": after, "t": to_text(at)}
        if reason is not None:
            change["reason"] = reason
        return change
