"""Boxes merge by message: whatever two sides do, no message is lost and the text stays JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.postbox.boxes.json_tree import Kind, Unreadable, read
from bluelabel.services.postbox.boxes.merge import merge


def view(*messages: Any, rev: int = 1, home: str = "h1") -> Any:
    head = {"postbox": 1, "agent": "CA", "box": "inbox", "home": home, "rev": rev, "shown": len(messages)}
    return "[\n" + "".join(json.dumps(item) + ",\n" for item in [head, *messages]) + "null]\n"


def msg(name: Any, **more: Any) -> dict[Any, Any]:
    return {"id": name, "type": "message", "sender": "CC", **more}


def texts(result: Any) -> Any:
    assert result.text is not None
    return json.loads(result.text)


def ids(value: Any) -> Any:
    return [item["id"] for item in value if item is not None and "id" in item]


def plain(*items: Any) -> Any:
    return json.dumps(list(items), indent=2) + "\n"


def test_additions_of_both_sides_to_a_view_stay_in_order() -> None:
    base = view(msg("1"), msg("2"))
    ours, theirs = view(msg("1"), msg("2"), msg("a"), rev=2), view(msg("1"), msg("2"), msg("b"), rev=3, home="h2")
    result = merge(base, ours, theirs)

    assert ids(texts(result)) == ["1", "2", "a", "b"]
    assert texts(result)[0] == json.loads(ours)[0]
    assert result.text is not None
    assert result.text.startswith("[\n{")
    assert result.text.endswith("null]\n")
    assert all(line.endswith(",") for line in result.text.splitlines()[1:-1])
    assert result.problems == ()


def test_newest_first_stays_newest_first() -> None:
    result = merge(plain(msg("1")), plain(msg("a"), msg("1")), plain(msg("b"), msg("1")))

    assert ids(texts(result)) == ["a", "b", "1"]


def test_a_message_that_one_side_dropped_is_kept() -> None:
    base = plain(msg("1"), msg("2"))

    assert ids(texts(merge(base, plain(msg("2"), msg("a")), plain(msg("1"), msg("2"), msg("b"))))) == [
        "1",
        "2",
        "a",
        "b",
    ]
    assert ids(texts(merge(base, "[]", plain(msg("1"), msg("2"), msg("b"))))) == ["1", "2", "b"]
    assert ids(texts(merge(base, plain(msg("1"), msg("2"), msg("b")), "[]\n"))) == ["1", "2", "b"]


def test_fields_that_only_one_side_changed_come_from_it() -> None:
    base = plain(msg("1", subject="s", content={"x": 1, "y": 1}, old=1))
    ours = plain(msg("1", subject="S", content={"x": 2, "y": 1}, old=1))
    theirs = plain(msg("1", subject="s", content={"x": 1, "y": 2, "z": 3}))
    result = merge(base, ours, theirs)

    assert texts(result) == [msg("1", subject="S", content={"x": 2, "y": 2, "z": 3})]
    assert result.problems == ()


@pytest.mark.parametrize(
    ("key", "one", "other", "wins"),
    [
        ("status", "completed", "in_progress", "completed"),
        ("status", "In Progress", "acked", "acked"),
        ("attempt", 2, 5, 5),
        ("total_tasks_completed", 7, 3, 7),
        ("last_updated", "2025-05-28", "2025-05-27T10:00:00Z", "2025-05-28"),
        ("updated_at", "2025-05-28T10:00:00Z", "2025-05-28T10:00:01Z", "2025-05-28T10:00:01Z"),
    ],
)
def test_what_has_come_further_wins(key: str, one: int | str, other: int | str, wins: int | str) -> None:
    base = plain(msg("1", **{key: 0}))
    for ours, theirs in ((one, other), (other, one)):
        result = merge(base, plain(msg("1", **{key: ours})), plain(msg("1", **{key: theirs})))

        assert texts(result) == [msg("1", **{key: wins})]
        assert result.problems == ()


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("subject", "A", "B"),
        ("status", "done", "completed"),
        ("status", "odd", "done"),
        ("attempt", 1, True),
        ("x", 1, {}),
    ],
)
def test_a_true_clash_keeps_both_and_says_so(key: str, one: int | str, other: Any) -> None:
    result = merge(plain(msg("1")), plain(msg("1", **{key: one})), plain(msg("1", **{key: other})))

    assert texts(result) == [msg("1", **{key: one, f"{key}.theirs": other})]
    [problem] = result.problems
    assert problem.code == "clash"
    assert key in problem.message
    assert "of 1" in problem.message


def test_two_messages_that_share_an_id_by_accident_are_both_kept() -> None:
    result = merge("[]", plain(msg("1", body="a")), plain({"id": "1", "sender": "WA", "body": "b"}))

    assert len(texts(result)) == 2
    assert [problem.code for problem in result.problems] == ["same-id"]


def test_an_id_used_twice_in_one_file_names_nothing() -> None:
    twice = plain(msg("1", body="a"), msg("1", body="b"), msg("1", body="b"))
    result = merge(twice, plain(*json.loads(twice), msg("2")), plain(*json.loads(twice), msg("3")))

    assert texts(result) == [*json.loads(twice), msg("2"), msg("3")]


def test_reports_without_ids_merge_by_task_or_by_what_they_say() -> None:
    base = plain({"task_id": "T1", "status": "pending"}, {"note": "n"})
    ours = plain({"task_id": "T1", "status": "completed"}, {"note": "n"}, {"note": "o"})
    theirs = plain({"task_id": "T1", "status": "pending", "details": "d"}, {"note": "n"}, {"note": "t"})

    assert texts(merge(base, ours, theirs)) == [
        {"task_id": "T1", "status": "completed", "details": "d"}, {"note": "n"}, {"note": "o"}, {"note": "t"},
    ]  # fmt: skip


def test_an_edited_report_is_not_brought_back_beside_its_new_text() -> None:
    first, second = {"task_id": "T1", "step": 1}, {"task_id": "T1", "step": 2}
    base = plain(first, second)
    ours = plain(first, {"task_id": "T1", "step": 3})
    theirs = plain(first, second, {"task_id": "T2"})

    assert texts(merge(base, ours, theirs)) == [first, {"task_id": "T1", "step": 3}, {"task_id": "T2"}]


def test_objects_with_lists_merge_inside() -> None:
    base = json.dumps({"agent": "CC", "messages": [msg("1")]}, indent=2)
    ours = json.dumps({"agent": "CC", "messages": [msg("1"), msg("a")], "role": "r"}, indent=2)
    theirs = json.dumps({"agent": "CC", "messages": [msg("1"), msg("b")]}, indent=2)
    value = texts(merge(base, ours, theirs))

    assert ids(value["messages"]) == ["1", "a", "b"]
    assert value["role"] == "r"


def test_a_task_moved_to_the_history_is_not_brought_back() -> None:
    task, other = {"task_id": "T1", "status": "pending"}, {"task_id": "T2", "status": "pending"}
    done = {"task_id": "T1", "status": "completed"}
    base = json.dumps({"tasks": [task], "history": [], "metadata": {"total_tasks_completed": 0}})
    ours = json.dumps({"tasks": [], "history": [done], "metadata": {"total_tasks_completed": 1}})
    theirs = json.dumps({"tasks": [task, other], "history": [], "metadata": {"total_tasks_completed": 0}})

    for left, right in ((ours, theirs), (theirs, ours)):
        value = texts(merge(base, left, right))
        assert value == {"tasks": [other], "history": [done], "metadata": {"total_tasks_completed": 1}}


def test_a_schema_change_on_one_side_drops_no_message() -> None:
    base = json.dumps({"messages": [msg("1")], "old": "x"})
    ours = json.dumps({"agent_id": "CC", "tasks": [], "history": []})
    theirs = json.dumps({"messages": [msg("1"), msg("2")], "old": "x"})
    value = texts(merge(base, ours, theirs))

    assert ids(value["messages"]) == ["1", "2"]
    assert value["tasks"] == []
    assert "old" not in value
    assert texts(merge(base, theirs, ours))["messages"] == value["messages"]


def test_an_array_against_an_object_keeps_all() -> None:
    base = plain(msg("1"))
    ours = plain(msg("1"), msg("2"))
    theirs = json.dumps({"agent": "CC", "messages": [msg("1"), msg("3")]})
    for left, right in ((ours, theirs), (theirs, ours)):
        assert sorted(ids(texts(merge(base, left, right))["messages"])) == ["1", "2", "3"]


def test_single_reports_become_an_array_of_both() -> None:
    base = json.dumps({"task_id": "T0", "status": "done"})
    ours, theirs = json.dumps({"task_id": "T1"}, indent=1) + "\n", json.dumps({"task_id": "T2"})
    value = texts(merge(base, ours, theirs))

    assert [item["task_id"] for item in value] == ["T1", "T2"]
    assert json.loads(ours) == texts(merge(base, ours, json.dumps({"task_id": "T1"})))


def test_one_object_after_another_stays_so() -> None:
    base = '{"task_id": "T1"}\n\n{"task_id": "T2"}\n'
    ours, theirs = '{"task_id": "T0"}\n\n' + base, base + '\n{"task_id": "T3"}\n'
    result = merge(base, ours, theirs)

    assert result.text is not None
    found = read(result.text)
    assert found.kind is Kind.STREAM
    assert [m.node.value["task_id"] for m in found.members] == ["T0", "T1", "T2", "T3"]
    assert texts(merge(base, plain({"task_id": "T1"}, {"task_id": "T2"}, {"task_id": "T9"}), theirs))[-1] == {
        "task_id": "T3"
    }


def test_untouched_bytes_are_carried_over() -> None:
    one, two = '{ "id" : "1",\t"x": 1.50, "tags": ["a","b"] }', '{"id": "2", "e": "\\u00e9"}'
    base = f"[ {one},\n   {two}\n]\n"
    ours, theirs = f'[ {one},\n   {two},\n  {{"id":"a"}}\n]\n', f'[ {one},\n   {two}, {{"id":"b"}}]'

    assert merge(base, ours, theirs).text == f'[ {one},\n   {two},\n  {{"id":"a"}}, {{"id":"b"}}\n]\n'


def test_a_trailing_comma_is_no_reason_to_lose_a_message() -> None:
    result = merge('[{"id": "1"},]', '[{"id": "1"}, {"id": "2"},]', '[{"id": "1"}, {"id": "3"}]')

    assert ids(texts(result)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "bad", ["<<<<<<< HEAD\n[]", '[{"id": x}]', '{"a": 1, "a": 2}', "[NaN]", "[1", "{1: 2}", "7", '{"a" 1}']
)
def test_a_side_that_is_not_json_is_left_to_a_person(bad: str) -> None:
    result = merge("[]", plain(msg("1")), bad)

    assert result.text is None
    assert result.problems[0].code == "unreadable-box"
    assert merge(bad, plain(msg("1")), plain(msg("2"))).text is not None


def test_without_a_base_both_additions_are_kept() -> None:
    assert ids(texts(merge(None, plain(msg("1")), plain(msg("2"))))) == ["1", "2"]
    assert merge("", "", plain(msg("1"))).text == plain(msg("1"))


def test_one_sided_changes_are_taken_as_they_are() -> None:
    assert merge("a", "a", "b").text == "b"
    assert merge("a", "b", "a").text == "b"
    assert merge("a", "b", "b").text == "b"


def test_deep_nesting_is_refused_not_crashed() -> None:
    assert merge("[]", "[" * 200_000, plain(msg("1"))).text is None


def test_the_end_of_an_empty_stream_and_of_a_byte_order_mark() -> None:
    assert texts(merge("", " \n", plain(msg("1")))) == [msg("1")]
    assert read("\ufeff[1]\n").text() == "\ufeff[1]\n"
    with pytest.raises(Unreadable):
        read('{"a": 1} 7')


BOX = st.dictionaries(st.integers(0, 12), st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=8)
SHAPES: dict[str, Callable[[Any], str]] = {
    "plain": lambda items: json.dumps(items, indent=2) + "\n",
    "view": lambda items: view(*items),
    "object": lambda items: json.dumps({"agent": "CC", "messages": items}),
}


@given(st.sampled_from(sorted(SHAPES)), BOX, BOX, BOX, st.permutations(range(13)))
def test_no_two_histories_lose_a_message(shape: Any, base: Any, ours: Any, theirs: Any, order: Any) -> None:
    def render(box: Any) -> Any:
        return SHAPES[shape]([{"id": f"m{n}", "x": box[n][0], "y": box[n][1]} for n in order if n in box])

    result = merge(render(base), render(ours), render(theirs))
    value = texts(result)
    found = value["messages"] if isinstance(value, dict) else value
    by_id = {item["id"]: item for item in found if item and "id" in item}

    assert len(by_id) == len(ids(found))
    # One that both dropped is dropped; git does not even ask when one side changed nothing at all.
    untouched = [side for side in (ours, theirs) if render(side) == render(base)]
    want = set(ours) | set(theirs) if not untouched else set(theirs) if render(ours) == render(base) else set(ours)
    assert set(by_id) == {f"m{n}" for n in want}
    for n in set(ours) & set(theirs):
        for place, key in enumerate("xy"):
            left, right = ours[n][place], theirs[n][place]
            said = {by_id[f"m{n}"][key], by_id[f"m{n}"].get(f"{key}.theirs", by_id[f"m{n}"][key])}
            before = base[n][place] if n in base else None
            assert said == ({right} if left == before else {left} if right == before else {left, right})


@pytest.mark.skipif("BLUELABEL_CORPUS" not in os.environ, reason="BLUELABEL_CORPUS names no corpus")
def test_every_box_of_the_corpus_keeps_its_bytes_and_its_messages() -> None:
    seen = readable = 0
    for file in sorted(Path(os.environ["BLUELABEL_CORPUS"]).glob("postbox_*/*.json")):
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        seen += 1
        try:
            found = read(text)
        except Unreadable:
            continue
        readable += 1
        assert found.text() == text
        base = json.dumps([])
        merged = merge(base, text, json.dumps([msg("fresh")]))
        assert merged.text is not None
        assert "fresh" in merged.text
        for member in found.members:
            if found.kind is not Kind.OBJECT:
                assert member.node.raw in merged.text
    assert seen > 50
    assert readable / seen > 0.9


def test_an_account_that_both_sides_carried_on_stays_one_object() -> None:
    base = {
        "agent_id": "CA",
        "timestamp": "2025-05-28T10:00:00Z",
        "status": "idle",
        "completed_tasks": [{"task_id": "T-1"}],
    }
    ours = base | {"timestamp": "2025-05-29T10:00:00Z", "completed_tasks": [{"task_id": "T-1"}, {"task_id": "T-2"}]}
    theirs = base | {"status": "busy", "completed_tasks": [{"task_id": "T-0"}, {"task_id": "T-1"}]}
    result = merge(*(json.dumps(side, indent=2) for side in (base, ours, theirs)))

    assert result.problems == ()
    assert json.loads(result.text or "") == ours | {
        "status": "busy",
        "completed_tasks": [{"task_id": "T-0"}, {"task_id": "T-1"}, {"task_id": "T-2"}],
    }


@pytest.mark.parametrize("form", ["[\n{}\n]", "{}"])
def test_a_comma_too_many_deep_inside_does_not_stop_a_merge(form: str) -> None:
    old = '{"task_id": "T-1", "notes": ["a, ]", {"b": 1,},\n]}'
    base, ours, theirs = (form.replace("{}", text) for text in (old, f'{old}, {{"id": "o"}}', f'{{"id": "t"}}, {old}'))
    if form == "{}":
        ours, theirs = ours.replace("}, {", "}\n\n{"), theirs.replace("}, {", "}\n\n{")
    result = merge(base, ours, theirs)

    assert result.problems == ()
    merged = result.text or ""
    assert old in merged
    assert [word for word in ('"o"', '"t"', "T-1") if merged.count(word) != 1] == []


@pytest.mark.parametrize("fault", ['{"id": new Date()}', '{"id": "x"', '{"id": 1,,}', "]", '{"id": "\\'])
def test_what_is_no_json_at_all_is_left_to_git(fault: str) -> None:
    assert merge("[]", f"[{fault},]", '[{"id": "b"}]').text is None
