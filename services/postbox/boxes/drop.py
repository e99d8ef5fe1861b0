"""The drop folders: any JSON file put there becomes a message to the folder's owner."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from bluelabel.interfaces.errors import TooLarge, UnreadableInput
from bluelabel.interfaces.events import Draft
from bluelabel.services.files.confined import DROP, FileText, is_as_read, kind_at, names_in, opened, read_at, shown
from bluelabel.services.postbox.boxes import shapes
from bluelabel.services.postbox.boxes.edit_apply import Intake, Outcome, Source
from bluelabel.services.postbox.boxes.edit_diff import Addition, Edit, all_additions
from bluelabel.services.postbox.boxes.quarantine import Quarantine
from bluelabel.services.postbox.boxes.reader import is_box
from bluelabel.services.postbox.boxes.shapes import Entry
from bluelabel.services.postbox.settling import is_settled
from bluelabel.services.postbox.tolerant_json.reader import Documents, read_documents

_HARMLESS: Final = frozenset(
    {"several-documents", "trailing-comma", "stray-comma", "missing-comma", "comment", "single-quotes", "unquoted-key"}
)
"""Faults that leave no doubt about what is meant; any other, and a dropped file is set aside as it is."""

_STILL_WRITTEN: Final = (".tmp", ".part", ".swp", ".crdownload", "~")
_AT_ONCE: Final = 500
"""So many files are taken in by one decision, which costs one sync."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read and can be taken in."""

    name: str
    found: FileText
    edit: Edit
    source: Source


@dataclass(slots=True)
class DropReport:
    """What a look into a drop folder brought.

    Attributes:
        outcomes: one for each file that was taken in.
        set_aside: paths in quarantine, relative to the postbox.
        waiting: names of files that somebody may still be writing.
        problems: one line for each thing that could neither be read nor moved.
    """

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    set_aside: list[str] = field(default_factory=list[str])
    waiting: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])


class DropFolder:
    """The folder ``postbox/<agent>/drop/`` of one worktree.

    Args:
        postbox: the folder with the mailboxes.
        agent: whose.
        intake: takes the messages in.
    """

    def __init__(self, postbox: Path, agent: str, intake: Intake) -> None:
        self._postbox = postbox
        self._agent = agent
        self._intake = intake
        self._quarantine = Quarantine(postbox, agent)

    def sweep(self, now: datetime) -> DropReport:
        """Take in every file that is complete. A file is removed when its message is durable, never before.

        Args:
            now: the wall clock.

        Raises:
            FileNotFoundError: there is no such folder.
            UnreadableInput: a link or a file is in its place.
            MachineError: a message could not be stored; its file is still there.
        """
        report = DropReport()
        with opened(self._postbox, self._agent, DROP) as folder:
            names = [n for n in names_in(folder) if not n.startswith(".") and not n.endswith(_STILL_WRITTEN)]
            for start in range(0, len(names), _AT_ONCE):
                read = [self._one(folder, name, now, report) for name in names[start : start + _AT_ONCE]]
                self._take_in(folder, [file for file in read if file is not None], now, report)
        return report

    def _one(self, folder: int, name: str, now: datetime, report: DropReport) -> _Read | None:
        """Read a file; None when it is set aside, still written, or gone."""
        where = f"{self._postbox.name}/{self._agent}/{DROP}/{shown(name)}"
        try:
            found = read_at(folder, name, where)
        except (UnreadableInput, OSError) as error:
            if isinstance(error, TooLarge) or kind_at(folder, name):
                self._move(folder, name, now, str(error), report)
            else:
                report.problems.append(str(error))
            return None
        if found is None:
            return None
        documents = read_documents(found.data, shown(name))
        if (found.open_for_writing or not documents.strict) and not is_settled(found, now):
            report.waiting.append(shown(name))
            return None
        if not documents.values or {problem.code for problem in documents.problems} - _HARMLESS:
            self._set_aside(folder, name, found, documents, now, report)
            return None
        stamp = f"{shown(name)}.{found.stamp}.{hashlib.sha256(found.data).hexdigest()}"
        edit = Edit(additions=_additions(documents), problems=documents.problems)
        return _Read(name, found, edit, Source(self._agent, DROP, where, stamp))

    def _take_in(self, folder: int, files: Sequence[_Read], now: datetime, report: DropReport) -> None:
        outcomes = self._intake.follow_all([(file.edit, file.source) for file in files]) if files else []
        report.outcomes += outcomes
        for file, outcome in zip(files, outcomes, strict=True):
            if outcome.refused:
                reason = "; ".join(refusal.reason for refusal in outcome.refused)
                self._move(folder, file.name, now, reason, report)
            elif is_as_read(folder, file.name, file.found):
                os.unlink(file.name, dir_fd=folder)

    def _set_aside(
        self, folder: int, name: str, found: FileText, documents: Documents, now: datetime, report: DropReport
    ) -> None:
        first = documents.problems[0] if documents.problems else None
        reason = f"not readable: {first.message}, {first.at(shown(name))}" if first else "not readable: it says nothing"
        try:
            kept = self._quarantine.keep(name, found.data, now, reason, documents.problems)
        except (OSError, UnreadableInput) as error:
            report.problems.append(f"{shown(name)} could not be set aside: {error}")
            return
        report.set_aside.append(kept)
        self._tell(kept, reason, hashlib.sha256(found.data).hexdigest())
        if is_as_read(folder, name, found):
            os.unlink(name, dir_fd=folder)

    def _move(self, folder: int, name: str, now: datetime, reason: str, report: DropReport) -> None:
        try:
            kept = self._quarantine.move(folder, name, now, reason)
        except (OSError, UnreadableInput) as error:
            report.problems.append(f"{shown(name)}: {reason}; it could not be set aside: {error}")
            return
        report.set_aside.append(kept)
        with suppress(UnreadableInput):
            self._tell(kept, reason, None)

    def _tell(self, kept: str, reason: str, digest: str | None) -> None:
        data: dict[str, Any] = {"agent": self._agent, "box": DROP, "file": kept, "reason": reason}
        draft = Draft("mail.quarantined", self._agent, data | ({"sha256": digest} if digest else {}))
        self._intake.note([draft])


def _additions(documents: Documents) -> tuple[Addition, ...]:
    """Return what a dropped text says: every entry of a box, else each value as one message."""
    found = all_additions(documents)
    if found or is_box(documents):
        return found
    values: Sequence[object] = [document.value for document in documents.values]
    entries = [
        Entry(
            "message", cast("dict[str, Any]", value) if isinstance(value, dict) else {"content": {"value": value}}, ""
        )
        for value in values
        if not shapes.is_header(value)
    ]
    return tuple(Addition(entry, number) for number, entry in enumerate(entries))
