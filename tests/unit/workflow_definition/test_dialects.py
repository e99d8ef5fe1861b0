"""The ways others write workflows: recognised, read as they stand, and put into our own terms."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.definition.definition import (
    Definition,
    RetryBackoffStrategy,
    RetrySpec,
    StepKind,
    StepSpec,
)
from bluelabel.services.workflow.definition.diagnostics import Findings
from bluelabel.services.workflow.definition.dialects import Dialect, detect
from bluelabel.services.workflow.definition.load import load
from bluelabel.services.workflow.definition.record import looks_like_workflow, read_workflow
from bluelabel.services.workflow.definition.yaml_reader import read_nodes

DATA = Path(__file__).parents[2] / "data" / "workflows"
CORPUS = os.environ.get("BLUELABEL_CORPUS")

DIALECTS = {
    "headed.yaml": Dialect.HEADED,
    "headed_by_output.yaml": Dialect.HEADED,
    "flat.yaml": Dialect.FLAT,
    "scenario.yaml": Dialect.SCENARIO,
    "template.yaml": Dialect.TEMPLATE,
    "task_map.json": Dialect.TASK_MAP,
    "plan.yaml": Dialect.PLAN,
    "plan_template.yaml": Dialect.PLAN_TEMPLATE,
    "policy.yaml": Dialect.POLICY,
}


def data(name: str) -> bytes:
    return (DATA / name).read_bytes()


def detected(source: bytes) -> Dialect | None:
    root = read_nodes(source, Findings())
    return None if root is None else detect(root)


def read(source: str) -> tuple[list[tuple[Any, Any, Any]], list[str]]:
    record, problems = read_workflow(source.encode(), "f.yaml")
    return [(s["id"], s["agent"], s["depends_on"]) for s in record["steps"]], [p.code for p in problems]


def loaded(name: str) -> tuple[Definition, dict[str, StepSpec]]:
    definition, problems = load(data(name), name)
    assert definition is not None, problems
    return definition, {step.id: step for step in definition.steps}


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_each_file_is_recognised(name: str) -> None:
    assert detected(data(name)) is DIALECTS[name]
    assert looks_like_workflow(data(name), name)


@pytest.mark.parametrize(
    ("name", "title", "version", "steps"),
    [
        (
            *("headed.yaml", "Parts and sums", "2.1.0"),
            [("gather", "ingestion_agent", []), ("sum", "digest_agent", ["gather"])],
        ),
        (
            *("headed_by_output.yaml", "by-output", "1.0"),
            [("fetch_page", "ingestion", []), ("write_digest", "digest", ["page"])],
        ),
        ("flat.yaml", "flat words", "3", [("take", "ingestion", []), ("fold", "digest", [])]),
        (
            *("scenario.yaml", "scenario-of-tests", None),
            [
                *(("check", "ingestion_agent", []), ("left", "digest_agent", ["check"])),
                *(("right", "digest_agent", ["check"]), ("join", "digest_agent", ["left", "right"])),
            ],
        ),
        (
            *("template.yaml", "long_or_short", "1.0.0"),
            [
                *(("take_in", "ingestion", []), ("long_form", "digest", ["taken"])),
                *(("short_form", "digest", ["taken"]), ("file_it", "digest", ["form"])),
            ],
        ),
        ("task_map.json", "Sign-off", "1.2.0", [("draft", "digest", []), ("sign", "{{signer}}", ["draft"])]),
        ("plan.yaml", "plan-of-tests", "1.0.0", [("COLLECT", "CA", []), ("REPORT", "WA", ["COLLECT"])]),
        ("plan_template.yaml", "Gated plan", "1.0", [("write-1", "CA", []), ("look-2", "ARCH", ["write-1"])]),
        ("policy.yaml", None, None, []),
    ],
)
def test_values_are_read_as_they_stand_in_the_file(
    name: str, title: str | None, version: str | None, steps: list[tuple[str, str, list[str]]]
) -> None:
    record, _ = read_workflow(data(name), name)

    assert (record["name"], record["version"]) == (title, version)
    assert [(s["id"], s["agent"], s["depends_on"]) for s in record["steps"]] == steps


def test_our_own_dialect_is_read_with_agents_and_handoffs() -> None:
    source = (
        "name: own\nversion: 1.0\nsteps:\n  - {id: a, agent: ingestion}\n"
        "  - {id: b, handoff: {to: CC}, depends_on: [a]}\n  - {id: c, command: [x], depends_on: b}\n"
    )

    assert read(source) == ([("a", "ingestion", []), ("b", "CC", ["a"]), ("c", None, ["b"])], [])


def test_numbers_stay_numbers_in_ids() -> None:
    source = (
        "workflow: {name: n}\nsteps:\n  - {id: 1, agent: digest, input_file: x}\n"
        "  - {id: 2, agent: digest, input_from: 1}\n"
    )

    assert read(source) == (
        *([(1, "digest", []), (2, "digest", [1])],),
        [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("workflow: {name: n}\n", "missing"),
        ("workflow: {name: n}\nsteps:\n", "missing"),
        ("workflow: {name: n}\nsteps: []\n", "missing"),
        ("workflow: {name: n}\nsteps: [x]\n", "missing"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest}\n  - words\n", "not-a-mapping"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, input_file: x}\n", "missing"),
        ("workflow: {name: n}\nsteps:\n  - {agent: digest, input_file: x}\n", "missing"),
        ("workflow: {name: n}\nsteps:\n  - {name: a, agent: digest, input_file: x}\n", "no-id"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest}\n  - {id: b, agent: digest}\n", "no-input"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest}\n", "no-input"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest, input_from: zz}\n", "unknown-step"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest, input_from: a}\n", "circle"),
        (
            "workflow: {name: n}\nsteps:\n  - {id: a, agent: digest, input_from: b}\n"
            "  - {id: b, agent: digest, input_from: a}\n",
            "circle",
        ),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: nobody_agent, input_file: x}\n", "unknown-agent"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest_agnt, input_file: x}\n", "unknown-agent"),
        ("workflow: {name: n}\nsteps:\n  - {id: a, agent: digest}\n  - {id: a, agent: digest}\n", "duplicate-step"),
        ("name: n\nsteps:\n  - {name: a, agent: digest, output: o, input: {x: '{{ a | b }}'}}\n", "template"),
        ("name: n\ntasks:\n  a: {agent_id: x, action: y, conditions: [{expression: 'f(x)'}]}\n", "condition"),
        ("metadata: {plan_id: p}\ntasks: []\n", "missing"),
        ("metadata: {plan_id: p}\ntasks:\n  - {task_id: a, agent: CA, dependencies: [b]}\n", "unknown-step"),
        ("a: [\n", "yaml-syntax"),
        ("a: 1\n", "not-a-workflow"),
    ],
)
def test_what_cannot_run_is_said(source: str, code: str) -> None:
    _, problems = read(source)

    assert code in problems


def test_a_policy_has_nothing_to_run() -> None:
    assert load(data("policy.yaml"), "p")[0] is None
    assert [problem.code for problem in read_workflow(data("policy.yaml"), "p")[1]] == ["policy"]


def test_steps_under_a_head_get_their_results_by_reference() -> None:
    _, steps = loaded("headed.yaml")

    assert steps["gather"].input == {"input_file": "parts/input.json"}
    assert steps["sum"].input == {"format": "markdown", "content": "{{ steps.gather.result }}"}
    assert (steps["sum"].depends_on, steps["sum"].target) == (("gather",), "digest")
    assert steps["sum"].name == "Sum up"
    assert steps["gather"].metadata == {"outputs": ["content_id"]}
    assert steps["sum"].retry == RetrySpec(3)


def test_an_output_name_leads_to_the_step_that_makes_it() -> None:
    made, steps = loaded("headed_by_output.yaml")

    assert steps["write_digest"].depends_on == ("fetch_page",)
    assert steps["write_digest"].input == {
        "title": "{{ steps.fetch_page.result.metadata.title? or 'Untitled' }}",
        "content": "{{ steps.fetch_page.result }}",
    }
    assert steps["fetch_page"].input == {"url": "{{ inputs.address }}", "task_type": "url"}
    assert (made.inputs["address"].required, made.inputs["heading"].default) == (True, "No heading")


def test_variables_imply_what_a_step_waits_for_and_what_a_run_is_given() -> None:
    made, steps = loaded("flat.yaml")

    assert steps["fold"].depends_on == ("take",)
    assert steps["fold"].input == {"content": "{{ steps.take.result }}", "limit": "{{ inputs.how_many }}"}
    assert steps["take"].retry.max_retries == 2
    assert made.inputs["how_many"].required


def test_dollar_variables_are_understood() -> None:
    source = (
        "name: n\nsteps:\n  - {id: a, agent: digest, action: x, input_mapping: {f: '${input.file}'}}\n"
        "  - {id: b, agent: digest, action: y, input_mapping: {c: '${steps.a.output.content_id}'}}\n"
    )
    definition, problems = load(source.encode(), "f")

    assert definition is not None, problems
    assert definition.steps[1].input == {"c": "{{ steps.a.result.content_id }}", "action": "y"}
    assert definition.steps[1].depends_on == ("a",)
    assert definition.inputs["file"].required


def test_retries_of_a_scenario_are_attempts_less_one() -> None:
    made, steps = loaded("scenario.yaml")

    assert steps["check"].retry == RetrySpec(2, 2.0, RetryBackoffStrategy.EXPONENTIAL)
    assert steps["join"].retry == RetrySpec(0, 1.0, RetryBackoffStrategy.CONSTANT)
    assert steps["join"].depends_on == ("left", "right")
    assert made.description == "Branches and a join"
    assert [p.code for p in load(data("scenario.yaml"), "s")[1]] == ["not-kept"]


def test_several_makers_of_one_output_are_all_waited_for() -> None:
    _, steps = loaded("template.yaml")

    assert steps["file_it"].depends_on == ("long_form", "short_form")
    assert steps["long_form"].when == "steps.take_in.result.metadata.words > 500"
    assert steps["take_in"].retry == RetrySpec(4, 5.0)


def test_an_approval_gate_waits_for_its_approver() -> None:
    made, steps = loaded("task_map.json")

    assert steps["sign"].kind is StepKind.APPROVAL
    assert steps["sign"].target == {
        "by": "{{ inputs.signer }}",
        "prompt": "Sign {{ inputs.topic }}?",
        "deadline": 86400.0,
    }
    assert steps["sign"].when == "steps.draft.status == 'success'"
    assert steps["draft"].timeout == 60.0
    assert sorted(made.inputs) == ["signer", "topic"]


def test_the_tasks_of_a_plan_are_handed_to_agents() -> None:
    made, steps = loaded("plan.yaml")

    assert steps["COLLECT"].kind is StepKind.HANDOFF
    assert steps["COLLECT"].target == {
        "to": "CA",
        "subject": "Collect the files",
        "content": {"action": "collect", "parameters": {"from": "{{ inputs.folder }}"}},
        "type": "task_assignment",
        "priority": "HIGH",
        "task_id": "COLLECT",
        "deadline": 900.0,
        "escalate_to": "CC",
    }
    assert steps["COLLECT"].retry == RetrySpec(2, 30.0, RetryBackoffStrategy.CONSTANT)
    assert steps["REPORT"].unless == "steps.COLLECT.status == 'failed'"
    assert steps["REPORT"].retry.max_retries == 0
    assert made.inputs["folder"].default == "/tmp/in"
    assert made.name == "plan-of-tests"


def test_a_task_that_asks_for_approval_is_an_approval() -> None:
    _, steps = loaded("plan_template.yaml")

    assert steps["write-1"].kind is StepKind.HANDOFF
    assert steps["look-2"].kind is StepKind.APPROVAL
    assert steps["look-2"].target == {"by": "ARCH", "prompt": "Look at what was written"}


def test_metadata_that_a_condition_asks_for_may_be_left_out() -> None:
    text = (
        "name: n\ntasks:\n  a: {agent_id: digest, action: '{{ x }}', conditions: [\"workflow.metadata.get('on')\"]}\n"
    )
    definition, problems = load(text.encode(), "f")

    assert definition is not None, problems
    assert {name: spec.required for name, spec in definition.inputs.items()} == {"on": False, "x": True}


@pytest.mark.parametrize(
    ("conditions", "when"),
    [
        ("[{expression: 'inputs.a'}, {expression: \"{{ inputs.b == 1 }}\"}]", "(inputs.a) and (inputs.b == 1)"),
        ("[inputs.a, {type: note}]", "inputs.a"),
        ("{when: 'x.status == 1'}", "steps.x.status == 1"),
        ("[\"workflow.metadata.get('level', 1) >= 2\"]", "(inputs.level? or 1) >= 2"),
        ("[\"workflow.metadata.get('on')\"]", "inputs.on?"),
    ],
)
def test_several_conditions_are_joined(conditions: str, when: str) -> None:
    text = (
        "name: n\ninputs: {a: 1, b: 2}\ntasks:\n  x: {agent_id: digest, action: y}\n"
        f"  z: {{agent_id: digest, action: y, dependencies: [x], conditions: {conditions}}}\n"
    )
    definition, problems = load(text.encode(), "f")

    assert definition is not None, problems
    assert definition.steps[1].when == when


def test_a_text_as_input_and_a_gate_with_a_deadline_are_kept() -> None:
    text = (
        "name: n\nsteps:\n  - {name: a, agent: digest, input: some words, output: o}\n"
        "  - {name: b, agent: digest, input: '{{a}}', output: p}\n"
    )
    definition, problems = load(text.encode(), "f")
    plan = b"plan_id: p\ntasks:\n  - {task_id: a, agent: CA, timeout: 1h, content: {approval: true}}\n"
    approval = load(plan, "f")[0]

    assert definition is not None, problems
    assert definition.steps[0].input == {"content": "some words"}
    assert definition.steps[1].input == {"content": "{{ steps.a.result }}"}
    assert approval is not None
    assert approval.steps[0].target == {"by": "CA", "deadline": 3600.0}


@pytest.mark.parametrize(
    ("source", "seconds", "strategy"),
    [
        ("retry_strategy: immediate", 0.0, RetryBackoffStrategy.EXPONENTIAL),
        ("retry_strategy: exponential_backoff, retry_delay: 2m", 120.0, RetryBackoffStrategy.EXPONENTIAL),
        ("retry_strategy: unheard_of, retry_delay: soon", 1.0, RetryBackoffStrategy.EXPONENTIAL),
    ],
)
def test_retry_strategies_of_plans(source: str, seconds: float, strategy: RetryBackoffStrategy) -> None:
    text = f"metadata: {{plan_id: p}}\ntasks:\n  - {{task_id: a, agent: CA, max_retries: 1, {source}}}\n"
    definition, problems = load(text.encode(), "f")

    assert definition is not None, problems
    assert definition.steps[0].retry == RetrySpec(1, seconds, strategy)


def test_a_policy_of_the_file_in_milliseconds_is_kept() -> None:
    source = (
        "name: n\nerror_handling: {retry_count: 2, retry_delay: 5000}\nsteps:\n  - {id: a, agent: digest, action: x}\n"
    )
    definition, _ = load(source.encode(), "f")

    assert definition is not None
    assert definition.steps[0].retry == RetrySpec(2, 5.0)


def test_a_workflow_without_a_name_is_called_by_its_file() -> None:
    definition, _ = load(b"workflow: {version: 1}\nsteps:\n  - {id: a, agent: digest}\n", "some.yaml")

    assert definition is not None
    assert definition.name == "some.yaml"


@pytest.mark.parametrize(
    "source",
    [
        "tasks: [{task_id: T, status: open}]",
        "metadata: {a: 1}\ntasks: [{task_id: T, status: open}]",
        "tasks: words",
        "tasks: {a: 1}",
        "steps: {a: {status: success}}",
        "steps: 5",
        "steps: [1, 2]",
        "workflow: words",
        "[]",
        "words",
        "escalation_rules: []",
    ],
)
def test_other_files_are_not_taken_for_workflows(source: str) -> None:
    assert not looks_like_workflow(source.encode(), "f.yaml")


def test_a_broken_file_is_known_by_its_lines() -> None:
    assert looks_like_workflow(b"name: n\nsteps:\n  - id: [\n", "f.yaml")
    assert looks_like_workflow(b"workflow:\n" + b"x" * 300_000, "f.yml")
    assert not looks_like_workflow(b"name: n\nsteps:\n  - id: [\n", "f.md")
    assert not looks_like_workflow(b'{"steps": [', "f.json")
    assert not looks_like_workflow(b"note: [\n", "f.yaml")


@pytest.mark.parametrize(
    ("source", "dialect"),
    [
        ("metadata: {version: 1}\ntasks:\n  - {task_id: a, agent: CA, content: {}}\n", Dialect.PLAN),
        ("metadata: {version: 1}\ntasks:\n  - {id: a, agent: CA, description: d}\n", Dialect.PLAN),
        ("name: n\ntasks:\n  - {task_id: a, agent: CA, priority: high}\n", Dialect.PLAN_TEMPLATE),
        ("tasks:\n  - {task_id: a, agent: CA, priority: high}\n", None),
        ("metadata: {a: 1}\ntasks:\n  - {task_id: a, agent: CA, type: x, status: open}\n", None),
        ("name: n\ntasks: [{task_id: a, type: x}]\n", None),
        ("permissions: {}\nautonomy_level: low\n", Dialect.POLICY),
        ("permissions: {}\n", None),
        ("name: n\nsteps: []\n", Dialect.CANONICAL),
        ("steps: [{note: 1}]\n", None),
    ],
)
def test_files_are_told_apart_by_their_keys(source: str, dialect: Dialect | None) -> None:
    assert detected(source.encode()) is dialect


KEYS = st.sampled_from(
    [
        "workflow",
        "steps",
        "tasks",
        "metadata",
        "input",
        "inputs",
        "variables",
        "name",
        "version",
        "plan_id",
        "error_handling",
        "id",
        "task_id",
        "agent",
        "agent_id",
        "depends_on",
        "dependencies",
        "input_from",
        "output",
        "when",
        "unless",
        "conditions",
        "content",
        "requires",
        "approval",
        "retry_config",
        "retry_count",
        "max_retries",
        "retry_delay",
        "timeout",
        "timeout_seconds",
        "action",
        "parameters",
        "config",
        "type",
        "priority",
        "fallback_agent",
        "always_run",
        "description",
        "expression",
        "escalation_rules",
        "policy_version",
        "enum",
        "default",
        "required",
    ]
)
LEAVES = st.sampled_from(
    [
        "a",
        "b",
        "CA",
        "digest_agent",
        "{{ a }}",
        "${a.b}",
        "{{ x | default('y') }}",
        "a.b == 1",
        "30s",
        "",
        "approval_gate",
    ]
)
VALUES = st.recursive(
    LEAVES | st.none() | st.booleans() | st.integers(-1, 9),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS | LEAVES, below, max_size=6),
    max_leaves=14,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(["steps", "tasks"]), VALUES)
def test_any_file_of_these_words_is_read_without_an_exception(top: dict[str, Any], key: str, steps: Any) -> None:
    source = json.dumps({**top, key: steps}).encode()
    record, problems = read_workflow(source, "f.json")
    definition, found = load(source, "f.json")

    assert problems == found
    assert (definition is not None) or found
    assert isinstance(record["steps"], list)
    for step in record["steps"]:
        assert set(step) == {"id", "agent", "depends_on"}
    for problem in problems:
        assert problem.line == 1
    if definition is not None:
        known = [step.id for step in definition.steps]
        assert len(set(known)) == len(known)
        assert all(name in known for step in definition.steps for name in step.depends_on)


@pytest.mark.skipif(CORPUS is None, reason="set BLUELABEL_CORPUS to the folder of collected files")
def test_every_collected_file_reads_as_it_should() -> None:
    folder = Path(str(CORPUS))
    expected = json.loads((folder / "EXPECT.json").read_text(encoding="utf-8"))["workflow_def"]
    for name, want in expected.items():
        record, problems = read_workflow((folder / name).read_bytes(), name)

        assert [(s["id"], s["agent"], s["depends_on"]) for s in record["steps"]] == [
            (s["id"], s["agent"], s["depends_on"]) for s in want["steps"]
        ], name
        assert problems or "invalid" not in want["shape"], name
