"""Cron expressions: five fields, in a time zone. The calendar is cronsim's; this is what happens where clocks change.

cronsim is asked for plain local times only, and each is placed on the line of time here: asked with a zone, it gives
other moments backwards than forwards on days whose midnight comes twice, and where clocks move by half an hour.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final

from cronsim import CronSim, CronSimError

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.names import nearest

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS: Final[tuple[tuple[str, int, int, tuple[str, ...]], ...]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
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
_LONGEST: Final = 1000
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_SOME_DAY: Final = datetime(2001, 1, 1)  # noqa: DTZ001 - a local time, as all that cronsim is asked for


class UnknownZone(UsageError):
    """No time zone has this name here, or this machine knows none at all."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. Moments go in and come out in UTC.

    Where clocks go back, a time of the day comes once, and what goes on all day (a "*" for minute or hour) goes on.
    Where they go forward, a time that is left out comes as soon as they have, and what goes on all day goes without it.

    Args:
        expression: its five fields, as cronsim reads them.
        zone: whose local time they are about.
    """

    expression: str
    zone: tzinfo

    @property
    def key(self) -> str:
        """The same for all ways to write the same fields and zone."""
        return f"{self.expression} {self.zone}"

    def after(self, moment: datetime) -> datetime | None:
        """Return the first moment after `moment` at which it is due; None where there is none for fifty years."""
        best: datetime | None = None
        ahead = self._offset(moment) - self._offset(moment + _DAY)  # an hour that will come again
        for local in self._walk(self._local(moment) - max(ahead, timedelta())):
            for image in self._images(local):
                if image > moment and (best is None or image < best):
                    best = image
            if best is not None and local.replace(tzinfo=self.zone).astimezone(UTC) >= best:
                break
        return best

    def newest(self, until: datetime) -> Iterator[datetime]:
        """Yield the moments up to `until` at which it was due, the newest first: each costs the same."""
        held: list[datetime] = []  # from the first pass of an hour that came twice, behind all of the second
        last: datetime | None = None
        again = self._offset(until - _DAY) - self._offset(until)
        for local in self._walk(self._local(until) + _MINUTE + max(again, timedelta()), reverse=True):
            images = self._images(local)
            held = sorted({*held, *images})
            while images and held and held[-1] >= images[0]:
                found = held.pop()
                if found <= until and found != last:
                    last = found
                    yield found
        yield from (found for found in reversed(held) if found <= until and found != last)

    def between(self, after: datetime, until: datetime, limit: int = 1000) -> list[datetime]:
        """Return the moments after `after` and up to `until` at which it was due, in order: the last `limit`."""
        found: list[datetime] = []
        for moment in islice(self.newest(until), limit):
            if moment <= after:
                break
            found.append(moment)
        return found[::-1]

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None, second=0, microsecond=0, fold=0)

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()

    def _walk(self, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        """Return the local times of the expression beyond `start`."""
        try:
            return CronSim(self.expression, start, reverse=reverse)
        except CronSimError:  # each field is one, but no month has such a day
            return iter(())

    def _images(self, local: datetime) -> tuple[datetime, ...]:
        """Return the moments of a local time, the newest first: none or two where clocks change."""
        first = local.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
        second = local.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if first == second:
            return (first,)
        minute, hour, *_ = self.expression.split()
        all_day = minute.startswith("*") or hour.startswith("*")
        if first < second:
            return (second, first) if all_day else (first,)
        while not all_day:  # a minute that was left out comes with the first one that is there
            local += _MINUTE
            here = local.replace(tzinfo=self.zone)
            if here.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) == local:
                return (here.astimezone(UTC),)
        return ()


def parse_cron(text: str, timezone: str = "UTC") -> Cron:
    """Read a cron expression: ``*/15 8-18 * * mon-fri``, or a word such as ``@daily``.

    Args:
        text: minute, hour, day of month, month and day of week.
        timezone: the name of a time zone, such as ``Europe/Berlin``.

    Raises:
        UsageError: it is none; names the field.
        UnknownZone: there is no such zone.
    """
    words = _SHORT.get(text.strip().lower(), text[:_LONGEST]).split()
    if words and re.match(r"(CRON_)?TZ=", words[0]):
        hint = f"write `timezone: {words[0].partition('=')[2]}` beside `cron`"
        raise UsageError("a cron expression names no time zone", where=text, hint=hint)
    if len(words) != len(_FIELDS) or len(text) > _LONGEST:
        hint = "write minute, hour, day of month, month and day of week: 30 8 * * mon-fri"
        raise UsageError(f"a cron expression has five fields, not {len(words)}", where=text[:80], hint=hint)
    fields = [_field(word, place, text) for place, word in enumerate(words)]
    return Cron(" ".join(fields), find_zone(timezone))


def find_zone(name: str) -> tzinfo:
    """Return the time zone that `name` stands for. UTC is there on every machine.

    Raises:
        UnknownZone: there is none; the hint names the nearest, or says what this machine lacks.
    """
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of zones and a name that is no path are none either
        known = zoneinfo.available_timezones()
    if not known:
        hint = "install the package tzdata of this system, or `pip install tzdata`"
        raise UnknownZone("this machine has no time zones but UTC", where=name[:80], hint=hint)
    by_fold = {zone.casefold(): zone for zone in known}
    close = [by_fold[zone] for zone in nearest(name.casefold()[:80], by_fold)]
    hint = f"did you mean {', '.join(close)}?" if close else "write a name such as Europe/Berlin, or UTC"
    raise UnknownZone("there is no such time zone", where=name[:80], hint=hint)


def _field(word: str, place: int, text: str) -> str:
    """Return a field as cronsim reads it; names of months and days may be written out."""
    name, low, high, names = _FIELDS[place]
    parts = [re.sub(r"[A-Za-z]{4,}", lambda found: _short(found[0], names), part) for part in word.split(",")]
    for part, written in zip(parts, word.split(","), strict=True):
        alone = ["*"] * len(_FIELDS)
        alone[place] = part
        try:
            CronSim(" ".join(alone), _SOME_DAY)
        except (CronSimError, ValueError, AssertionError):
            hint = f"the {name} goes from {low} to {high}"
            raise UsageError(f"not a {name} of a cron expression: {written[:40]!r}", where=text, hint=hint) from None
    return ",".join(parts).upper()


def _short(word: str, names: tuple[str, ...]) -> str:
    return word[:3] if any(name.startswith(word.lower()) for name in names) else word
