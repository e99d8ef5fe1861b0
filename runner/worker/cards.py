"""How a card follows the work on it: in progress when its assignment is taken, and where the report leads it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from bluelabel.agents.base_agent import ANSWERED
from bluelabel.agents.plain_text import one_line
from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.messages import Delivery, MessageType
from bluelabel.services.cards.status.statuses import CardStatus, Vocabulary
from bluelabel.services.cards.text.file_problems import quoted
from bluelabel.services.cards.verifier import reported

if TYPE_CHECKING:
    from bluelabel.services.cards.board import Board
    from bluelabel.services.cards.text.model import Card

_log = logging.getLogger(__name__)

ASSIGNMENTS: Final = frozenset({MessageType.TASK_ASSIGNMENT.value, MessageType.HANDOFF_REQUEST.value})
"""Only what hands a task over moves its card; a question about a task does not."""


class Cards(Protocol):
    """What a worker asks of the cards. Nothing of it raises: a card in trouble must not hold a message up."""

    def taken(self, agent: str, delivery: Delivery) -> str:
        """Tell that an agent begins; return a remark for people, or nothing."""
        ...

    def plan(self, agent: str, delivery: Delivery, output: AgentOutput) -> tuple[Sequence[Draft], str]:
        """Return the events that the report means for the card, and a remark; they are written with the ack."""
        ...

    def written(self) -> str:
        """Bring the card file in line with what was written; return a remark for people, or nothing."""
        ...


class NoCards:
    """For a worker without a card file."""

    def taken(self, agent: str, delivery: Delivery) -> str:  # noqa: ARG002
        """Do nothing."""
        return ""

    def plan(self, agent: str, delivery: Delivery, output: AgentOutput) -> tuple[Sequence[Draft], str]:  # noqa: ARG002
        """Return nothing."""
        return (), ""

    def written(self) -> str:
        """Do nothing."""
        return ""


class BoardCards:
    """The cards of a worktree.

    A success completes the card unless its claims are false or it says nothing at all; a final error blocks it. A
    result with ``card_status`` (``ready_for_review``, ``in_progress`` …) says itself where the card goes.

    Args:
        board: opens the board.
    """

    def __init__(self, board: Callable[[], Board]) -> None:
        self._open = board

    def taken(self, agent: str, delivery: Delivery) -> str:
        """Set a card that nobody began to in progress."""
        task = _task(delivery)
        if task is None:
            return ""
        try:
            board = self._open()
            document = board.document()
            card = document.card(task) if task in document.by_id else None
            if card and card.status_unknown:
                return _unread(card)
            if card is None or card.status not in {None, "NOT_STARTED"}:
                return ""
            drafts = board.plan_move(task, "in_progress", by=agent, message=delivery.message.id)
            board.desk.book.append(lambda _db: drafts, durable=False)
            board.recover()
        except Exception as error:  # noqa: BLE001 - whatever it is, the message goes on
            return _stays(error)
        return ""

    def plan(self, agent: str, delivery: Delivery, output: AgentOutput) -> tuple[Sequence[Draft], str]:
        """Plan the move; claims are checked here, which may run the tests of the settings."""
        task = _task(delivery)
        if task is None:
            return (), ""
        if output.metadata.get(ANSWERED) is False and output.status is AgentStatus.SUCCESS:
            return (), "it answered nothing, so the card stays as it is"
        try:
            board = self._open()
            word = _word(output, board.desk.vocabulary)
            if word is None:
                return (), ""
            drafts = board.plan_move(task, word, by=agent, message=delivery.message.id)
            found = () if drafts else board.desk.read().by_id.get(task, ())
            if found and found[0].status_unknown:
                return (), _unread(found[0])
            if reported(word, board.desk.vocabulary) is None:
                return (), f"the card stays as it is: {one_line(quoted(word))} is no status that is known"
        except Exception as error:  # noqa: BLE001 - whatever it is, the message goes on
            return (), _stays(error)
        kinds = {draft.kind for draft in drafts}
        is_refused = "card.verified" in kinds and "card.changed" not in kinds
        return drafts, "claims of the card are false, so it is not completed" if is_refused else ""

    def written(self) -> str:
        """Bring the file in line; what is not done now, the next command does."""
        try:
            self._open().recover()
        except Exception as error:  # noqa: BLE001 - whatever it is, the message goes on
            return f"the card file follows later: {_told(error)}"
        return ""


def _unread(card: Card) -> str:
    """What people wrote and nobody can read is not taken for "not started", nor written over."""
    return f"the card stays as it is: its status is unknown, {one_line(quoted(card.status_raw or ''))}"


def _stays(error: Exception) -> str:
    return f"the card stays as it is: {_told(error)}"


def _told(error: Exception) -> str:
    _log.debug("the cards failed", exc_info=error)
    return one_line(str(error) if isinstance(error, BluelabelError) else f"{type(error).__name__}: {error}")


def _task(delivery: Delivery) -> str | None:
    return delivery.message.task_id if delivery.message.type in ASSIGNMENTS else None


def _word(output: AgentOutput, vocabulary: Vocabulary) -> str | None:
    """Return where the report leads the card; only a success may lead it to completed, whatever its result says."""
    told = output.result.get("card_status")
    is_success = output.status is AgentStatus.SUCCESS
    if isinstance(told, str) and (is_success or reported(told, vocabulary) is not CardStatus.COMPLETED):
        return told
    return None if output.status is AgentStatus.PENDING else output.status.value
