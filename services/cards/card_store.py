"""One card file under one roof: reads it, notices other people's saves, changes it together with the ledger.

Order of a change: the events are appended to the ledger first, durably; then the file is swapped; then the memory says
that they are in it. A kill after the first step leaves events that the file does not have yet: the next command, or
`recover`, applies them. A kill after the second is noticed because applying them again changes nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.repository import Version
from bluelabel.interfaces.times import from_text
from bluelabel.services.cards.apply_events import CHANGING, is_told
from bluelabel.services.cards.card_file import Paper, Recorded, Report
from bluelabel.services.cards.file_state import Known, Loss, State, digest
from bluelabel.services.cards.loss_check import Alarm, compare
from bluelabel.services.cards.merge.document import merge
from bluelabel.services.cards.save_detection import Judgement, judge
from bluelabel.services.cards.telling import Teller, remarks
from bluelabel.services.cards.text.model import CardDocument, to_bytes
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap

Plan = Callable[[CardDocument, sqlite3.Connection], Sequence[Draft]]
"""Decides on the present file and index what to record; raises to refuse."""

CLASH: Final = timedelta(seconds=10)
"""A save that sets a field otherwise, within this time after a change of it, was made at the same time: both stay."""

_GONE: Final = 0.5
_BUSY: Final = 5.0
_MOVING: Final = 2.0
_LOOK: Final = 0.02


class Notice(NamedTuple):
    """What a save by somebody else means: events to record, lost cards, and how it was judged."""

    drafts: list[Draft]
    alarm: Alarm
    found: Judgement


class Desk(Paper):
    """Changes one card file. Every method holds the file's lock; nothing is kept between calls."""

    def inspect(self) -> Report:
        """Look at the file as it is now: notice other people's saves, and finish what a crash left undone."""
        self.report = Report()
        with self.locked():
            self._settle()
        return self.report

    def change(self, plan: Plan, *, exactly: Mapping[str, bytes] | None = None) -> list[Event]:
        """Record what `plan` decides and bring the file in line.

        Args:
            plan: decides what to do; drafts of other kinds ride along in the same append.
            exactly: what to write where the file is the text of a digest, for taking a change back byte for byte.

        Raises:
            Refused: the file does not allow it; nothing was recorded.
        """
        self.report = Report()
        with self.locked():
            state = self._settle()
            before = swap.read_settled(self.path) or b""
            document = self.seen = parse(before, self.vocabulary)
            self.written = None
            made: dict[str, bytes] = {}

            def decide(db: sqlite3.Connection) -> Sequence[Draft]:
                drafts = plan(document, db)
                trial = self.outcome(document, [(draft.kind, draft.data) for draft in drafts])
                if trial.missed:
                    raise Refused(trial.missed[0], hint="look at the card with `bluelabel card show`")
                made[digest(before)] = to_bytes(trial.text)
                return drafts

            events = self.book.append(decide)
            changed = [Recorded(e.seq, e.kind, None, e.at, e.data) for e in events if e.kind in CHANGING]
            if changed:
                self.write(state, changed, exactly or made)
                state.unit = [event.event for event in changed]
                state.unit_before, state.unit_after = self.memory.keep(before), self.known(state).known
                self.memory.save(state)
        return events

    def rewrite(self, make: Callable[[CardDocument], bytes]) -> None:
        """Write what `make` makes of the file; for what is computed from the cards and no change of one."""
        self.report = Report()
        with self.locked():
            state = self._settle()
            written = swap.publish(self.path, lambda data: make(parse(data, self.vocabulary)))
            self.known(state).known = self.memory.keep(written)
            self.memory.save(state)

    def _settle(self) -> State:
        """Notice a save by somebody else, then write in what is recorded and not in the file yet."""
        self.memory.tidy()
        state = self.memory.load()
        data, version = self._looked_at(state)
        if state is None:
            # Trust the file: everything recorded so far counts as done, or old changes would be made again.
            state = State(file=self.file, applied=self.book.head().seq)
        if self.branch() not in state.branches:
            name = self.memory.keep(data or b"")
            since = next((known.since for known in state.branches.values() if known.known == name), list[int]())
            state.branches[self.branch()] = Known(name, [*since], self.head())
            self.memory.save(state)
        settled = self._leftovers(state, data)
        late = len(self._waiting(state))
        if digest(settled or b"") != self.known(state).known:
            self._noticed(state, settled or b"", version if settled == data else None)
        self._write_in(state)
        if late:
            self.report.notes.append(f"{self.file}: {late} recorded changes were written in")
        return state

    def _looked_at(self, state: State | None) -> tuple[bytes | None, Version | None]:
        """Return the file, and what git has of it where it is not the known text; git is let finish first.

        A checkout of another branch writes the files first and says last which branch it is. Read in between, the
        cards of one branch would be taken for a save on the other.
        """
        began = calm = time.monotonic()
        while True:
            data = self._present()
            # In this order: git writes the files under its lock, then lets the index go, then moves HEAD.
            is_busy = self.repository is not None and self.repository.is_busy()
            version = self.version(state, data)
            now = time.monotonic()
            calm = now if is_busy else calm
            waits = (
                now - began < _BUSY if is_busy else version is not None and version.is_staged and now - calm < _MOVING
            )
            is_final = self._is_same_branch() if version is not None and version.is_head else not waits
            if version is None or is_final:
                return data, version
            time.sleep(_LOOK)
            self.look_again()

    def _is_same_branch(self) -> bool:
        branch = self.branch()
        self.look_again()
        return self.branch() == branch

    def version(self, state: State | None, data: bytes | None) -> Version | None:
        """Return what git has of a text that is not the one that is known; None where git does not have it."""
        known = state.branches.get(self.branch()) if state else None
        if self.repository is None or self.inside is None or known is None or digest(data or b"") == known.known:
            return None
        return self.repository.version(self.inside, data or b"")

    def _waiting(self, state: State) -> list[Recorded]:
        return [event for event in self.recorded(state.applied) if event.branch in (None, self.branch())]

    def _write_in(self, state: State) -> None:
        """Write in what is recorded and not in the file: what a crash left, and what was decided on a save."""
        waiting = self._waiting(state)
        if all(is_told(event.data) for event in waiting):
            self.remember(state, waiting)
        else:
            self.write(state, waiting)

    def notice(self, state: State, data: bytes, version: Version | None) -> Notice:
        """Return what a save by somebody else took back, what an older copy lost, and what it should not have lost.

        Args:
            state: what is remembered of the file.
            data: the save.
            version: what git has of it.
        """
        known = self.known(state)
        old = self.memory.text(known.known)
        before, now = parse(old or b"", self.vocabulary), parse(data, self.vocabulary)
        # What a killed command left to be written in is no save's doing, nor is what it takes back.
        events = [*self.recorded(0, known.since), *self.recorded(state.applied)]
        found = Judgement(kept=known.since)
        if data:  # an emptied file is nobody's older copy: the alarm says what it lost
            known_text = before if old is not None else None
            is_git = version is not None
            found = judge(known_text, now, events, state.applied, by_git=is_git, at_once=self._is_of_the_moment)
        teller = Teller(self, before, now, by_git=version is not None)
        drafts = teller.events(found)
        alarm = compare(before, now, _expected(found, now, version)) if old is not None else Alarm()
        if alarm.lost and version and known.head and self._had(version.blob, known.head):
            drafts += teller.gone(alarm.lost)
            alarm = replace(alarm, lost=())
        return Notice(drafts, alarm, found)

    def _noticed(self, state: State, data: bytes, version: Version | None) -> None:
        """Record what a save by somebody else means, and sound the alarm for what it lost."""
        known = self.known(state)
        drafts, alarm, found = self.notice(state, data, version)
        if alarm:
            self._alarm(state, alarm, self.memory.text(known.known) or b"")
        if drafts:
            self.book.append(lambda _db: drafts)
        self.report.notes += [f"{self.file}: {text}" for text in remarks(found, drafts)]
        known.known, known.since, known.head = self.memory.keep(data), found.kept, self.head()
        self.memory.save(state)

    def _had(self, blob: str, head: str) -> bool:
        """Tell whether the file was so before: then it was put back, and what it does not have is not lost."""
        return bool(self.repository and self.inside and self.repository.had(self.inside, blob, head))

    def _alarm(self, state: State, alarm: Alarm, old: bytes) -> None:
        lost = {"lost": list(alarm.lost), "doubled": list(alarm.doubled), "markers": list(alarm.markers)}
        text = self.memory.keep(old)
        number = self.record(
            "card.lost", {"id": "", "text": text, "before": alarm.before, "after": alarm.after, **lost}
        )
        if alarm.lost:
            state.losses.append(Loss(text, list(alarm.lost), number))
        self.report.alarms.append(alarm)

    def _is_of_the_moment(self, event: Recorded) -> bool:
        """Tell whether the file was saved in the moment in which it was changed here."""
        try:
            saved = datetime.fromtimestamp(self.path.stat().st_mtime, tz=UTC)
        except FileNotFoundError:
            return False
        return abs(saved - from_text(event.moment)) <= CLASH

    def _leftovers(self, state: State, data: bytes | None) -> bytes | None:
        """Look at what a killed change left beside the file: a save that it swapped out is merged back in."""
        texts = swap.leftovers(self.path)
        if not texts:
            return data
        name = self.known(state).known
        base = self.memory.text(name) or b""
        # What was swapped out was made from the text before the change, where that change is remembered already.
        began = (self.memory.text(state.unit_before) if name == state.unit_after else None) or base
        for text in texts:
            if text in (data, base, began) or self._is_ours(text, base, state):
                continue
            merged = merge(began, data or b"", text, self.vocabulary)
            data = swap.publish(self.path, _always(merged.content))
            left = "" if merged.decided else "; a person has to choose where both changed the same"
            self.report.notes.append(f"{self.file}: a save that a crash had pushed aside was merged back in{left}")
        swap.drop_leftovers(self.path)
        return data

    def _is_ours(self, text: bytes, base: bytes, state: State) -> bool:
        """A swap that never took place holds what the waiting events make of the known text."""
        waiting = [(event.kind, event.data) for event in self.recorded(state.applied)]
        return text == to_bytes(self.outcome(parse(base, self.vocabulary), waiting).text)

    def _present(self) -> bytes | None:
        """Return the file; an editor that writes anew after moving the old one away gets a moment."""
        data, until = swap.read_settled(self.path), time.monotonic() + _GONE
        while data is None and self.memory.folder.joinpath("state.json").exists() and time.monotonic() < until:
            time.sleep(0.01)
            data = swap.read_settled(self.path)
        return data


def _always(data: bytes) -> swap.Compute:
    return lambda _present: data


def _expected(found: Judgement, now: CardDocument, version: Version | None) -> frozenset[str]:
    """Return the cards whose absence is no alarm: they come back, went to a file, or git's version is without them."""
    taken = [*found.again, *(found.stands if version else ())]
    return now.moved | {
        str(one.last.data.get("id")) for one in taken if one.last.kind in ("card.created", "card.restored")
    }
