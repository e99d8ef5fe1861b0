"""Moments and durations as text: RFC 3339 in UTC, and the short spans people type (``30s``, ``15m``, ``2h``)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from bluelabel.interfaces.errors import UsageError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, None: 1.0, "": 1.0}


@lru_cache(maxsize=4096)  # a moment stands in several places: an end is the next beginning, and part of a history
def to_text(moment: datetime) -> str:
    """Return `moment` as ``2026-01-31T09:30:00.000000Z`` (UTC, microseconds).

    The width is fixed, so that texts sort as moments do.
    """
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat("T", "microseconds")[:26] + "Z"


def local_date(moment: datetime) -> date:
    """Return the date that a calendar on this machine shows at `moment`: moments are in UTC, days are people's.

    Args:
        moment: with its zone.
    """
    return moment.astimezone().date()


def end_of_day(day: date) -> datetime:
    """Return the moment at which a day of this machine's calendar is over."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time()).astimezone(UTC)


def from_text(text: str) -> datetime:
    """Return the moment that RFC 3339 `text` names; without a zone it is taken as UTC.

    Raises:
        UsageError: `text` is not a moment.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write it as 2026-01-31T09:30:00Z"
        raise UsageError("not a date and time", where=repr(text[:40]), hint=hint) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def span(text: str) -> timedelta:
    """Return the duration that `text` names: a number with ms, s, m, h, d or w; a bare number is seconds.

    Raises:
        UsageError: `text` is not a duration, or longer than ten years.
    """
    match = _SPAN.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match and len(text) < 24 else -1.0
    if not 0 <= seconds <= 3650 * 86400:
        hint = "write a number and a unit: 500ms, 30s, 15m, 2h, 7d"
        raise UsageError("not a duration", where=repr(text[:40]), hint=hint)
    return timedelta(seconds=seconds)
