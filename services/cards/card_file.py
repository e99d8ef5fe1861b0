"""One card file together with its events and its memory: what a change of it is made of."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces.errors import LockTimeout, NotFound, machine_error
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.repository import Repository
from bluelabel.services.cards.apply_events import CHANGING, Outcome, apply
from bluelabel.services.cards.file_state import Known, Memory, State, digest
from bluelabel.services.cards.loss_check import Alarm
from bluelabel.services.cards.status.statuses import Vocabulary
from bluelabel.services.cards.text import statistics
from bluelabel.services.cards.text.model import CardDocument, to_bytes
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.clock import SystemClock

_LOCK_SECONDS: Final = 15.0
_SINCE: Final = 200


@dataclass
class Report:
    """What was noticed and put right on the way."""

    alarms: list[Alarm] = field(default_factory=list[Alarm])
    notes: list[str] = field(default_factory=list[str])
    clashes: list[str] = field(default_factory=list[str])

    def __bool__(self) -> bool:
        return bool(self.alarms or self.notes or self.clashes)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A card event as the index keeps it."""

    event: int
    kind: str
    branch: str | None
    moment: str
    data: Mapping[str, Any]


class Paper:
    """A card file, what the ledger says of it, and what is remembered of it.

    Args:
        path: the card file; it need not exist yet.
        book: ledger and index.
        home: the state directory.
        actor: who acts.
        repository: the repository it lies in, or None.
        clock: where time comes from.
        tables: the settings; ``[cards] statistics, archive, statuses`` and ``[evidence] test, timeout`` are read.
        agents: names that count as assignees whatever they look like.
        prefixes: what ids begin with in this project, besides ``TASK``.
        person: who is said to have made a save that nobody here made.
    """

    def __init__(
        self,
        path: Path,
        book: Book,
        home: Path,
        actor: str,
        repository: Repository | None = None,
        *,
        clock: Clock | None = None,
        tables: Mapping[str, Any] | None = None,
        agents: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        person: str = "HUMAN",
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self.book = book
        self.actor = actor
        self.repository = repository
        self.clock = clock or SystemClock()
        self.home = home
        self.memory = Memory(home, self.path)
        self.tables = tables or {}
        self.vocabulary = Vocabulary.of(agents, self.table("cards").get("statuses"), prefixes)
        self.person = person
        self.report = Report()
        self.seen = CardDocument("")  # the file before the last change, and what that change wrote
        self.written: bytes | None = None
        self._is_locked = False
        self._branch: str | None = None

    @property
    def inside(self) -> str | None:
        """The file's path in its worktree, with ``/``; None outside of any."""
        root = self.repository.root if self.repository else None
        if root and self.path.is_relative_to(Path(os.path.realpath(root))):
            return self.path.relative_to(Path(os.path.realpath(root))).as_posix()
        return None

    @property
    def file(self) -> str:
        """The file's name in events: its path in its worktree, or its whole path outside one."""
        return self.inside or str(self.path)

    def tags(self) -> dict[str, Any]:
        """Return what every event of this file carries: file, place and branch."""
        return {"file": self.file, "place": self.memory.place, "branch": self.branch() or None}

    def draft(self, kind: str, data: Mapping[str, Any], by: str | None = None) -> Draft:
        """Return an event about this file, by who acts unless told otherwise."""
        return Draft(kind, by or self.actor, {**data, **self.tags()})

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a table of the settings, an empty one where it is not given."""
        found: Mapping[str, Any] = self.tables.get(name, {})
        return found

    def read(self) -> CardDocument:
        """Return the file as it is now.

        Raises:
            NotFound: there is none.
        """
        data = swap.read_settled(self.path)
        if data is None:
            raise NotFound(
                "no card file", where=str(self.path), hint="name one with --file, or make one: `bluelabel init`"
            )
        return parse(data, self.vocabulary)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the file's lock.

        Raises:
            LockTimeout: another process holds it for too long.
        """
        from filelock import FileLock, Timeout

        try:
            self.memory.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self.memory.folder / "lock", timeout=_LOCK_SECONDS, mode=0o600):
                self._is_locked = True
                yield
        except Timeout:
            hint = "another command is changing it; try again"
            raise LockTimeout("the card file is locked", where=self.file, hint=hint) from None
        except OSError as error:
            raise machine_error(error, "locking the card file", str(self.memory.folder)) from error
        finally:
            self._is_locked, self._branch = False, None

    def outcome(self, document: CardDocument, events: Sequence[tuple[str, Mapping[str, Any]]]) -> Outcome:
        """Return what events (kind and data) make of a file."""
        outcome = Outcome(document)
        apply(outcome, events)
        if events and self.table("cards").get("statistics", False):
            outcome.replace(statistics.with_statistics(outcome.document))
        return outcome

    def write(self, state: State, events: Sequence[Recorded], made: Mapping[str, bytes] | None = None) -> None:
        """Bring the file in line with events, and remember it.

        Args:
            state: what is remembered; is saved.
            events: what to write in.
            made: for texts that may stand there, by digest, what comes of them, where that is known already.
        """
        outcome = Outcome(parse(b""))

        def compute(data: bytes) -> bytes:
            nonlocal outcome
            known = made.get(digest(data)) if made else None
            if known is not None:
                return known
            outcome = self.outcome(parse(data, self.vocabulary), [(event.kind, event.data) for event in events])
            return to_bytes(outcome.text)

        written = self.written = swap.publish(self.path, compute)
        known = self.known(state)
        known.known, known.head = self.memory.keep(written), self.head()
        self.remember(state, events)
        self.report.notes += outcome.missed
        self.report.clashes += outcome.clashes
        if outcome.clashes:
            self.record("card.changed", {"id": "", "clash": outcome.clashes})

    def remember(self, state: State, events: Sequence[Recorded]) -> None:
        """Remember that events are in the file; nothing is written without any."""
        if events:
            known = self.known(state)
            known.since = [*known.since, *(event.event for event in events)][-_SINCE:]
            state.applied = max(state.applied, *(event.event for event in events))
            self.memory.save(state)

    def recorded(self, after: int, only: Collection[int] | None = None) -> list[Recorded]:
        """Return the events that change this file, oldest first."""
        wanted = self._recorded("seq > ?", after)
        return wanted if only is None else [event for event in wanted if event.event in only]

    def recorded_of(self, name: str) -> list[Recorded]:
        """Return the events that change one card of this file, oldest first."""
        return self._recorded("id = ?", name)

    def _recorded(self, which: str, value: int | str) -> list[Recorded]:
        query = f"SELECT seq, kind, branch, moment, data FROM card_events WHERE place = ? AND {which} ORDER BY seq"
        with self.book.reading() as db:
            rows = db.execute(query, (self.memory.place, value)).fetchall()
        found = [Recorded(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]
        return [event for event in found if event.kind in CHANGING and "clash" not in event.data]

    def record(self, kind: str, data: Mapping[str, Any]) -> int:
        """Append one event about this file; return its number."""
        draft = self.draft(kind, data)
        events = self.book.append(lambda _db: [draft])
        return events[0].seq

    def known(self, state: State) -> Known:
        """Return what is known of the file on this branch."""
        return state.branches.setdefault(self.branch(), Known())

    def branch(self) -> str:
        """Return the branch that is checked out, "" without one; it is looked up once while the file is locked."""
        if self._branch is not None:
            return self._branch
        found = (self.repository.branch() or "") if self.repository else ""
        self._branch = found if self._is_locked else None
        return found

    def look_again(self) -> None:
        """Look up the branch anew."""
        self._branch = None

    def head(self) -> str:
        """Return the commit that is checked out, "" without one."""
        return (self.repository.resolve("HEAD") or "") if self.repository else ""
