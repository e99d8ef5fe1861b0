"""Draws a graph as SVG: one file, no scripts, readable in the dark, every text escaped."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from bluelabel.services.workflow.drawing.graph import Graph
from bluelabel.services.workflow.drawing.palette import LOOKS, PLAIN, Look, look
from bluelabel.services.workflow.drawing.scene import HEIGHT, MARGIN, Scene, SceneBox, SceneCurve, scene

_STYLE = """
text{font-family:ui-sans-serif,system-ui,"DejaVu Sans",sans-serif;fill:#0f172a}
.title{font-size:17px;font-weight:600}.label{font-size:13px;font-weight:600}.detail{font-size:11px;fill:#475569}
.edge{fill:none;stroke:#94a3b8;stroke-width:1.5}.tip{fill:#94a3b8}.page{fill:#ffffff}
rect.box{stroke-width:1.5}.skipped rect.box,.pending rect.box{stroke-dasharray:5 3}
@media (prefers-color-scheme:dark){.page{fill:#0f172a}.title{fill:#f1f5f9}}
"""


def render_svg(graph: Graph) -> str:
    """Return the text of an SVG file."""
    picture = scene(graph)
    width, height = _n(picture.width), _n(picture.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label={quoteattr(_spoken(picture))}>',
        f"<style>{_STYLE}{_colours()}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="title" x="{_n(MARGIN)}" y="{_n(MARGIN + 12)}">{escape(picture.title)}</text>',
        *(_edge(curve) for curve in picture.curves),
        *(_box(box) for box in picture.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _spoken(picture: Scene) -> str:
    count = len(picture.boxes)
    return f"{picture.title or 'Workflow'}: {count} {'step' if count == 1 else 'steps'}"


def _colours() -> str:
    rules = [_rule(word, known) for word, known in LOOKS.items()]
    return _rule("plain", PLAIN) + "".join(rules)


def _rule(word: str, known: Look) -> str:
    return f".{word} rect.box{{fill:{known.fill};stroke:{known.line}}}.{word} text.glyph{{fill:{known.line}}}"


def _edge(curve: SceneCurve) -> str:
    path = f"M{_n(curve.start[0])} {_n(curve.start[1])}"
    for first, second, end in curve.pieces:
        path += f"C{_n(first[0])} {_n(first[1])} {_n(second[0])} {_n(second[1])} {_n(end[0])} {_n(end[1])}"
    tip = " ".join(f"{_n(x)},{_n(y)}" for x, y in curve.tip)
    return f'<path class="edge" d="{path}"/><polygon class="tip" points="{tip}"/>'


def _box(box: SceneBox) -> str:
    known = box.status if box.status in LOOKS else "plain"
    glyph = look(box.status).glyph
    shown = f"{box.label}: {box.status}" if box.status else box.label
    middle = _n(box.x + box.width / 2)
    lines = [f'<g class="{known}"><title>{escape(shown)}</title>']
    lines.append(
        f'<rect class="box" x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(HEIGHT)}" rx="7"/>'
    )
    baseline = _n(box.y + (20 if box.detail else 28))
    if glyph:
        # A text of its own: not every program that reads SVG can centre a text of two colours.
        place = f'x="{_n(box.x + 16)}" y="{_n(box.y + 28)}"'
        lines.append(f'<text class="label glyph" {place} text-anchor="middle">{escape(glyph)}</text>')
    label = escape(box.label)
    lines.append(f'<text class="label" x="{middle}" y="{baseline}" text-anchor="middle">{label}</text>')
    if box.detail:
        y = _n(box.y + 36)
        lines.append(f'<text class="detail" x="{middle}" y="{y}" text-anchor="middle">{escape(box.detail)}</text>')
    return "".join(lines) + "</g>"


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
