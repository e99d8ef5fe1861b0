"""A graph as boxes and curves in pixels: what SVG and PNG both draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bluelabel.services.workflow.graph import Graph
from bluelabel.services.workflow.layout import lay_out
from bluelabel.services.workflow.render_palette import cells, clean

MARGIN: Final = 24.0
HEIGHT: Final = 46.0
TITLE: Final = 40.0
_LAYER_GAP: Final = 54.0
_BOX_GAP: Final = 28.0
_CHAR: Final = 7.8
_SMALL: Final = 6.4

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SceneBox:
    """A box: its upper left corner, its width, and what stands in it."""

    id: str
    x: float
    y: float
    width: float
    label: str
    detail: str
    status: str | None


@dataclass(frozen=True, slots=True)
class SceneCurve:
    """A line that goes down: its start, and three points (two to bend towards, one to reach) for each piece."""

    source: str
    target: str
    start: Point
    pieces: tuple[tuple[Point, Point, Point], ...]

    @property
    def end(self) -> Point:
        """The point it reaches."""
        return self.pieces[-1][2] if self.pieces else self.start


@dataclass(frozen=True, slots=True)
class Scene:
    """The whole picture."""

    title: str
    status: str | None
    width: float
    height: float
    boxes: tuple[SceneBox, ...]
    curves: tuple[SceneCurve, ...]


def scene(graph: Graph) -> Scene:
    """Return where everything of `graph` stands, in pixels from the upper left corner."""
    labels = {node.id: clean(node.label, 32) or clean(node.id, 32) or "?" for node in graph.nodes}
    details = {node.id: clean(node.detail, 38) for node in graph.nodes}
    widths = {name: _width(text, details[name]) for name, text in labels.items()}
    layout = lay_out(list(labels), graph.edges, widths, _BOX_GAP)
    nodes = {node.id: node for node in graph.nodes}

    def top(layer: int) -> float:
        return TITLE + MARGIN + layer * (HEIGHT + _LAYER_GAP)

    boxes = tuple(
        SceneBox(
            box.id,
            MARGIN + box.x - box.width / 2,
            top(box.layer),
            box.width,
            labels[box.id],
            details[box.id],
            nodes[box.id].status,
        )
        for box in layout.boxes.values()
    )
    curves = tuple(
        _curve(line.source, line.target, [(MARGIN + x, top(layer)) for x, layer in line.points])
        for line in layout.lines
    )
    title = clean(graph.title, 80)
    width = max(layout.width, cells(title) * 9.0) + 2 * MARGIN
    height = top(max(layout.layers - 1, 0)) + HEIGHT + MARGIN
    return Scene(title, graph.status, width, height, boxes, curves)


def _width(label: str, detail: str) -> float:
    return max(96.0, cells(label) * _CHAR + 52, cells(detail) * _SMALL + 52)


def bends(curve: SceneCurve, count: int = 12) -> list[Point]:
    """Return points on a curve, close enough to draw it with straight lines."""
    points = [curve.start]
    for first, second, end in curve.pieces:
        start = points[-1]
        for step in range(1, count + 1):
            t = step / count
            u = 1 - t
            a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            points.append((
                a * start[0] + b * first[0] + c * second[0] + d * end[0],
                a * start[1] + b * first[1] + c * second[1] + d * end[1],
            ))  # fmt: skip
    return points


def _curve(source: str, target: str, points: Sequence[Point]) -> SceneCurve:
    start = (points[0][0], points[0][1] + HEIGHT)
    pieces: list[tuple[Point, Point, Point]] = []
    here = start
    for (_, _), (x, y) in pairwise(points):
        last = (x, y) == points[-1]
        # A bend passes a layer of boxes straight down, from its upper to its lower border.
        there = (x, y - 5 if last else y)
        half = (there[1] - here[1]) / 2
        pieces.append(((here[0], here[1] + half), (there[0], there[1] - half), there))
        here = there
        if not last:
            below = (x, y + HEIGHT)
            pieces.append(((x, y + HEIGHT / 3), (x, y + HEIGHT * 2 / 3), below))
            here = below
    return SceneCurve(source, target, start, tuple(pieces))
