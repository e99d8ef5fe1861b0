"""Whatever happened to a text, the values that still stand in it are read, and each fault is named with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluelabel.interfaces.limits import JSON_DEPTH
from bluelabel.services.postbox.tolerant_json.reader import read_documents
from bluelabel.services.postbox.tolerant_json.walker import PROBLEMS

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('ab"\\\n é☃😀', max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcde", max_size=3), inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.text("abcdefg", min_size=1, max_size=4), values, max_size=3)


def found(text: str) -> list[Any]:
    return [document.value for document in read_documents(text.encode(), "box.json").values]


def faults(text: str) -> list[tuple[str, int | None, int | None]]:
    return [(p.code, p.line, p.column) for p in read_documents(text.encode(), "box.json").problems]


@given(objects)
def test_a_whole_text_is_read_as_it_stands(value: dict[str, Any]) -> None:
    documents = read_documents(json.dumps(value).encode(), "box.json")

    assert [d.value for d in documents.values] == [value]
    assert (documents.strict, documents.problems) == (True, ())


@settings(max_examples=60, deadline=None)
@given(st.lists(objects, min_size=2, max_size=6), st.sampled_from(["", "\n\n", " ", ",\n"]))
def test_several_values_one_after_another_are_all_read(parts: list[dict[str, Any]], between: str) -> None:
    text = between.join(json.dumps(part, indent=1) for part in parts)

    assert found(text) == parts
    assert not read_documents(text.encode(), "box.json").strict
    assert [code for code, _, _ in faults(text)] == ["several-documents"]


@settings(max_examples=60, deadline=None)
@given(st.lists(objects, min_size=1, max_size=5), st.data())
def test_a_text_cut_anywhere_keeps_every_value_before_the_cut(parts: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = [json.dumps(part) for part in parts]
    text = "[" + ",".join(lines) + "]"
    cut = data.draw(st.integers(1, len(text) - 1))

    whole = [part for number, part in enumerate(parts) if len("[" + ",".join(lines[: number + 1])) <= cut]
    read = found(text[:cut])

    assert read
    assert read[0][: len(whole)] == whole
    assert faults(text[:cut])


@given(st.binary(max_size=300) | st.text("{}[]\",:\\/*'`a1 \n<=>-.", max_size=300).map(str.encode))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    documents = read_documents(data, "box.json")

    assert documents.strict or documents.problems or not documents.values
    json.dumps([d.value for d in documents.values], allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(objects, min_size=2, max_size=4), st.data())
def test_a_deleted_character_never_loses_a_neighbour_further_on(
    parts: list[dict[str, Any]], data: st.DataObject
) -> None:
    """The value that was damaged may suffer; two values further, everything is whole again."""
    for number, part in enumerate(parts):
        part["id"] = f"m{number}"
    text = "\n\n".join(json.dumps(part, indent=2) for part in parts)
    cut = data.draw(st.integers(0, len(json.dumps(parts[0], indent=2)) - 1))
    read = found(text[:cut] + text[cut + 1 :])

    assert [part for part in parts[2:] if part not in read] == []


@pytest.mark.parametrize(
    ("text", "value", "fault"),
    [
        ('[{"a": 1},]', [{"a": 1}], ("trailing-comma", 1, 10)),
        ('{"a": [1, 2,], "b": 3}', {"a": [1, 2], "b": 3}, ("trailing-comma", 1, 12)),
        ('[{"a": 1}\n {"a": 2}]', [{"a": 1}, {"a": 2}], ("missing-comma", 2, 2)),
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}, ("missing-comma", 2, 2)),
        ('[1,,2]', [1, 2], ("stray-comma", 1, 4)),
        ("{'a': 'it'}", {"a": "it"}, ("single-quotes", 1, 2)),
        ('{a: 1}', {"a": 1}, ("unquoted-key", 1, 2)),
        ('{"a" 1}', {"a": 1}, ("missing-colon", 1, 6)),
        ('{"a", "b": 1}', {"a": None, "b": 1}, ("missing-value", 1, 5)),
        ('{"a": }', {"a": None}, ("missing-value", 1, 7)),
        ('{"a": 1 // why\n}', {"a": 1}, ("comment", 1, 9)),
        ('{"a": 1 /* why */}', {"a": 1}, ("comment", 1, 9)),
        ('{"a": 1, # why\n"b": 2}', {"a": 1, "b": 2}, ("comment", 1, 10)),
        ('{"a": NaN}', {"a": "NaN"}, ("not-a-json-word", 1, 7)),
        ('{"a": undefined}', {"a": None}, ("not-a-json-word", 1, 7)),
        ('{"a": True}', {"a": True}, ("not-a-json-word", 1, 7)),
        ('{"a": 1e999}', {"a": "1e999"}, ("number-too-large", 1, 7)),
        ('{"a": +1}', {"a": "+1"}, ("not-a-number", 1, 7)),
        ('{"a": ' + "9" * 5000 + "}", {"a": "9" * 5000}, ("number-too-long", 1, 7)),
        ('{"from": "A", "from": "B"}', {"from": "B"}, ("duplicate-key", 1, 15)),
        ('{"a": "\\x"}', {"a": "\\x"}, ("bad-escape", 1, 7)),
        ('{"a": "\\ud800"}', {"a": "\ufffd"}, ("bad-escape", 1, 7)),
        ('{"a": "x\ny"}', {"a": "x\ny"}, ("line-break-in-string", 1, 7)),
        ('{"a": "x,\n"b": 1}', {"a": "x", "b": 1}, ("unterminated-string", 1, 7)),
        ('{"a": "x\n"b": 1}', {"a": "x", "b": 1}, ("unterminated-string", 1, 7)),
        ('{"a": new Date().toISOString(), "b": 1}', {"a": "new Date().toISOString()", "b": 1}, ("expression", 1, 7)),
        ('{"a": "v" + (x ? "1" : `}`), "b": 1}', {"a": '"v" + (x ? "1" : `}`)', "b": 1}, ("expression", 1, 7)),
        ('{"a": "v"\n  + x, "b": 1}', {"a": '"v"\n  + x', "b": 1}, ("expression", 1, 7)),
        ('{"a": f(() => {\n  a;\n}), "b": 1}', {"a": "f(() => {\n  a;\n})", "b": 1}, ("expression", 1, 7)),
        ('{"a": [1].map(x => x), "b": 1}', {"a": [1], "b": 1}, ("expression", 1, 10)),
        ('{"a": x(\n"b": 1}', {"a": "x(", "b": 1}, ("expression", 1, 7)),
        ('{"a": ["x", "b": 1}', {"a": ["x"], "b": 1}, ("missing-bracket", 1, 7)),
        ('{"a": ["x", "y"}', {"a": ["x", "y"]}, ("mismatched-bracket", 1, 16)),
        ('{"a": 1]}', {"a": 1}, ("mismatched-bracket", 1, 8)),
        ('{"a": {"b": 1}', {"a": {"b": 1}}, ("truncated", 1, 1)),
        ('{"a"', {"a": None}, ("truncated", 1, 1)),
        ('[1 : 2]', [1, 2], ("stray-text", 1, 4)),
        ('{"a": 1, ; "b": 2}', {"a": 1, "b": 2}, ("stray-text", 1, 10)),
        ('```json\n{"a": 1}\n```', {"a": 1}, ("stray-text", 1, 1)),
    ],
)  # fmt: skip
def test_damage_is_read_through_and_named(text: str, value: Any, fault: tuple[str, int, int]) -> None:
    assert found(text) == [value]
    assert fault in faults(text)


def test_an_object_that_is_not_closed_ends_where_the_next_begins() -> None:
    text = '[\n {"id": "a", "content": {"x": 1\n {"id": "b"}\n]\n'

    assert found(text) == [[{"id": "a", "content": {"x": 1}}, {"id": "b"}]]
    assert ("missing-bracket", 3, 2) in faults(text)


def test_a_document_that_is_not_closed_does_not_swallow_the_next() -> None:
    assert found('{"id": "a", "x": 1\n\n{"id": "b"}') == [{"id": "a", "x": 1}, {"id": "b"}]


def test_both_sides_of_a_conflict_are_read_with_places_of_the_file() -> None:
    text = (
        '[\n  {"id": "a"},\n<<<<<<< HEAD\n  {"id": "b"},\n||||||| base\n  {"id": "x"},\n=======\n  {"id": "c"},,\n'
        '>>>>>>> other\n  {"id": "d"}\n]\n'
    )
    documents = read_documents(text.encode(), "box.json")

    assert [(d.value, d.other_side) for d in documents.values] == [
        ([{"id": "a"}, {"id": "b"}, {"id": "d"}], False),
        ([{"id": "a"}, {"id": "c"}, {"id": "d"}], True),
    ]
    assert [(p.code, p.line) for p in documents.problems] == [
        *(("conflict-marker", line) for line in (3, 5, 7, 9)),
        ("stray-comma", 8),
    ]


def test_a_conflict_inside_a_message_gives_both_messages_whole() -> None:
    text = '[{"id": "a",\n<<<<<<< HEAD\n"status": "x"\n=======\n"status": "y"\n>>>>>>> b\n}]'

    assert found(text) == [[{"id": "a", "status": "x"}], [{"id": "a", "status": "y"}]]


def test_a_marker_line_inside_a_text_is_no_conflict() -> None:
    value = [{"body": "<<<<<<< HEAD\n=======\n>>>>>>> x"}]
    documents = read_documents(json.dumps(value).encode(), "box.json")

    assert (documents.values[0].value, documents.strict) == (value, True)


def test_a_text_longer_than_allowed_is_not_read() -> None:
    documents = read_documents(b"[" + b" " * 100 + b"]", "box.json", max_bytes=100)

    assert documents.values == ()
    assert [p.code for p in documents.problems] == ["too-large"]


def test_nesting_past_the_limit_is_left_out_and_the_rest_read() -> None:
    deep = "[" * (JSON_DEPTH + 9) + "1" + "]" * (JSON_DEPTH + 9)
    text = f'[{{"id": "a", "deep": {deep}, "b": 1}}, {{"id": "b"}}]'
    (read,) = found(text)

    assert (read[0]["id"], read[0]["b"], read[1]) == ("a", 1, {"id": "b"})
    assert "too-deep" in [code for code, _, _ in faults(text)]


@pytest.mark.parametrize("bomb", ["[" * 200_000, '{"a":' * 200_000, "[" * 100_000 + "]" * 100_000, "{}" * 200_000])
def test_a_bomb_is_given_up_and_not_followed_to_its_end(bomb: str) -> None:
    assert {"too-deep", "gave-up"} & {code for code, _, _ in faults(bomb)}


@pytest.mark.parametrize("piece", ["(\n", "`\\", '"\n', '\\"\n', "/*", "a ", "a+\n", ": ", ",", "{]", '{"a":1,"a":2},'])
def test_the_time_for_damage_grows_with_its_length_only(piece: str) -> None:
    """Each of these took quadratic time in some reader; the whole must end long before the test's own limit."""
    assert len(faults("[" + piece * (300_000 // len(piece)))) <= PROBLEMS


def test_bytes_that_are_not_utf8_are_told_and_the_rest_read() -> None:
    documents = read_documents(b'[{"a": "\xff"},\n {"b": "\xe9"}]', "box.json")

    assert [d.value for d in documents.values] == [[{"a": "\ufffd"}, {"b": "\ufffd"}]]
    assert [(p.code, p.line, p.column) for p in documents.problems] == [("not-utf-8", 1, 9)]


def test_a_byte_order_mark_is_skipped_and_utf16_told() -> None:
    assert read_documents(b'\xef\xbb\xbf{"a": 1}', "box.json").strict
    wide = read_documents('{"a": 1}'.encode("utf-16"), "box.json")
    assert ([d.value for d in wide.values], [p.code for p in wide.problems]) == ([{"a": 1}], ["not-utf-8"])


def test_a_text_without_any_bracket_says_that_it_is_not_json() -> None:
    assert found("just words") == []
    assert faults("just words")[0][0] == "stray-text"
    assert faults("") == [("not-json", 1, 1)]


def test_the_objects_that_a_text_ends_inside_of_are_told_apart() -> None:
    documents = read_documents(b'[{"id": "a"}, {"id": "b", "content": {"x": 1', "box.json")
    (items,) = (document.value for document in documents.values)

    assert [value is cut for value, cut in zip((items, items[1], items[1]["content"]), documents.cut, strict=True)]
    assert read_documents(b'[{"id": "a"},]', "box.json").cut == ()
