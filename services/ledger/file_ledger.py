"""The ledger as files: `Ledger` on a local disk, shared by every process of the repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import Conflict, NotDurable, machine_error
from bluelabel.interfaces.events import Draft, Event, Head
from bluelabel.interfaces.limits import SEGMENT_BYTES
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import to_text
from bluelabel.services.files.disk import make_directory, open_append, replace_file, sync_directory, write_once
from bluelabel.services.files.lock import ProcessLock
from bluelabel.services.ledger.codec import encode
from bluelabel.services.ledger.notify import News
from bluelabel.services.ledger.segments import Position, Segments
from bluelabel.services.ledger.syncing import Syncer
from bluelabel.services.ledger.tail_cache import BYTES, Recent

_PLACES: Final = 16


class FileLedger:
    """Segments of JSON lines under ``<home>/ledger/``.

    An append takes the lock, reads what others have added, lets the caller decide, and writes with one call. It is
    durable after `confirm`, which many writers share. A torn tail is sealed by the next append, never cut.

    Args:
        home: the state directory; made by the first append.
        clock: stamps the events.
        lock_timeout: seconds to wait for other writers.
        segment_bytes: a segment at least this long is followed by a new one.
        told: told when waiting costs more than it should; see `News`.
    """

    def __init__(
        self,
        home: Path,
        clock: Clock,
        *,
        lock_timeout: float = 10.0,
        segment_bytes: int = SEGMENT_BYTES,
        told: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.home = home
        self.segments = Segments(home / "ledger")
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._lock = ProcessLock(home / "ledger.lock", lock_timeout)
        self._syncer = Syncer(self.segments, home / "ledger.sync", clock.boot, self._heal)
        self._news = News(self.segments.folder, told)
        self._tail: Position | None = None
        self._written = Position()  # what `confirm` vouches for: kept when the tail becomes unknown
        self._fd: int | None = None
        self._file = (0, 0, 0)
        self._inside = False
        self._places: dict[int, Position] = {}
        self._recent = Recent()

    def append(self, decide: Callable[[], Sequence[Draft]]) -> list[Event]:
        """Write what `decide` returns as one unit. See `bluelabel.interfaces.ports.Ledger.append`."""
        try:
            if self._fd is None:
                make_directory(self.segments.folder)
            with self._lock:
                tail = self._tail = self._written = self._catch_up()
                self._inside = True
                try:
                    drafts = decide()
                    return self._write(tail, drafts) if drafts else []
                finally:
                    self._inside = False
        except OSError as error:
            raise machine_error(error, "appending to the ledger", str(self.home)) from error

    def confirm(self) -> None:
        """Return once everything appended here is on disk. See `bluelabel.interfaces.ports.Ledger.confirm`."""
        written = self._written
        if written.seq == 0:
            return
        try:
            self._syncer.confirm(written.segment, written.offset)
        except OSError as error:
            cause = machine_error(error, "confirming the ledger", self.segments.path(written.segment))
            text = f"{cause.what}: written, but not confirmed by the disk; nothing was acknowledged"
            raise NotDurable(text, where=cause.where, hint="check the disk, then run the same command again") from error

    def read(self, after: int = 0, expect: str | None = None) -> Iterator[Event]:
        """Yield the events above `after`. See `bluelabel.interfaces.ports.Ledger.read`."""
        head = self.head()
        if (found := self._recent.after(after, expect, head)) is not None:
            yield from found
            return
        place = self._places.get(after)
        if place is None or expect not in (None, place.h) or self.segments.size(place.segment) < place.offset:
            place = self.segments.find(after, expect)
        if place is None:
            raise Conflict(
                f"event {after} is not in this ledger", where=str(self.segments.folder), hint="run `bluelabel recover`"
            )
        for event, behind in self.segments.events(place):
            yield event
            place = behind
        self._remember(place)

    def head(self) -> Head:
        """Return where the ledger ends now."""
        tail = self._tail
        if tail is None or not self._inside:
            tail = self._look()
        return Head(tail.seq, tail.h)

    def at_hand(self, known: Head) -> Sequence[Event] | None:
        """Return what follows `known`. See `bluelabel.interfaces.ports.Ledger.at_hand`."""
        head = self.head()
        return () if head == known else self._recent.after(known.seq, known.h, head)

    def wait(self, after: int, timeout: float | None = None) -> bool:
        """Wait for an event above `after`. See `bluelabel.interfaces.ports.Ledger.wait`."""
        return self._news.wait_for(lambda: self.head().seq > after, timeout)

    def close(self) -> None:
        """Close the files and stop watching."""
        self._news.close()
        self._leave()
        self._lock.close()
        self._syncer.close()

    def _catch_up(self) -> Position:
        """Find the end of the ledger, now that nobody else can move it, and see that the open file is still there."""
        tail = self._tail
        size = self._size_of_same_file(tail.segment) if tail is not None else None
        if tail is None or size is None:
            self._leave()
            return self.segments.tail()
        if size == tail.end and not self.segments.exists(tail.segment + 1):
            return tail
        tail = self._look()
        return tail._replace(end=self.segments.size(tail.segment))

    def _look(self) -> Position:
        """Find the end of the ledger while others may be moving it: from where it was when last seen, if it grew."""
        tail = self._tail
        size = self.segments.size(tail.segment) if tail is not None else 0  # what comes meanwhile is seen next time
        if tail is None or size < tail.offset:
            tail = self.segments.tail()
        elif size != tail.end or self.segments.exists(tail.segment + 1):
            start = tail
            events: list[Event] = []
            for event, behind in self.segments.events(start):
                tail = behind
                if behind.segment == start.segment and size - start.offset <= BYTES:
                    events.append(event)
            tail = tail._replace(end=max(tail.offset, size if tail.segment == start.segment else 0))
            self._remember(start)
            self._recent.add(Head(start.seq, start.h), events, size - start.offset)
        self._remember(tail)
        self._tail = tail
        return tail

    def _remember(self, place: Position) -> None:
        """Keep a place at hand: who reads on from there need not search for it."""
        self._places[place.seq] = place
        if len(self._places) > _PLACES:
            with suppress(KeyError, RuntimeError, StopIteration):  # another thread was quicker
                del self._places[next(iter(self._places))]

    def _size_of_same_file(self, segment: int) -> int | None:
        """Return how long a segment is; None if it is not the file that is open: healed elsewhere, or restored."""
        try:
            there = os.stat(self.segments.path(segment))  # noqa: PTH116
        except FileNotFoundError:
            return None
        return there.st_size if (segment, there.st_dev, there.st_ino) == self._file else None

    def _write(self, tail: Position, drafts: Sequence[Draft]) -> list[Event]:
        at = to_text(self._clock.now())
        tail, data = self._seal(tail, at)
        if not data and tail.offset >= self._segment_bytes:
            tail = self._rotate(tail)
        fd = self._open(tail.segment)
        lines, events = encode(drafts, tail.seq, tail.h, at)
        data += lines
        self._tail = None  # unknown until the write has succeeded
        end = tail.end + len(data)
        if os.fstat(fd).st_size != tail.end:
            raise self._robbed()
        write_once(fd, data, self.segments.path(tail.segment))
        if os.fstat(fd).st_size != end:
            raise self._robbed()
        self._tail = self._written = Position(tail.segment, end, events[-1].seq, events[-1].h, end)
        self._recent.add(Head(tail.seq, tail.h), events, len(lines))
        return events

    def _robbed(self) -> Conflict:
        text = "another process wrote at the same time: the lock was taken away; nothing was stored"
        return Conflict(text, where=str(self._lock.path), hint="run the same command again")

    def _seal(self, tail: Position, at: str) -> tuple[Position, bytes]:
        """Return the line that declares a torn tail void, and the place behind it; nothing when the end is clean."""
        if tail.end == tail.offset:
            return tail, b""
        with Path(self.segments.path(tail.segment)).open("rb") as file:
            file.seek(tail.offset)
            torn = file.read()
        data = {"offset": tail.offset, "length": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
        line, (event,) = encode([Draft("ledger.sealed", "bluelabel", data)], tail.seq, tail.h, at)
        prefix = b"" if torn.endswith(b"\n") else b"\n"
        return Position(tail.segment, tail.end, event.seq, event.h, tail.end), prefix + line

    def _open(self, segment: int) -> int:
        if self._fd is not None and self._file[0] == segment:
            return self._fd
        self._leave()
        path = self.segments.path(segment)
        new = not self.segments.exists(segment)
        fd = open_append(path, create=new)
        made = os.fstat(fd)
        self._fd, self._file = fd, (segment, made.st_dev, made.st_ino)
        if new:
            sync_directory(self.segments.folder)
        return fd

    def _leave(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._file = None, (0, 0, 0)

    def _rotate(self, tail: Position) -> Position:
        """Start a segment. The old one is synced first: what comes later must not outlive what came before."""
        self._syncer.confirm(tail.segment, tail.offset)
        return Position(tail.segment + 1, 0, tail.seq, tail.h, 0)

    def _heal(self, segment: int) -> None:
        """Write a segment anew after a failed sync: a new file with the same bytes, synced, has no hole."""
        with self._lock:
            path = Path(self.segments.path(segment))
            replace_file(path, path.read_bytes(), suffix=".heal")
