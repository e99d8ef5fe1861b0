"""The rows about task cards: files of many cards, read, changed and put away, in processor time of this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.rows import COMMAND, Plan, Row
from reliability.scenarios import workspace

from bluelabel.runner.workspace import Workspace
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.text.parser import parse

COMMAND_CARDS = f"{COMMAND}cards"
_FILES = "\n".join(
    f"- [x] `src/part_{number}/file.py` (new) does one thing of several, in words" for number in range(12)
)
_CARD = "### TASK-{0:05d}: Title of the card {0}\n**Status**: {1}  \n**Assigned**: CC  \n\n**Deliverables:**\n{2}\n\n"


def cards(plan: Plan) -> list[Row]:
    """Measure reading, setting and archiving in files of few and of many cards; a card is about 950 bytes."""
    many = 10 * min(plan.fills[-1], 1_000)
    tries = max(2, plan.rounds // 5)
    few_read, _ = _read_and_set(100, 3 * tries)
    read, change = _read_and_set(many, tries)
    few_archived, archived = _archived(100), _archived(many // 2)
    by_few, by_many = few_read / 100, read / many
    away_few, away_many = few_archived / 100, archived / (many // 2)
    figures = (
        (f"read {many:,} cards", _told(read), "budget, 2.00 s", read / 2.0, 1.0),
        (f"read {many:,} cards, each", _micro(by_many), f"each of 100, {_micro(by_few)}", by_many / by_few, 1.3),
        (f"set a field of one of {many:,}", _told(change), f"reading them, {_told(read)}", change / read, 1.5),
        (
            f"archive {many // 2:,}, each",
            _micro(away_many),
            f"each of 100, {_micro(away_few)}",
            away_many / away_few,
            1.3,
        ),
    )
    return [Row(*figure, COMMAND_CARDS) for figure in figures]


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us"


def _told(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _text(count: int, status: str) -> bytes:
    body = "".join(_CARD.format(number, status, _FILES) for number in range(count))
    return f"# Task Cards\n\n## Active Tasks\n\n{body}## Completed Tasks Archive\n".encode()


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _board(place: str, data: bytes) -> tuple[Workspace, Board]:
    root = Path(place)
    workspace(root)
    (root / "TASK_CARDS.md").write_bytes(data)
    made = Workspace.open(root)
    made.cards().inspect()
    return made, made.cards()


def _read_and_set(count: int, tries: int) -> tuple[float, float]:
    """Return the least processor seconds of reading a file, and of setting a field in it, ledger and all."""
    data = _text(count, "IN_PROGRESS 🚧")
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        made, board = _board(place, data)
        reads = [_cpu(lambda: parse(data)) for _ in range(tries)]
        name = f"TASK-{count // 2:05d}"
        sets = [_cpu(lambda value=value: board.set(name, "assignee", f"A{value}")) for value in range(tries)]  # type: ignore[misc]
        made.close()
    return min(reads), min(sets)


def _archived(count: int) -> float:
    """Return the processor seconds of archiving every card of a file."""
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        made, board = _board(place, _text(count, "COMPLETED ✅"))
        taken = _cpu(lambda: board.archive(()))
        made.close()
    return taken
