"""The board: everything that can be asked of a card file and done to it, each change recorded with who and when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bluelabel.interfaces.errors import MachineError, NotPermitted, UsageError
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.times import local_date
from bluelabel.services.cards import repair as repairing
from bluelabel.services.cards.archive_plans import archiving, restoring, undoing
from bluelabel.services.cards.card_file import Report
from bluelabel.services.cards.card_store import Desk, Plan
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.editing.reparse import reread
from bluelabel.services.cards.evidence.inspector import CardEvidence, Verdict
from bluelabel.services.cards.looking import look
from bluelabel.services.cards.plans import checking, creating, moving, setting
from bluelabel.services.cards.queries.lint import lint
from bluelabel.services.cards.status.statuses import CardStatus
from bluelabel.services.cards.text import statistics
from bluelabel.services.cards.text.model import Card, CardDocument, to_text
from bluelabel.services.cards.verifier import Verifier, refusal


class Board:
    """What can be asked of the cards of one file and done to them.

    Args:
        desk: the file.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.verifier = Verifier(desk)

    @property
    def report(self) -> Report:
        """What the last call noticed and put right on the way: alarms, notes, clashes."""
        return self.desk.report

    def document(self) -> CardDocument:
        """Return the file as it is now, other people's saves noticed and what a crash left undone finished.

        Where nothing may be written, it is only looked at: the answer is the same, and nothing is remembered.

        Raises:
            NotFound: there is no such file.
        """
        try:
            self.desk.inspect()
        except NotPermitted:
            return look(self.desk)
        return self.desk.read()

    def inspect(self) -> Report:
        """Notice a save by somebody else: for the watcher, after each change of the file."""
        return self.desk.inspect()

    def recover(self) -> Report:
        """Finish what a killed command left undone; saying it twice does nothing more."""
        return self.desk.inspect()

    def lint(self) -> list[Problem]:
        """Return everything that is wrong with the file."""
        return lint(self.document(), local_date(self.desk.clock.now()))

    def new(
        self,
        title: str,
        values: Mapping[str, str] | None = None,
        parts: Mapping[str, Sequence[str]] | None = None,
        *,
        name: str | None = None,
        series: str | None = None,
        section: str | None = None,
    ) -> str:
        """Add a card after the file's own template; return its id.

        Args:
            title: its title, one line.
            values: field -> value; ``created`` is today unless given.
            parts: ``description``, ``deliverables``, ``files`` or a section's name -> lines.
            name: its id; without one the next free id is taken, which no branch and no worktree has used.
            series: what a new id shall begin with.
            section: the section it goes to; without one where work in hand stands.

        Raises:
            UsageError: a value is not allowed.
            AlreadyExists: the id is taken.
        """
        plan = creating(self.desk, title, values or {}, parts or {}, name=name, series=series, section=section)
        return self._ids(self.desk.change(plan))[0]

    def set(self, name: str, field: str, value: str, *, force: bool = False, reason: str | None = None) -> Card:
        """Set one field of a card. COMPLETED needs evidence: a false claim refuses it.

        Args:
            name: the card's id, or ``ID#2`` for the second of that id.
            field: ``status``, ``assignee``, ``title`` … as people write it.
            value: the text; a bare status is written as this file writes it; "" takes the value away.
            force: set COMPLETED in spite of false claims; needs `reason`, which is recorded.
            reason: why.

        Raises:
            NotFound: no such card.
            UsageError: the field or value is not allowed.
            Refused: a claim is false.
        """
        known = edit.field_name(field)
        if force and not (reason or "").strip():
            raise UsageError("--force needs a reason", hint="say why with --reason TEXT; it is recorded")
        value = edit.check_value(known, value, self.desk.vocabulary)
        evidence = self.verifier.before_setting(name, known, value)
        if evidence and evidence.verdict is Verdict.FALSE and not force:
            self.desk.change(lambda _document, _db: [self.verifier.draft(evidence)])
            raise refusal(evidence)

        told = {"forced" if force else "reason": reason} if reason else {}
        kept = [self.verifier.draft(evidence)] if evidence else []
        return self._changed(name, setting(self.desk, name, known, value, told, kept))

    def check(self, name: str, number: int, *, done: bool = True) -> Card:
        """Tick or clear one entry of a card's checklist, by its number from 1.

        Raises:
            NotFound: no such card or entry.
        """
        return self._changed(name, checking(self.desk, name, number, done=done))

    def move(self, name: str, section: str) -> Card:
        """Move a card, byte for byte, to the end of a section.

        Raises:
            NotFound: no such card or section.
        """
        return self._changed(name, moving(self.desk, name, section))

    def archive(self, names: Sequence[str], to: str | None = None) -> list[str]:
        """Move cards, byte for byte, to the archive section, or to a file of its own.

        Args:
            names: their ids; none means every completed card.
            to: path of an archive file, relative to the folder of the card file; the setting ``[cards] archive``
                unless given, else the archive section.

        Returns:
            the ids that were moved.
        """
        target = to or str(self.desk.table("cards").get("archive") or "section")
        return self._ids(self.desk.change(archiving(self.desk, names, target)))

    def restore(self, names: Sequence[str] = ()) -> list[str]:
        """Bring cards back beside the text as it is now: lost by a save, archived, or taken back.

        Args:
            names: their ids; none means every card that saves have lost.

        Raises:
            NotFound: nothing is known of a card.
        """
        return self._ids(self.desk.change(restoring(self.desk, names)))

    def undo(self, name: str | None = None) -> list[Event]:
        """Take a change back; where nobody touched the file since, byte for byte.

        Args:
            name: a card, the last recorded change of which is taken back, whoever made it: a command, a worker's
                report, a save that took something back. Without it the last command's change of this file.

        Raises:
            NotFound: nothing was changed yet.
            Conflict: the same thing was changed again meanwhile.
        """
        plan, exactly = undoing(self.desk, name)
        return self.desk.change(plan, exactly=exactly)

    def statistics(self, *, write: bool = False) -> dict[str, Any]:
        """Return the computed numbers and what the statistics block states; with `write`, correct the block."""
        document = self.document()
        if write and statistics.with_statistics(document) != document.to_bytes():
            self.desk.rewrite(statistics.with_statistics)
            document = self.desk.read()
        return statistics.report(document)

    def repair(self, kinds: tuple[str, ...] = repairing.KINDS) -> repairing.Repair:
        """Repair the file where it stands, under its lock; say what was done. The caller keeps a copy before."""
        done = repairing.Repair(b"")

        def make(document: CardDocument) -> bytes:
            nonlocal done
            done = repairing.repair(document.to_bytes(), kinds, document.vocabulary)
            return done.content

        self.desk.rewrite(make)
        return done

    def verify(self, names: Sequence[str] = (), revision: str | None = None) -> list[CardEvidence]:
        """Check the claims of cards and keep what was found; where it cannot be kept, the report says so.

        Args:
            names: their ids; none means every card that calls itself completed.
            revision: what to look at; the working tree unless given.

        Raises:
            NotFound: no such card or revision.
        """
        document = self.document()
        cards = [document.card(name) for name in names]
        cards = cards or [card for card in document.cards if card.status is CardStatus.COMPLETED]
        inspector = self.verifier.inspector(revision)
        found = [inspector.card(document, card) for card in cards]
        try:
            self.desk.book.append(lambda _db: [self.verifier.draft(evidence) for evidence in found])
        except MachineError as error:
            self.report.notes.append(f"what was found was not recorded: {error}")
        return found

    def evidence(self, name: str) -> dict[str, Any] | None:
        """Return what the last check of a card found, as it was recorded, or None."""
        query = "SELECT data FROM card_evidence WHERE file = ? AND id = ?"
        with self.desk.book.reading() as db:
            row = db.execute(query, (self.desk.file, name)).fetchone()
        return json.loads(row[0]) if row else None

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return the recorded events of a card, oldest first."""
        query = "SELECT seq, kind, who, moment, data FROM card_events WHERE id = ? AND file = ? ORDER BY seq"
        with self.desk.book.reading() as db:
            rows = db.execute(query, (name, self.desk.file)).fetchall()
        return [{"seq": row[0], "kind": row[1], "by": row[2], "at": row[3], **json.loads(row[4])} for row in rows]

    def plan_move(self, task_id: str, status: str, *, by: str | None = None, message: str | None = None) -> list[Draft]:
        """Return what an agent's report does to its card; see `Verifier.plan_move`. Call `recover` after the append."""
        return self.verifier.plan_move(task_id, status, by=by, message=message)

    def _changed(self, name: str, plan: Plan) -> Card:
        """Change a card and return it as it stands then; only it is read again, however long the file is."""
        self.desk.change(plan)
        before, written = self.desk.seen, self.desk.written
        card = before.card(name)
        if written is None:
            return card
        return reread(before, card, to_text(written)) or self.desk.read().card(name)

    @staticmethod
    def _ids(events: Sequence[Event]) -> list[str]:
        return [str(event.data["id"]) for event in events]
