"""What a book promises to threads: a long question holds nobody up, many may wait behind one watch, one may follow."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bluelabel.interfaces.events import Draft, Event
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.write_batch import Writes

PATIENCE = 30.0
FEW = 20


class Words:
    """A table of every word that was said."""

    name = "words"
    version = 1
    ddl = "CREATE TABLE words (seq INTEGER PRIMARY KEY, word TEXT)"

    def apply(self, writes: Writes, event: Event) -> None:
        writes.db.execute("INSERT INTO words VALUES (?, ?)", (event.seq, event.data["word"]))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    (tmp_path / "home").mkdir()
    opened = Book.open(tmp_path / "home", [Words()])
    yield opened
    opened.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def say(book: Book, word: str) -> Event:
    def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
        return [Draft("message.sent", "CC", {"word": word})]

    return book.append(decide)[0]


def words(db: sqlite3.Connection) -> list[str]:
    return [word for (word,) in db.execute("SELECT word FROM words ORDER BY seq")]


def test_a_send_and_another_question_do_not_wait_for_a_long_question(book: Book, threads: ThreadPoolExecutor) -> None:
    say(book, "a")
    inside, leave = threading.Event(), threading.Event()

    def long_question() -> list[str]:
        with book.reading() as db:
            inside.set()
            assert leave.wait(PATIENCE)
            return words(db)

    asked = threads.submit(long_question)
    assert inside.wait(PATIENCE)
    said = threads.submit(say, book, "b").result(PATIENCE)
    with book.reading() as db:
        meanwhile = words(db)
    leave.set()

    assert said.seq == 2
    assert meanwhile == ["a", "b"]
    assert asked.result(PATIENCE) == ["a"]  # it was asked before


def test_questions_of_many_threads_see_what_their_thread_has_written(book: Book, threads: ThreadPoolExecutor) -> None:
    def round_of(number: int) -> bool:
        word = str(number)
        say(book, word)
        with book.reading() as db:
            return word in words(db)

    assert all(threads.map(round_of, range(200)))


def test_a_reader_follows_an_index_that_is_made_anew(book: Book, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    def ask() -> list[str]:
        with book.reading() as db:
            return words(db)

    say(book, "a")
    before = threads.submit(ask).result(PATIENCE)
    book.index.discard()
    say(book, "b")

    assert before == ["a"]
    assert threads.submit(ask).result(PATIENCE) == ["a", "b"]


def test_a_reader_is_not_taken_from_a_file_that_another_process_makes_anew(
    book: Book, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def ask() -> list[str]:
        with book.reading() as db:
            return words(db)

    say(book, "a")
    ask()
    for file in (tmp_path / "home").glob("index.db*"):
        file.unlink()
    sqlite3.connect(tmp_path / "home" / "index.db").close()

    assert threads.submit(ask).result(PATIENCE) == ["a"]


def test_a_reader_cannot_write(book: Book, threads: ThreadPoolExecutor) -> None:
    say(book, "a")

    def write() -> None:
        with book.reading() as db:
            db.execute("DELETE FROM words")

    with pytest.raises(Exception, match="readonly"):
        threads.submit(write).result(PATIENCE)


def test_a_thousand_threads_that_wait_and_ask_leave_no_descriptor_open(book: Book) -> None:
    say(book, "a")

    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    def short() -> None:
        book.wait(book.head().seq, 0.001)
        with book.reading() as db:
            words(db)

    before = descriptors()
    for _ in range(20):
        group = [threading.Thread(target=short) for _ in range(50)]
        for thread in group:
            thread.start()
        for thread in group:
            thread.join(PATIENCE)

    assert descriptors() - before < FEW  # one watch, and a few connections that are kept for the next question


def test_one_event_wakes_all_who_wait(book: Book) -> None:
    say(book, "a")
    woken: list[bool] = []
    group = [threading.Thread(target=lambda: woken.append(book.wait(1, PATIENCE))) for _ in range(40)]
    for thread in group:
        thread.start()
    say(book, "b")
    for thread in group:
        thread.join(PATIENCE)

    assert woken == [True] * 40


def test_those_who_wait_longer_are_woken_after_the_others_have_left(book: Book, threads: ThreadPoolExecutor) -> None:
    say(book, "a")
    short = [threads.submit(book.wait, 1, 0.001 * number) for number in range(8)]
    longer = [threads.submit(book.wait, 1, PATIENCE) for _ in range(4)]
    assert [wait.result(PATIENCE) for wait in short] == [False] * 8
    say(book, "b")

    assert [wait.result(PATIENCE) for wait in longer] == [True] * 4


def test_no_event_is_slept_through_by_those_who_wait_in_turns(book: Book, threads: ThreadPoolExecutor) -> None:
    last = 300

    def follow() -> list[int]:
        seen: list[int] = []
        while len(seen) < last:
            assert book.wait(len(seen), PATIENCE)
            seen.extend(event.seq for event in book.read(len(seen)))
        return seen

    followers = [threads.submit(follow) for _ in range(6)]
    for number in range(last):
        say(book, str(number))

    assert [follower.result(PATIENCE) for follower in followers] == [list(range(1, last + 1))] * 6


def test_a_follower_gets_every_event_once_until_it_is_told_to_stop(book: Book, threads: ThreadPoolExecutor) -> None:
    for word in "abc":
        say(book, word)
    stop, seen = threading.Event(), list[int]()

    def follow() -> None:
        for events in book.follow(1, stop.is_set):
            seen.extend(event.seq for event in events)
            if seen[-1] == 5:
                stop.set()

    following = threads.submit(follow)
    say(book, "d")
    say(book, "e")
    following.result(PATIENCE)

    assert seen == [2, 3, 4, 5]


def test_a_follower_is_told_at_intervals_that_nothing_came(book: Book) -> None:
    say(book, "a")
    follower = book.follow(1, every=0.001)

    assert [next(follower), next(follower)] == [[], []]


@pytest.mark.parametrize("make", [lambda home: Book.open(home, [Words()]), lambda _home: Book.in_memory([Words()])])
def test_a_follower_that_is_to_stop_at_once_sees_nothing(make: Callable[[Path], Book], tmp_path: Path) -> None:
    book = make(tmp_path)
    say(book, "a")

    assert list(book.follow(0, lambda: True)) == []
    book.close()


def test_a_watch_that_is_closed_can_begin_anew(book: Book, threads: ThreadPoolExecutor) -> None:
    say(book, "a")
    assert book.wait(1, 0.001) is False
    waiting = threads.submit(book.wait, 1, 0.5)
    book.ledger.close()
    waiting.result(PATIENCE)
    say(book, "b")

    assert book.wait(1, PATIENCE)
