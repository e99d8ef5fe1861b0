"""A person's editor against an agent's edits, each pair forced into one moment: both stay, a clash is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from editors import backed_up, renamed_over

from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap as files
from bluelabel.services.ledger.book import Book

Editor = Callable[[Path, bytes], None]
FIELDS = ("status", "assignee", "priority", "branch")
MOMENTS = ("before the swap", "after the swap", "from an older copy", "same field")


def in_place(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(data[: len(data) // 2])
        file.flush()
        file.write(data[len(data) // 2 :])


class Pair:
    """One file, the agent's board over it and a person's editor."""

    def __init__(self, root: Path, data: bytes, editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = root / "TASK_CARDS.md"
        self.path.write_bytes(data)
        (root / ".bluelabel").mkdir()
        self.book = Book.open(root / ".bluelabel", (CardsProjection(),))
        self.board = Board(Desk(self.path, self.book, root / ".bluelabel", "CC"))
        self.board.inspect()
        self.editor = editor
        self.saves: list[tuple[str, bytes]] = []
        self.words: list[bytes] = []
        swap = files.exchange

        def raced(one: Path, two: Path) -> bool:
            self._save("before the swap")
            done = swap(one, two)
            self._save("after the swap")
            return done

        monkeypatch.setattr(files, "exchange", raced)

    def _save(self, moment: str) -> None:
        if self.saves and self.saves[0][0] == moment:
            _, line = self.saves.pop()
            self.editor(self.path, self.typed(self.path.read_bytes(), line))

    @staticmethod
    def typed(data: bytes, line: bytes) -> bytes:
        if line.startswith(b"human"):
            return data.replace(b"Reads the file.\n", b"Reads the file.\n" + line + b"\n")
        key, _, value = line.partition(b"=")
        card = parse(data).card("TASK-210C").fields[key.decode()]
        text = data.decode()
        return (text[: card.value_start] + value.decode() + text[card.value_end :]).encode()

    def meet(self, number: int, chance: random.Random) -> list[str]:
        """Let both edit in one moment; return what went wrong."""
        moment, field = chance.choice(MOMENTS), chance.choice(FIELDS)
        mine = chance.choice(("BLOCKED", "IN_PROGRESS")) if field == "status" else f"agent-{number}"
        line, old = f"human-{number}".encode(), self.path.read_bytes()
        if moment == "same field":
            self.board.set("TASK-210C", field, "Done" if field == "status" else "x", force=True, reason="x")
            line = f"{field}={'CANCELLED' if field == 'status' else f'human-{number}'}".encode()
        else:
            self.words.append(line)
        self.saves = [("before the swap" if moment == "same field" else moment, line)]
        before = self.path.read_bytes()
        after = self.board.set("TASK-210C", field, mine).raw(field) or ""
        is_clash = moment == "same field" or (moment == "from an older copy" and self.path.read_bytes() != before)
        if moment == "from an older copy":
            self.editor(self.path, self.typed(old, line))
        else:
            self._save(moment)  # the field had this value already: nothing was swapped
        told = [*self.board.report.clashes, *self.board.inspect().clashes]
        return self._judged(moment, line.partition(b"=")[2] or line, after, told, is_clash)

    def _judged(self, moment: str, typed: bytes, after: str, told: list[str], is_clash: bool) -> list[str]:
        data = self.path.read_bytes()
        wrong = [] if typed in data else [f"{moment}: the person's {typed!r} is lost"]
        card = parse(data).card("TASK-210C")
        block = data.decode()[card.start : card.end]
        wrong += [] if after in block else [f"{moment}: the agent's {after!r} is lost"]
        if is_clash is not bool(told):
            wrong.append(f"{moment}: told {told}")
        kept = [row for row in data.splitlines(keepends=True) if b"(other side)" not in row]
        if len(kept) < len(data.splitlines()):
            self.path.write_bytes(b"".join(kept))
            self.board.inspect()
        return wrong


def met(root: Path, data: bytes, editor: Editor, monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    pair = Pair(root, data, editor, monkeypatch)
    chance = random.Random(times)
    wrong = [f"{number}: {text}" for number in range(times) for text in pair.meet(number, chance)]
    pair.book.close()
    rows = pair.path.read_bytes().split(b"\n")
    return wrong + [f"{word!r} stands {rows.count(word)} times" for word in pair.words if rows.count(word) != 1]


@pytest.mark.parametrize("editor", [in_place, renamed_over, backed_up])
def test_an_editor_and_an_agent_in_one_moment_lose_nothing(
    tmp_path: Path, sample: Callable[[str], bytes], editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert met(tmp_path, sample("tracker"), editor, monkeypatch, 12) == []


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("editor", [in_place, renamed_over, backed_up])
def test_five_hundred_moments_of_an_editor_and_an_agent_lose_nothing(
    tmp_path: Path, sample: Callable[[str], bytes], editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert met(tmp_path, sample("tracker"), editor, monkeypatch, 500) == []
