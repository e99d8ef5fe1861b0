"""Proving the ledger, and putting right what a crash left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bluelabel.interfaces.events import Draft, Head
from bluelabel.interfaces.problems import Problem
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.codec import GENESIS, Scanner
from bluelabel.services.ledger.file_ledger import FileLedger
from bluelabel.services.ledger.segments import Position, Segments


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` has found.

    Attributes:
        events: how many count.
        segments: how many files were read.
        sealed: torn tails that were declared void.
        head: where the ledger ends.
        torn: bytes behind the last event that are not sealed yet; the next append will.
        problems: damage, with file and line in the message.
    """

    events: int
    segments: int
    sealed: int
    head: Head
    torn: int
    problems: tuple[Problem, ...]


def verify(segments: Segments, heads: tuple[Head, ...] = ()) -> Verdict:
    """Read every line of a ledger and check the chain from its first event to its last.

    Args:
        segments: of the ledger.
        heads: ends that were recorded elsewhere, for example in the tag of a sprint. A ledger that does not lead
            through them was cut or rewritten.
    """
    wanted = {head.seq: head.h for head in heads if head.seq}
    scanner = Scanner()
    problems: list[Problem] = []
    count = sealed = 0
    last, start = segments.last(), Position(segments.first() or 1)
    segment, offset = start.segment, 0
    if segments.first() > 1:
        problems.append(Problem("missing-segment", f"the first segment is number {segments.first()}"))
    for event, behind in segments.events(start, scanner):
        segment, offset = behind.segment, behind.offset
        count += 1
        sealed += event.kind == "ledger.sealed"
        known = wanted.pop(event.seq, event.h)
        if known != event.h:
            problems.append(Problem("wrong-head", f"event {event.seq} is not the one that was recorded elsewhere"))
    missing = [number for number in range(segments.first() or 1, last) if not segments.exists(number)]
    problems += [Problem("missing-segment", f"segment {number} is missing") for number in missing]
    problems += [Problem("cut", f"event {seq}, recorded elsewhere, is missing: the end was cut off") for seq in wanted]
    torn = segments.size(last) - (offset if segment == last else 0)  # a segment may have been started and left empty
    return Verdict(
        count, last, sealed, Head(scanner.seq, scanner.h if count else GENESIS), torn, (*scanner.problems, *problems)
    )


def recover(book: Book, home: Path, say: Callable[[str], None]) -> Verdict:
    """Put right what a crash left behind; doing it twice changes nothing more.

    Seals a torn tail, makes the ledger durable, removes temporary files of interrupted work, and computes the index
    anew when it does not fit.

    Args:
        home: the state directory.
        say: told, line by line, what was done.
    """
    ledger = book.ledger
    if not isinstance(ledger, FileLedger):
        raise TypeError("only a ledger of files can be recovered")
    for left in sorted((*home.glob("ledger/*.heal"), *home.glob("*.new"))):
        left.unlink(missing_ok=True)
        say(f"removed {left.name}, left by an interrupted command")
    before = verify(ledger.segments)
    if before.torn:
        note = Draft("ledger.recovered", "bluelabel", {"torn": before.torn})
        book.append(lambda _db: [note])
        say(f"sealed a torn tail of {before.torn} bytes")
    with book.reading():
        book.ledger.confirm()
    return verify(ledger.segments) if before.torn else before
