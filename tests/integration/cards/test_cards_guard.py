"""Other people's saves: what they take away is noticed, what they write stays, whatever way they write it."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from editors import backed_up, renamed_over

from bluelabel.interfaces.errors import Conflict, MachineError, TooLarge, UnreadableInput
from bluelabel.services.cards import card_store
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.file_state import Memory
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap as files
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.book import Book


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def uptime(self) -> float:
        return 0.0

    def boot(self) -> str:
        return "one"


def nano(path: Path, data: bytes) -> None:
    path.write_bytes(data)


EDITORS = [nano, renamed_over, backed_up]


class Here:
    def __init__(self, root: Path, data: bytes, repository: GitRepository | None = None) -> None:
        self.path = root / "TASK_CARDS.md"
        self.home = root / ".bluelabel"
        self.home.mkdir()
        self.path.write_bytes(data)
        self.clock = Clock()
        self.book = Book.open(self.home, (CardsProjection(),), clock=self.clock)
        self.repository = repository

    def board(self) -> Board:
        return Board(Desk(self.path, self.book, self.home, "CC", self.repository, clock=self.clock))

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture
def here(tmp_path: Path, sample: Callable[[str], bytes]) -> Iterator[Any]:
    made = Here(tmp_path, sample("tracker"))
    made.board().inspect()
    yield made
    made.book.close()


@pytest.mark.parametrize("editor", EDITORS)
def test_a_rewrite_that_loses_cards_raises_an_alarm_and_restore_brings_them_back(here: Any, editor: Any) -> None:
    editor(here.path, b"# Mine\n\n### TASK-500: Only this\nStatus: COMPLETED\n")
    report = here.board().inspect()

    assert report.alarms[0].lost == ("TASK-210A", "TASK-210B", "TASK-210C", "TASK-210D", "TASK-210E")
    lost = [event for event in here.book.read() if event.kind == "card.lost"]
    assert lost[0].data["lost"] == list(report.alarms[0].lost)
    assert not here.board().inspect()
    assert len(here.board().restore()) == 5
    document = here.board().document()
    assert [card.id for card in document.cards] == ["TASK-500", *report.alarms[0].lost]
    assert "# Mine" in document.text
    assert here.board().restore() == []


def test_restored_cards_stand_where_they_stood_byte_for_byte(here: Any) -> None:
    before = here.data
    document = parse(before)
    first, graph = document.cards[:2]
    here.path.write_bytes((document.text[: first.start] + document.text[document.cards[2].start :]).encode())

    assert here.board().inspect().alarms[0].lost == (first.id, graph.id)
    assert here.board().restore([graph.id, first.id]) == [graph.id, first.id]
    assert parse(here.data).text.count("Build the reader") == 1
    assert sorted(parse(here.data).by_id) == sorted(document.by_id)


def test_doubled_ids_and_conflict_markers_raise_an_alarm(here: Any) -> None:
    here.path.write_bytes(here.data + b"\n### TASK-210A: Again\n<<<<<<< HEAD\n=======\n>>>>>>> x\n")
    alarm = here.board().inspect().alarms[0]

    assert (alarm.lost, alarm.doubled, len(alarm.markers)) == ((), ("TASK-210A",), 1)


def test_a_file_that_is_gone_comes_back_card_by_card(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_store, "_GONE", 0.02)
    here.path.unlink()

    assert len(here.board().inspect().alarms[0].lost) == 5
    assert len(here.board().restore()) == 5
    assert len(parse(here.data).cards) == 5


def test_a_card_that_went_to_an_archive_file_is_not_lost(here: Any) -> None:
    text = parse(here.data)
    card = text.cards[0]
    moved = text.text[: card.start] + text.text[text.cards[1].start :]
    moved = moved.replace("[Finished tasks move here]", "- TASK-210A: Build the reader → archive.md")
    here.path.write_bytes(moved.encode())

    assert not here.board().inspect()


def test_branches_are_remembered_apart(tmp_path: Path, sample: Callable[[str], bytes]) -> None:
    def git(*args: str) -> None:
        settings = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *settings, *args], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    here = Here(tmp_path, sample("tracker"), GitRepository.find(tmp_path))
    git("add", "TASK_CARDS.md")
    git("commit", "-q", "-m", "cards")
    here.board().set("TASK-210C", "status", "BLOCKED")
    git("commit", "-q", "-a", "-m", "blocked")
    git("checkout", "-q", "-b", "dev/short")
    here.path.write_bytes(sample("styles"))
    assert here.board().inspect().alarms == []
    git("commit", "-q", "-a", "-m", "other cards")
    git("checkout", "-q", "main")

    assert not here.board().inspect()
    assert here.board().document().card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert here.board().history("TASK-210C")[0]["branch"] == "main"
    here.path.write_bytes(b"")
    assert len(here.board().inspect().alarms) == 1
    here.book.close()


@pytest.mark.parametrize("editor", EDITORS)
def test_of_a_save_from_an_older_copy_and_the_changes_it_did_not_have_both_are_kept(here: Any, editor: Any) -> None:
    old = here.data
    here.board().set("TASK-210C", "status", "BLOCKED")
    here.board().check("TASK-210C", 1)
    made = here.board().new("Fresh")
    editor(here.path, old.replace(b"Reads the file.", b"Reads all files."))
    report = here.board().inspect()

    document = parse(here.data)
    assert "**Status**: pending  \n**Status (other side)**: BLOCKED 🔴".encode() in here.data
    assert "- [x] It waits" in document.text
    assert made in document.by_id
    assert "Reads all files." in document.text
    assert report.alarms == []
    assert "both are kept" in report.clashes[0]
    assert "older copy" in report.notes[0]
    assert not here.board().inspect()


def test_a_second_save_that_takes_a_change_back_is_meant(here: Any) -> None:
    old = here.data
    here.board().set("TASK-210C", "status", "BLOCKED")
    here.path.write_bytes(old)
    here.board().inspect()
    here.path.write_bytes(old)

    assert not here.board().inspect()
    assert here.data == old


def test_a_change_taken_back_long_after_is_meant(here: Any) -> None:
    old = here.data
    here.board().set("TASK-210C", "status", "BLOCKED")
    here.clock.ahead = timedelta(minutes=20)
    here.path.write_bytes(old)

    assert not here.board().inspect()
    assert here.data == old


def test_a_field_set_by_both_at_the_same_time_keeps_both_and_says_so(here: Any) -> None:
    old = here.data
    here.board().set("TASK-210C", "status", "BLOCKED")
    here.path.write_bytes(old.replace(b"**Status**: pending", b"**Status**: Done"))
    report = here.board().inspect()

    assert "**Status**: Done  \n**Status (other side)**: BLOCKED 🔴".encode() in here.data
    assert len(report.clashes) == 1
    assert not here.board().inspect()


def test_cards_that_were_made_and_taken_back_stay_away(here: Any) -> None:
    here.board().new("Fresh")
    here.board().undo()
    here.path.write_bytes(here.data + b"\nmore\n")

    assert not here.board().inspect()
    assert "TASK-210F" not in parse(here.data).by_id


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("moment", ["before the swap", "after the swap"])
def test_a_save_in_the_moment_of_a_change_is_built_upon(
    here: Any, monkeypatch: pytest.MonkeyPatch, editor: Any, moment: str
) -> None:
    typed = here.data.replace(b"Reads the file.", b"Typed meanwhile.")
    swap = files.exchange
    saves = [typed]

    def raced(one: Path, two: Path) -> bool:
        if saves and moment == "before the swap":
            editor(here.path, saves.pop())
        done = swap(one, two)
        if saves:
            editor(here.path, parse(here.data).text.replace("Reads the file.", "Typed meanwhile.").encode())
            saves.clear()
        return done

    monkeypatch.setattr(files, "exchange", raced)
    here.board().set("TASK-210C", "status", "BLOCKED")
    here.board().inspect()

    assert b"Typed meanwhile." in here.data
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert [path for path in here.path.parent.iterdir() if "bluelabel-" in path.name] == []


def test_the_same_field_saved_in_that_moment_keeps_both(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    swap = files.exchange
    saves = [here.data.replace(b"**Status**: pending", b"**Status**: Done")]

    def raced(one: Path, two: Path) -> bool:
        if saves:
            nano(here.path, saves.pop())
        return swap(one, two)

    monkeypatch.setattr(files, "exchange", raced)
    board = here.board()
    board.set("TASK-210C", "status", "BLOCKED")

    assert "**Status**: Done  \n**Status (other side)**: BLOCKED 🔴".encode() in here.data
    assert board.report.clashes == [
        "TASK-210C: status was changed to 'Done' by hand and to 'BLOCKED 🔴' here; both are kept"
    ]


def test_a_writer_that_is_not_done_is_waited_for(here: Any) -> None:
    opened, finish = threading.Event(), threading.Event()
    typed = here.data.replace(b"Reads the file.", b"Typed slowly.")

    def slow() -> None:
        with here.path.open("wb") as file:
            file.write(typed[:100])
            file.flush()
            opened.set()
            finish.wait(5)
            file.write(typed[100:])

    writer = threading.Thread(target=slow)
    writer.start()
    opened.wait(5)
    threading.Timer(0.05, finish.set).start()
    here.board().set("TASK-210C", "status", "BLOCKED")
    writer.join()

    assert b"Typed slowly." in here.data
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"


def test_an_editor_that_holds_the_old_file_over_the_swap_loses_nothing(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opened the file before the swap and writes after it: its words arrive in the file that was swapped out."""
    swap = files.exchange
    typed = here.data.replace(b"Reads the file.", b"Typed into the old one.")
    writers: list[threading.Thread] = []

    def raced(one: Path, two: Path) -> bool:
        if not writers:
            file = here.path.open("r+b")
            done = swap(one, two)

            def finish() -> None:
                file.truncate(0)
                file.write(typed)
                file.close()

            writers.append(threading.Thread(target=finish))
            writers[0].start()
            return done
        return swap(one, two)

    monkeypatch.setattr(files, "exchange", raced)
    here.board().set("TASK-210C", "status", "BLOCKED")

    assert b"Typed into the old one." in here.data
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"


def test_what_a_crash_pushed_aside_is_merged_back_in(here: Any) -> None:
    board = here.board()
    aside = here.data.replace(b"Reads the file.", b"Saved in that moment.")
    board.set("TASK-210C", "status", "BLOCKED")
    here.path.with_name(".TASK_CARDS.md.bluelabel-swap-77").write_bytes(aside)
    here.path.with_name(".TASK_CARDS.md.bluelabel-new-77").write_bytes(b"half a te")
    report = here.board().recover()

    assert b"Saved in that moment." in here.data
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert "pushed aside" in report.notes[0]
    assert sorted(path.name for path in here.path.parent.iterdir()) == [".bluelabel", "TASK_CARDS.md"]


def test_a_note_that_a_crash_pushed_aside_and_one_saved_since_both_stand_whole(here: Any) -> None:
    place = b"Reads the file."
    notes = [
        place + b"\n\n" + who + b"\n- open question: none\n\n```\n" + who + b"\n```" for who in (b"a: CC", b"b: CA")
    ]
    here.board().set("TASK-210C", "status", "BLOCKED")
    known = here.data
    here.path.with_name(".TASK_CARDS.md.bluelabel-swap-77").write_bytes(known.replace(place, notes[1]))
    here.path.write_bytes(known.replace(place, notes[0]))
    here.board().recover()

    assert here.data == known.replace(place, notes[0] + notes[1].removeprefix(place))


def test_a_swap_that_never_took_place_is_thrown_away(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_one: Path, _two: Path) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "exchange", dies)
        with pytest.raises(KeyboardInterrupt):
            here.board().set("TASK-210C", "status", "BLOCKED")
    assert len(list(here.path.parent.glob(".TASK_CARDS.md.*"))) == 1
    report = here.board().recover()

    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert [note for note in report.notes if "aside" in note] == []
    assert list(here.path.parent.glob(".TASK_CARDS.md.*")) == []


def test_without_an_exchange_the_old_file_is_kept_by_a_link(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_renameat2", lambda _one, _two: 38)
    here.board().set("TASK-210C", "status", "BLOCKED")

    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert not files.exchange(here.path, here.path.with_name("nothing"))


@pytest.mark.parametrize("code", [28, 5, 13])
def test_a_disk_that_refuses_leaves_the_file_and_says_so(here: Any, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    before = here.data

    def full(_one: bytes, _two: bytes) -> int:
        return code

    with monkeypatch.context() as patch:
        patch.setattr(files, "_renameat2", full)
        with pytest.raises(MachineError):
            here.board().set("TASK-210C", "status", "BLOCKED")
    assert here.data == before
    assert list(here.path.parent.glob(".TASK_CARDS.md.*")) == []
    here.board().recover()
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"


def test_a_file_that_changes_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "T.md"
    path.write_bytes(b"0")
    swap, count = files.exchange, iter(range(1000))

    def raced(one: Path, two: Path) -> bool:
        path.write_bytes(str(next(count)).encode() * 3)
        return swap(one, two)

    monkeypatch.setattr(files, "exchange", raced)
    with pytest.raises(Conflict, match="changes faster"):
        files.publish(path, lambda data: data + b"x")


def test_what_is_no_card_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", ""):
        with pytest.raises(UnreadableInput, match="not a regular file"):
            files.read_settled(tmp_path / name)
    (tmp_path / "big").write_bytes(b"x" * 100)
    monkeypatch.setattr(files, "CARDS_BYTES", 50)
    with pytest.raises(TooLarge):
        files.read_settled(tmp_path / "big")
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(MachineError):
        files.read_settled(tmp_path / "a")


def test_a_writer_that_never_ends_is_told(tmp_path: Path) -> None:
    path = tmp_path / "T.md"
    with path.open("wb"), pytest.raises(Conflict, match="is writing"):
        files.read_settled(path, patience=0.02)


def test_a_link_to_the_card_file_stays_a_link(here: Any, tmp_path: Path) -> None:
    link = tmp_path / "LINK.md"
    link.symlink_to(here.path)
    Board(Desk(link, here.book, here.home, "CC")).set("TASK-210C", "status", "BLOCKED")

    assert link.is_symlink()
    assert parse(here.data).card("TASK-210C").status_raw == "BLOCKED 🔴"


def test_damaged_copies_are_not_trusted(here: Any) -> None:
    memory = Memory(here.home, here.path)
    state = memory.load()
    assert state is not None
    name = state.branches[""].known
    (memory.folder / f"text-{name}").write_bytes(b"damaged")

    assert memory.text(name) is None
    assert memory.text("nothing") is None
    here.path.write_bytes(b"")
    assert here.board().inspect().alarms == []


def test_what_is_remembered_survives_a_move_of_the_whole_workspace(
    tmp_path: Path, sample: Callable[[str], bytes]
) -> None:
    root = tmp_path / "old"
    root.mkdir()
    here = Here(root, sample("tracker"))
    here.board().archive(["TASK-210A"], "archive.md")
    here.book.close()
    root.rename(tmp_path / "new")
    book = Book.open(tmp_path / "new" / ".bluelabel", (CardsProjection(),), clock=here.clock)
    board = Board(
        Desk(tmp_path / "new" / "TASK_CARDS.md", book, tmp_path / "new" / ".bluelabel", "CC", clock=here.clock)
    )

    assert board.restore(["TASK-210A"]) == ["TASK-210A"]
    book.close()


def test_a_change_taken_back_stays_so_when_the_command_died_before_it_remembered(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = here.data
    here.board().set("TASK-210C", "status", "BLOCKED")

    def dies(_memory: Memory, _data: bytes) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Memory, "keep", dies)
        with pytest.raises(KeyboardInterrupt):
            here.board().undo()
    here.board().recover()

    assert here.data == old
