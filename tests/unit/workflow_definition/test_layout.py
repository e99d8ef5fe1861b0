"""The layout: layers from above, boxes that do not touch, and time that grows with the graph and no faster."""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluelabel.services.workflow.drawing.layout import Layout, lay_out


def overlaps(layout: Layout, gap: float) -> list[tuple[str, str]]:
    rows = defaultdict(list)
    for box in layout.boxes.values():
        rows[box.layer].append(box)
    found = []
    for row in rows.values():
        row.sort(key=lambda box: box.rank)
        for left, right in pairwise(row):
            if left.x + left.width / 2 + gap > right.x - right.width / 2 + 1e-6:
                found.append((left.id, right.id))
    return found


@st.composite
def graphs(draw: st.DrawFn, circles: bool = False) -> tuple[list[str], list[tuple[str, str]], dict[str, float]]:
    count = draw(st.integers(0, 25))
    names = [f"n{number}" for number in range(count)]
    pairs = st.tuples(st.integers(0, max(count - 1, 0)), st.integers(0, max(count - 1, 0)))
    chosen = draw(st.lists(pairs, max_size=50)) if count else []
    edges = [(names[a], names[b]) for a, b in chosen if (circles and a != b) or a < b]
    widths = {name: draw(st.floats(0.5, 30)) for name in names if draw(st.booleans())}
    return names, edges, widths


@given(graphs(), st.floats(0.1, 5))
def test_edges_go_down_and_boxes_do_not_touch(
    graph: tuple[list[str], list[tuple[str, str]], dict[str, float]], gap: float
) -> None:
    names, edges, widths = graph
    layout = lay_out(names, edges, widths, gap)

    assert list(layout.boxes) == names
    assert overlaps(layout, gap) == []
    assert all(layout.boxes[a].layer < layout.boxes[b].layer for a, b in edges)
    assert all(box.x - box.width / 2 >= -1e-6 for box in layout.boxes.values())
    assert all(box.x + box.width / 2 <= layout.width + 1e-6 for box in layout.boxes.values())
    for line in layout.lines:
        layers = [layer for _, layer in line.points]
        assert layers == list(range(layout.boxes[line.source].layer, layout.boxes[line.target].layer + 1))
        assert line.points[0][0] == layout.boxes[line.source].x
        assert line.points[-1][0] == layout.boxes[line.target].x


@given(graphs())
def test_every_box_is_just_below_the_deepest_it_waits_for(
    graph: tuple[list[str], list[tuple[str, str]], dict[str, float]],
) -> None:
    names, edges, _ = graph
    layout = lay_out(names, edges)

    for name in names:
        above = [layout.boxes[source].layer for source, target in edges if target == name]
        assert layout.boxes[name].layer == max(above, default=-1) + 1


@given(graphs(circles=True))
def test_circles_are_drawn_too(graph: tuple[list[str], list[tuple[str, str]], dict[str, float]]) -> None:
    names, edges, widths = graph
    layout = lay_out(names, edges, widths)

    assert len(layout.lines) == len(edges)
    assert overlaps(layout, 0.5) == []
    assert {layout.boxes[name].layer for name in names} == set(range(layout.layers))


@given(graphs())
def test_the_same_graph_is_laid_out_the_same_way(
    graph: tuple[list[str], list[tuple[str, str]], dict[str, float]],
) -> None:
    assert lay_out(*graph) == lay_out(*graph)


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out(["a", "b", "c"], [("a", "b"), ("b", "c")], {"a": 5, "b": 1, "c": 3})

    assert {box.x for box in layout.boxes.values()} == {2.5}


def test_neighbours_are_put_in_the_order_of_what_they_wait_for() -> None:
    layout = lay_out(["a", "b", "x", "y"], [("a", "y"), ("b", "x")])

    assert layout.boxes["y"].rank < layout.boxes["x"].rank


def test_a_line_over_several_layers_goes_round_the_boxes_between() -> None:
    layout = lay_out(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")], gap=1.0)
    long = next(line for line in layout.lines if (line.source, line.target) == ("a", "c"))
    box = layout.boxes["b"]

    assert abs(long.points[1][0] - box.x) >= box.width / 2


def test_nothing_has_no_size() -> None:
    assert lay_out([], []) == Layout({}, (), 0.0, 0)


CHAIN = [(n, n + 1) for n in range(9_999)]


@pytest.mark.parametrize(
    "edges",
    [
        CHAIN,
        [(0, n) for n in range(1, 9_999)] + [(n, 9_999) for n in range(1, 9_999)],
        CHAIN + [(0, n) for n in range(2, 10_000)],
        [(n, n + step) for n in range(9_899) for step in (100, 101)],
    ],
    ids=["chain", "fan", "chain with long lines", "grid"],
)
def test_ten_thousand_boxes_take_no_long_time(edges: list[tuple[int, int]]) -> None:
    names = [str(n) for n in range(10_000)]
    started = time.process_time()
    layout = lay_out(names, [(str(a), str(b)) for a, b in edges])

    # A figure far above what it takes, so that only a wrong order of growth can reach it.
    assert time.process_time() - started < 5.0
    assert len(layout.boxes) == 10_000
