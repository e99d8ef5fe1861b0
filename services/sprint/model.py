"""What a sprint is: its plan, its cards, and the names it may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

from bluelabel.interfaces.errors import InvalidName, UsageError
from bluelabel.interfaces.names import identifier

_NUMBER: Final = re.compile(r"[0-9]{1,4}[A-Za-z]?", re.ASCII)
_MARK: Final = re.compile(r"<!--|-->")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class PlannedCard:
    """One card of a sprint.

    Args:
        id: its id in the card file.
        title: one line.
        agent: who is to do it; None leaves it to whoever takes it.
        branch: where the work is done, when it is not the branch that the sprint ends on.
        priority: LOW, MEDIUM, HIGH or CRITICAL.
    """

    id: str
    title: str = ""
    agent: str | None = None
    branch: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sprint sets out to do.

    Args:
        number: ``1``, ``2A`` …
        phase: ``6.13`` …
        title: its name.
        goal: one paragraph.
        start: first day, ``YYYY-MM-DD``.
        end: last day.
        branch: where all work is to arrive.
        tag: what the closed sprint is tagged.
        cards: what is to be done.
        criteria: when it counts as a success.
    """

    number: str
    phase: str
    title: str
    start: str
    end: str
    tag: str
    goal: str = ""
    branch: str = "main"
    cards: tuple[PlannedCard, ...] = ()
    criteria: tuple[str, ...] = ()
    carried: tuple[str, ...] = field(default=())
    """Ids of action items that earlier sprints left open."""

    def checked(self) -> Plan:
        """Return it, if everything in it may stand.

        Raises:
            UsageError: a date is none, or the sprint ends before it starts, or a card is named twice.
            InvalidName: a number, phase or card id that is not allowed.
        """
        if not _NUMBER.fullmatch(self.number):
            raise InvalidName("not a sprint number", where=ascii(self.number[:40]), hint="write 1, 2 or 2A")
        identifier(self.phase, "a phase")
        if day(self.end, "the last day") < day(self.start, "the first day"):
            raise UsageError("the sprint ends before it starts", where=f"{self.start} to {self.end}", hint="swap them")
        names = [identifier(card.id, "a card id") for card in self.cards]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError("a card is planned twice", where=", ".join(twice), hint="name it once")
        return self

    @property
    def name(self) -> str:
        """Return ``Phase 6.13 Sprint 1: Title`` in one line."""
        return f"Phase {self.phase} Sprint {self.number}" + (f": {one_line(self.title)}" if self.title else "")

    @property
    def agents(self) -> tuple[str, ...]:
        """Return who has cards, in the order of the plan."""
        return tuple(dict.fromkeys(card.agent for card in self.cards if card.agent))

    @property
    def branches(self) -> tuple[str, ...]:
        """Return the branches that the cards are done on, in the order of the plan."""
        return tuple(dict.fromkeys(c.branch for c in self.cards if c.branch and c.branch != self.branch))

    @property
    def folder(self) -> str:
        """Return where its documents stand."""
        return f"docs/devphases/PHASE_{self.phase}/sprints"

    @property
    def plan_path(self) -> str:
        """Return the path of the plan."""
        return f"{self.folder}/SPRINT_{self.number}_PLAN.md"

    @property
    def postmortem_path(self) -> str:
        """Return the path of the postmortem."""
        return f"{self.folder}/SPRINT_{self.number}_POSTMORTEM.md"

    @property
    def summary_path(self) -> str:
        """Return the path of the summary."""
        return f"reports/SPRINT_{self.number}_SUMMARY.md"

    @property
    def chart_path(self) -> str:
        """Return the path of the burndown chart."""
        return f"reports/SPRINT_{self.number}_BURNDOWN.svg"

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"cards": [asdict(card) for card in self.cards]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Plan:
        """Return the plan that `as_json` wrote; unknown keys are passed over."""
        known: dict[str, Any] = {name: data[name] for name in Plan.__dataclass_fields__ if name in data}
        known["cards"] = tuple(
            PlannedCard(**{name: card[name] for name in PlannedCard.__dataclass_fields__ if name in card})
            for card in data.get("cards", ())
        )
        for name in ("criteria", "carried"):
            known[name] = tuple(known.get(name, ()))
        return Plan(**known)


def one_line(text: object) -> str:
    """Return text fit for one line of a document of ours: no control characters, nothing that ends a block early."""
    flat = " ".join(_CONTROL.sub(" ", str(text)).split())
    return _MARK.sub(lambda mark: mark[0].replace("<", "&lt;").replace(">", "&gt;"), flat)


def cell(text: object) -> str:
    """Return text fit for a cell of a table; nothing is shown as a dash."""
    return "-" if text in (None, "") else one_line(text).replace("|", "\\|")


def day(text: str, what: str) -> date:
    """Return the day that `text` names.

    Raises:
        UsageError: it names none; `what` says whose day it is.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise UsageError(f"{what} is not a day", where=ascii(text[:40]), hint="write it as 2026-01-31")
    return found
