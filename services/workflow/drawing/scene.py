"""A graph as boxes and curves in pixels: what SVG and PNG both draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bluelabel.services.workflow.drawing.graph import Graph
from bluelabel.services.workflow.drawing.layout import Layout, lay_out
from bluelabel.services.workflow.drawing.palette import cells, clean

MARGIN: Final = 24.0
HEIGHT: Final = 46.0
TITLE: Final = 40.0
_LAYER_GAP: Final = 54.0
_BOX_GAP: Final = 28.0
_ROW_GAP: Final = 14.0
_COLUMN_GAP: Final = 84.0
_FAR_WIDER: Final = 4.0
_CHAR: Final = 7.8
_SMALL: Final = 6.4
_TITLE_CHAR: Final = 11.0

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
    """A line: its start, and three points (two to bend towards, one to reach) for each piece."""

    source: str
    target: str
    start: Point
    pieces: tuple[tuple[Point, Point, Point], ...]

    @property
    def end(self) -> Point:
        """The point it reaches."""
        return self.pieces[-1][2] if self.pieces else self.start

    @property
    def tip(self) -> tuple[Point, Point, Point]:
        """The corners of the arrow head: two behind, and the point."""
        (x, y), (bx, by) = self.end, self.pieces[-1][1] if self.pieces else self.start
        if abs(x - bx) > abs(y - by):
            return (x - 2, y - 4), (x - 2, y + 4), (x + 5, y)
        return (x - 4, y - 2), (x + 4, y - 2), (x, y + 5)


@dataclass(frozen=True, slots=True)
class Scene:
    """The whole picture; the title says the status, too."""

    title: str
    status: str | None
    width: float
    height: float
    boxes: tuple[SceneBox, ...]
    curves: tuple[SceneCurve, ...]


def scene(graph: Graph) -> Scene:
    """Return where everything of `graph` stands, in pixels from the upper left corner.

    A graph goes down, layer by layer. One that would be far wider than high goes to the right instead: boxes are wider
    than high, so that many beside one another need less room one below another.
    """
    labels = {node.id: clean(node.label, 32) or clean(node.id, 32) or "?" for node in graph.nodes}
    details = {node.id: clean(node.detail, 38) for node in graph.nodes}
    widths = {name: _width(text, details[name]) for name, text in labels.items()}
    layout = lay_out(list(labels), graph.edges, widths, _BOX_GAP)
    place = _downwards(layout)
    if place.size[0] > _FAR_WIDER * place.size[1]:
        place = _rightwards(lay_out(list(labels), graph.edges, dict.fromkeys(labels, HEIGHT), _ROW_GAP), widths)
    nodes = {node.id: node for node in graph.nodes}
    boxes = tuple(
        SceneBox(name, *place.corners[name], widths[name], labels[name], details[name], nodes[name].status)
        for name in layout.boxes
    )
    title = clean(graph.title, 80)
    heading = f"{title} · {graph.status}" if graph.status else title
    width = max(place.size[0], cells(heading) * _TITLE_CHAR) + 2 * MARGIN
    return Scene(heading, graph.status, width, TITLE + place.size[1] + 2 * MARGIN, boxes, place.curves)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A graph on the page: the upper left corner of each box, the lines, and the room they take."""

    corners: dict[str, Point]
    curves: tuple[SceneCurve, ...]
    size: Point


def _downwards(layout: Layout) -> _Placed:
    def top(layer: int) -> float:
        return TITLE + MARGIN + layer * (HEIGHT + _LAYER_GAP)

    corners = {box.id: (MARGIN + box.x - box.width / 2, top(box.layer)) for box in layout.boxes.values()}
    curves = tuple(
        _curve(line.source, line.target, [((MARGIN + x, top(layer)), HEIGHT) for x, layer in line.points])
        for line in layout.lines
    )
    return _Placed(corners, curves, (layout.width, max(layout.layers, 1) * (HEIGHT + _LAYER_GAP) - _LAYER_GAP))


def _rightwards(layout: Layout, widths: Mapping[str, float]) -> _Placed:
    deepest = [0.0] * max(layout.layers, 1)
    for box in layout.boxes.values():
        deepest[box.layer] = max(deepest[box.layer], widths[box.id])
    lefts = [MARGIN + sum(deepest[:layer]) + layer * _COLUMN_GAP for layer in range(len(deepest))]
    top = TITLE + MARGIN
    corners = {box.id: (lefts[box.layer], top + box.x - HEIGHT / 2) for box in layout.boxes.values()}
    curves: list[SceneCurve] = []
    for line in layout.lines:
        depths = [deepest[layer] for _, layer in line.points]
        depths[0] = widths[line.source]
        turned = [((top + x, lefts[layer]), depth) for (x, layer), depth in zip(line.points, depths, strict=True)]
        curves.append(_turned(_curve(line.source, line.target, turned)))
    return _Placed(corners, tuple(curves), (lefts[-1] - MARGIN + deepest[-1], layout.width))


def _turned(curve: SceneCurve) -> SceneCurve:
    """Return a line that goes down as one that goes to the right."""
    pieces = tuple(((a[1], a[0]), (b[1], b[0]), (c[1], c[0])) for a, b, c in curve.pieces)
    return SceneCurve(curve.source, curve.target, (curve.start[1], curve.start[0]), pieces)


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


def _curve(source: str, target: str, points: Sequence[tuple[Point, float]]) -> SceneCurve:
    """Return the line through `points`: where it crosses the upper border of each layer, and how deep that is."""
    (x, y), depth = points[0]
    here = start = (x, y + depth)
    pieces: list[tuple[Point, Point, Point]] = []
    for number, ((x, y), depth) in enumerate(points[1:], 2):
        last = number == len(points)
        # A bend passes a layer of boxes straight on, from its upper to its lower border.
        there = (x, y - 5 if last else y)
        half = (there[1] - here[1]) / 2
        pieces.append(((here[0], here[1] + half), (there[0], there[1] - half), there))
        here = there
        if not last:
            below = (x, y + depth)
            pieces.append(((x, y + depth / 3), (x, y + depth * 2 / 3), below))
            here = below
    return SceneCurve(source, target, start, tuple(pieces))
