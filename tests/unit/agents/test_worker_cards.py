"""Cards in trouble never hold a message up."""

from __future__ import annotations

from typing import Any

from bluelabel.interfaces.agent_models import AgentOutput, AgentStatus
from bluelabel.interfaces.errors import LockTimeout
from bluelabel.interfaces.messages import Delivery, DeliveryState, Message
from bluelabel.runner.worker.cards import BoardCards, NoCards


class Locked:
    def __getattr__(self, _name: str) -> Any:
        raise LockTimeout("the card file is locked")


def delivery(**more: Any) -> Delivery:
    given = {"id": "m", "sender": "ARCH", "recipients": ("CC",), "created_at": "", "type": "task_assignment"} | more
    return Delivery(message=Message(**given), recipient="CC", state=DeliveryState.CLAIMED, seq=1)


OUTPUT = AgentOutput(task_id="T", status=AgentStatus.SUCCESS)


def test_a_locked_card_file_is_a_remark() -> None:
    cards = BoardCards(Locked)  # type: ignore[arg-type]
    assignment = delivery(task_id="TASK-1")

    assert cards.taken("CC", assignment) == "the card stays as it is: the card file is locked"
    assert cards.plan("CC", assignment, OUTPUT) == ((), "the card stays as it is: the card file is locked")
    assert cards.written() == "the card file follows later: the card file is locked"


def test_a_fault_of_the_board_is_a_remark_too() -> None:
    cards = BoardCards(lambda: None)  # type: ignore[arg-type, return-value]

    assert cards.taken("CC", delivery(task_id="T")).startswith("the card stays as it is: AttributeError")
    assert cards.written().startswith("the card file follows later: AttributeError")


def test_a_message_about_no_card_does_not_open_the_file() -> None:
    cards = BoardCards(Locked)  # type: ignore[arg-type]

    assert cards.taken("CC", delivery()) == ""
    assert cards.plan("CC", delivery(type="message", task_id="TASK-1"), OUTPUT) == ((), "")


def test_a_worker_without_cards_moves_none() -> None:
    cards = NoCards()

    assert (cards.taken("CC", delivery()), cards.plan("CC", delivery(), OUTPUT), cards.written()) == ("", ((), ""), "")
