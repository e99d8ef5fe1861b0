"""Finding one's way in the segment files without reading all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bluelabel.interfaces.events import Event
from bluelabel.services.ledger.codec import GENESIS, Scanner, parse, split, whole_lines

CHUNK: Final = 1 << 20
_FIRST: Final = 1 << 16
"""Bytes of the first chunk: most who read want the last few lines, and a large buffer costs more than they do."""

_PROBE: Final = 4096


class Position(NamedTuple):
    """A place between two events.

    Attributes:
        segment: number of the segment file, from 1.
        offset: byte offset behind the last event that counts.
        seq, h: of that event.
        end: where the file ended when it was read; more than `offset` when a torn tail follows.
    """

    segment: int = 1
    offset: int = 0
    seq: int = 0
    h: str = GENESIS
    end: int = 0


class Segments:
    """The segment files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prefix = str(folder) + os.sep
        self._paths: dict[int, str] = {}

    def path(self, number: int) -> str:
        """Return the path of segment `number`: a text, because every append asks and a Path costs 10 µs."""
        found = self._paths.get(number)
        if found is None:
            found = self._paths[number] = f"{self._prefix}{number:08d}.jsonl"
        return found

    def exists(self, number: int) -> bool:
        """Tell whether segment `number` has been started."""
        return os.access(self.path(number), os.F_OK)

    def last(self) -> int:
        """Return the number of the newest segment, 0 when there is none."""
        try:
            names = [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return 0
        return max((int(name[:8]) for name in names if name[8:] == ".jsonl" and name[:8].isdigit()), default=0)

    def tail(self) -> Position:
        """Return where the ledger ends. Reads two lines when the end is clean, else the last segment."""
        number = self.last()
        if number == 0:
            return Position()
        return self._quick_tail(number) or self._scan_to_end(self.start_of(number))

    def start_of(self, number: int) -> Position:
        """Return the place before the first event of a segment."""
        before = number - 1
        while before > 0 and not self.exists(before):
            before -= 1
        if before == 0:
            return Position(number)
        end = self._quick_tail(before) or self._scan_to_end(self.start_of(before))
        return Position(number, 0, end.seq, end.h)

    def find(self, seq: int, h: str | None) -> Position | None:
        """Return the place behind event `seq`, or None when there is no such event, or its hash is not `h`."""
        if seq == 0:
            return Position(self.first() or 1)
        for number in range(self.last(), 0, -1):
            if self.exists(number) and self._first_seq(number) <= seq:
                place = self._bisect(number, seq)
                if place is None or (h is not None and place.h != h):
                    place = self._scan_to(self.start_of(number), seq)
                return place if place is not None and h in (None, place.h) else None
        return None

    def first(self) -> int:
        """Return the number of the oldest segment, 0 when there is none."""
        number, last = 1, self.last()
        while number < last and not self.exists(number):
            number += 1
        return number if last else 0

    def events(self, place: Position, scanner: Scanner | None = None) -> Iterator[tuple[Event, Position]]:
        """Yield the events behind `place`, each with the place behind it, to the end as it is now."""
        scanner = scanner or Scanner()
        scanner.seq, scanner.h, scanner.good, scanner.offset = place.seq, place.h, place.offset, place.offset
        number = place.segment
        while True:
            more = self.exists(number + 1)  # asked first: what is added before the next one starts is still read
            for line in self._lines(number, scanner.offset):
                found = scanner.feed(line)
                for event in found:
                    yield event, Position(number, scanner.good, event.seq, event.h, scanner.offset)
            if not more:
                return
            scanner.next_segment()
            number += 1

    def _lines(self, number: int, offset: int) -> Iterator[bytes]:
        try:
            fd = os.open(self.path(number), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            rest, size = b"", _FIRST
            while chunk := os.pread(fd, size, offset):
                offset, size = offset + len(chunk), CHUNK
                chunk = rest + chunk if rest else chunk
                yield from whole_lines(chunk)
                rest = chunk[chunk.rfind(b"\n") + 1 :]
        finally:
            os.close(fd)

    def size(self, number: int) -> int:
        """Return the length of a segment in bytes, 0 when there is none."""
        try:
            return os.stat(self.path(number)).st_size  # noqa: PTH116
        except FileNotFoundError:
            return 0

    def _scan_to_end(self, place: Position) -> Position:
        size = self.size(place.segment)  # asked first: what is written meanwhile makes it differ, and is seen next time
        end = place._replace(end=size)
        for _, behind in self.events(place):
            end = behind._replace(end=max(behind.offset, size if behind.segment == place.segment else 0))
        return end

    def _scan_to(self, place: Position, seq: int) -> Position | None:
        for event, behind in self.events(place):
            if event.seq >= seq:
                return behind if event.seq == seq else None
        return None

    def _quick_tail(self, number: int) -> Position | None:
        """Trust the end of a segment when its last two lines are whole, chained, and end a unit."""
        size = self.size(number)
        with open(self.path(number), "rb") as file:  # noqa: PTH123
            length = _PROBE
            while True:
                start = max(0, size - length)
                file.seek(start)
                lines = file.read(size - start).split(b"\n")
                if len(lines) > 3 or start == 0:
                    break
                length *= 8
        if len(lines) < 3 or lines[-1] or (len(lines) == 3 and start > 0):
            return None
        before, last = split(lines[-3]), parse(lines[-2])
        scanner = Scanner(h=before[1]) if before is not None else None
        if scanner is None or last is None or last.get("more", 0) != 0 or not scanner.feed(lines[-2] + b"\n"):
            return None
        return None if scanner.problems else Position(number, size, scanner.seq, scanner.h, size)

    def _first_seq(self, number: int) -> int:
        for line in self._lines(number, 0):
            if (value := parse(line)) is not None:
                return int(value["seq"])
        return 1 << 62

    def _bisect(self, number: int, seq: int) -> Position | None:
        """Return the place behind the line of event `seq`, found by halving the file."""
        low, high = 0, self.size(number)
        while high - low > _PROBE * 4:
            middle = (low + high) // 2
            found = self._event_line(number, middle)
            if found is None or found[1] > seq:
                high = middle
            else:
                low = middle
        start = low if low == 0 else low - 1
        for offset, line in self._offsets(number, start):
            if (value := parse(line)) is not None and value["seq"] >= seq:
                parts = split(line[:-1])
                if value["seq"] > seq or parts is None:
                    return None
                behind = offset + len(line)
                return Position(number, behind, seq, parts[1], behind)
        return None

    def _event_line(self, number: int, offset: int) -> tuple[int, int] | None:
        for start, line in self._offsets(number, offset):
            if (value := parse(line)) is not None:
                return start, int(value["seq"])
        return None

    def _offsets(self, number: int, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield whole lines with their offsets, from the first that starts behind `offset` (or at 0)."""
        for index, line in enumerate(self._lines(number, offset)):
            if index or offset == 0:
                yield offset, line
            offset += len(line)
