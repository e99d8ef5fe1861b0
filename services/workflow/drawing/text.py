"""Draws a graph with box characters for a terminal; one that is too wide becomes a list by layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from bluelabel.services.workflow.drawing.channel import (
    DOWN,
    LEFT,
    RIGHT,
    SHAPES,
    UP,
    Bundle,
    assign_tracks,
    column,
    entering,
)
from bluelabel.services.workflow.drawing.graph import Graph, GraphNode
from bluelabel.services.workflow.drawing.layout import Layout, lay_out
from bluelabel.services.workflow.drawing.palette import cell, cells, clean, look

_GAP: Final = 3.0
_LINES_IN: Final = 6
_LARGEST: Final = 400

_Key = tuple[str, int] | tuple[str, str, int]
_Piece = tuple[int, tuple[float, _Key], tuple[float, _Key]]


def render_text(graph: Graph, *, width: int = 120, color: bool = False) -> str:
    """Return the graph as lines of text.

    Args:
        graph: what to draw.
        width: the columns there are; a drawing that needs more becomes a list.
        color: colour the boxes' texts with escape sequences.
    """
    labels = {node.id: _label(node) for node in graph.nodes}
    into = {node.id: 0 for node in graph.nodes}
    for _, target in graph.edges:
        into[target] += 1
    wide = {name: max(cells(text) + 4, 3 * min(into[name], _LINES_IN) + 4) for name, text in labels.items()}
    if len(graph.nodes) <= _LARGEST:
        layout = lay_out(list(labels), graph.edges, wide, _GAP)
        if layout.width <= width:
            return _Canvas(graph, layout, labels, color).draw()
    return _listed(graph, lay_out(list(labels), graph.edges), color)


def _label(node: GraphNode) -> str:
    glyph = look(node.status).glyph
    text = clean(node.label, 40) or clean(node.id, 40) or "?"
    return f"{glyph} {text}" if glyph else text


def _painted(text: str, status: str | None, color: bool) -> str:
    return f"\x1b[{look(status).ansi}m{text}\x1b[0m" if color and status else text


def _listed(graph: Graph, layout: Layout, color: bool) -> str:
    before: dict[str, list[str]] = {}
    for source, target in graph.edges:
        before.setdefault(target, []).append(source)
    nodes = {node.id: node for node in graph.nodes}
    digits = len(str(max(layout.layers, 1)))
    lines: list[str] = []
    for box in sorted(layout.boxes.values(), key=lambda box: (box.layer, box.rank)):
        node = nodes[box.id]
        waits = [clean(name, 30) for name in before.get(box.id, [])]
        shown = ", ".join(waits[:5]) + (f" and {len(waits) - 5} more" if len(waits) > 5 else "")
        label = _painted(_label(node), node.status, color)
        lines.append(f"{box.layer + 1:>{digits}}  {label}" + (f"  <- {shown}" if shown else ""))
    return "\n".join(lines)


@dataclass(slots=True)
class _Spot:
    """A box or a bend on the grid."""

    left: int
    width: int
    out: int = 0
    ins: list[int] = field(default_factory=list[int])


class _Canvas:
    def __init__(self, graph: Graph, layout: Layout, labels: Mapping[str, str], color: bool) -> None:
        self.graph = graph
        self.layout = layout
        self.labels = labels
        self.color = color
        self.spots: dict[tuple[str, int] | tuple[str, str, int], _Spot] = {}
        self.rows: list[list[str]] = []
        self.columns: int = int(layout.width) + 8
        self.entry: dict[tuple[_Key, _Key], int] = {}
        self.paint: dict[tuple[int, int], str] = {}

    def draw(self) -> str:
        """Return the whole drawing."""
        pieces = self._pieces()
        self._place(pieces)
        nodes = {node.id: node for node in self.graph.nodes}
        for layer in range(self.layout.layers):
            self._boxes(layer, nodes)
            self._channel(layer, pieces)
        paint = self.paint
        lines = ("".join(paint.get((y, x), char) for x, char in enumerate(row)) for y, row in enumerate(self.rows))
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def _pieces(self) -> list[_Piece]:
        """Return every line cut at its bends: layer, upper end, lower end."""
        pieces: list[_Piece] = []
        for line in self.layout.lines:
            ends: list[tuple[float, _Key]] = []
            for place, (x, layer) in enumerate(line.points):
                if place == 0:
                    ends.append((x, (line.source, layer)))
                elif place == len(line.points) - 1:
                    ends.append((x, (line.target, layer)))
                else:
                    ends.append((x, (line.source, line.target, layer)))
            for upper, lower in pairwise(ends):
                if int(upper[1][-1]) + 1 == int(lower[1][-1]):
                    pieces.append((int(upper[1][-1]), upper, lower))
        return pieces

    def _place(self, pieces: list[_Piece]) -> None:
        for box in self.layout.boxes.values():
            left = round(box.x - box.width / 2) + 1
            spot = _Spot(left, int(box.width))
            spot.out = column(left + (spot.width - 1) / 2, 0, left + 1, left + spot.width - 2)
            self.spots[(box.id, box.layer)] = spot
        taken: dict[int, set[int]] = {}
        for layer, upper, lower in pieces:
            for (x, key), at in ((upper, layer), (lower, layer + 1)):
                if key not in self.spots:
                    used = taken.setdefault(at, set())
                    place = column(x + 1, 2, 0, self.columns)
                    while place in used:
                        place += 3
                    used.add(place)
                    self.columns = max(self.columns, place + 4)
                    self.spots[key] = _Spot(place, 1, place, [place])
        arriving: dict[_Key, list[tuple[float, _Key]]] = {}
        for _, upper, lower in pieces:
            if len(lower[1]) == 2:
                arriving.setdefault(lower[1], []).append((self.spots[upper[1]].out, upper[1]))
        leaving: dict[_Key, int] = {}
        for _, upper, _lower in pieces:
            leaving[upper[1]] = leaving.get(upper[1], 0) + 1
        self._enter(arriving, leaving)

    def _enter(self, arriving: dict[_Key, list[tuple[float, _Key]]], leaving: dict[_Key, int]) -> None:
        for key, sources in arriving.items():
            spot = self.spots[key]
            columns = entering(len(sources), spot.left, spot.width)
            straight = sources[0][1] if len(sources) == 1 and leaving[sources[0][1]] == 1 else None
            if straight is not None and spot.left < self.spots[straight].out < spot.left + spot.width - 1:
                columns = [self.spots[straight].out]
            for (_, source), at in zip(sorted(sources, key=lambda pair: pair[0]), columns, strict=True):
                self.entry[(source, key)] = at

    def _boxes(self, layer: int, nodes: Mapping[str, GraphNode]) -> None:
        top = len(self.rows)
        self.rows += [[" "] * self.columns for _ in range(3)]
        leaving = {line.source for line in self.layout.lines if line.points[-1][1] > layer}
        for key, spot in self.spots.items():
            if int(key[-1]) != layer:
                continue
            if len(key) == 3:
                for y in range(3):
                    self.rows[top + y][spot.left] = "│"
                continue
            right = spot.left + spot.width - 1
            for y, (first, middle, last) in enumerate((("┌", "─", "┐"), ("│", " ", "│"), ("└", "─", "┘"))):
                self.rows[top + y][spot.left : right + 1] = [first, *middle * (spot.width - 2), last]
            self._write(top + 1, spot, nodes[str(key[0])])
            if key[0] in leaving:
                self.rows[top + 2][spot.out] = "┬"

    def _write(self, y: int, spot: _Spot, node: GraphNode) -> None:
        text = self.labels[node.id]
        at = spot.left + 1 + (spot.width - 2 - cells(text)) // 2
        if self.color and node.status:
            self.paint[(y, spot.left + 1)] = f"\x1b[{look(node.status).ansi}m "
            self.paint[(y, spot.left + spot.width - 2)] = " \x1b[0m"
        for char in text:
            size = cell(char)
            if size == 0:
                self._join(y, at - 1, char)
                continue
            self.rows[y][at] = char
            if size == 2:
                self.rows[y][at + 1] = ""
            at += size

    def _join(self, y: int, at: int, mark: str) -> None:
        """Put a combining mark on the character before it, which may take two cells."""
        row = self.rows[y]
        row[at if row[at] else at - 1] += mark

    def _channel(self, layer: int, pieces: list[_Piece]) -> None:
        bundles: dict[_Key, Bundle] = {}
        heads: set[int] = set()
        for at, (_, upper), (_, lower) in pieces:
            if at == layer:
                bottom = self.entry.get((upper, lower), self.spots[lower].out)
                bundles.setdefault(upper, Bundle(self.spots[upper].out, [])).bottoms.append(bottom)
                if len(lower) == 2:
                    heads.add(bottom)
        if not bundles:
            if layer + 1 < self.layout.layers:
                self.rows.append([" "] * self.columns)
            return
        tracks = assign_tracks(list(bundles.values()))
        height = tracks + 2 if tracks else 1
        grid = [[0] * self.columns for _ in range(height)]
        for bundle in bundles.values():
            _wire(grid, bundle, height)
        for y, row in enumerate(grid):
            self.rows.append([SHAPES[mask] for mask in row])
            if y == height - 1:
                for at in heads:
                    self.rows[-1][at] = "▼"


def _wire(grid: list[list[int]], bundle: Bundle, height: int) -> None:
    if bundle.first == bundle.last:
        for row in grid:
            row[bundle.top] |= UP | DOWN
        return
    turn = bundle.track + 1
    for y in range(turn):
        grid[y][bundle.top] |= UP | DOWN
    grid[turn][bundle.top] |= UP
    for bottom in set(bundle.bottoms):
        grid[turn][bottom] |= DOWN
        for y in range(turn + 1, height):
            grid[y][bottom] |= UP | DOWN
    for x in range(bundle.first, bundle.last + 1):
        grid[turn][x] |= (LEFT if x > bundle.first else 0) | (RIGHT if x < bundle.last else 0)
