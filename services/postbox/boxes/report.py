"""What a look at the boxes of a worktree brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluelabel.services.postbox.boxes.edit_apply import Outcome

_STRANGE = "another post office wrote some of it: `bluelabel adopt` takes that mail over"


@dataclass(slots=True)
class IntakeReport:
    """What a look at the boxes brought.

    Attributes:
        sent, amended, settled, withdrawn: ids of messages.
        set_aside: paths in quarantine, relative to the postbox.
        waiting: boxes and files that somebody may still be writing.
        strange: boxes set aside because another post office wrote them.
        problems: one line for each thing that could not be done.
        touched: mailboxes whose views are not current any more.
        closed: why nothing could be taken in or written, where the state directory is not ours to write.
    """

    sent: list[str] = field(default_factory=list[str])
    amended: list[str] = field(default_factory=list[str])
    settled: list[str] = field(default_factory=list[str])
    withdrawn: list[str] = field(default_factory=list[str])
    set_aside: list[str] = field(default_factory=list[str])
    waiting: list[str] = field(default_factory=list[str])
    strange: int = 0
    problems: list[str] = field(default_factory=list[str])
    touched: set[str] = field(default_factory=set[str])
    closed: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Count in what came of one edit."""
        self.sent += outcome.sent
        self.amended += outcome.amended
        self.settled += outcome.settled
        self.withdrawn += outcome.withdrawn
        self.touched |= outcome.touched

    @property
    def says_something(self) -> bool:
        """Whether there is anything to tell a person."""
        return any((self.sent, self.amended, self.settled, self.withdrawn, self.set_aside, self.problems))

    def notes(self) -> list[str]:
        """Return what a person should know, a line each."""
        return [
            *(f"set aside, the reason is in the .why beside it: postbox/{path}" for path in self.set_aside),
            *(
                ("another post office wrote some of it: `bluelabel adopt` takes that mail over",)
                if self.strange
                else ()
            ),
            *(f"left alone, it is still being written: {name}" for name in self.waiting),
            *self.problems,
        ]
