"""Writes a graph as text for other drawing programs: mermaid and DOT."""

from __future__ import annotations

from bluelabel.services.workflow.drawing.graph import Graph, GraphNode
from bluelabel.services.workflow.drawing.palette import LOOKS, clean, look

# Names of boxes are made up (n0, n1 …), so that no id can be taken for a word of the language.


def render_mermaid(graph: Graph) -> str:
    """Return the graph as a mermaid flowchart."""
    names = {node.id: f"n{place}" for place, node in enumerate(graph.nodes)}
    lines = ["---", f'title: "{_mermaid(clean(graph.title, 80))}"', "---", "flowchart TD"]
    for node in graph.nodes:
        text = "<br/>".join(_mermaid(part) for part in _texts(node))
        known = f":::{node.status}" if node.status in LOOKS else ""
        lines.append(f'    {names[node.id]}["{text}"]{known}')
    lines += [f"    {names[source]} --> {names[target]}" for source, target in graph.edges]
    for word in sorted({node.status for node in graph.nodes if node.status in LOOKS} - {None}, key=str):
        known_look = look(word)
        lines.append(f"    classDef {word} fill:{known_look.fill},stroke:{known_look.line},color:#0f172a")
    return "\n".join(lines) + "\n"


def render_dot(graph: Graph) -> str:
    """Return the graph in the DOT language of Graphviz."""
    names = {node.id: f"n{place}" for place, node in enumerate(graph.nodes)}
    lines = [
        "digraph workflow {",
        f'    graph [label="{_dot(clean(graph.title, 80))}", labelloc=t, rankdir=TB];',
        '    node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ]
    for node in graph.nodes:
        known = look(node.status)
        text = "\\n".join(_dot(part) for part in _texts(node))
        lines.append(f'    {names[node.id]} [label="{text}", fillcolor="{known.fill}", color="{known.line}"];')
    lines += [f"    {names[source]} -> {names[target]};" for source, target in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _texts(node: GraphNode) -> list[str]:
    glyph = look(node.status).glyph
    label = clean(node.label) or clean(node.id) or "?"
    detail = clean(node.detail)
    return [f"{glyph} {label}" if glyph else label, *([detail] if detail else [])]


def _mermaid(text: str) -> str:
    # Mermaid reads #name; and #number; as characters, and its labels may be HTML.
    return "".join(char if char.isalnum() or char in " .,:_-/+@=()?!…✓✗○◐◑↻»■" else f"#{ord(char)};" for char in text)


def _dot(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
