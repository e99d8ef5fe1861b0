"""YAML and JSON with places: limits before anything is built, values of YAML 1.2, no surprises."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.definition.diagnostics import Findings, report
from bluelabel.services.workflow.definition.nodes import Node
from bluelabel.services.workflow.definition.yaml_reader import read_nodes


def read(data: bytes | str) -> tuple[Node | None, Findings]:
    findings = Findings()
    return read_nodes(data.encode() if isinstance(data, str) else data, findings), findings


def plain(text: str) -> object:
    root, findings = read(text)
    assert root is not None, findings.problems
    return root.plain()


def test_values_follow_yaml_1_2() -> None:
    text = "[on, yes, No, 12:30, 2024-01-31, 0x1F, 012, 1_000, .inf, 1e3, 1.5, -7, ~, null, '', true, '1', 1.]"

    assert plain(text) == [
        *("on", "yes", "No", "12:30", "2024-01-31", "0x1F", 12, "1_000", ".inf", 1000.0, 1.5, -7, None, None, ""),
        *(True, "1", 1.0),
    ]


def test_a_number_of_thousands_of_digits_stays_a_text() -> None:
    assert plain("a: " + "9" * 5000) == {"a": "9" * 5000}


def test_explicit_tags_of_the_core_schema_are_read() -> None:
    assert plain('{a: !!int "3", b: !!str x, c: !!map {d: !!seq [1]}, e: ! x}') == {
        "a": 3,
        "b": "x",
        "c": {"d": [1]},
        "e": "x",
    }


def test_json_is_read_with_its_pairs_of_escapes_and_tabs() -> None:
    assert plain('{"a": "\\ud83d\\ude00", "b": [1,\n\t2]}') == {"a": "😀", "b": [1, 2]}


def test_json_that_is_no_yaml_is_read_without_places() -> None:
    key = "k" * 2000
    text = json.dumps({key: [1, {"a": None}], "b": "x"})
    root, findings = read(text)

    assert root is not None
    assert root.plain() == json.loads(text)
    assert findings.problems == []


def test_a_byte_order_mark_is_skipped_and_places_are_those_of_an_editor() -> None:
    root, _ = read("\ufeffa: 1\r\nü: {x: é, y: 'z'}\r\n".encode())

    assert root is not None
    inner = root.get("ü")
    assert inner is not None
    found = inner.get("y")
    assert found is not None
    assert (found.place.line, found.place.column) == (2, 14)
    assert (found.inside(1).line, found.inside(1).column) == (2, 15)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("", "empty", 1, 1),
        ("# only words\n", "empty", 1, 1),
        ("a: 1\na: 2\n", "duplicate-key", 2, 1),
        ('{"a": 1,\n "a": 2}', "duplicate-key", 2, 2),
        ("a: &x 1\nb: *x\n", "alias", 2, 4),
        ("a: 1\n---\nb: 2\n", "several-documents", 2, 1),
        ("a: !!python/object:os.system {}\n", "tag", 1, 4),
        ("a: !mine 1\n", "tag", 1, 4),
        ("<<: {a: 1}\n", "merge-key", 1, 1),
        ("x: {{ a }}\n", "key-not-text", 1, 5),
        ("? [a]\n: 1\n", "key-not-text", 1, 3),
        ("a:\n\tb: 1\n", "yaml-syntax", 2, 1),
        ("a: b: c\n", "yaml-syntax", 1, 5),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", 2, 2),
        ("a: 'open\n", "yaml-syntax", 2, 1),
        ("a: \x07\n", "yaml-syntax", 1, 4),
        ("a: [" + "[" * 70, "too-deep", 1, 67),
        ("[" + "1," * 60_002 + "]", "too-many", 1, 120_002),
    ],
)
def test_what_is_wrong_has_its_place(text: str, code: str, line: int, column: int) -> None:
    _, findings = read(text)
    first = findings.sorted()[0]

    assert (first.code, first.line, first.column) == (code, line, column)
    assert first.hint
    assert findings.fatal


def test_not_utf8_names_the_place() -> None:
    root, findings = read(b"a: 1\nb: \xff\n")

    assert root is None
    assert (findings.problems[0].code, findings.problems[0].line, findings.problems[0].column) == ("not-utf8", 2, 4)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 262_144,
        b'{"a":' * 50_000,
        b"- " * 100_000,
        b"a: " * 80_000,
        b"[" + b"1," * 130_000 + b"]",
        b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(1000)),
        b"x" * 5_000_000,
        b"'" * 200_000,
        b"? " * 100_000,
        b"\n" * 262_000,
    ],
)
def test_bombs_are_refused_or_read_in_no_time(data: bytes) -> None:
    started = time.process_time()
    read(data)

    # Far above what it takes, so that only a wrong order of growth can reach it on a busy machine.
    assert time.process_time() - started < 3.0


def test_a_report_shows_the_line_with_a_caret_and_the_hint() -> None:
    data = b"name: x\nbad: b: c\n"
    _, findings = read(data)

    shown = report(findings.sorted(), "f.yaml", data).splitlines()

    assert shown[0].startswith("f.yaml:2:7: ")
    assert shown[1] == "    2 | bad: b: c"
    assert shown[2] == "      |       ^"
    assert shown[3].startswith("  hint: ")


def test_a_report_of_a_very_long_line_shows_the_part_round_the_caret_without_control_characters() -> None:
    data = b"a: [" + b"x, " * 60 + b"'\x1b[31m\n"
    findings = Findings()
    findings.error("code", "message")
    root, found = read(data)
    findings.merge(found)

    shown = report(findings.sorted(), "f.yaml", data)

    assert root is None
    assert "\x1b" not in shown
    assert all(len(line) < 140 for line in shown.splitlines())


PIECES = st.sampled_from(
    ["a", "b: ", "- ", "[", "]", "{", "}", ",", "\n", "  ", "'", '"', "|\n", ">\n", "&x ", "*x", "!t ", "? ", ": ", "#",
     "1", "~", "\t", "---\n", "{{ x }}", "\u2028", "é", "\x00", "%", "@", "<<: ", "\r\n", "\\"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_gives_a_tree_or_problems_within_the_text(text: str) -> None:
    root, findings = read(text.encode("utf-8", "surrogatepass"))
    lines = text.splitlines() or [""]

    assert (root is not None) or findings.fatal
    for problem in findings.problems:
        assert problem.line is not None or problem.code == "not-utf8"
        assert problem.line is None or 1 <= problem.line <= len(lines) + 1
    report(findings.problems, "f", text.encode("utf-8", "replace"))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    root, findings = read(data)

    assert (root is not None) or findings.fatal


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=6), below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6).filter(lambda key: key != "<<"), VALUES, max_size=4), st.booleans())
def test_json_comes_back_as_it_was(value: dict[str, object], ascii_only: bool) -> None:
    root, findings = read(json.dumps(value, ensure_ascii=ascii_only, indent=1))

    if root is None:  # characters that YAML refuses stand in a text as they are
        assert findings.problems
    else:
        assert root.plain() == value
