"""What the book promises on top of its ledger: the index holds every event, whoever wrote it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.write_batch import Writes


class Words:
    """A table of every word that was said."""

    name = "words"
    version = 1
    ddl = "CREATE TABLE words (seq INTEGER PRIMARY KEY, word TEXT)"

    def apply(self, writes: Writes, event: Event) -> None:
        writes.db.execute("INSERT INTO words VALUES (?, ?)", (event.seq, event.data["word"]))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Callable[[], Book]]:
    opened: list[Book] = []
    (tmp_path / "home").mkdir()

    def make() -> Book:
        opened.append(Book.open(tmp_path / "home", [Words()]))
        return opened[-1]

    yield make
    for book in opened:
        book.close()


def say(book: Book, word: str, *, looks: bool) -> None:
    def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
        return [Draft("message.sent", "CC", {"word": word})]

    book.append(decide, looks=looks)


def indexed(book: Book) -> list[str]:
    with book.reading() as db:
        return [word for (word,) in db.execute("SELECT word FROM words ORDER BY seq")]


@pytest.mark.parametrize("looks", [True, False])
def test_the_index_holds_what_others_wrote_between_one_s_own_events(books: Callable[[], Book], looks: bool) -> None:
    one, other = books(), books()
    say(one, "a", looks=looks)
    say(other, "b", looks=looks)
    say(one, "c", looks=looks)

    assert indexed(one) == ["a", "b", "c"]
    assert indexed(other) == indexed(books()) == ["a", "b", "c"]


@pytest.mark.parametrize("others", range(4))
def test_the_index_holds_every_event_in_every_order_of_two_writers(books: Callable[[], Book], others: int) -> None:
    one, other = books(), books()
    for number in range(12):
        say(other if number % 4 == others else one, str(number), looks=number % 3 == 0)

    assert indexed(one) == indexed(other) == [str(number) for number in range(12)]


def test_a_lost_index_is_computed_anew(books: Callable[[], Book], tmp_path: Path) -> None:
    one = books()
    say(one, "a", looks=True)
    one.close()
    (tmp_path / "home" / "index.db").unlink()

    assert indexed(books()) == ["a"]


@pytest.mark.parametrize("text", [b"", b"no database at all", b"SQLite format 3\x00" + b"\xff" * 200])
def test_a_damaged_index_is_computed_anew(books: Callable[[], Book], tmp_path: Path, text: bytes) -> None:
    one = books()
    say(one, "a", looks=True)
    assert indexed(one) == ["a"]
    one.close()
    for path in (tmp_path / "home").glob("index.db*"):
        path.unlink()
    (tmp_path / "home" / "index.db").write_bytes(text)

    two = books()
    say(two, "b", looks=False)
    assert indexed(two) == ["a", "b"]


def since(book: Book, known: Head) -> list[str] | None:
    found: list[list[str] | None] = []

    def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
        events = book.since(known)
        found.append(None if events is None else [event.data["word"] for event in events])
        return []

    book.append(decide, looks=False)
    return found[0]


def test_what_one_wrote_oneself_is_at_hand_in_the_next_decision(books: Callable[[], Book]) -> None:
    one = books()
    empty = one.head()
    say(one, "a", looks=False)
    known = one.head()
    say(one, "b", looks=True)
    say(one, "c", looks=False)

    assert since(one, empty) == ["a", "b", "c"]
    assert since(one, known) == ["b", "c"]
    assert since(one, one.head()) == []


def test_what_others_wrote_is_at_hand_as_well(books: Callable[[], Book]) -> None:
    one, other = books(), books()
    say(one, "a", looks=False)
    known = one.head()
    say(other, "b", looks=False)
    say(one, "c", looks=False)

    assert since(one, known) == since(other, known) == ["b", "c"]


def test_only_few_events_are_at_hand(books: Callable[[], Book]) -> None:
    one = books()
    empty = one.head()
    words = [str(number) for number in range(4)]
    for word in words:
        say(one, word + "x" * 400_000, looks=False)
    known = one.head()
    say(one, "last", looks=False)

    assert since(one, empty) is None
    assert since(one, known) == ["last"]
    assert [word[:1] for word in indexed(one)] == [*words, "l"]


def test_a_decision_may_look_after_all(books: Callable[[], Book]) -> None:
    one, other = books(), books()
    say(other, "a", looks=False)

    def decide(_db: sqlite3.Connection) -> Sequence[Draft]:
        (word,) = one.look().execute("SELECT word FROM words").fetchone()
        return [Draft("message.sent", "CC", {"word": f"after {word}"})]

    one.append(decide, looks=False)

    assert indexed(other) == ["a", "after a"]
