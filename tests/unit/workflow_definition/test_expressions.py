"""The expression language: what it says about data, and that it can do nothing else."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.expressions.evaluate import (
    ExpressionError,
    check,
    check_template,
    evaluate,
    references,
    render,
    template_references,
)

CONTEXT = {
    "inputs": {"count": 3, "name": "login", "flag": True, "none": None},
    "steps": {
        "read-1": {"status": "success", "result": {"items": [1, 2, {"k": "v"}], "verdict": "ok"}},
        "skipped": {"status": "skipped", "result": None},
        "1": {"status": "success"},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.count == 3", True),
        ("inputs.count == 3.0", True),
        ("inputs.count != 3", False),
        ("inputs.count > 2 and inputs.count <= 3", True),
        ("inputs.count >= 4 or inputs.name < 'm'", True),
        ("not inputs.flag", False),
        ("not not inputs.flag", True),
        ("inputs.flag == 1", False),
        ("inputs.flag == true", True),
        ("steps.read-1.result.verdict in ['ok', 'fine']", True),
        ("'verdict' in steps.read-1.result", True),
        ("3 in steps.read-1.result", False),
        ("'og' in inputs.name", True),
        ("2 not   in steps.read-1.result.items", False),
        ("steps.read-1.result.items[2].k", "v"),
        ("steps.read-1.result.items.0", 1),
        ("steps.read-1.result.items[-1]['k']", "v"),
        ("steps['read-1'].status", "success"),
        ("steps.1.status", "success"),
        ("steps.skipped.result.deep.deeper", None),
        ("inputs.missing? or 'default'", "default"),
        ("inputs.none == null", True),
        ("(inputs.count)", 3),
        ("[1, 'a', [true]]", [1, "a", [True]]),
        ("[]", []),
        ("[1,]", [1]),
        ("-2.5e1", -25.0),
        (r"'it\'s'", "it's"),
        ('"two"', "two"),
        ("  inputs . count  ", 3),
        ("inputs.count and inputs.name", "login"),
        ("inputs.none or inputs.none", None),
        ("None == null and True != False", True),
    ],
)
def test_an_expression_comes_to_its_value(text: str, value: object) -> None:
    assert evaluate(text, CONTEXT) == value
    assert check(text) is None


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("", 1, "value is missing"),
        ("inputs.count = 3", 14, "single ="),
        ("f(x)", 2, "called"),
        ("inputs.count.bit_length()", 24, "called"),
        ("inputs.name | upper", 13, "filters"),
        ("1 < 2 < 3", 7, "not chained"),
        ("(1", 3, ") is missing"),
        ("[1 2]", 4, "] is missing"),
        ("inputs[", 8, "whole number"),
        ("inputs[1.5]", 8, "whole number"),
        ("inputs[1", 9, "] is missing"),
        ("inputs.", 8, "name is missing"),
        ("'open", 1, "not closed"),
        ("and 1", 1, "before 'and'"),
        ("1 +", 3, "does not belong"),
        ("a b", 3, "does not belong"),
        ("@", 1, "cannot stand"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_column(text: str, column: int, word: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, CONTEXT)

    assert word in caught.value.problem.message
    assert caught.value.problem.column == column
    assert check(text) == caught.value.problem
    assert references(text) == ()


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        ("inputs.cuont", "no 'cuont' in inputs", "did you mean count?"),
        ("inputz", "no 'inputz'", "did you mean inputs?"),
        ("steps.read-1.result.items[9]", "no 9 in steps.read-1.result.items", "3 items"),
        ("inputs.count.real", "no 'real' in inputs.count", "is a number"),
        ("inputs.count < 'a'", "a number and a text have no order", "compare"),
        ("inputs.flag < 1", "a boolean and a number", "compare"),
        ("1 in inputs.count", "a number contains nothing", "list"),
        ("1 in inputs.name", "cannot contain a number", None),
        ("inputs.name in null", "null contains nothing", "list"),
        ("[1] < [2]", "a list and a list have no order", "compare"),
        ("inputs < 1", "a mapping and a number", "compare"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_with_a_hint(text: str, word: str, hint: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, CONTEXT)

    assert word in str(caught.value)
    assert (hint or "") in (caught.value.hint or "")


def test_a_template_that_is_the_whole_text_keeps_its_type() -> None:
    assert render("{{ inputs.count }}", CONTEXT) == 3
    assert render("{{ steps.read-1.result.items }}", CONTEXT) == [1, 2, {"k": "v"}]
    assert render(" {{ inputs.count }}", CONTEXT) == " 3"


def test_templates_are_replaced_however_deep_they_are() -> None:
    value = {"a": ["x {{ inputs.name }}-{{inputs.flag}}", 5, None], "b": {"c": "{{ inputs.none }}!"}, "d": ("t",)}

    assert render(value, CONTEXT) == {"a": ["x login-true", 5, None], "b": {"c": "null!"}, "d": ["t"]}


def test_what_a_template_brings_in_is_not_looked_at_again() -> None:
    context = {"inputs": {"evil": "{{ secrets.key }}"}, "secrets": {"key": "hunter2"}}

    assert render("{{ inputs.evil }} {{ inputs.evil }}", context) == "{{ secrets.key }} {{ secrets.key }}"


def test_braces_inside_a_text_of_a_template_are_a_text() -> None:
    assert render("{{ '}}' }}{{ '{{' }}", CONTEXT) == "}}{{"


@pytest.mark.parametrize(("text", "column"), [("{{ a", 5), ("x {{ }}", 6), ("{{ a b }}", 6), ("{{ a }", 6)])
def test_a_template_that_cannot_be_read_is_refused_at_its_column(text: str, column: int) -> None:
    problem = check_template(text)

    assert problem is not None
    assert problem.column == column
    assert template_references(text) == ()
    with pytest.raises(ExpressionError):
        render(text, CONTEXT)


def test_references_say_which_names_are_looked_up_and_where() -> None:
    found = references("steps.a.result == inputs.x and not ['b', run.id]")

    assert [[segment.key for segment in path] for path in found] == [
        ["steps", "a", "result"],
        ["inputs", "x"],
        ["run", "id"],
    ]
    assert [path[0].column for path in found] == [1, 19, 42]
    assert [path[-1].key for path in template_references("{{ a.b }} and {{ c? }}")] == ["b", "c"]


def test_a_text_that_grows_past_the_limit_is_refused() -> None:
    context = {"big": "x" * 2_000_000}

    with pytest.raises(ExpressionError, match="grows past"):
        render("{{ big }} " * 6, context)


@pytest.mark.parametrize("text", ["(" * 1000, "not " * 1000 + "1", "[" * 1000, "1 or " * 2000, "((((" * 8 + "1"])
def test_deep_or_long_expressions_are_refused(text: str) -> None:
    assert check(text) is not None


def test_a_long_chain_is_no_deep_tree() -> None:
    assert evaluate(" or ".join(["false"] * 400), {}) is False


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "'" * 99_999, " " * 100_000, "{{" * 50_000, "a." * 50_000, '"\\' * 50_000, "1" * 100_000],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    started = time.process_time()
    check(text)
    check_template(text)

    assert time.process_time() - started < 3.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), below, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        "inputs",
        "steps",
        ".",
        "[",
        "]",
        "(",
        ")",
        "==",
        "!=",
        "<",
        "<=",
        "in",
        "not",
        "and",
        "or",
        "?",
        "'a'",
        "0",
        "1",
        "a",
        "b",
        "c",
        ",",
        "{{",
        "}}",
        "|",
        "null",
        "true",
        "\\",
        "'",
        "-",
    ]
)


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=40), JSON, JSON)
def test_any_text_over_any_data_gives_a_value_or_an_expression_error(text: str, one: object, other: object) -> None:
    for attempt in (evaluate, render):
        problem = None
        try:
            attempt(text, {"inputs": one, "steps": {"a": other}, "a": one, "b": other})
        except ExpressionError as error:
            problem = error.problem
        if problem is not None:
            assert problem.column is None or 1 <= problem.column <= len(text) + 1
            assert problem.message


@given(JSON)
def test_a_literal_comes_back_as_it_was_written(value: object) -> None:
    def written(item: object) -> str:
        if isinstance(item, dict):
            return "null"
        if isinstance(item, list):
            return "[" + ", ".join(map(written, item)) + "]"
        if isinstance(item, str):
            return "'" + item.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return json.dumps(item)

    def without_mappings(item: object) -> object:
        if isinstance(item, list):
            return [without_mappings(each) for each in item]
        return None if isinstance(item, dict) else item

    assert evaluate(written(value), {}) == without_mappings(value)


@given(JSON, JSON)
def test_equal_and_not_equal_are_opposites(left: object, right: object) -> None:
    context = {"a": left, "b": right}

    assert evaluate("a == b", context) is not evaluate("a != b", context)
