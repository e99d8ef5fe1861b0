"""A post office with 100,000 waiting messages costs no more than an empty one, message by message."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bluelabel.runner.boxes import Boxes
from bluelabel.runner.operations import setup
from bluelabel.runner.workspace import Workspace
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.outgoing import OutgoingMessage

WAITING = 100_000


def message(number: int) -> OutgoingMessage:
    return OutgoingMessage("CC", ("CA",), subject=f"message {number}", content={"body": "text", "number": number})


def cost(workspace: Workspace, count: int = 200) -> float:
    """Return the CPU seconds of one send, the cheapest of several tries."""
    tries: list[float] = []
    for _ in range(5):
        began = time.process_time()
        for number in range(count):
            workspace.postbox.send(message(number))
        tries.append((time.process_time() - began) / count)
    return min(tries)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_sending_costs_the_same_beside_a_hundred_thousand_waiting_messages(tmp_path: Path) -> None:
    _, steps = setup.plan(tmp_path, ["CC", "CA"])
    setup.run(steps, lambda _line: None)
    workspace = Workspace.open(tmp_path)
    few = cost(workspace)
    for start in range(0, WAITING, 1_000):
        workspace.postbox.send_all([message(n) for n in range(start, start + 1_000)])
    many = cost(workspace)
    workspace.close()
    began = time.process_time()
    again = Workspace.open(tmp_path)
    with again.book.reading() as db:
        shown, counted = queries.waiting(db, "CA", 200), queries.counts_of(db, "CA")
    listed = time.process_time() - began
    Boxes(again).refresh(["CA"])
    size = (tmp_path / "postbox" / "CA" / "inbox.json").stat().st_size
    again.close()

    assert (len(shown), counted["sent"]) == (200, WAITING + 2_000)
    assert size < 200_000
    assert many < 1.5 * few, f"{few * 1e6:.0f} and {many * 1e6:.0f} us"
    assert listed < 2, f"{listed:.2f} s to open and list"
