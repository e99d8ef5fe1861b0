"""Where each box of a graph stands: layer by layer from above, few crossings, straight lines where there is room.

Steps go into the layer after the last of those they wait for. A line over several layers gets a bend in each of them,
so that it goes round boxes; then boxes are ordered by their neighbours, and at last moved towards them without overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_BENDS: Final = 20_000
"""So many bends at most: past that, long lines go straight, or the time would grow with the square of the graph."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: its layer from 0 above, its rank in the layer from 0 at the left, the middle and the width."""

    id: str
    layer: int
    rank: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """An edge: the points (x, layer) it goes through, from the middle of its source to that of its target."""

    source: str
    target: str
    points: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All places. `width` is that of the widest layer, from 0; `layers` is how many there are."""

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    width: float
    layers: int


def lay_out(
    nodes: Sequence[str],
    edges: Iterable[tuple[str, str]],
    widths: Mapping[str, float] | None = None,
    gap: float = 0.5,
) -> Layout:
    """Return where everything stands.

    Args:
        nodes: the ids; their order decides where nothing else does.
        edges: pairs (source, target) of known ids. An edge that closes a circle is drawn, but moves nothing.
        widths: how wide each box is; 1.0 unless given.
        gap: the room between two boxes of a layer.
    """
    grid = _Grid(nodes, list(edges), widths or {}, gap)
    grid.order()
    grid.move()
    return grid.result()


class _Grid:
    """Vertices are numbers: first the nodes, then the bends."""

    def __init__(
        self, nodes: Sequence[str], edges: list[tuple[str, str]], widths: Mapping[str, float], gap: float
    ) -> None:
        self.nodes = list(dict.fromkeys(nodes))
        self.gap = gap
        number = {name: place for place, name in enumerate(self.nodes)}
        self.edges = [(number[a], number[b]) for a, b in edges]
        self.width = [float(widths.get(name, 1.0)) for name in self.nodes]
        self.layer = _layers(len(self.nodes), self.edges)
        self.above: list[list[int]] = [[] for _ in self.nodes]
        self.below: list[list[int]] = [[] for _ in self.nodes]
        self.chains: list[list[int]] = []
        self._bend()
        depth = max(self.layer, default=-1) + 1
        self.rows: list[list[int]] = [[] for _ in range(depth)]
        for vertex, layer in enumerate(self.layer):
            self.rows[layer].append(vertex)
        self.x = [0.0] * len(self.layer)

    def _bend(self) -> None:
        left = _BENDS
        for source, target in self.edges:
            chain = [source]
            span = self.layer[target] - self.layer[source]
            if 1 < span <= left:
                left -= span
                for layer in range(self.layer[source] + 1, self.layer[target]):
                    chain.append(len(self.layer))
                    self.layer.append(layer)
                    self.width.append(0.0)
                    self.above.append([])
                    self.below.append([])
            chain.append(target)
            self.chains.append(chain)
            if span >= 1:
                for upper, lower in pairwise(chain):
                    self.below[upper].append(lower)
                    self.above[lower].append(upper)

    def order(self) -> None:
        """Sort each layer by the mean rank of its neighbours, downwards and upwards in turn."""
        rank = [0.0] * len(self.layer)
        for row in self.rows:
            for place, vertex in enumerate(row):
                rank[vertex] = float(place)
        for turn in range(4):
            neighbours = self.below if turn % 2 else self.above
            rows = self.rows if turn % 2 == 0 else self.rows[::-1]
            for row in rows:
                if len(row) > 1:
                    means = {v: _mean([rank[n] for n in neighbours[v]], rank[v]) for v in row}
                    row.sort(key=means.__getitem__)
                for place, vertex in enumerate(row):
                    rank[vertex] = float(place)

    def move(self) -> None:
        """Pack each layer, then pull each vertex towards the middle of its neighbours as far as there is room."""
        for row in self.rows:
            edge = 0.0
            for vertex in row:
                self.x[vertex] = edge + self.width[vertex] / 2
                edge += self.width[vertex] + self.gap
        widest = max((self.x[row[-1]] + self.width[row[-1]] / 2 for row in self.rows if row), default=0.0)
        for row in self.rows:
            shift = (widest - self.x[row[-1]] - self.width[row[-1]] / 2) / 2
            for vertex in row:
                self.x[vertex] += shift
        for neighbours, rows in ((self.above, self.rows), (self.below, self.rows[::-1]), (self.above, self.rows)):
            for row in rows:
                self._pull(row, neighbours)
        least = min((self.x[v] - self.width[v] / 2 for row in self.rows for v in row[:1]), default=0.0)
        self.x = [x - least for x in self.x]

    def _pull(self, row: list[int], neighbours: list[list[int]]) -> None:
        # Wishes are met as nearly as the order and the gaps allow (least squares, by pooling neighbours that collide).
        offsets: list[float] = []
        offset = 0.0
        for place, vertex in enumerate(row):
            if place:
                before = row[place - 1]
                offset += (self.width[before] + self.width[vertex]) / 2 + self.gap
            offsets.append(offset)
        blocks: list[tuple[float, float, int]] = []
        for vertex, offset in zip(row, offsets, strict=True):
            near = neighbours[vertex]
            wish = _mean([self.x[n] for n in near], self.x[vertex]) - offset
            weight = 1.0 if near else 0.05
            block = (wish * weight, weight, 1)
            while blocks and blocks[-1][0] / blocks[-1][1] > block[0] / block[1]:
                last = blocks.pop()
                block = (block[0] + last[0], block[1] + last[1], block[2] + last[2])
            blocks.append(block)
        place = 0
        for total, weight, count in blocks:
            for _ in range(count):
                self.x[row[place]] = total / weight + offsets[place]
                place += 1

    def result(self) -> Layout:
        """Return the places of nodes and the points of edges."""
        boxes: dict[str, Box] = {}
        for layer, row in enumerate(self.rows):
            known = [vertex for vertex in row if vertex < len(self.nodes)]
            for rank, vertex in enumerate(known):
                name = self.nodes[vertex]
                boxes[name] = Box(name, layer, rank, self.x[vertex], self.width[vertex])
        lines = tuple(
            Line(self.nodes[chain[0]], self.nodes[chain[-1]], tuple((self.x[v], self.layer[v]) for v in chain))
            for chain in self.chains
        )
        ends = [self.x[v] + self.width[v] / 2 for row in self.rows for v in row[-1:]]
        return Layout({name: boxes[name] for name in self.nodes}, lines, max(ends, default=0.0), len(self.rows))


def _layers(count: int, edges: list[tuple[int, int]]) -> list[int]:
    """Return the layer of each node: one more than the deepest it waits for, circles cut where they are met."""
    below: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for source, target in edges:
        below[source].append(target)
        missing[target] += 1
    layer = [0] * count
    done = [False] * count
    ready = [vertex for vertex in range(count) if not missing[vertex]]
    first = 0
    while True:
        for vertex in ready:
            done[vertex] = True
            for target in below[vertex]:
                missing[target] -= 1
                if not done[target]:
                    layer[target] = max(layer[target], layer[vertex] + 1)
                    if missing[target] == 0:
                        ready.append(target)
        while first < count and done[first]:
            first += 1
        if first == count:
            return layer
        missing[first] = 0
        ready = [first]


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
