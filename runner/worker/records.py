"""What a worker is told and what it tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bluelabel.interfaces.limits import LEASE_SECONDS


class Ending(StrEnum):
    """What became of one message."""

    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    AGAIN = "again"
    DEAD = "dead"
    READ = "read"
    RETURNED = "returned"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of progress.

    Args:
        agent: who works.
        state: how far the message has come.
        id: of the message.
        task_id: of the message, where it has one.
        sender: of the message.
        subject: on one clean line.
        attempt: which one.
        note: what came of it, for a person.
        seconds: how long the agent worked.
    """

    agent: str
    state: Ending
    id: str
    task_id: str | None
    sender: str
    subject: str
    attempt: int
    note: str = ""
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of its JSON line."""
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker behaves.

    Args:
        lease: seconds of a claim; renewed at every third of it while the agent works.
        grace: seconds that a running agent gets to finish when the worker is told to stop.
        cancel_grace: seconds that it gets to end once it was asked to.
        retry_delay: seconds before a failed message is tried again; doubles with each attempt.
        max_retry_delay: seconds it never exceeds.
        once: take what waits now, at most one message, and end.
        max_messages: end after so many.
    """

    lease: float = LEASE_SECONDS
    grace: float = 30.0
    cancel_grace: float = 15.0
    retry_delay: float = 5.0
    max_retry_delay: float = 300.0
    once: bool = False
    max_messages: int | None = None
