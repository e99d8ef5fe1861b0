"""What is told of a workspace as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bluelabel.interfaces.records.base import Record


@dataclass(frozen=True, slots=True)
class Finding(Record):
    """One thing that `doctor` looked at.

    Attributes:
        area: ledger, clock, boxes, cards, git.
        state: ``ok``, ``note`` (worth knowing), ``bad``, or ``fixed``.
        what: one line.
        hint: what to do.
    """

    noun: ClassVar[str] = "finding"

    area: str
    state: str
    what: str
    hint: str | None = None
