"""What every ledger promises, whatever it is kept in; below, what files promise on top."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reliability.disk import read_disk

from bluelabel.interfaces.errors import Conflict, MachineError, NotDurable
from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.limits import SEGMENT_BYTES
from bluelabel.interfaces.ports import Ledger
from bluelabel.services.ledger.codec import GENESIS
from bluelabel.services.ledger.file_ledger import FileLedger
from bluelabel.services.ledger.memory_ledger import MemoryLedger
from bluelabel.services.ledger.verify import verify

ADAPTERS = ("file", "memory")


class StillClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

    def uptime(self) -> float:
        return 100.0

    def boot(self) -> str:
        return "this-start"


@pytest.fixture(params=ADAPTERS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    made: Ledger = (
        FileLedger(tmp_path / "home", StillClock()) if request.param == "file" else MemoryLedger(StillClock())
    )
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Callable[..., FileLedger]]:
    opened: list[FileLedger] = []

    def make(*, segment_bytes: int = SEGMENT_BYTES) -> FileLedger:
        opened.append(FileLedger(tmp_path / "home", StillClock(), segment_bytes=segment_bytes))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def said(*words: str) -> Callable[[], Sequence[Draft]]:
    return lambda: [Draft("message.sent", "CC", {"word": word}) for word in words]


def words(events: Iterator[Event]) -> list[str]:
    return [event.data["word"] for event in events]


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    assert (ledger.head().seq, ledger.head().h) == (0, GENESIS)
    assert list(ledger.read()) == []


def test_events_are_numbered_from_one_without_gap(ledger: Ledger) -> None:
    ledger.append(said("a"))
    ledger.append(said("b", "c"))
    ledger.confirm()

    assert [event.seq for event in ledger.read()] == [1, 2, 3]
    assert words(ledger.read()) == ["a", "b", "c"]


def test_an_event_is_stamped_and_keeps_who_did_what(ledger: Ledger) -> None:
    (event,) = ledger.append(said("a"))

    assert (event.at, event.by, event.kind) == ("2026-01-31T09:30:00.000000Z", "CC", "message.sent")
    assert list(ledger.read()) == [event]


def test_the_head_is_the_last_event(ledger: Ledger) -> None:
    events = ledger.append(said("a", "b"))

    assert (ledger.head().seq, ledger.head().h) == (2, events[-1].h)


def test_each_hash_chains_the_one_before(ledger: Ledger) -> None:
    first, second = ledger.append(said("a"))[0], ledger.append(said("b"))[0]
    body = {"seq": 2, "at": second.at, "by": "CC", "kind": "message.sent", "word": "b"}
    text = json.dumps(body, separators=(",", ":"))

    assert second.h == hashlib.sha256(f"{first.h}{text}".encode()).hexdigest()


def test_reading_goes_on_after_a_known_event(ledger: Ledger) -> None:
    events = ledger.append(said("a", "b", "c"))

    assert words(ledger.read(2)) == ["c"]
    assert words(ledger.read(2, events[1].h)) == ["c"]
    assert words(ledger.read(3, events[2].h)) == []


@pytest.mark.parametrize(("after", "expect"), [(9, None), (1, "f" * 64)])
def test_reading_after_an_event_of_another_ledger_is_a_conflict(ledger: Ledger, after: int, expect: str | None) -> None:
    ledger.append(said("a", "b"))

    with pytest.raises(Conflict):
        list(ledger.read(after, expect))


def test_nothing_decided_is_nothing_written(ledger: Ledger) -> None:
    assert ledger.append(list) == []
    assert ledger.head().seq == 0


def test_a_refusal_is_passed_on_and_writes_nothing(ledger: Ledger) -> None:
    ledger.append(said("a"))

    def refuse() -> Sequence[Draft]:
        raise KeyError("no")

    with pytest.raises(KeyError):
        ledger.append(refuse)
    ledger.append(said("b"))

    assert words(ledger.read()) == ["a", "b"]


@pytest.mark.parametrize("data", [{"h": "x"}, {"seq": 1}, {"more": 0}, {"value": float("nan")}])
def test_data_that_no_line_can_hold_is_refused(ledger: Ledger, data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"reserved|JSON"):
        ledger.append(lambda: [Draft("message.sent", "CC", data)])

    assert ledger.head().seq == 0


def test_a_decision_sees_what_others_have_written(ledger: Ledger) -> None:
    ledger.append(said("a"))
    seen: list[int] = []

    def decide() -> Sequence[Draft]:
        seen.append(ledger.head().seq)
        return said("b")()

    ledger.append(decide)

    assert seen == [1]


def test_what_was_written_last_is_at_hand(ledger: Ledger) -> None:
    empty = ledger.head()
    ledger.append(lambda: [Draft("card.changed", "CC", {"n": 1})])
    known = ledger.head()
    ledger.append(lambda: [Draft("card.changed", "CC", {"n": n}) for n in (2, 3)])

    assert [event.data["n"] for event in ledger.at_hand(empty) or ()] == [1, 2, 3]
    assert [event.data["n"] for event in ledger.at_hand(known) or ()] == [2, 3]
    assert list(ledger.at_hand(ledger.head()) or ()) == []


@pytest.mark.parametrize("seq", [0, 1, 2, 3])
def test_nothing_is_at_hand_for_the_head_of_another_ledger(ledger: Ledger, seq: int) -> None:
    for n in range(2):
        ledger.append(lambda n=n: [Draft("card.changed", "CC", {"n": n})])  # type: ignore[misc]

    assert ledger.at_hand(Head(seq, "another hash")) is None


def test_threads_lose_nothing_and_confirm_what_they_wrote(ledger: Ledger) -> None:
    def write(name: int) -> None:
        for number in range(20):
            ledger.append(said(f"{name}-{number}"))
            ledger.confirm()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = words(ledger.read())

    assert sorted(found) == sorted(f"{name}-{number}" for name in range(4) for number in range(20))
    assert [word for word in found if word.startswith("0-")] == [f"0-{number}" for number in range(20)]


def test_waiting_ends_when_an_event_comes(ledger: Ledger) -> None:
    ledger.append(said("a"))
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(ledger.wait(1, 30)))
    waiter.start()
    ledger.append(said("b"))
    waiter.join(30)

    assert answers == [True]


def test_waiting_for_what_is_there_takes_no_time(ledger: Ledger) -> None:
    ledger.append(said("a"))

    assert ledger.wait(0, 0)
    assert not ledger.wait(1, 0.01)


def test_two_ledgers_on_one_directory_are_one(files: Callable[..., FileLedger]) -> None:
    one, other = files(), files()
    one.append(said("a"))
    other.append(said("b"))
    one.append(said("c"))

    assert words(other.read()) == ["a", "b", "c"]
    assert one.head() == other.head()


def test_the_chain_runs_on_through_segments(files: Callable[..., FileLedger]) -> None:
    ledger = files(segment_bytes=400)
    for number in range(9):
        ledger.append(said(f"{number}"))
    disk = read_disk(ledger.home)

    assert len(disk.segments) > 2
    assert disk.faults == []
    assert words(ledger.read()) == words(files().read()) == [str(n) for n in range(9)]
    assert words(ledger.read(5)) == ["5", "6", "7", "8"]


def test_a_segment_that_was_started_and_left_empty_is_no_damage(files: Callable[..., FileLedger]) -> None:
    ledger = files()
    ledger.append(said("a"))
    Path(ledger.segments.path(2)).touch()
    verdict = verify(files().segments)

    assert (verdict.problems, verdict.torn, verdict.events) == ((), 0, 1)
    assert [event.seq for event in files().append(said("b"))] == [2]
    assert read_disk(ledger.home).faults == []


def test_a_missing_segment_is_damage(files: Callable[..., FileLedger]) -> None:
    ledger = files(segment_bytes=100)
    for word in "abc":
        ledger.append(said(word))
    Path(ledger.segments.path(2)).unlink()

    assert any(problem.code == "missing-segment" for problem in verify(files().segments).problems)


@pytest.mark.parametrize("torn", [b"{", b'{"seq":2,"at":"x"}', b'{"seq":2}\n', b"\x00\xff\n{", b"\n\n"])
def test_a_torn_tail_is_sealed_never_cut(files: Callable[..., FileLedger], torn: bytes) -> None:
    ledger = files()
    ledger.append(said("a"))
    path = Path(ledger.segments.path(1))
    with path.open("ab") as file:
        file.write(torn)
    before = path.read_bytes()
    files().append(said("b"))
    disk = read_disk(path.parents[1])

    assert path.read_bytes().startswith(before)
    assert (disk.faults, disk.sealed, disk.torn) == ([], 1, 0)
    assert [fact.data.get("word") for fact in disk.facts] == ["a", None, "b"]
    assert verify(files().segments).problems == ()


def test_half_a_unit_counts_for_nothing(files: Callable[..., FileLedger]) -> None:
    ledger = files()
    ledger.append(said("a"))
    ledger.append(said("b", "c"))
    path = Path(ledger.segments.path(1))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))

    assert words(files().read()) == ["a"]
    files().append(said("d"))
    assert [event.data.get("word") for event in files().read()] == ["a", None, "d"]
    assert read_disk(ledger.home).faults == []


def test_a_failed_write_acknowledges_nothing(files: Callable[..., FileLedger], monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = files()
    ledger.append(said("a"))

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(MachineError, match="full"):
            ledger.append(said("b"))
    ledger.append(said("c"))

    assert words(ledger.read()) == ["a", "c"]


def test_half_a_write_is_told_and_sealed(files: Callable[..., FileLedger], monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = files()
    ledger.append(said("a"))
    write = os.write

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        with pytest.raises(MachineError, match="only"):
            ledger.append(said("b"))
    ledger.append(said("c"))

    assert [event.data.get("word") for event in ledger.read()] == ["a", None, "c"]
    assert read_disk(ledger.home).faults == []


def test_a_failed_sync_is_told_and_the_segment_is_written_anew(
    files: Callable[..., FileLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = files()
    ledger.append(said("a"))
    ledger.confirm()
    inode = Path(ledger.segments.path(1)).stat().st_ino

    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    ledger.append(said("b"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(NotDurable):
            ledger.confirm()

    assert Path(ledger.segments.path(1)).stat().st_ino != inode
    ledger.append(said("c"))
    ledger.confirm()
    assert words(ledger.read()) == ["a", "b", "c"]


def test_confirming_vouches_for_one_s_own_events_while_another_thread_writes(
    files: Callable[..., FileLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = files()
    ledger.append(said("a"))
    inside, go_on = threading.Event(), threading.Event()
    write, synced = os.write, list[int]()
    sync = os.fdatasync

    def slow(fd: int, data: bytes) -> int:
        inside.set()
        go_on.wait(10)
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", slow)
        patch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or sync(fd))  # type: ignore[func-returns-value]
        other = threading.Thread(target=lambda: ledger.append(said("b")))
        other.start()
        inside.wait(10)
        ledger.confirm()
        go_on.set()
        other.join(10)

    assert synced, "nothing was synced although an event had been written"
