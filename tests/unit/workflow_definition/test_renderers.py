"""The drawings: valid in their language whatever stands in the graph, and right for those we can check by eye."""

from __future__ import annotations

import builtins
import io
import re
import sys
import unicodedata
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.interfaces.errors import MachineError, TooLarge
from bluelabel.services.workflow.definition.definition import Definition, StepKind, StepSpec
from bluelabel.services.workflow.drawing.channel import Bundle, assign_tracks, column, entering
from bluelabel.services.workflow.drawing.graph import Graph, GraphNode, graph_of, graph_of_run
from bluelabel.services.workflow.drawing.palette import LOOKS, PLAIN, cells, clean, look
from bluelabel.services.workflow.drawing.png import render_png
from bluelabel.services.workflow.drawing.scene import HEIGHT, bends, scene
from bluelabel.services.workflow.drawing.source import render_dot, render_mermaid
from bluelabel.services.workflow.drawing.svg import render_svg
from bluelabel.services.workflow.drawing.text import render_text


def graph(nodes: str, edges: str = "", title: str = "t") -> Graph:
    made = []
    for word in nodes.split():
        name, _, status = word.partition(":")
        made.append(GraphNode(name, name, "", status or None))
    pairs = [edge.split(">") for edge in edges.split()]
    return Graph(title, tuple(made), tuple((a, b) for a, b in pairs))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 12))
    label = st.text(max_size=12) | st.sampled_from(
        ["</text><script>", '"];x', "日本語", "a\x1b[31m\n", "&amp;", "\u202e"]
    )
    nodes = tuple(
        GraphNode(f"n{n}", draw(label), draw(label), draw(st.sampled_from([None, "odd", *LOOKS]))) for n in range(count)
    )
    place = st.integers(0, max(count - 1, 0))
    pairs = draw(st.lists(st.tuples(place, place), max_size=20)) if count else []
    edges = tuple(dict.fromkeys((f"n{a}", f"n{b}") for a, b in pairs if a != b))
    return Graph(draw(label), nodes, edges, draw(st.sampled_from([None, "running"])))


def test_a_chain_and_a_branch_look_like_this() -> None:
    made = graph(
        "ingest:success check:running review last", "ingest>check ingest>review check>last review>last ingest>last"
    )

    assert render_text(made).splitlines() == [
        "            ┌──────────┐",
        "            │ ✓ ingest │",
        "            └─────┬────┘",
        "                  │",
        "       ┌──────────┴┬─────────┐",
        "       ▼           ▼         │",
        " ┌─────────┐   ┌────────┐    │",
        " │ ◐ check │   │ review │    │",
        " └────┬────┘   └──┬─────┘    │",
        "      │           │          │",
        "      └──────┐  ┌─┘          │",
        "             │  │  ┌─────────┘",
        "             ▼  ▼  ▼",
        "            ┌───────────┐",
        "            │   last    │",
        "            └───────────┘",
    ]


def test_colours_stand_round_the_text_and_only_where_they_are_wanted() -> None:
    one = graph("a:failed b")

    assert "\x1b" not in render_text(one)
    assert "\x1b[31m ✗ a \x1b[0m" in render_text(one, color=True)


def test_a_graph_that_is_too_wide_becomes_a_list_by_layers() -> None:
    names = " ".join(f"worker-{n}" for n in range(30))
    edges = " ".join(f"start>worker-{n} worker-{n}>end" for n in range(30))
    lines = render_text(graph(f"start:success {names} end", edges), width=80, color=True).splitlines()

    assert lines[0] == "1  \x1b[32m✓ start\x1b[0m"
    assert lines[1] == "2  worker-0  <- start"
    assert lines[-1] == "3  end  <- worker-0, worker-1, worker-2, worker-3, worker-4 and 25 more"


def test_a_very_large_graph_becomes_a_list_without_being_drawn() -> None:
    names = " ".join(str(n) for n in range(500))

    assert len(render_text(graph(names)).splitlines()) == 500


def test_an_edge_upwards_is_left_out_of_the_drawing() -> None:
    drawn = render_text(graph("a b", "a>b b>a"))

    assert drawn.count("▼") == 1


@given(graphs())
def test_any_graph_is_drawn_for_a_terminal_without_control_characters(made: Graph) -> None:
    drawn = render_text(made, width=400)

    assert all(unicodedata.category(char) != "Cc" or char == "\n" for char in drawn)
    assert drawn.count("┌─") >= len(made.nodes) or not drawn.count("┌")
    widths = {cells(line) for line in drawn.splitlines()}
    assert max(widths, default=0) <= 410


@given(graphs())
def test_boxes_stay_whole_whatever_lines_pass(made: Graph) -> None:
    drawn = render_text(made, width=4000).splitlines()
    tops = sum(len(re.findall("┌─+┐", line)) for line in drawn)

    assert tops >= len(made.nodes)


@given(graphs())
def test_any_graph_gives_valid_svg_without_scripts(made: Graph) -> None:
    root = ElementTree.fromstring(render_svg(made))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}

    assert tags <= {"svg", "style", "rect", "text", "path", "polygon", "g", "title"}
    assert sum(element.get("class") == "box" for element in root.iter()) == len(made.nodes)
    assert sum(element.get("class") == "edge" for element in root.iter()) == len(made.edges)
    assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)


def test_texts_are_escaped_in_svg() -> None:
    drawn = render_svg(Graph('a"><script>x</script>', (GraphNode("n", "<b>&", "'\"", "failed"),), ()))

    assert "<script>" not in drawn
    assert "&lt;b&gt;&amp;" in drawn


@given(graphs())
def test_any_graph_gives_mermaid_of_one_statement_a_line(made: Graph) -> None:
    lines = render_mermaid(made).splitlines()[4:]

    text = r'[^"\[\]{}<>`\\]*'
    box = rf'n\d+\["{text}(?:<br/>{text})?"\](?::::\w+)?'
    for line in lines:
        assert re.fullmatch(rf"    (?:{box}|n\d+ --> n\d+|classDef \w+ \S+)", line)
        assert line.count('"') in {0, 2}
    assert sum(" --> " in line for line in lines) == len(made.edges)


@given(graphs())
def test_any_graph_gives_dot_whose_texts_are_closed(made: Graph) -> None:
    drawn = render_dot(made)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", drawn)

    assert '"' not in outside
    assert outside.count("{") == outside.count("}") == 1
    assert outside.count("->") == len(made.edges)


@given(graphs())
def test_boxes_of_a_picture_do_not_touch_and_lines_end_above_or_left_of_their_box(made: Graph) -> None:
    picture = scene(made)
    boxes = {box.id: box for box in picture.boxes}

    for one in picture.boxes:
        assert one.x >= 0
        assert one.x + one.width <= picture.width
        assert one.y + HEIGHT <= picture.height
        for other in picture.boxes:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert one is other or beside or abs(one.y - other.y) >= HEIGHT
    for curve in picture.curves:
        points = bends(curve)
        assert points[0] == curve.start
        assert points[-1] == pytest.approx(curve.end)
        target = boxes[curve.target]
        above, left = (target.x + target.width / 2, target.y), (target.x, target.y + HEIGHT / 2)
        assert curve.tip[2] in (pytest.approx(above), pytest.approx(left))


def fan(count: int) -> Graph:
    names = ["start", *(f"leaf-{number}" for number in range(count)), "end"]
    edges = [pair for name in names[1:-1] for pair in (("start", name), (name, "end"))]
    nodes = tuple(GraphNode(id=name, label=name, detail="a program", status="success") for name in names)
    return Graph(title="fan", nodes=nodes, edges=(*edges, ("start", "end")), status="success")


def test_a_graph_that_would_be_far_wider_than_high_goes_to_the_right() -> None:
    picture = scene(fan(30))
    boxes = {box.id: box for box in picture.boxes}
    rows = sorted(box.y for box in picture.boxes if box.id.startswith("leaf"))

    assert picture.width < picture.height
    assert boxes["start"].x + boxes["start"].width < boxes["leaf-0"].x
    assert all(below - above >= HEIGHT for above, below in pairwise(rows))
    assert all(box.x + box.width <= picture.width and box.y + HEIGHT <= picture.height for box in picture.boxes)
    for curve in picture.curves:
        source, target = boxes[curve.source], boxes[curve.target]
        assert curve.start == pytest.approx((source.x + source.width, source.y + HEIGHT / 2))
        assert curve.tip[2] == pytest.approx((target.x, target.y + HEIGHT / 2))
        assert bends(curve)[-1] == pytest.approx(curve.end)
    few = scene(fan(3))
    assert few.width > few.height


def test_a_picture_has_room_for_its_title_and_status() -> None:
    made = Graph(title="W" * 70, nodes=(GraphNode(id="a", label="a"),), edges=(), status="partial_success")

    assert scene(made).width > 70 * 10
    assert f"{'W' * 70} · partial_success</text>" in render_svg(made)


def test_marks_that_combine_stay_on_their_letter_in_a_terminal() -> None:
    label = "e\u0301 漢\u3099 x"
    drawn = render_text(Graph(title="", nodes=(GraphNode(id="a", label=label),), edges=(), status=None))

    assert f"│ {label} │" in drawn


def test_a_png_is_as_large_as_its_picture_and_shows_colours() -> None:
    image = pytest.importorskip("PIL.Image")
    made = graph("a:success b:failed c", "a>b a>c")
    opened = image.open(io.BytesIO(render_png(made, scale=1.0)))
    picture = scene(made)

    assert opened.size == (round(picture.width), round(picture.height))
    colours = {colour for _, colour in opened.convert("RGB").getcolors(1_000_000)}
    assert {tuple(bytes.fromhex(look(word).fill[1:])) for word in ("success", "failed")} <= colours


def test_a_png_falls_back_to_the_font_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    font = pytest.importorskip("PIL.ImageFont")

    def none(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr("bluelabel.services.workflow.drawing.png._FONTS", ("no-such-font.ttf",))

    assert font is not None
    assert render_png(graph("a")).startswith(b"\x89PNG")


def test_a_graph_that_no_png_can_hold_is_refused() -> None:
    pytest.importorskip("PIL")
    names = " ".join(f"step-number-{n}" for n in range(3000))
    chain = " ".join(f"step-number-{n}>step-number-{n + 1}" for n in range(1500))

    with pytest.raises(TooLarge, match="too large for PNG"):
        render_png(graph(names, chain))


def test_a_png_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "PIL":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(MachineError, match="Pillow") as caught:
        render_png(graph("a"))
    assert "bluelabel[png]" in str(caught.value.hint)


def test_every_status_has_a_glyph_of_one_column_and_an_unknown_one_looks_plain() -> None:
    assert all(cells(known.glyph) == 1 for known in LOOKS.values())
    assert look("never heard of") is PLAIN
    assert look(None) is PLAIN


def test_names_are_cleaned_of_what_steers_terminals() -> None:
    assert clean("a\x1b[2Jb\nc\u202ed\x00") == "a[2Jb cd"
    assert clean("x" * 100, 10) == "x" * 9 + "…"
    assert cells("日本e\u0301") == 5


def spec(step_id: str, kind: StepKind, target: Any, *depends_on: str) -> StepSpec:
    return StepSpec(step_id, kind, step_id, target, depends_on=depends_on)


def test_a_definition_is_drawn_with_what_does_the_work() -> None:
    definition = Definition(
        "n",
        "1.0",
        steps=(
            spec("a", StepKind.AGENT, "ingestion"),
            spec("b", StepKind.COMMAND, ("make", "test"), "a", "a", "gone"),
            spec("c", StepKind.HANDOFF, {"to": "CC"}),
            spec("d", StepKind.APPROVAL, {"by": "HUMAN"}),
            spec("e", StepKind.SLEEP, {"seconds": 3.0}),
            spec("f", StepKind.SLEEP, {"until": "noon"}),
            spec("g", StepKind.CALL, "m:f"),
        ),
    )
    made = graph_of(definition, {"status": "RUNNING", "steps": {"a": {"status": "SUCCESS"}}})

    assert [node.detail for node in made.nodes] == [
        *("agent ingestion", "command make test", "handoff to CC", "approval by HUMAN"),
        *("sleep 3.0 s", "sleep until noon", "call m:f"),
    ]
    assert (made.title, made.status, made.edges) == ("n 1.0", "running", (("a", "b"),))
    assert [node.status for node in made.nodes][:2] == ["success", None]


def test_a_run_is_drawn_by_what_its_steps_wait_for() -> None:
    made = graph_of_run({
        "dag_id": "d",
        "run_id": "0123456789",
        "status": "failed",
        "steps": {
            "a": {"status": "success", "retry_count": 2, "max_retries": 3},
            "b": {"status": "failed", "metadata": {"dependencies": ["a", "zz"]}},
            "c": 5,
        },
        "metadata": {"workflow_def": {"name": 5}},
    })  # fmt: skip

    assert made.title == "d 01234567"
    assert made.edges == (("a", "b"),)
    assert made.nodes[0].detail == "2/3 retries"
    assert [node.id for node in made.nodes] == ["a", "b", "c"]


def test_a_run_that_keeps_its_definition_is_drawn_by_it() -> None:
    made = graph_of_run({
        "dag_id": "d",
        "run_id": "r",
        "status": "running",
        "steps": [{"step_id": "take", "status": "success"}],
        "metadata": {"workflow_def": {"name": "d", "steps": [
            {"name": "take", "agent": "ingestion", "output": "words"},
            {"name": "fold", "agent": "digest", "input": {"x": "{{words}}"}},
        ]}},
    })  # fmt: skip

    assert made.edges == (("take", "fold"),)
    assert [(node.detail, node.status) for node in made.nodes] == [
        *(("agent ingestion", "success"), ("agent digest", None)),
    ]


def test_a_run_without_steps_is_an_empty_picture() -> None:
    made = graph_of_run({})

    assert made == Graph("run", (), ())
    assert render_text(made) == ""
    ElementTree.fromstring(render_svg(made))


@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.integers(0, 20), min_size=1, max_size=4)), max_size=8))
def test_lines_that_turn_in_one_row_do_not_meet(pieces: list[tuple[int, list[int]]]) -> None:
    bundles = [Bundle(3 * top, [3 * at + 1 for at in bottoms]) for top, bottoms in dict(pieces).items()]
    rows = assign_tracks(bundles)
    turning = [bundle for bundle in bundles if bundle.first != bundle.last]

    for one in turning:
        assert 0 <= one.track < rows
        for other in turning:
            if one is not other and one.track == other.track:
                assert one.last < other.first or other.last < one.first


def test_a_line_turns_above_one_that_comes_down_where_it_begins() -> None:
    above, below = Bundle(2, [5]), Bundle(5, [11])
    assign_tracks([above, below])

    assert below.track < above.track


@given(st.integers(0, 40), st.integers(0, 60), st.integers(5, 30))
def test_lines_enter_a_box_between_its_corners(count: int, left: int, width: int) -> None:
    found = entering(count, left, width)

    assert len(found) == count
    assert found == sorted(found)
    assert all(left < at < left + width - 1 for at in found)


@given(st.floats(0, 50), st.integers(0, 2), st.integers(0, 40), st.integers(3, 20))
def test_a_column_is_of_its_kind_and_in_its_range(middle: float, kind: int, low: int, size: int) -> None:
    found = column(middle, kind, low, low + size)

    assert found % 3 == kind
    assert low <= found <= low + size
