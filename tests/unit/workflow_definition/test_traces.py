"""Traces of runs and comparisons of two: from the run's object alone."""

from __future__ import annotations

import builtins
import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.errors import MachineError
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.trace.comparison import compare
from bluelabel.services.workflow.trace.events import trace, trace_json
from bluelabel.services.workflow.trace.otel import export_otel
from bluelabel.services.workflow.trace.report import trace_html
from bluelabel.services.workflow.voting import count


def at(second: float) -> str:
    return f"2025-01-01T10:00:{second:09.6f}"


def move(second: float, to: str, **more: Any) -> dict[str, Any]:
    return {"timestamp": at(second), "from": None, "to": to, **more}


def a_run() -> dict[str, Any]:
    return {
        "dag_id": "build",
        "run_id": "r-1",
        "status": "failed",
        "start_time": at(0),
        "end_time": at(9),
        "duration_seconds": 9.0,
        "total_retries": 1,
        "error": "step b failed",
        "steps": {
            "a": {
                "step_id": "a",
                "status": "success",
                "start_time": at(1),
                "end_time": at(4),
                "retry_count": 1,
                "max_retries": 3,
                "error": None,
                "result": {"n": 1},
                "duration_seconds": 3.0,
                "metadata": {
                    "history": [
                        *(move(1, "running"), move(2, "retry", reason="no network"), move(3, "running")),
                        move(4, "success"),
                    ],
                    "error_history": [
                        {"timestamp": at(2), "attempt": 1, "error": "no <network>", "error_type": "OSError"}
                    ],
                },
            },
            "b": {
                "step_id": "b",
                "status": "failed",
                "start_time": at(5),
                "end_time": at(8),
                "retry_count": 0,
                "max_retries": 0,
                "error": "exit 1",
                "duration_seconds": 3.0,
                "metadata": {
                    "dependencies": ["a"],
                    "error_history": [{"attempt": 1, "error": "exit 1", "traceback": "Traceback <b>\nline"}],
                },
            },
            "c": {"step_id": "c", "status": "skipped", "end_time": at(8.5), "metadata": {"dependencies": ["b"]}},
        },
        "metadata": {"history": [move(0, "created"), move(0, "running"), move(9, "failed", reason="step b failed")]},
    }


def test_a_trace_has_every_move_in_order() -> None:
    found = trace(a_run())

    assert [(event.event_type, event.step_id, event.attempt) for event in found.events] == [
        *(("dag_create", None, None), ("dag_start", None, None)),
        *(("step_start", "a", 1), ("step_retry", "a", 1), ("step_start", "a", 2), ("step_complete", "a", 2)),
        *(("step_start", "b", 1), ("step_fail", "b", 1), ("step_skip", "c", 1)),
        ("dag_fail", None, None),
    ]
    assert [(span.step_id, span.attempt, span.status) for span in found.spans] == [
        *(("a", 1, "retry"), ("a", 2, "success"), ("b", 1, "failed")),
    ]
    assert found.events[-1].duration_ms == 9000.0
    assert found.events[3].message == "no network"


def test_a_run_without_history_is_traced_by_its_times() -> None:
    run = a_run()
    del run["metadata"]
    del run["steps"]["a"]["metadata"]["history"]
    found = trace(run)

    assert [event.event_type for event in found.events if event.step_id == "a"] == [
        *("step_start", "step_retry", "step_start", "step_complete"),
    ]
    assert [event.event_type for event in found.events if event.step_id is None] == ["dag_start", "dag_fail"]


def test_a_step_left_in_retry_is_traced_to_where_it_was_left() -> None:
    run = {
        "status": "running",
        "start_time": at(0),
        "steps": {
            "a": {
                "status": "retry",
                "start_time": at(1),
                "end_time": at(2),
                "metadata": {"error_history": [{"timestamp": at(1.5), "error": "x"}]},
            },
            "b": {"status": "running", "start_time": at(2)},
            "c": {"status": "pending"},
        },
    }
    found = trace(run)

    assert [(event.event_type, event.step_id) for event in found.events] == [
        *(("dag_start", None), ("step_start", "a"), ("step_retry", "a"), ("step_start", "b")),
    ]
    assert [(span.step_id, span.status) for span in found.spans] == [("a", "retry"), ("b", "running")]


def test_the_trace_as_json_is_one_object_that_names_its_schema() -> None:
    made = json.loads(json.dumps(trace_json(a_run())))

    assert made["schema"] == "bluelabel.trace/1"
    assert made["steps"]["b"]["error"] == "exit 1"
    assert made["events"][0] == {
        "timestamp": "2025-01-01T10:00:00.000000Z",
        "event_type": "dag_create",
        "status": "created",
    }
    assert made["spans"][0]["end_time"] == "2025-01-01T10:00:02.000000Z"


def test_a_run_of_the_tracker_is_traced() -> None:
    run = DAGRun("d", "r")
    run.add_step("a", max_retries=1)
    run.start()
    run.get_step("a").start()
    run.get_step("a").complete({"x": 1})
    run.complete()

    assert [event.event_type for event in trace(run.to_dict()).events if event.event_type != "info"][-3:] == [
        *("step_start", "step_complete", "dag_complete"),
    ]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_everything_and_needs_nothing_else() -> None:
    text = trace_html(a_run())
    page = Page()
    page.feed(text)

    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "Traceback <b>" in page.text
    assert "Traceback &lt;b&gt;" in text
    assert text.count('<div class="bar') == 3
    assert 'class="bar retry"' in text
    assert "script" not in page.tags


def test_the_page_of_a_run_that_never_began_says_so() -> None:
    assert "Nothing has run." in trace_html({"dag_id": "d", "steps": {"a": {"status": "pending"}}})


def test_the_page_of_a_long_run_is_cut_and_says_so() -> None:
    steps = {f"s{n}": {"status": "success", "start_time": at(1), "end_time": at(2)} for n in range(1_100)}
    text = trace_html({"dag_id": "d", "status": "success", "start_time": at(0), "end_time": at(3), "steps": steps})

    assert "100 more attempts are not shown." in text
    assert "202 more events are not shown." in text


EVIL = st.sampled_from(["<script>x</script>", '"><img onerror=x>', "a", "\x1b[31m", "{{ 7*7 }}", "é", ""])
WORDS = st.sampled_from([*a_run(), *a_run()["steps"]["a"], "history", "error_history", "to"])
LEAVES = EVIL | st.none() | st.booleans() | st.integers(-9, 9)
JSON = st.recursive(
    LEAVES | st.sampled_from([at(1), at(2), "running", "retry", "failed"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(WORDS | EVIL, below, max_size=5),
    max_leaves=12,
)
RUNS = st.fixed_dictionaries({}, optional=dict.fromkeys(a_run(), JSON))


@settings(max_examples=40)
@given(RUNS)
def test_any_object_is_traced_and_its_page_has_no_tags_of_its_own(run: dict[str, Any]) -> None:
    json.dumps(trace_json(run))
    text = trace_html(run)
    page = Page()
    page.feed(text)

    assert not {"script", "img", "iframe"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "49" not in page.text or "49" in json.dumps(run)


@settings(max_examples=60)
@given(RUNS, RUNS)
def test_any_two_objects_are_compared_and_a_run_is_like_itself(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert compare(left, left).same
    assert compare(left, right).same is compare(right, left).same
    json.dumps(compare(left, right).as_json())


def test_a_comparison_says_what_differs() -> None:
    other = a_run()
    other["run_id"] = "r-2"
    other["status"] = "success"
    other["metadata"]["inputs"] = {"x": 1, "y": 2}
    other["steps"]["b"] |= {"status": "success", "error": None, "duration_seconds": 9.0}
    other["steps"]["a"]["result"] = {"n": 2}
    other["steps"]["d"] = {"status": "success"}
    del other["steps"]["c"]
    found = compare(a_run(), other)

    assert not found.same
    assert found.inputs == ("x", "y")
    assert found.run.changes == ("status",)
    assert {row.step_id: row.changes for row in found.steps} == {
        "a": ("result",),
        "b": ("status", "error", "time"),
        "c": ("missing",),
        "d": ("missing",),
    }
    assert found.steps[1].ratio == 3.0
    assert found.as_json()["steps"][2]["right"] is None


def test_times_alone_are_no_difference() -> None:
    slower = a_run()
    slower["steps"]["a"]["duration_seconds"] = 30.0
    found = compare(a_run(), slower)

    assert found.steps[0].changes == ("time",)
    assert found.same


def test_spans_are_handed_to_opentelemetry() -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))

    assert export_otel(a_run(), provider) == 4
    spans: list[Any] = list(memory.get_finished_spans())
    root = next(span for span in spans if span.name == "run build")
    children = [span for span in spans if span is not root]
    assert [(span.name, span.attributes["bluelabel.attempt"]) for span in children] == [
        *(("step a", 1), ("step a", 2), ("step b", 1)),
    ]
    assert all(span.parent.span_id == root.context.span_id for span in children)
    assert [span.status.is_ok for span in children] == [False, True, False]
    assert root.end_time - root.start_time == 9_000_000_000


def test_a_run_that_never_began_has_no_spans() -> None:
    pytest.importorskip("opentelemetry")

    assert export_otel({"dag_id": "d"}) == 0


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "opentelemetry":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(MachineError, match="opentelemetry") as caught:
        export_otel(a_run())
    assert "bluelabel[otel]" in str(caught.value.hint)


def test_a_vote_counts_abstentions_and_needs_a_majority_unless_told() -> None:
    found = count({"CA": "Accept", "CC": "reject", "WA": None})

    assert found == {
        "passed": False,
        "accepted": 1,
        "rejected": 1,
        "abstained": 1,
        "needed": 2,
        "votes": {"CA": "Accept", "CC": "reject", "WA": None},
    }
    assert count({"CA": "ok", "CC": "yes"}, accept=["ok", "yes"])["passed"]
    assert count({"CA": "accept"}, needed=1)["passed"]
    assert not count({})["passed"]
