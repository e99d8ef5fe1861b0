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
from typing import Final

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.times import from_text
from bluelabel.services.cards import files
from bluelabel.services.cards.changes import CHANGING, reverted, unpack
from bluelabel.services.cards.document import parse
from bluelabel.services.cards.guard import Alarm, compare
from bluelabel.services.cards.memory import Known, Loss, State, digest
from bluelabel.services.cards.merge import merge
from bluelabel.services.cards.model import CardDocument, to_bytes
from bluelabel.services.cards.paper import Paper, Recorded, Report

Plan = Callable[[CardDocument, sqlite3.Connection], Sequence[Draft]]
"""Decides on the present file and index what to record; raises to refuse."""

STALE: Final = timedelta(minutes=15)
"""A save that takes back a change younger than this came from an older copy: the change is made again, once."""

CLASH: Final = timedelta(seconds=10)
"""A save that sets a field otherwise, within this time after a change of it, was made at the same time: both stay."""

_GONE: Final = 0.5


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
            before = files.read_settled(self.path) or b""
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
            written = files.publish(self.path, lambda data: make(parse(data, self.vocabulary)))
            self.known(state).known = self.memory.keep(written)
            self.memory.save(state)

    def _settle(self) -> State:
        """Notice a save by somebody else, then write in what is recorded and not in the file yet."""
        self.memory.tidy()
        data = self._present()
        state = self.memory.load()
        if state is None:
            # Trust the file: everything recorded so far counts as done, or old changes would be made again.
            state = State(file=self.file, applied=self.book.head().seq)
        branch = self.branch()
        if branch not in state.branches:
            state.branches[branch] = Known(self.memory.keep(data or b""))
            self.memory.save(state)
        data = self._leftovers(state, data)
        if digest(data or b"") != state.branches[branch].known:
            self._noticed(state, data or b"")
        waiting = [event for event in self.recorded(state.applied) if event.branch in (None, branch)]
        if waiting:
            self.write(state, waiting)
            self.report.notes.append(f"{self.file}: {len(waiting)} recorded changes were written in")
        return state

    def _noticed(self, state: State, data: bytes) -> None:
        """Somebody else saved the file: make again what an older copy took back, and sound the alarm for lost cards."""
        known = self.known(state)
        old = self.memory.text(known.known)
        before, now = parse(old or b"", self.vocabulary), parse(data, self.vocabulary)
        again = self.taken_back(state, now)
        coming = frozenset(str(event.data.get("id")) for event in again if event.kind == "card.created")
        alarm = compare(before, now, coming | now.moved) if old is not None else Alarm()
        if alarm:
            lost = {"lost": list(alarm.lost), "doubled": list(alarm.doubled), "markers": list(alarm.markers)}
            text = self.memory.keep(old or b"")
            counts = {"id": "", "text": text, "before": alarm.before, "after": alarm.after}
            number = self.record("card.lost", {**counts, **lost})
            if alarm.lost:
                state.losses.append(Loss(text, list(alarm.lost), number))
            self.report.alarms.append(alarm)
        known.known, known.since = self.memory.keep(data), []
        self.memory.save(state)
        if again:
            self._again(state, again)

    def _again(self, state: State, again: Sequence[Recorded]) -> None:
        drafts = [self.draft(event.kind, {**event.data, "again": event.event}) for event in again]
        events = self.book.append(lambda _db: drafts)
        self.write(state, [Recorded(e.seq, e.kind, None, e.at, e.data) for e in events])
        self.known(state).since = []  # once: a second save that takes it back is meant
        names = ", ".join(sorted({str(event.data.get("id")) for event in again}))
        self.report.notes.append(f"{self.file}: a save from an older copy took changes of {names} back; made again")
        self.memory.save(state)

    def taken_back(self, state: State, now: CardDocument) -> list[Recorded]:
        """Return the changes that a save by somebody else has taken back and that are to be made again."""
        # What a killed command left to be written in is no save's doing, nor is what it takes back.
        chains = _chains([*self.recorded(0, self.known(state).since), *self.recorded(state.applied)])
        written = [chain for chain in chains if chain[-1].event <= state.applied]
        return [event for chain in written if (event := self._taken_back(chain, now))]

    def _taken_back(self, chain: Sequence[Recorded], now: CardDocument) -> Recorded | None:
        """Return what has to be made again of one thing's changes: the last, where a save has it as it was before."""
        last = chain[-1]
        age = self.clock.now() - from_text(last.moment)
        if age > STALE or "again" in last.data:
            return None
        for event in chain:
            data = {**last.data, "before": event.data.get("before")} if last.kind == "card.changed" else last.data
            if reverted(now, last.kind, data):
                return replace(last, data=data)
        return last if self._at_once(last, now) else None

    def _at_once(self, event: Recorded, now: CardDocument) -> bool:
        """Tell whether a save set the same field otherwise in the moment in which it was changed here."""
        cards = now.by_id.get(str(event.data.get("id")), ())
        if event.kind != "card.changed" or not cards:
            return False
        try:
            saved = datetime.fromtimestamp(self.path.stat().st_mtime, tz=UTC)
        except FileNotFoundError:
            return False
        found = cards[0].raw(str(event.data.get("field")))
        return (
            abs(saved - from_text(event.moment)) <= CLASH
            and found is not None
            and found != unpack(event.data.get("after"))
        )

    def _leftovers(self, state: State, data: bytes | None) -> bytes | None:
        """Look at what a killed change left beside the file: a save that it swapped out is merged back in."""
        texts = files.leftovers(self.path)
        if not texts:
            return data
        known = self.known(state)
        base = self.memory.text(known.known) or b""
        for text in texts:
            if text in (data, base) or self._is_ours(text, base, state):
                continue
            merged = merge(base, data or b"", text, self.vocabulary)
            data = files.publish(self.path, _always(merged.content))
            left = "" if merged.decided else "; a person has to choose where both changed the same"
            self.report.notes.append(f"{self.file}: a save that a crash had pushed aside was merged back in{left}")
        files.drop_leftovers(self.path)
        return data

    def _is_ours(self, text: bytes, base: bytes, state: State) -> bool:
        """A swap that never took place holds what the waiting events make of the known text."""
        waiting = [(event.kind, event.data) for event in self.recorded(state.applied)]
        return text == to_bytes(self.outcome(parse(base, self.vocabulary), waiting).text)

    def _present(self) -> bytes | None:
        """Return the file; an editor that writes anew after moving the old one away gets a moment."""
        data, until = files.read_settled(self.path), time.monotonic() + _GONE
        while data is None and self.memory.folder.joinpath("state.json").exists() and time.monotonic() < until:
            time.sleep(0.01)
            data = files.read_settled(self.path)
        return data


def _always(data: bytes) -> files.Compute:
    return lambda _present: data


def _chains(events: Sequence[Recorded]) -> list[list[Recorded]]:
    """Group events by the one thing they change, so that a change and its undoing count as what came of both."""
    chains: dict[tuple[str, ...], list[Recorded]] = {}
    for event in events:
        name = str(event.data.get("id"))
        if event.kind == "card.changed":
            what = str(event.data.get("field"))
        elif event.kind == "card.checked":
            what = f"entry {event.data.get('text')}"
        else:
            what = "card"
        chains.setdefault((name, str(event.data.get("nth", "")), what), []).append(event)
    return list(chains.values())
