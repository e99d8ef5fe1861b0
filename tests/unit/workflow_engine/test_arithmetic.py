"""Retry delays and the order of steps: each against a plain way to say the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import UsageError
from bluelabel.services.workflow.definition.definition import RetryBackoffStrategy, RetrySpec
from bluelabel.services.workflow.engine.retry import (
    LONGEST,
    PermanentFailure,
    delay_before,
    strategy_of,
    worth_retrying,
)
from bluelabel.services.workflow.engine.scheduler import Outcome, Plan, Pools, Scheduler, check_dependencies, downstream

seconds = st.floats(0, 1e6, allow_nan=False)


@given(seconds, st.integers(1, 40))
def test_delays_follow_their_formula(delay: Any, n: Any) -> None:
    assert delay_before(n, RetrySpec(9, delay, RetryBackoffStrategy.CONSTANT)) == delay
    assert delay_before(n, RetrySpec(9, delay, RetryBackoffStrategy.LINEAR)) == delay * n
    assert delay_before(n, RetrySpec(9, delay)) == min(delay * 2 ** (n - 1), LONGEST)


@given(seconds, st.integers(1, 10_000), seconds, st.floats(0, 1), st.floats(0, 1))
def test_a_delay_keeps_its_bound_and_its_jitter(delay: Any, n: Any, most: Any, jitter: Any, roll: Any) -> None:
    plain = delay_before(n, RetrySpec(9, delay, max_delay=most))
    rolled = delay_before(n, RetrySpec(9, delay, max_delay=most, jitter=jitter), roll)

    assert 0 <= plain <= most
    assert plain * (1 - jitter) - 1e-6 <= rolled <= plain * (1 + jitter) + 1e-6


def test_an_unknown_strategy_is_exponential() -> None:
    assert strategy_of(" Linear ") is RetryBackoffStrategy.LINEAR
    assert strategy_of("fibonacci") is RetryBackoffStrategy.EXPONENTIAL
    assert strategy_of(None) is RetryBackoffStrategy.EXPONENTIAL


def test_predicates_decide_on_type_message_and_attempt() -> None:
    spec = RetrySpec(9, when="error.type == 'OSError' and attempt < 3")

    assert worth_retrying(OSError("x"), 1, spec)
    assert not worth_retrying(OSError("x"), 3, spec)
    assert not worth_retrying(ValueError("x"), 1, spec)
    assert not worth_retrying(PermanentFailure("x"), 1, RetrySpec(9))
    assert not worth_retrying(ValueError("x"), 1, RetrySpec(9), lambda error: False)
    assert worth_retrying(ValueError("x"), 1, RetrySpec(9), lambda error: True)


@st.composite
def graphs(draw: Any) -> Any:
    """Steps that depend only on earlier ones, given in any order."""
    count = draw(st.integers(1, 12))
    graph = {}
    for n in range(count):
        before = st.sets(st.integers(0, n - 1), max_size=3) if n else st.just(set())
        graph[f"s{n}"] = tuple(f"s{m}" for m in sorted(draw(before)))
    order = draw(st.permutations(list(graph)))
    return {name: graph[name] for name in order}


@settings(deadline=None)
@given(graphs(), st.integers(1, 4), st.data())
def test_every_step_is_settled_once_and_never_before_what_it_depends_on(graph: Any, slots: Any, data: Any) -> None:
    pools = {name: data.draw(st.sampled_from([None, "p"])) for name in graph}
    scheduler = Scheduler([Plan(n, d, pool=pools[n]) for n, d in graph.items()], slots, Pools({"p": 2}))
    active, ended = [], {}
    resting: list[str] = []
    while scheduler.open:
        for name in scheduler.take():
            assert name not in ended
            assert name not in active
            assert name not in resting
            assert all(needed in ended for needed in graph[name])
            active.append(name)
        assert len(active) <= slots
        assert sum(pools[name] == "p" for name in active) <= 2
        assert not (slots == 1 and active and resting), "with one slot nobody goes before its turn"
        if not active or (resting and data.draw(st.booleans())):
            scheduler.resume(resting.pop(data.draw(st.integers(0, len(resting) - 1))))
            continue
        name = active.pop(data.draw(st.integers(0, len(active) - 1)))
        if data.draw(st.booleans()):
            scheduler.pause(name)
            resting.append(name)
            continue
        outcome = data.draw(st.sampled_from(Outcome))
        ended[name] = outcome
        for doomed, reason in scheduler.end(name, outcome):
            assert doomed not in ended
            assert doomed not in active
            assert reason
            ended[doomed] = Outcome.SKIPPED if reason.endswith("was skipped") else Outcome.BROKEN

    assert set(ended) == set(graph)
    for name, needed in graph.items():
        if any(ended[other] is Outcome.BROKEN for other in needed):
            assert ended[name] is Outcome.BROKEN
    assert scheduler.take() == []


def test_the_higher_priority_goes_first_and_order_decides_the_rest() -> None:
    plans = [Plan("low"), Plan("b", priority=5), Plan("c", priority=5), Plan("w", waits=True)]
    scheduler = Scheduler(plans, 1)
    order = [*scheduler.take()]
    while scheduler.open > 1:
        scheduler.end(order[-1], Outcome.PASSED)
        order += scheduler.take()

    assert order == ["w", "b", "c", "low"]


def test_a_step_that_ended_before_its_turn_is_not_begun() -> None:
    scheduler = Scheduler([Plan("a"), Plan("b"), Plan("w", waits=True)], 5)
    for name in ("b", "w"):
        scheduler.end(name, Outcome.PASSED)
        scheduler.end(name, Outcome.PASSED)

    assert scheduler.take() == ["a"]
    assert scheduler.open == 1


def test_steps_that_do_not_fit_the_pool_wait_for_it() -> None:
    scheduler = Scheduler([Plan("a", pool="gpu"), Plan("b", pool="gpu"), Plan("c")], 3)

    assert scheduler.take() == ["a", "c"]
    scheduler.end("a", Outcome.PASSED)
    assert scheduler.take() == ["b"]


def test_who_waits_for_its_next_attempt_lets_others_have_its_slots() -> None:
    scheduler = Scheduler([Plan("a", pool="gpu"), Plan("b", pool="gpu"), Plan("c")], 2)

    assert scheduler.take() == ["a", "c"]
    scheduler.pause("a")
    assert scheduler.take() == ["b"]
    scheduler.resume("a")
    assert scheduler.take() == []
    scheduler.end("b", Outcome.PASSED)
    assert scheduler.take() == ["a"]


def test_circles_and_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="circle") as raised:
        check_dependencies({"a": ["c"], "b": ["a"], "c": ["b"]})
    assert str(raised.value.where).count("->") == 3
    with pytest.raises(UsageError, match="not there") as raised:
        check_dependencies({"fetch": [], "save": ["zzz"]})
    assert raised.value.hint == "add the step, or take the name out"


@given(graphs(), st.data())
def test_downstream_is_what_can_be_reached(graph: Any, data: Any) -> None:
    root = data.draw(st.sampled_from(sorted(graph)))
    reached = {root}
    for _ in graph:
        reached |= {name for name, needed in graph.items() if reached & set(needed)}

    assert downstream(graph, [root]) == reached
