"""The loader of our own dialect: what it reads, and that every mistake has its place and a hint."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bluelabel.interfaces import schemas
from bluelabel.interfaces.problems import Problem
from bluelabel.services.workflow.definition.definition import (
    CatchUp,
    Definition,
    InputSpec,
    Overlap,
    RetryBackoffStrategy,
    RetrySpec,
    ScheduleSpec,
    StepKind,
)
from bluelabel.services.workflow.definition.diagnostics import report
from bluelabel.services.workflow.definition.load import load
from bluelabel.services.workflow.definition.schema import INPUT_TYPES, STEP, TOP, schema, text
from bluelabel.services.workflow.definition.templates import TEMPLATES, new_workflow

ROOT = Path(__file__).parents[3]
VALIDATOR = Draft202012Validator(schema())

FULL = """\
name: everything
version: 1.10
description: Uses each key once.
inputs:
  place: {type: string, required: true, default: here, description: where}
  kind: {type: string, enum: [a, b], default: a}
  count: integer
  free:
max_parallel: 8
pools: {disk: 2}
fail_fast: false
schedule: {cron: "0 6 * * 1-5", catch_up: last, overlap: queue, timezone: Europe/Berlin}
metadata: {owner: ARCH}
steps:
  - id: take
    name: Take in
    description: first
    agent: ingestion
    input: {url: "{{ inputs.place }}", deep: [{x: "{{ inputs.count }}"}]}
    retry: {max_retries: 5, delay: 500ms, backoff: linear, max_delay: 1m, jitter: 0.5, when: "error.type == 'OSError'"}
    timeout: 1.5h
    heartbeat: 30
    priority: -3
    pool: disk
    durable_start: true
    metadata: {note: 1}
  - id: many
    call: "pack.age:func.inner"
    map: "{{ steps.take.result.items }}"
    input: {item: "{{ item }}", at: "{{ index }}"}
    depends_on: take
    when: steps.take.status == 'success'
  - id: run
    command: [python, -c, "print(1)", 5]
    depends_on: [take, many]
    critical: false
    unless: "{{ inputs.kind == 'b' }}"
  - {id: ask, handoff: {to: CC, subject: "S {{ inputs.place }}", body: B, content: {a: 1}, type: note, priority: HIGH,
     task_id: T-1, deadline: 2h, escalate_to: ARCH}}
  - {id: tell, handoff: CA}
  - {id: allow, approval: {by: HUMAN, prompt: "Go?", deadline: 1d, escalate_to: ARCH}}
  - {id: allow-2, approval: ARCH}
  - {id: below, workflow: parts/other.yaml, input: {x: 1}}
  - {id: nap, sleep: 30s}
  - {id: nap-2, sleep: {until: 2026-01-31T09:30:00Z}}
  - {id: nap-3, sleep: {for: "{{ steps.take.result.pause }}"}, depends_on: [take]}
output: {seen: "{{ steps.run.status }}", of: "{{ run.id }}"}
"""


def good(source: str) -> Definition:
    definition, problems = load(source.encode(), "f.yaml")
    assert definition is not None, report(problems, "f.yaml", source.encode())
    assert problems == ()
    return definition


def found(source: str) -> tuple[Problem, ...]:
    definition, problems = load(source.encode(), "f.yaml")
    assert definition is None
    return problems


def one_step(line: str, *more: str) -> str:
    return "\n".join(["name: n", *more, "steps:", "  - id: s", f"    {line}", ""])


def test_every_key_is_read() -> None:
    made = good(FULL)
    steps = {step.id: step for step in made.steps}

    assert (made.name, made.version, made.max_parallel, made.pools, made.fail_fast) == (
        *("everything", "1.10", 8),
        *({"disk": 2}, False),
    )
    assert made.schedule == ScheduleSpec("0 6 * * 1-5", CatchUp.LAST, Overlap.QUEUE, "Europe/Berlin")
    assert made.inputs == {
        "place": InputSpec("string", required=True, default="here", description="where"),
        "kind": InputSpec("string", default="a", enum=("a", "b")),
        "count": InputSpec("integer"),
        "free": InputSpec(),
    }
    assert steps["take"].retry == RetrySpec(5, 0.5, RetryBackoffStrategy.LINEAR, 60.0, 0.5, "error.type == 'OSError'")
    assert (steps["take"].timeout, steps["take"].heartbeat, steps["take"].priority) == (5400.0, 30.0, -3)
    assert (steps["take"].pool, steps["take"].durable_start, steps["take"].name) == ("disk", True, "Take in")
    assert steps["take"].input["deep"] == [{"x": "{{ inputs.count }}"}]
    assert (steps["many"].kind, steps["many"].target, steps["many"].depends_on) == (
        *(StepKind.CALL, "pack.age:func.inner"),
        ("take",),
    )
    assert steps["run"].target == ("python", "-c", "print(1)", "5")
    assert (steps["run"].critical, steps["run"].unless) == (False, "inputs.kind == 'b'")
    assert steps["ask"].target == {
        "to": "CC",
        "subject": "S {{ inputs.place }}",
        "body": "B",
        "content": {"a": 1},
        "type": "note",
        "priority": "HIGH",
        "task_id": "T-1",
        "deadline": 7200.0,
        "escalate_to": "ARCH",
    }
    assert steps["tell"].target == {"to": "CA"}
    assert steps["allow"].target == {"by": "HUMAN", "prompt": "Go?", "deadline": 86400.0, "escalate_to": "ARCH"}
    assert steps["allow-2"].target == {"by": "ARCH"}
    assert (steps["below"].kind, steps["below"].target) == (StepKind.WORKFLOW, "parts/other.yaml")
    assert steps["nap"].target == {"seconds": 30.0}
    assert steps["nap-2"].target == {"until": "2026-01-31T09:30:00Z"}
    assert steps["nap-3"].target == {"seconds": "{{ steps.take.result.pause }}"}
    assert made.output == {"seen": "{{ steps.run.status }}", "of": "{{ run.id }}"}
    assert made.step("run") is steps["run"]
    assert made.step("none") is None
    assert steps["many"].line == 27


def test_defaults_are_quiet() -> None:
    made = good(one_step("agent: digest"))

    assert (made.version, made.max_parallel, made.fail_fast, made.schedule) == (None, 4, True, None)
    assert made.steps[0].retry.max_retries == 0
    assert made.steps[0].critical


def test_an_approval_without_a_name_is_for_a_human() -> None:
    assert good(one_step("approval: true")).steps[0].target == {"by": "HUMAN"}
    assert good(one_step("approval:")).steps[0].target == {"by": "HUMAN"}
    assert good(one_step("approval: {prompt: x}")).steps[0].target == {"by": "HUMAN", "prompt": "x"}


def test_a_schedule_that_gives_no_input_that_is_needed_is_warned_of() -> None:
    head = "schedule: '@daily'\ninputs: {a: {required: true}, b: {required: true, default: 1}, c: any}"
    definition, problems = load(one_step("agent: a", head).encode(), "flow.yaml")

    assert definition is not None
    assert definition.schedule == ScheduleSpec("@daily")
    assert [(problem.code, problem.line, problem.column) for problem in problems] == [("schedule", 2, 11)]


def test_a_schedule_may_be_the_cron_line_alone() -> None:
    assert good(one_step("agent: a", 'schedule: "*/5 * * * *"')).schedule == ScheduleSpec("*/5 * * * *")


def test_names_that_may_be_missing_or_are_whole_rooms_are_let_be() -> None:
    made = good(
        one_step("agent: a\n    input: {x: '{{ inputs.y? }}', z: '{{ inputs }}', s: '{{ steps }}', r: '{{ run }}'}")
    )

    assert made.steps[0].input["x"] == "{{ inputs.y? }}"


def test_of_very_many_problems_the_first_are_named() -> None:
    steps = "".join(f"  - {{id: s{n}, agent: a, depends_on: [none{n}]}}\n" for n in range(3000))
    problems = found(f"name: n\nsteps:\n{steps}")

    assert len(problems) == 200
    assert problems[0].line == 3


def test_thousands_of_steps_that_look_far_back_load_in_no_time() -> None:
    steps = "  - {id: s0, agent: a}\n" + "".join(
        f"  - {{id: s{n}, agent: a, input: {{x: '{{{{ steps.s0.result }}}}'}}, depends_on: s{n - 1}}}\n"
        for n in range(1, 2500)
    )
    started = time.process_time()
    made = good(f"name: n\nsteps:\n{steps}")

    assert len(made.steps) == 2500
    assert time.process_time() - started < 5.0


def test_json_is_read_too() -> None:
    made = good(json.dumps({"name": "j", "steps": [{"id": "s", "command": ["true"]}]}))

    assert made.steps[0].target == ("true",)


MISTAKES = [
    ("name: n\n", "missing", 1, 1, "no steps"),
    ("name: n\nsteps: []\n", "wrong-value", 2, 8, "a list of steps"),
    ("name: n\nsteps: {a: 1}\nmax_parallel: 1\n", "wrong-value", 2, 8, "a list of steps"),
    ("name: n\nsteps: [5]\nmax_parallel: 1\n", "not-a-mapping", 2, 9, "is a number"),
    ("steps:\n  - {id: s, command: [x]}\n", "missing", 1, 1, "has no name"),
    ("- a\n", "not-a-workflow", 1, 1, "a list"),
    ("just words\n", "not-a-workflow", 1, 1, "a text"),
    ("a: 1\n", "not-a-workflow", 1, 1, "a mapping"),
    (one_step("comand: [x]", "inputs: {}"), "unknown-key", 5, 5, "'comand'"),
    (one_step("comand: [x]", "inputs: {}"), "no-work", 4, 5, "nothing to do"),
    (one_step("agent: a\n    call: b:c"), "two-works", 5, 5, "agent and call"),
    ("name: n\nsteps:\n  - call: a:b\n", "missing", 3, 5, "no id"),
    ("name: n\nsteps:\n  - {id: ../x, call: a:b}\n", "step-id", 3, 10, "not an id"),
    ("name: n\nsteps:\n  - {id: a, call: a:b}\n  - {id: a, call: a:b}\n", "duplicate-step", 4, 10, "line 3"),
    (one_step("agent: ../etc"), "wrong-value", 4, 12, "a name for an agent"),
    (one_step("call: no-colon"), "wrong-value", 4, 11, "a callable"),
    (one_step("command: ls -l"), "wrong-value", 4, 14, "'ls -l'"),
    (one_step("command: []"), "wrong-value", 4, 14, "a list"),
    (one_step("command: [a, [b]]"), "wrong-value", 4, 14, "a list of texts"),
    (one_step("command: [a, '{{ x y }}']"), "template", 4, 24, "expected }}"),
    (one_step("handoff: {subject: x}"), "missing", 4, 14, "no to"),
    (one_step("handoff: {to: CC, prioriti: LOW}"), "unknown-key", 4, 23, "'prioriti'"),
    (one_step("handoff: {to: CC, priority: urgent}"), "wrong-value", 4, 33, "one of CRITICAL"),
    (one_step("handoff: {to: CC, escalate_to: CA}"), "wrong-value", 4, 36, "deadline"),
    (one_step("handoff: [CC]"), "not-a-mapping", 4, 14, "a list"),
    (one_step("handoff: '-rf'"), "wrong-value", 4, 14, "agent"),
    (one_step("approval: {by: 'a b'}"), "wrong-value", 4, 20, "agent"),
    (one_step("sleep: later"), "wrong-value", 4, 12, "a duration"),
    (one_step("sleep: {until: later}"), "wrong-value", 4, 20, "a moment"),
    (one_step("sleep: {for: 1s, until: 2026-01-01}"), "wrong-value", 4, 12, "either"),
    (one_step("sleep: [1]"), "wrong-value", 4, 12, "a duration or a moment"),
    (one_step("agent: a\n    timeout: 5 parsecs"), "wrong-value", 5, 14, "a duration"),
    (one_step("agent: a\n    timeout: [1]"), "wrong-value", 5, 14, "a duration"),
    (one_step("agent: a\n    critical: maybe"), "wrong-value", 5, 15, "true or false"),
    (one_step("agent: a\n    priority: 1.5"), "wrong-value", 5, 15, "a whole number"),
    (one_step("agent: a\n    input: [1]"), "wrong-value", 5, 12, "a mapping"),
    (one_step("agent: a\n    name: [x]"), "wrong-value", 5, 11, "a text"),
    (one_step("agent: a\n    when: [x]"), "wrong-value", 5, 11, "a condition"),
    (one_step("agent: a\n    when: 'x ='"), "expression", 5, 14, "single ="),
    (one_step("agent: a\n    when: '{{ a b }}'"), "expression", 5, 17, "does not belong"),
    (one_step("agent: a\n    map: '[1, 2]'"), "wrong-value", 5, 10, "a template"),
    (one_step("agent: a\n    retry: {jitter: 2}"), "wrong-value", 5, 21, "from 0 to 1"),
    (one_step("agent: a\n    retry: {backoff: exponental}"), "wrong-value", 5, 22, "one of exponential"),
    (one_step('agent: a\n    retry: {when: "inputs.x == 1"}', "inputs: {x: any}"), "unknown-name", 6, 20, "'inputs'"),
    (one_step("agent: a\n    depends_on: [b]"), "unknown-step", 5, 18, "'b'"),
    (one_step("agent: a\n    depends_on: [s]"), "circle", 3, 9, "waits for itself"),
    (one_step("agent: a\n    depends_on: {a: 1}"), "wrong-value", 5, 17, "a list of texts"),
    (one_step("agent: a\n    input: {x: '{{ inputs.y }}'}"), "unknown-input", 5, 27, "'y'"),
    (one_step("agent: a\n    input: {x: '{{ steps.t.result }}'}"), "unknown-step", 5, 26, "'t'"),
    (one_step("agent: a\n    input: {x: '{{ steps.s.result }}'}"), "not-before", 5, 26, "without waiting"),
    (one_step("agent: a\n    input: {x: '{{ run.name }}'}"), "unknown-field", 5, 24, "'name'"),
    (one_step("agent: a\n    input: {x: '{{ item }}'}"), "unknown-name", 5, 20, "'item'"),
    (one_step("agent: a\n    input: {x: '{{ s.result }}'}"), "unknown-name", 5, 20, "'s'"),
    (one_step("agent: a\n    input: {x: '{{ y }}'}", "inputs: {y: any}"), "unknown-name", 6, 20, "'y'"),
    (one_step("agent: a", "output: '{{ steps.s.reslt }}'"), "unknown-field", 2, 21, "'reslt'"),
    (one_step("approval: {deadline: 1h, escalate_to: 'a b'}"), "wrong-value", 4, 43, "agent"),
    (
        one_step("agent: a\n    map: '{{ inputs.l }}'\n    input: {x: '{{ itm }}'}", "inputs: {l: array}"),
        *("unknown-name", 7, 20, "'itm'"),
    ),
    (one_step("agent: a", "inputs: [x]"), "wrong-value", 2, 9, "a mapping"),
    (one_step("agent: a", "inputs: {1x: any}"), "input-name", 2, 10, "'1x'"),
    (one_step("agent: a", "inputs: {x: {type: text}}"), "wrong-value", 2, 20, "one of any"),
    (one_step("agent: a", "inputs: {x: {type: integer, default: a}}"), "wrong-value", 2, 38, "of type integer"),
    (one_step("agent: a", "inputs: {x: {enum: [a], default: b}}"), "wrong-value", 2, 34, "one of the values"),
    (one_step("agent: a", "inputs: {x: {enum: a}}"), "wrong-value", 2, 20, "a list"),
    (one_step("agent: a", "pools: {p: 0}"), "wrong-value", 2, 12, "from 1 to"),
    (one_step("agent: a", "schedule: daily"), "cron", 2, 11, "'daily'"),
    (one_step("agent: a", "schedule: '61 * * * *'"), "cron", 2, 11, "not a minute"),
    (one_step("agent: a", "schedule: {cron: '0 0 31 2 *'}"), "cron", 2, 18, "is never due"),
    (one_step("agent: a", "schedule: {catch_up: all}"), "missing", 2, 11, "no cron"),
    (one_step("agent: a", "schedule: {cron: '@daily', timezone: Europe/Berln}"), "timezone", 2, 38, "Europe/Berln"),
    (one_step("agent: a", "schedule: {cron: '@daily', overlap: skp}"), "wrong-value", 2, 37, "skip, queue, allow"),
    (one_step("agent: a", "schedule: 'CRON_TZ=UTC 0 6 * * *'"), "cron", 2, 11, "names no time zone"),
    (one_step("agent: a", "schedule: {cron: '0 6 * * *', zone: UTC}"), "unknown-key", 2, 31, "no key 'zone'"),
    (one_step("agent: a", "max_parallel: 0"), "wrong-value", 2, 15, "from 1 to"),
]


@pytest.mark.parametrize(("source", "code", "line", "column", "word"), MISTAKES)
def test_a_mistake_is_named_at_its_place(source: str, code: str, line: int, column: int, word: str) -> None:
    problems = found(source)
    matching = [problem for problem in problems if (problem.code, problem.line, problem.column) == (code, line, column)]

    assert matching, report(problems, "f.yaml", source.encode())
    assert word in matching[0].message
    assert matching[0].hint


def test_all_mistakes_are_named_in_one_go_from_top_to_bottom() -> None:
    problems = found(
        "name: n\nverison: 1\nsteps:\n  - {id: a, agent: x, depends_on: [b, zz]}\n"
        "  - {id: b, comand: [x], depends_on: a, when: 'steps.a.reslt == 1'}\n"
    )

    assert [problem.code for problem in problems] == [
        *("unknown-key", "circle", "unknown-step", "no-work", "unknown-key", "unknown-field"),
    ]
    assert [problem.hint for problem in problems if problem.code == "unknown-key"] == [
        *("did you mean 'version'?", "did you mean 'command'?"),
    ]


def test_a_circle_names_its_steps_in_the_order_of_work() -> None:
    problems = found(
        "name: n\nsteps:\n  - {id: a, agent: x, depends_on: c}\n  - {id: b, agent: x, depends_on: a}\n"
        "  - {id: c, agent: x, depends_on: b}\n  - {id: d, agent: x, depends_on: c}\n"
    )

    assert [problem.message for problem in problems] == ["the steps wait for one another: a -> b -> c -> a"]


def test_a_long_circle_is_shown_in_part() -> None:
    steps = "".join(f"  - {{id: step-{n}, agent: x, depends_on: step-{(n + 1) % 60}}}\n" for n in range(60))
    problems = found(f"name: n\nsteps:\n{steps}")

    assert len(problems) == 1
    assert len(problems[0].message) < 250


def test_the_shipped_schema_is_what_the_program_builds() -> None:
    how = "python -m bluelabel.services.workflow.definition.schema > interfaces/schemas/workflow.json"

    assert schemas.text("workflow") == text(), f"run {how}"


def test_the_schema_is_valid_and_describes_every_key() -> None:
    Draft202012Validator.check_schema(schema())

    assert all(value["description"] for value in {**TOP, **STEP}.values())


def test_the_full_example_is_valid_by_the_schema() -> None:
    from bluelabel.services.workflow.definition.diagnostics import Findings
    from bluelabel.services.workflow.definition.yaml_reader import read_nodes

    root = read_nodes(FULL.encode(), Findings())
    assert root is not None
    made = root.plain()

    assert [error.message for error in VALIDATOR.iter_errors(made)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_loads_without_problems_and_by_the_schema(path: Path) -> None:
    import yaml

    definition, problems = load(path.read_bytes(), path.name)

    assert problems == ()
    assert definition is not None
    assert definition.name == path.stem
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_bytes()))] == []


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("name", ["plain-name", "2024.1", "a+b@c=d"])
def test_what_new_writes_loads_without_problems(template: str, name: str) -> None:
    assert good(new_workflow(name, template)).name == name


WORDS = st.sampled_from(
    ["a", "b", "ingest", "CC", "x:y", "{{ inputs.a }}", "{{ steps.a.result }}", "1s", "30", "", "é"]
)
LOOSE = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers(-2, 5) | st.floats(0, 1),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(WORDS, below, max_size=3),
    max_leaves=5,
)
STEPS = st.dictionaries(st.sampled_from([*STEP, "comand"]), LOOSE, max_size=6)
FILES = st.fixed_dictionaries(
    {"steps": st.lists(STEPS, max_size=4)},
    optional={key: LOOSE for key in [*TOP, "nmae"] if key != "steps"},
)


@given(FILES)
def test_any_file_of_this_shape_loads_or_has_problems_within_the_text(value: dict[str, object]) -> None:
    source = json.dumps(value, indent=1).encode()
    definition, problems = load(source, "f.json")
    lines = source.decode().split("\n")

    assert (definition is not None) or problems
    for problem in problems:
        assert problem.line is not None
        assert 1 <= problem.line <= len(lines)
        assert problem.column is not None
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
    report(problems, "f.json", source)


@given(FILES)
def test_what_the_loader_takes_the_schema_takes(value: dict[str, object]) -> None:
    definition, problems = load(json.dumps(value).encode(), "f.json")
    nothing_left_out = "null" not in json.dumps(value)

    if definition is not None and not problems and nothing_left_out:
        assert [error.message for error in VALIDATOR.iter_errors(value)] == []


TEXTS = st.text(alphabet="abcé .:{}'\"#", min_size=1, max_size=8)
GOOD_STEP = st.fixed_dictionaries(
    {"agent": st.sampled_from(["ingestion", "digest"])},
    optional={
        "description": TEXTS,
        "input": st.dictionaries(st.sampled_from(["k", "l"]), st.integers() | st.booleans(), max_size=2),
        "timeout": st.sampled_from(["30s", "1.5h", 12]),
        "critical": st.booleans(),
        "priority": st.integers(-1000, 1000),
        "retry": st.fixed_dictionaries({}, optional={"max_retries": st.integers(0, 9), "delay": st.just("1s")}),
        "durable_start": st.booleans(),
    },
)


@given(st.lists(GOOD_STEP, min_size=1, max_size=5), st.data())
def test_files_that_are_right_load_and_are_right_by_the_schema(
    steps: list[dict[str, object]], data: st.DataObject
) -> None:
    for number, step in enumerate(steps):
        step["id"] = f"s{number}"
        if number:
            before = data.draw(st.lists(st.integers(0, number - 1), max_size=3))
            step["depends_on"] = [f"s{other}" for other in before]
    value = {"name": "n", "inputs": {"a": data.draw(st.sampled_from(INPUT_TYPES))}, "steps": steps}
    definition, problems = load(json.dumps(value).encode(), "f.json")

    assert problems == ()
    assert definition is not None
    assert [step.id for step in definition.steps] == [step["id"] for step in steps]
    assert [error.message for error in VALIDATOR.iter_errors(value)] == []


@given(st.text(max_size=80))
def test_any_text_at_all_is_answered(source: str) -> None:
    definition, problems = load(source.encode("utf-8", "surrogatepass"), "f")

    assert (definition is None) is bool(problems)
