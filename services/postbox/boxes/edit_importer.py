"""Where the text of a box is read and followed: hand edits, merges, and boxes that another post office wrote."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock
from bluelabel.services.files.confined import FileText
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.view_files import Bases, Originals
from bluelabel.services.postbox.boxes.view_format import Header
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.postbox.settling import is_settled

if TYPE_CHECKING:
    from bluelabel.services.postbox.boxes.edit_apply import Intake
    from bluelabel.services.postbox.boxes.edit_diff import Edit

# What reads edits is imported when there is one: most commands find none, and their start-up is a budget.

_FOREIGN: Final = "written by another post office, which still owns these messages; `bluelabel adopt` takes them over"


class EditDesk:
    """Follows the texts of one worktree's boxes.

    Args:
        postbox: the post office.
        folder: ``postbox/`` of the worktree.
        state: where originals of this worktree are kept.
        bases: the views that were written there.
        clock: where time comes from.
    """

    def __init__(self, postbox: Postbox, folder: Path, state: Path, bases: Bases, clock: Clock) -> None:
        self._postbox = postbox
        self._folder = folder
        self._bases = bases
        self._originals = Originals(state)
        self._clock = clock

    @cached_property
    def intake(self) -> Intake:
        """What turns edits into decisions."""
        from bluelabel.services.postbox.boxes.edit_apply import Intake

        return Intake(self._postbox)

    @cached_property
    def home(self) -> str:
        """The id of this post office, by which its views are told from those of a clone."""
        first = next(iter(self._postbox.book.read()), None)
        return str(first.data.get("home", "")) if first is not None else ""

    def take(self, agent: str, box: str, found: FileText, report: IntakeReport) -> bool:
        """Follow what a text asks for; False when it is still being written."""
        from bluelabel.services.postbox.boxes.edit_apply import Source
        from bluelabel.services.postbox.boxes.edit_diff import read_edit

        file = f"{self._folder.name}/{agent}/{box}.json"
        header = Header(agent, box, self.home)
        edit = self._trusted(read_edit(found.data, file, header, lambda rev: self._bases.get(agent, box, rev)))
        if edit.unreadable and not is_settled(found, self._clock.now()):
            report.waiting.append(file)
            return False
        if edit.empty:
            return True
        also: list[Draft] = []
        if edit.unreadable:
            first = edit.problems[0] if edit.problems else None
            reason = f"not readable as a whole: {first.message}, {first.at(file)}" if first else "not all of it is mail"
            also.append(self._set_aside(agent, box, found.data, reason, edit, report))
        elif not edit.origin:
            self._originals.keep(agent, box, found.data)
        outcome = self.intake.follow(edit, Source(agent, box, file, found.stamp), also)
        report.add(outcome)
        for refusal in outcome.refused:
            data = strict_json.dumps(dict(refusal.raw)).encode()
            self.intake.note([self._set_aside(agent, box, data, refusal.reason, None, report)])
        if outcome.foreign:
            report.strange += 1
            self.intake.note([self._set_aside(agent, box, found.data, _FOREIGN, None, report)])
        return True

    def _trusted(self, edit: Edit) -> Edit:
        """Let a text of post offices that were adopted count like one of ours."""
        if not edit.homes:
            return edit
        with self._postbox.book.reading() as db:
            adopted = {row[0] for row in db.execute("SELECT home FROM mail_homes")}
        foreign = edit.foreign if edit.foreign not in adopted else None
        return replace(edit, foreign=foreign, settles=edit.homes <= adopted and not edit.unreadable)

    def _set_aside(
        self, agent: str, box: str, data: bytes, reason: str, edit: Edit | None, report: IntakeReport
    ) -> Draft:
        from bluelabel.services.postbox.boxes.quarantine import Quarantine

        problems = edit.problems if edit is not None else ()
        kept = Quarantine(self._folder, agent).keep(f"{box}.json", data, self._clock.now(), reason, problems)
        report.set_aside.append(kept)
        told = {"agent": agent, "box": box, "file": kept, "reason": reason, "sha256": digest_of(data)}
        return Draft("mail.quarantined", agent, told)


def digest_of(data: bytes) -> str:
    """Return what names a text."""
    return hashlib.sha256(data).hexdigest()
