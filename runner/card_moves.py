"""What an agent's report does to the card it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace

_WORDS: Final = {
    AgentStatus.SUCCESS: "completed",
    AgentStatus.ERROR: "blocked",
    AgentStatus.PENDING: "in_progress",
}


class CardMoves:
    """Moves cards of a worktree as agents report: COMPLETED only when no claim of the card is false.

    Args:
        workspace: whose cards.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._board = workspace.cards()

    def __call__(self, delivery: Delivery, output: AgentOutput) -> Sequence[Draft]:
        """Return the events to append together with the report; nothing for a message that is about no card here."""
        task = delivery.message.task_id
        if task is None:
            return ()
        word = _WORDS[output.status]
        return self._board.plan_move(task, word, by=delivery.claimed_by, message=delivery.message.id)

    def bring_in_line(self) -> None:
        """Bring the card file in line with what was appended."""
        self._board.recover()
