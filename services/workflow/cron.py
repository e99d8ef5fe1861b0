"""Cron expressions: five fields, in UTC. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bluelabel.interfaces.errors import UsageError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMELESS: Final[dict[str, int]] = {}
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, _NAMELESS),
    ("hour", 0, 23, _NAMELESS),
    ("day of month", 1, 31, _NAMELESS),
    ("month", 1, 12, {name: place for place, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: place for place, name in enumerate(_DAYS)}),
)
_SHORT: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEARS = 9
"""A leap day that falls on a given weekday may be this far away, not more, within one century."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due.

    Args:
        minutes: of the hour.
        hours: of the day.
        days: of the month.
        months: of the year.
        weekdays: 0 is Sunday.
        either_day: both kinds of day are restricted, so that either will do, as cron has always read it.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def after(self, moment: datetime) -> datetime | None:
        """Return the first moment after `moment` at which it is due, in UTC; None where there is none within years."""
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start.date()
        for offset in range(_YEARS * 366):
            here = day + timedelta(days=offset)
            if not self._on(here.day, here.month, here.isoweekday() % 7):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = datetime(here.year, here.month, here.day, hour, minute, tzinfo=UTC)
                    if found >= start:
                        return found
        return None

    def between(self, after: datetime, until: datetime, limit: int = 1000) -> list[datetime]:
        """Return the moments after `after` and up to `until` at which it was due, in order: the last `limit`."""
        found: list[datetime] = []
        moment = self.after(after)
        while moment is not None and moment <= until:
            found.append(moment)
            if len(found) > limit:
                del found[0]
            moment = self.after(moment)
        return found

    def _on(self, day: int, month: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        by_day, by_weekday = day in self.days, weekday in self.weekdays
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)


def parse_cron(text: str) -> Cron:
    """Read a cron expression: ``*/15 8-18 * * mon-fri``, or a word such as ``@daily``.

    Raises:
        UsageError: it is none; names the field.
    """
    words = _SHORT.get(text.strip().lower(), text).split()
    if len(words) != len(_FIELDS):
        hint = "write minute, hour, day of month, month and day of week: 30 8 * * mon-fri"
        raise UsageError(f"a cron expression has five fields, not {len(words)}", where=text, hint=hint)
    minutes, hours, days, months, weekdays = (
        _field(word, *field, text) for word, field in zip(words, _FIELDS, strict=True)
    )
    either = not words[2].startswith("*") and not words[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def _field(word: str, name: str, low: int, high: int, names: dict[str, int], text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        body, slash, step_text = part.partition("/")
        step = int(step_text) if step_text.isdecimal() else 0 if slash else 1
        first, dash, last = body.partition("-")
        if body == "*":
            start, end = low, high
        else:
            start = _number(first, names)
            end = _number(last, names) if dash else (high if slash else start)
        if step < 1 or not low <= start <= end <= high:
            hint = f"the {name} goes from {low} to {high}"
            raise UsageError(f"not a {name} of a cron expression: {part!r}", where=text, hint=hint)
        found.update(range(start, end + 1, step))
    return frozenset(found)


def _number(word: str, names: dict[str, int]) -> int:
    if word.isdecimal() and len(word) < 4:
        return int(word)
    return names.get(word.lower()[:3], -1) if word.isalpha() else -1
