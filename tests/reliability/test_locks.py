"""The lock of the ledger: freed by death, named when stuck, and no way to harm others through its file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from powerless import powerless
from reliability.disk import read_disk

from bluelabel.interfaces.errors import BluelabelError, Conflict, LockTimeout, MachineError
from bluelabel.interfaces.events import Draft
from bluelabel.services.files import disk
from bluelabel.services.ledger import file_ledger
from bluelabel.services.ledger.clock import SystemClock
from bluelabel.services.ledger.file_ledger import FileLedger

HOLDER = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(1, b"held")
time.sleep(60)
"""


@contextmanager
def holder(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another process hold the lock."""
    argv = [sys.executable, "-S", "-c", HOLDER, str(home / "ledger.lock")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.read(4) == b"held"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def said(word: str) -> Sequence[Draft]:
    return [Draft("message.sent", "CC", {"word": word})]


def ledger_in(home: Path, patience: float = 10.0) -> FileLedger:
    made = FileLedger(home, SystemClock(), lock_timeout=patience)
    made.append(lambda: said("first"))
    return made


def words(home: Path) -> list[str]:
    return [fact.data["word"] for fact in read_disk(home).facts if "word" in fact.data]


def test_the_lock_of_a_killed_holder_is_free_at_once(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        began = time.monotonic()
        ledger.append(lambda: said("next"))
        took = time.monotonic() - began
    ledger.close()

    assert took < 1
    assert words(tmp_path) == ["first", "next"]


def test_a_stopped_holder_is_named_when_patience_ends(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, patience=0.2)
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LockTimeout, match=str(process.pid)):
            ledger.append(lambda: said("next"))
    ledger.close()

    assert words(tmp_path) == ["first"]


def test_two_threads_with_one_ledger_take_turns(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    inside, others = threading.Event(), list[int]()

    def slow() -> Sequence[Draft]:
        inside.set()
        other = threading.Thread(target=lambda: others.append(len(ledger.append(lambda: said("other")))))
        other.start()
        other.join(0.2)
        assert others == []
        return said("slow")

    ledger.append(slow)
    while not others:
        time.sleep(0.001)
    ledger.close()

    assert words(tmp_path) == ["first", "slow", "other"]


def test_nothing_acknowledged_is_lost_when_the_lock_file_is_deleted_while_it_is_held(tmp_path: Path) -> None:
    one, kept, refused = ledger_in(tmp_path), ["first"], 0

    def robbed() -> Sequence[Draft]:
        (tmp_path / "ledger.lock").unlink()
        two = FileLedger(tmp_path, SystemClock(), lock_timeout=1.0)
        two.append(lambda: said(f"two-{number}"))
        two.confirm()
        two.close()
        kept.append(f"two-{number}")
        return said(f"one-{number}")

    for number in range(100):
        try:
            one.append(robbed)
            one.confirm()
            kept.append(f"one-{number}")
        except BluelabelError:  # as good as kept: nobody was told that it is stored
            refused += 1
    one.append(lambda: said("last"))
    one.close()

    assert set(kept) <= set(words(tmp_path))
    assert refused == 100
    assert read_disk(tmp_path).faults == []


def test_a_writer_in_the_last_moment_forks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, write = ledger_in(tmp_path), disk.write_once

    def late(fd: int, data: bytes, where: str) -> None:
        monkeypatch.setattr(file_ledger, "write_once", write)
        (tmp_path / "ledger.lock").unlink()
        two = FileLedger(tmp_path, SystemClock(), lock_timeout=1.0)
        two.append(lambda: said("two"))
        two.close()
        write(fd, data, where)

    monkeypatch.setattr(file_ledger, "write_once", late)
    with pytest.raises(Conflict, match="taken away"):
        one.append(lambda: said("one"))
    one.close()
    ledger_in(tmp_path).close()

    assert words(tmp_path) == ["first", "two", "first"]
    assert read_disk(tmp_path).faults == []


def test_a_forked_child_neither_has_nor_frees_the_lock_of_its_parent(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, patience=0.3)

    def forking() -> Sequence[Draft]:
        child = os.fork()
        if child == 0:
            try:
                ledger.append(lambda: said("child"))
            except LockTimeout:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        with pytest.raises(LockTimeout):  # the child's end did not free it
            FileLedger(tmp_path, SystemClock(), lock_timeout=0.1).append(lambda: said("other"))
        return said("parent")

    ledger.append(forking)
    ledger.close()

    assert words(tmp_path) == ["first", "parent"]
    assert read_disk(tmp_path).faults == []


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_forked_from_another_thread_while_the_lock_is_held_can_write_afterwards(tmp_path: Path) -> None:
    ledger, inside, go = ledger_in(tmp_path), threading.Event(), threading.Event()

    def slow() -> Sequence[Draft]:
        inside.set()
        go.wait(10)
        return said("thread")

    thread = threading.Thread(target=lambda: ledger.append(slow))
    thread.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:
        try:
            ledger.append(lambda: said("child"))
            os._exit(0)
        finally:
            os._exit(1)
    go.set()
    thread.join()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ledger.close()

    assert status == 0
    assert sorted(words(tmp_path)) == ["child", "first", "thread"]
    assert read_disk(tmp_path).faults == []


def test_a_lock_that_may_not_be_opened_is_told(tmp_path: Path) -> None:
    ledger_in(tmp_path).close()
    (tmp_path / "ledger.lock").chmod(0)

    with powerless(), pytest.raises(MachineError):
        FileLedger(tmp_path, SystemClock()).append(lambda: said("x"))
    assert words(tmp_path) == ["first"]


def test_a_lock_that_is_a_link_is_refused_and_its_target_untouched(tmp_path: Path) -> None:
    home, victim = tmp_path / "home", tmp_path / "victim"
    home.mkdir()
    victim.write_text("mine")
    (home / "ledger.lock").symlink_to(victim)

    with pytest.raises(MachineError):
        FileLedger(home, SystemClock()).append(lambda: said("x"))
    assert victim.read_text() == "mine"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_a_lock_that_is_no_file_blocks_nobody(tmp_path: Path, make: object) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert callable(make)
    make(home / "ledger.lock")
    began = time.monotonic()
    ledger = FileLedger(home, SystemClock(), lock_timeout=0.5)
    try:
        ledger.append(lambda: said("x"))
    except BluelabelError:
        assert words(home) == []
    else:
        assert words(home) == ["x"]
    finally:
        ledger.close()

    assert time.monotonic() - began < 2
