"""A date is that of the calendar on this machine; a moment is the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cli_driver import bluelabel
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.times import end_of_day, local_date, to_text
from bluelabel.services.sprint.metrics import Started, StatusFact, burndown

ZONES = {"Pacific/Kiritimati": 14, "America/Los_Angeles": -8, "UTC": 0, "Asia/Kathmandu": 5.75}


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", str(request.param))
        time.tzset()
        yield ZONES[str(request.param)]
    time.tzset()


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_the_date_changes_at_the_midnight_of_this_machine(zone: float, seconds: int) -> None:
    midnight = datetime(2026, 1, 31, tzinfo=UTC) - timedelta(hours=zone)

    assert local_date(midnight + timedelta(seconds=seconds)) == date(2026, 1, 30 if seconds < 0 else 31)


@given(st.dates(date(1990, 1, 1), date(2037, 12, 30)))
def test_the_end_of_a_day_is_the_beginning_of_the_next(day: date) -> None:
    before = os.environ.get("TZ")
    try:
        for name in ZONES:
            os.environ["TZ"] = name
            time.tzset()
            end = end_of_day(day)

            assert local_date(end) == day + timedelta(days=1)
            assert local_date(end - timedelta(microseconds=1)) == day
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def test_a_burndown_counts_the_days_of_this_machine(zone: float) -> None:
    midnight = datetime(2026, 1, 31, tzinfo=UTC) - timedelta(hours=zone)
    at = {minutes: to_text(midnight + timedelta(minutes=minutes)) for minutes in (-10, -5, 5, 10)}
    begun = Started(at[-10], ({"id": "TASK-1", "status": "NOT_STARTED"}, {"id": "TASK-2", "status": "NOT_STARTED"}))
    facts = [StatusFact(at[-5], "TASK-1", "COMPLETED"), StatusFact(at[5], "TASK-2", "COMPLETED")]

    assert [(day.day, day.remaining) for day in burndown(begun, facts, at[10])] == [
        ("2026-01-30", 1),
        ("2026-01-31", 0),
    ]


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_new_card_has_todays_date_and_lint_agrees(tmp_path: Path, name: str) -> None:
    bluelabel(tmp_path, "init")
    program = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(tmp_path)]
    variables = {**os.environ, "TZ": name}

    def call(*args: str) -> str:
        return subprocess.run([*program, *args], env=variables, capture_output=True, text=True, check=True).stdout

    def today() -> str:
        return subprocess.run(["date", "+%F"], env=variables, capture_output=True, text=True, check=True).stdout.strip()

    days = {today()}
    call("card", "new", "First")
    days.add(today())  # midnight may come in between
    cards = tmp_path / "TASK_CARDS.md"

    assert any(f"\nCreated: {day}\n" in cards.read_text() for day in days)
    assert "date-ahead" not in call("card", "lint", "--json")
    tomorrow = (date.fromisoformat(max(days)) + timedelta(days=2)).isoformat()
    cards.write_text(cards.read_text().replace(max(days), tomorrow))
    assert "date-ahead" in call("card", "lint", "--json")
