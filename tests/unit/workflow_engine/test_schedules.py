"""Cron lines and schedules: against a plain way to say the same, minute by minute, also where clocks change."""

from __future__ import annotations

import os
import sqlite3
import threading
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import UsageError
from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.times import to_text
from bluelabel.services.ledger.book import Book
from bluelabel.services.ledger.index import Index
from bluelabel.services.ledger.memory_ledger import MemoryLedger
from bluelabel.services.workflow.definition import cron
from bluelabel.services.workflow.definition.cron import UnknownZone, find_zone, parse_cron
from bluelabel.services.workflow.definition.definition import CatchUp, Overlap, ScheduleSpec
from bluelabel.services.workflow.schedules import (
    AHEAD,
    LATE,
    MOST,
    Firing,
    Overtaken,
    Schedules,
    due_firings,
    held_back,
)
from bluelabel.services.workflow.store.projection import RunsProjection

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
WHOLE = {"minute": range(60), "hour": range(24), "day": range(1, 32), "month": range(1, 13), "weekday": range(8)}
NAMES = {"jan": 1, "mar": 3, "dec": 12, "sun": 0, "mon": 1, "fri": 5, "sat": 6}


def examples(count: int) -> settings:
    """As many examples as `make test` has time for, or as many as BLUELABEL_EXAMPLES asks for."""
    return settings(max_examples=max(count, int(os.environ.get("BLUELABEL_EXAMPLES", "0"))), deadline=None)


def values(text: str, whole: range) -> set[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        body, _, step = part.partition("/")
        ends = [NAMES[word] if word in NAMES else int(word) for word in body.split("-")] if body != "*" else []
        first, last = (
            (whole[0], whole[-1]) if not ends else (ends[0], ends[-1] if len(ends) > 1 or not step else whole[-1])
        )
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Plainly:
    """A cron line, asked of one local minute at a time."""

    def __init__(self, text: str) -> None:
        words = text.split()
        self.sets = [values(word, whole) for word, whole in zip(words, WHOLE.values(), strict=True)]
        self.either = not words[2].startswith("*") and not words[4].startswith("*")
        self.all_day = words[0].startswith("*") or words[1].startswith("*")

    def has(self, local: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.sets
        weekday = local.isoweekday()
        day, name = local.day in days, weekday in weekdays or weekday % 7 in weekdays
        fits = (day or name) if self.either else (day and name)
        return local.minute in minutes and local.hour in hours and local.month in months and fits

    def between(self, after: datetime, until: datetime, zone: zoneinfo.ZoneInfo) -> list[datetime]:
        """Return the minutes after `after` and up to `until` at which it is due."""
        found: set[datetime] = set()
        reached: datetime | None = None  # the latest local time that the clock has shown
        moment = after.replace(second=0, microsecond=0) - timedelta(days=2)
        while moment <= until:
            local = moment.astimezone(zone).replace(tzinfo=None)
            news = [local] if self.all_day else []
            if not self.all_day and (reached is None or local > reached):
                first = local if reached is None else reached + MINUTE
                news = [first + n * MINUTE for n in range(int((local - first) / MINUTE) + 1)]
                reached = local
            if moment > after and any(self.has(minute) for minute in news):
                found.add(moment)
            moment += MINUTE
        return sorted(found)


lines = st.tuples(
    st.sampled_from(["*", "0", "*/15", "5-10", "1,59", "7/20", "30", "0,15,30,45"]),
    st.sampled_from(["*", "0", "*/6", "*/2", "0-3", "1", "2", "8-18", "23", "2,3"]),
    st.sampled_from(["*", "*", "1", "31", "*/2", "10-12"]),
    st.sampled_from(["*", "*", "3", "jan-MAR", "4,dec", "10-11"]),
    st.sampled_from(["*", "*", "0", "7", "mon-fri", "sun", "sat,SUN", "1/3"]),
).map(" ".join)
changes = st.sampled_from(
    [
        ("UTC", datetime(2026, 3, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("Antarctica/Troll", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
    ]
)
seconds = st.integers(-30 * 3600, 30 * 3600)


def check_cron(line: str, change: tuple[str, datetime], begin: int, end: int) -> None:
    zone, at = change
    first, last = sorted([at + timedelta(seconds=begin), at + timedelta(seconds=end)])
    found = parse_cron(line, zone)
    expected = Plainly(line).between(first, last, zoneinfo.ZoneInfo(zone))

    assert found.between(first, last, 10_000) == expected
    assert found.between(first, last, 3) == expected[-3:]
    following = found.after(first)
    assert following == expected[0] if expected else following is None or following > last


@examples(60)
@given(lines, changes, seconds, seconds)
def test_cron_finds_backwards_and_forwards_what_the_clock_on_the_wall_shows(
    line: str, change: tuple[str, datetime], begin: int, end: int
) -> None:
    check_cron(line, change, begin, end)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@settings(max_examples=1000, deadline=None)
@given(lines, changes, seconds, seconds)
def test_cron_finds_what_the_clock_on_the_wall_shows_at_night(
    line: str, change: tuple[str, datetime], begin: int, end: int
) -> None:
    check_cron(line, change, begin, end)


def test_cron_knows_its_words_and_leap_days() -> None:
    start = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

    assert parse_cron("@daily").after(start) == datetime(2026, 2, 1, tzinfo=UTC)
    assert parse_cron("0 0 29 2 *").after(start) == datetime(2028, 2, 29, tzinfo=UTC)
    assert parse_cron("0 0 31 2 *").after(start) is None
    assert parse_cron("0 0 */8 * mon#5").after(start) is None
    assert parse_cron("0 0 13 * fri").after(start) == datetime(2026, 2, 6, tzinfo=UTC)
    assert parse_cron("0 0 L * *").after(start) == datetime(2026, 2, 28, tzinfo=UTC)
    assert parse_cron("0 0 1 Sept Tuesday").after(start) == datetime(2026, 9, 1, tzinfo=UTC)
    assert parse_cron("0 6 * * Monday-Friday").key == parse_cron("0  6 * *  MON-fri").key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields, not 0"),
        ("* * * *", "five fields, not 4"),
        ("0 * * * * *", "five fields, not 6"),
        ("60 * * * *", "not a minute"),
        ("* 24 * * *", "not a hour"),
        ("5-1 * * * *", "'5-1'"),
        ("1,,2 * * * *", "''"),
        ("*/0 * * * *", "not a minute"),
        ("x * * * *", "not a minute"),
        ("* * 0 * *", "not a day of month"),
        ("* * * foo *", "not a month"),
        ("* * * mon *", "not a month"),
        ("* * * * 8", "not a day of week"),
        ("* * * * mon#6", "not a day of week"),
        ("* * * * mon#2/2", "not a day of week"),
        ("* * ? * *", "not a day of month"),
        ("1/x * * * *", "not a minute"),
        ("¹ * * * *", "not a minute"),
        ("٣ * * * *", "not a minute"),
        ("9" * 5000 + " * * * *", "five fields"),
        ("TZ=Europe/Berlin 0 6 * * *", "names no time zone"),
        ("CRON_TZ=UTC 0 6 * * *", "names no time zone"),
    ],
)
def test_what_is_no_cron_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_cron(text)

    assert words in raised.value.what
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe", ""),
        ("", "such as Europe/Berlin"),
        ("../../etc/passwd", ""),
        ("zone.tab", ""),
        ("/etc/localtime", ""),
        ("Ünter\0wegs", ""),
        ("x" * 5000, "such as Europe/Berlin"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownZone, match="no such time zone") as raised:
        find_zone(name)

    assert raised.value.hint
    assert hint in raised.value.hint


def test_a_machine_without_time_zones_says_what_to_install_and_knows_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    def nothing() -> set[str]:
        return set()

    monkeypatch.setattr(zoneinfo, "ZoneInfo", none)
    monkeypatch.setattr(zoneinfo, "available_timezones", nothing)
    with pytest.raises(UnknownZone, match="no time zones but UTC") as raised:
        find_zone("Europe/Berlin")

    assert "tzdata" in str(raised.value.hint)
    assert find_zone("UTC") is UTC


@pytest.mark.parametrize(
    ("rule", "minutes", "expected"),
    [
        (CatchUp.NONE, 65, []),
        (CatchUp.LAST, 65, [(60, True)]),
        (CatchUp.ALL, 65, [(20, True), (40, True), (60, True)]),
        (CatchUp.NONE, 61, [(60, False)]),
        (CatchUp.LAST, 61, [(60, False)]),
        (CatchUp.ALL, 61, [(20, True), (40, True), (60, False)]),
        (CatchUp.ALL, 10, []),
    ],
)
def test_missed_firings_follow_the_rule_for_catching_up(
    rule: CatchUp, minutes: int, expected: list[tuple[int, bool]]
) -> None:
    taken, last = due_firings("s", ScheduleSpec("*/20 * * * *", rule), START, START + timedelta(minutes=minutes))

    assert [((firing.due - START).total_seconds() / 60, firing.missed) for firing in taken] == expected
    assert (last is not None) is (minutes > 20)


class Steps(CronSim):
    """Counts its steps, and notes those that are made while a ledger is held."""

    count: ClassVar[int] = 0
    held: ClassVar[bool] = False
    within: ClassVar[int] = 0

    def __next__(self) -> datetime:
        Steps.count += 1
        Steps.within += Steps.held
        return super().__next__()


class Watched(MemoryLedger):
    """Tells `Steps` when it is held, and lets somebody in first when told to."""

    before: Callable[[], None] | None = None

    def append(self, decide: Callable[[], Sequence[Draft]]) -> list[Event]:
        before, self.before = self.before, None
        if before is not None:
            before()

        def watched() -> Sequence[Draft]:
            Steps.held = True
            try:
                return decide()
            finally:
                Steps.held = False

        return super().append(watched)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> type[Steps]:
    monkeypatch.setattr(cron, "CronSim", Steps)
    Steps.count = Steps.within = 0
    return Steps


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def uptime(self) -> float:
        return self.at.timestamp()

    def boot(self) -> str:
        return "boot"


@dataclass
class Desk:
    """Schedules with a ledger in memory, and runs that are no more than their names."""

    spec: ScheduleSpec
    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list[str])
    started: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.ledger = Watched(self.clock)
        self.book = Book(self.ledger, Index(None, [RunsProjection()], "boot"))
        self.clerk = Schedules(self.book, self.clock, "HUMAN", self.said.append)

    def due(self) -> list[Firing]:
        return self.clerk.due({"s": self.spec})

    def start(self, firing: Firing) -> bool:
        def decide(db: sqlite3.Connection) -> list[Draft]:
            run = {"run": firing.run_id, "dag": "s", "t": to_text(self.clock.at)}
            return [Draft("run.created", "HUMAN", run), *self.clerk.fired(firing)(db)]

        try:
            self.book.append(decide)
        except Overtaken:
            return False
        self.started.append(firing.run_id)
        return True

    def look(self) -> None:
        while sum(self.start(firing) for firing in self.due()):
            pass

    def going(self) -> list[str]:
        with self.book.reading() as db:
            return [row[0] for row in db.execute("SELECT run_id FROM dag_runs WHERE status = 'created' ORDER BY made")]

    def end(self, run_id: str) -> None:
        data = {"run": run_id, "was": "created", "status": "success", "t": to_text(self.clock.at)}
        self.book.append(lambda _: [Draft("run.status", "HUMAN", data)])

    def events(self, kind: str) -> list[str]:
        return [str(event.data["due"]) for event in self.book.read() if event.kind == kind]

    def list_lines(self) -> list[str]:
        with self.book.reading() as db:
            return held_back(db)


def test_a_week_of_every_minute_costs_a_few_steps_and_none_while_the_ledger_is_held(steps: type[Steps]) -> None:
    for rule, most in ((CatchUp.NONE, 8), (CatchUp.LAST, 8), (CatchUp.ALL, 2 * MOST + 8)):
        desk = Desk(ScheduleSpec("* * * * *", rule, timezone="Europe/Berlin"))
        desk.look()
        desk.clock.at += timedelta(days=7, seconds=30)
        steps.count = 0
        firings = desk.due()

        assert len(firings) == {CatchUp.NONE: 2, CatchUp.LAST: 2, CatchUp.ALL: MOST}[rule]
        assert steps.count <= most
        desk.look()
        desk.look()
    assert steps.within == 0


def test_what_somebody_sends_meanwhile_waits_for_no_computation(steps: type[Steps]) -> None:
    desk = Desk(ScheduleSpec("* * * * *", CatchUp.ALL))
    desk.look()
    desk.clock.at += timedelta(days=7)
    computing, sent = threading.Event(), threading.Event()

    def slow(self: Steps) -> datetime:
        computing.set()
        assert sent.wait(60)
        return CronSim.__next__(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "__next__", slow)
        looking = threading.Thread(target=desk.due)
        looking.start()
        assert computing.wait(60)
        desk.book.append(lambda _: [Draft("message.seen", "CC", {})])
        sent.set()
        looking.join(60)

    assert not looking.is_alive()


def test_a_clerk_that_was_overtaken_looks_again() -> None:
    desk = Desk(ScheduleSpec("0 * * * *", CatchUp.LAST, Overlap.SKIP))
    desk.look()
    desk.clock.at += timedelta(minutes=61)
    (first,) = desk.due()
    other = Schedules(desk.book, desk.clock, "CC")
    (same,) = other.due({"s": desk.spec})

    assert (desk.start(first), desk.start(same)) == (True, False)
    desk.clock.at += timedelta(hours=1)
    desk.ledger.before = lambda: desk.end(first.run_id)  # before it is noted that this one is left out
    assert [firing.due.hour for firing in desk.due()] == [11]
    assert desk.events("schedule.skipped") == []


def test_a_firing_that_waits_starts_when_the_run_before_has_ended_however_late() -> None:
    desk = Desk(ScheduleSpec("0 * * * *", CatchUp.NONE, Overlap.QUEUE))
    desk.look()
    for _ in range(3):
        desk.clock.at += timedelta(hours=1)
        desk.look()
    first, last = "s-20260131T1000Z", "s-20260131T1200Z"

    assert desk.started == [first]
    assert desk.said == [
        f"s-20260131T1100Z waits for the end of {first}",
        f"s-20260131T1100Z is left out: {first} goes on",
        f"{last} waits for the end of {first}",
    ]
    assert desk.list_lines() == [
        f"schedule s: 1 firing left out up to 2026-01-31T12:00Z, because {first} had not ended",
        f"schedule s: the firing of 2026-01-31T12:00Z waits for the end of {first}",
    ]
    desk.clock.at += timedelta(minutes=55)
    desk.end(first)
    desk.look()
    desk.look()
    assert desk.started == [first, last]
    assert desk.list_lines() == []


def test_a_firing_is_left_out_while_an_earlier_run_goes_on_and_that_is_told() -> None:
    desk = Desk(ScheduleSpec("0 * * * *", overlap=Overlap.SKIP))
    desk.look()
    for _ in range(3):
        desk.clock.at += timedelta(hours=1)
        desk.look()

    assert desk.started == ["s-20260131T1000Z"]
    assert desk.events("schedule.skipped") == ["2026-01-31T11:00:00.000000Z", "2026-01-31T12:00:00.000000Z"]
    assert desk.list_lines() == [
        "schedule s: 2 firings left out up to 2026-01-31T12:00Z, because s-20260131T1000Z had not ended"
    ]
    desk.end("s-20260131T1000Z")
    desk.look()
    assert desk.started == ["s-20260131T1000Z"]
    desk.clock.at += timedelta(hours=1)
    desk.look()
    assert desk.started == ["s-20260131T1000Z", "s-20260131T1300Z"]


def test_runs_of_other_schedules_and_of_people_stand_in_nobodys_way() -> None:
    desk = Desk(ScheduleSpec("0 * * * *", overlap=Overlap.SKIP))
    for name in ("s-1", "s-20260131T0900Z-b", "x-s-20260131T0900Z", "s-s-20260131T0900Z"):
        run = {"run": name, "dag": "s", "t": to_text(START)}
        desk.book.append(lambda _, run=run: [Draft("run.created", "HUMAN", run)])  # type: ignore[misc]
    desk.look()
    desk.clock.at += timedelta(hours=1)
    desk.look()

    assert desk.started == ["s-20260131T1000Z"]


def test_a_schedule_that_says_something_else_counts_from_now_on() -> None:
    desk = Desk(ScheduleSpec("0 0 1 1 *", CatchUp.ALL))
    desk.look()
    desk.clock.at += timedelta(days=30)
    for changed in (
        ScheduleSpec("* * * * *", CatchUp.ALL),
        ScheduleSpec("* * * * *", CatchUp.ALL, timezone="Asia/Tokyo"),
    ):
        desk.spec = changed
        desk.look()
        assert desk.said.pop() == "s counts from now on: its schedule has changed"
    desk.clock.at += timedelta(minutes=1)
    desk.spec = ScheduleSpec("*   *  * * *", CatchUp.LAST, Overlap.SKIP, "Asia/Tokyo")
    desk.look()

    assert desk.started == ["s-20260302T0901Z"]
    assert desk.said == []


def test_a_schedule_that_was_noted_before_its_cron_line_was_kept_goes_on() -> None:
    desk = Desk(ScheduleSpec("0 * * * *"))
    old = {"schedule": "s", "due": to_text(START)}
    desk.book.append(lambda _: [Draft("schedule.fired", "HUMAN", old)])
    desk.clock.at += timedelta(hours=1)
    desk.look()

    assert desk.started == ["s-20260131T1000Z"]


def test_a_clock_that_was_set_back_repeats_nothing_and_one_that_was_far_ahead_is_not_waited_for() -> None:
    desk = Desk(ScheduleSpec("0 * * * *", CatchUp.LAST))
    desk.look()
    desk.clock.at += timedelta(hours=3)
    desk.look()
    assert desk.started == ["s-20260131T1200Z"]
    for _ in range(12):
        desk.clock.at = START + timedelta(hours=2)
        desk.look()
    assert len(desk.started) == 1
    desk.clock.at = START + timedelta(days=3650)
    desk.look()
    desk.clock.at = START + timedelta(hours=4)
    desk.look()
    assert "counts from now on: it was last due at 2036" in desk.said[-1]
    desk.clock.at += timedelta(hours=1)
    desk.look()

    assert desk.started[-1] == "s-20260131T1400Z"
    assert timedelta(days=3650) > AHEAD


def test_missed_firings_that_nothing_makes_up_for_are_told_once() -> None:
    desk = Desk(ScheduleSpec("0 * * * *"))
    desk.look()
    desk.clock.at += timedelta(hours=5, minutes=30)
    desk.look()
    desk.look()

    assert desk.said == ["s: what was due up to 2026-01-31 14:00 UTC was missed and is not made up for"]


class Expected:
    """What schedules do, said plainly: every moment one by one, in lists."""

    def __init__(self, spec: ScheduleSpec, since: datetime, until: datetime) -> None:
        self.spec = spec
        self.moments = Plainly(spec.cron).between(since, until, zoneinfo.ZoneInfo(spec.timezone))
        self.going: list[datetime] = []
        self.waiting: list[datetime] = []
        self.started: list[datetime] = []
        self.skipped: list[datetime] = []

    def look(self, now: datetime) -> None:
        moments = [moment for moment in self.moments if moment <= now]
        self.moments = self.moments[len(moments) :]
        on_time = [moment for moment in moments if now - moment <= LATE]
        late = moments[: len(moments) - len(on_time)]
        if self.spec.catch_up is CatchUp.NONE:
            late = []
        elif self.spec.catch_up is CatchUp.LAST:
            late = [] if on_time else late[-1:]
        turns = [*late, *on_time]
        if self.spec.catch_up is CatchUp.ALL:
            turns = turns[-MOST:]
        self._take(turns)

    def _take(self, turns: list[datetime]) -> None:
        if self.spec.overlap is Overlap.QUEUE:
            keeps_all = self.spec.catch_up is CatchUp.ALL
            free = not self.going
            queue = [*self.waiting, *turns][-MOST if keeps_all else 0 :]
            if free and queue:
                self._start(queue.pop(0))
            if keeps_all:
                self.waiting = queue
            else:
                self.skipped += queue[:-1]
                self.waiting = queue[-1:]
            return
        for moment in turns:
            if self.spec.overlap is Overlap.SKIP and self.going:
                self.skipped.append(moment)
            else:
                self._start(moment)

    def _start(self, moment: datetime) -> None:
        self.started.append(moment)
        self.going.append(moment)


specs = st.builds(
    ScheduleSpec,
    st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "15,45 0-3 * * *", "0 */2 * * *", "0 2,3 * * sun"]),
    st.sampled_from(CatchUp),
    st.sampled_from(Overlap),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
)
moves = st.lists(
    st.tuples(st.sampled_from([1, 1, 5, 30, 61, 400, 1500]), st.integers(0, 59), st.booleans()), min_size=1, max_size=12
)
begins = st.sampled_from(
    [
        START,
        datetime(2026, 3, 28, 20, tzinfo=UTC),
        datetime(2026, 10, 24, 20, tzinfo=UTC),
        datetime(2026, 4, 4, 10, tzinfo=UTC),
        datetime(2026, 10, 3, 10, tzinfo=UTC),
    ]
)


def check_schedule(spec: ScheduleSpec, begin: datetime, turns: list[tuple[int, int, bool]]) -> None:
    desk = Desk(spec, Clock(begin))
    desk.look()
    expected = Expected(spec, begin, begin + sum((minutes + 1 for minutes, _, _ in turns), 1) * MINUTE)
    for minutes, more, ends in turns:
        if ends and desk.going():
            desk.end(desk.going()[0])
            expected.going.pop(0)
        desk.clock.at += timedelta(minutes=minutes, seconds=more)
        desk.look()
        expected.look(desk.clock.at)

        assert desk.started == [Firing("s", moment, missed=False).run_id for moment in expected.started]
    assert len(desk.started) == len(set(desk.started))
    assert desk.events("schedule.skipped") == [to_text(moment) for moment in expected.skipped]


@examples(60)
@given(specs, begins, moves)
def test_every_firing_starts_once_waits_or_is_left_out_as_the_schedule_says(
    spec: ScheduleSpec, begin: datetime, turns: list[tuple[int, int, bool]]
) -> None:
    check_schedule(spec, begin, turns)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@settings(max_examples=500, deadline=None)
@given(specs, begins, moves)
def test_every_firing_is_dealt_with_as_the_schedule_says_at_night(
    spec: ScheduleSpec, begin: datetime, turns: list[tuple[int, int, bool]]
) -> None:
    check_schedule(spec, begin, turns)
