"""Figures are arithmetic: these are the sums, by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.events import Event
from bluelabel.services.sprint.documents.chart import bars, svg
from bluelabel.services.sprint.figures import claim_facts, mail_facts, status_facts
from bluelabel.services.sprint.metrics import (
    ENDED,
    AgentRow,
    CardRow,
    ClaimFact,
    Day,
    GitFacts,
    MailFacts,
    Started,
    StatusFact,
    agent_rows,
    burndown,
    card_numbers,
    card_rows,
    git_numbers,
    ledger_numbers,
)

BEGUN = Started(
    "2026-01-01T12:00:00.000000Z",
    (
        {"id": "A", "title": "One", "agent": "CA", "status": "NOT_STARTED"},
        {"id": "B", "title": "Two", "agent": "CA", "status": "IN_PROGRESS"},
        {"id": "C", "title": "Three", "agent": "CC", "status": None},
        {"id": "D", "title": "Four", "agent": None, "status": "COMPLETED"},
    ),
)
FACTS = (
    StatusFact("2026-01-01T14:00:00.000000Z", "A", "IN_PROGRESS"),
    StatusFact("2026-01-02T14:00:00.000000Z", "A", "COMPLETED"),
    StatusFact("2026-01-02T15:00:00.000000Z", "A", "IN_PROGRESS"),
    StatusFact("2026-01-03T15:00:00.000000Z", "A", "COMPLETED", forced=True),
    StatusFact("2026-01-03T12:00:00.000000Z", "B", "COMPLETED"),
    StatusFact("2026-01-02T23:59:59.999999Z", "Z", "COMPLETED"),
)
NOW = {"A": "COMPLETED", "B": "COMPLETED", "C": None}


def rows() -> Any:
    return card_rows(BEGUN, NOW, FACTS, [ClaimFact("A", 9, 9, 9), ClaimFact("A", 3, 0, 1)])


def test_a_card_is_timed_from_its_first_start_to_its_last_completion() -> None:
    a, b, c, d = rows()

    assert (a.started, a.completed, a.hours, a.forced) == (FACTS[0].at, FACTS[3].at, 49.0, True)
    assert (b.started, b.completed, b.hours, b.forced) == (BEGUN.at, FACTS[4].at, 48.0, False)
    assert (c.status, c.started, c.completed, c.hours) == ("no status", None, None, None)
    assert d.status == "gone"
    assert (a.claims, b.claims) == ("3 / 0 / 1", "-")


def test_a_card_that_was_reopened_is_not_completed() -> None:
    [a, *_] = card_rows(BEGUN, {"A": "IN_PROGRESS"}, FACTS, [])

    assert (a.status, a.completed, a.hours, a.forced) == ("IN_PROGRESS", None, None, False)


def test_agents_get_their_own_cards_and_messages() -> None:
    found = agent_rows(rows(), MailFacts(3, 1, 0, {"CA": 2, "XX": 1}))

    assert found == (AgentRow("CA", 2, 2, 2, 48.5), AgentRow("CC", 1, 0, 0, None))


def test_the_burndown_counts_what_is_left_at_the_end_of_each_day() -> None:
    days = burndown(BEGUN, FACTS, "2026-01-04T00:00:00.000000Z")

    assert [day.day for day in days] == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert [day.remaining for day in days] == [3, 3, 1, 1]


def test_a_measure_before_the_launch_is_one_day() -> None:
    assert burndown(BEGUN, FACTS, "2025-12-31T00:00:00.000000Z") == (Day("2026-01-01", 3),)


def test_the_figures_add_up_and_name_their_sources() -> None:
    git = GitFacts("b" * 40, "c" * 40, 5, 2, 1, 3, 40, 4)
    claims = [ClaimFact("A", 9, 9, 9), ClaimFact("A", 3, 0, 1)]
    made = [
        *card_numbers(rows(), "plan", "cards", "times"),
        *ledger_numbers(rows(), claims, MailFacts(7, 6, 1), 2, "events 3 to 9"),
        *git_numbers(git),
    ]
    found = {number.key: number for number in made}

    assert {key: number.value for key, number in found.items()} == {
        "cards.planned": 4, "cards.completed": 2, "cards.cancelled": 0, "cards.open": 2, "cards.forced": 1,
        "claims.true": 3, "claims.false": 0, "claims.unverifiable": 1, "messages.sent": 7, "messages.acked": 6,
        "messages.dead": 1, "runs.made": 2, "hours.median": 48.5, "git.commits": 5, "git.merges": 2, "git.authors": 1,
        "git.files": 3, "git.added": 40, "git.removed": 4,
    }  # fmt: skip
    assert all(number.source for number in found.values())
    assert found["git.commits"].source == "git rev-list --count bbbbbbbbbbbb..cccccccccccc"


def test_outside_git_there_are_no_figures_of_git() -> None:
    found = [*card_numbers((CardRow("A", "One", None, "COMPLETED"),), "plan", "cards", "times"), *git_numbers(None)]

    assert not [number for number in found if number.key.startswith(("git", "hours"))]


@given(
    st.lists(
        st.builds(
            StatusFact,
            st.integers(0, 9 * 86400).map(
                lambda s: f"2026-01-0{1 + s // 86400}T{s // 3600 % 24:02}:{s // 60 % 60:02}:{s % 60:02}.000000Z"
            ),
            st.sampled_from("ABCDZ"),
            st.sampled_from(["NOT_STARTED", "IN_PROGRESS", "COMPLETED", "CANCELLED", None]),
        ),
        max_size=12,
    )
)
def test_the_last_day_shows_the_last_state(facts: Any) -> None:
    facts = [fact for fact in facts if fact.at >= BEGUN.at]
    ordered = sorted(facts, key=lambda fact: fact.at)
    days = burndown(BEGUN, facts, "2026-01-09T23:59:59.999999Z")
    state = {card["id"]: card["status"] for card in BEGUN.cards} | {f.card: f.status for f in ordered if f.card != "Z"}

    assert len(days) == 9
    assert days[-1].remaining == sum(status not in ENDED for status in state.values())
    assert all(0 <= day.remaining <= 4 for day in days)


def test_facts_are_read_from_events() -> None:
    def event(seq: Any, kind: Any, by: str = "CA", **data: Any) -> Any:
        return Event(seq, f"2026-01-01T00:00:0{seq}.000000Z", by, kind, data, "h")

    events = [
        event(1, "card.changed", id="A", field="status", before="x", after="COMPLETED ✅", forced="because"),
        event(2, "card.changed", id="A", field="priority", before="LOW", after="HIGH"),
        event(3, "card.changed", id="B", field="status", after=None),
        event(4, "card.verified", id="A", claims=[{"ok": True}, {"ok": False}, {"ok": None}]),
        event(5, "message.sent"),
        event(6, "message.sent", by="CC"),
        event(7, "message.acked"),
        event(8, "message.dead"),
    ]

    assert status_facts(events) == [
        StatusFact(events[0].at, "A", "COMPLETED", forced=True),
        StatusFact(events[2].at, "B", None),
    ]
    assert claim_facts(events) == [ClaimFact("A", 1, 1, 1)]
    assert mail_facts(events) == MailFacts(2, 1, 1, {"CA": 1, "CC": 1})


def test_the_bars_of_the_terminal_are_as_long_as_their_numbers() -> None:
    lines = bars([Day("2026-01-01", 8), Day("2026-01-02", 3), Day("2026-01-03", 0)], 8, width=8)

    assert lines == ["2026-01-01  ████████  8", "2026-01-02  ███       3", "2026-01-03            0"]
    assert bars([Day("2026-01-01", 1)], 16, width=8)[0] == "2026-01-01  ▌         1"
    assert bars([Day("2026-01-01", 0)], 0)[0].endswith(" 0")


def test_the_chart_is_a_picture_with_a_name_that_no_title_can_break() -> None:
    from xml.etree.ElementTree import fromstring

    text = svg([Day("2026-01-01", 4), Day("2026-01-02", 1)], 4, "2026-01-05", 'A <b> & "c"')
    root = fromstring(text)

    assert root.get("aria-label") == 'A <b> & "c"'
    assert root[0].text == 'A <b> & "c"'
    assert len(fromstring(svg([Day("2026-01-01", 0)], 0, "2025-12-01", "t"))) > 5


@pytest.mark.parametrize(("count", "last"), [(1, 1), (1, 3), (3, 30), (28, 20)])
def test_the_days_under_a_chart_do_not_lie_over_each_other(count: int, last: int) -> None:
    from xml.etree.ElementTree import fromstring

    end = f"2026-11-{last:02}"
    drawn = fromstring(svg([Day(f"2026-11-{n + 3:02}", 1) for n in range(count)], 1, end, "t"))
    found = [(float(e.get("x", "0")), e.text) for e in drawn.iter("{http://www.w3.org/2000/svg}text")]
    placed = sorted((x, text) for x, text in found if text is not None and text.startswith("2026"))

    assert placed[0][1] == "2026-11-03"
    assert all(right[0] - left[0] >= 72 for left, right in pairwise(placed))
