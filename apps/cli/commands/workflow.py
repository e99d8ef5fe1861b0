"""`bluelabel workflow`: check, make and draw workflow files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bluelabel.apps.cli.app import App, Group, pass_app, plain
from bluelabel.apps.cli.utils.named_run import named_run
from bluelabel.interfaces.errors import (
    AlreadyExists,
    BluelabelError,
    NotFound,
    Refused,
    UnreadableInput,
    UsageError,
    machine_error,
)
from bluelabel.interfaces.limits import MESSAGE_BYTES, WORKFLOW_BYTES
from bluelabel.interfaces.names import identifier

if TYPE_CHECKING:
    from bluelabel.services.workflow.drawing.graph import Graph

FORMATS = ("unicode", "svg", "png", "mermaid", "dot")
_UNREADABLE = frozenset({"too-large", "too-deep", "too-many", "not-utf8", "yaml-syntax", "empty"})


_RUNS = "bluelabel.apps.cli.commands.workflow_runs"


@click.group("workflow", cls=Group, lazy={"trace": f"{_RUNS}:trace", "compare": f"{_RUNS}:compare"})
def workflow() -> None:
    """Check, make and draw workflow files."""


@workflow.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(readable=False))
@pass_app
def check(app: App, files: tuple[str, ...]) -> None:
    """Say what is wrong with workflow FILES, with the place of each mistake.

    Leaves with 0 when all can run (there may be warnings), 1 when one cannot, 5 when one cannot be read.
    """
    from bluelabel.services.workflow.definition.diagnostics import report
    from bluelabel.services.workflow.definition.load import load

    bad: list[str] = []
    worst: BluelabelError | None = None
    for file in files:
        data = _read(file, WORKFLOW_BYTES + 1)
        definition, problems = load(data, file)
        found: dict[str, Any] = {"file": file, "ok": definition is not None}
        if definition is not None:
            found |= {"name": definition.name, "version": definition.version, "steps": len(definition.steps)}
        app.emit("workflow_check", {**found, "problems": [{**p.as_json(), "hint": p.hint} for p in problems]})
        if problems:
            app.say(plain(report(problems, file, data)) + "\n")
        if definition is not None:
            warned = f", {_counted(len(problems), 'warning')}" if problems else ""
            app.say(plain(f"{file}: {definition.name}, {_counted(len(definition.steps), 'step')}{warned}: can run"))
            continue
        bad.append(file)
        kind = UnreadableInput if any(problem.code in _UNREADABLE for problem in problems) else Refused
        what = f"{_counted(len(problems), 'problem')} found"
        worst = worst or kind(what, where=problems[0].at(file), hint=problems[0].hint)
    if worst is not None and len(files) > 1:
        raise type(worst)(f"{len(bad)} of {len(files)} files cannot run", where=", ".join(bad[:5]))
    if worst is not None:
        raise worst


@workflow.command("new")
@click.argument("name")
@click.option("--template", default="basic", show_default=True, help="basic, handoff or commands.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where to write it.")
@click.option("--editor", is_flag=True, help="Write the schema beside it, so that editors complete keys.")
@pass_app
def new(app: App, name: str, template: str, folder: Path, editor: bool) -> None:
    """Write NAME.yaml, a small workflow to begin with. An existing file is never touched."""
    from bluelabel.services.workflow.definition.schema import text
    from bluelabel.services.workflow.definition.templates import TEMPLATES, new_workflow

    name = identifier(name.removesuffix(".yaml"), "a name for a workflow")
    if template not in TEMPLATES:
        raise UsageError("no template of this name", where=template, hint=f"there are {', '.join(TEMPLATES)}")
    path, beside = folder / f"{name}.yaml", folder / "workflow.schema.json"
    made = new_workflow(name, template)
    if editor:
        made = f"# yaml-language-server: $schema=./{beside.name}\n{made}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(made)
        if editor:
            beside.write_text(text(), encoding="utf-8")
    except FileExistsError:
        raise AlreadyExists("the file exists already", where=str(path), hint="choose another name") from None
    except OSError as error:
        raise machine_error(error, "writing a workflow", str(path)) from error
    app.show("workflow_new", {"file": str(path), "template": template}, f"wrote {path}")
    app.note(f"run it with `bluelabel run dag {path}`")


@workflow.command("graph")
@click.argument("target", metavar="FILE|ID")
@click.option("--format", "form", type=click.Choice(FORMATS), default="unicode", show_default=True, help="How to draw.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@click.option("--width", type=click.IntRange(20, 2000), help="Columns of the terminal drawing.")
@pass_app
def graph(app: App, target: str, form: str, output: Path | None, width: int | None) -> None:
    """Draw a workflow file, or a run with how far each step has come."""
    found = _graph(app, target)
    if app.as_json:
        app.emit("graph", _as_json(found))
        if output is None:
            return
    drawn = _drawn(app, found, form, width, to_file=output is not None)
    if output is None:
        if isinstance(drawn, bytes):
            sys.stdout.buffer.write(drawn)
        else:
            app.say(drawn.rstrip("\n"))
        return
    try:
        output.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
    except OSError as error:
        raise machine_error(error, "writing a picture", str(output)) from error
    app.say(f"wrote {output}")


@workflow.command("schema")
@pass_app
def schema(app: App) -> None:
    """Print the JSON Schema of workflow files."""
    from bluelabel.services.workflow.definition.schema import schema as build
    from bluelabel.services.workflow.definition.schema import text

    app.emit("workflow_schema", {"document": build()})
    app.say(text().rstrip("\n"))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _read(file: str, limit: int) -> bytes:
    try:
        with Path(file).open("rb") as opened:
            return opened.read(limit)
    except FileNotFoundError:
        hint = "`bluelabel workflow new NAME` writes one to begin with"
        raise NotFound("no such file", where=file, hint=hint) from None
    except OSError as error:
        raise machine_error(error, "reading a workflow", file) from error


def _graph(app: App, target: str) -> Graph:
    from bluelabel.services.workflow.definition.load import load
    from bluelabel.services.workflow.drawing.graph import graph_of, graph_of_run
    from bluelabel.services.workflow.store.run_reader import looks_like_run

    if not Path(target).is_file():
        return _graph_of_run_id(app, target)
    data = _read(target, MESSAGE_BYTES)
    if looks_like_run(data, target if target.endswith(".json") else "run.json"):
        run = json.loads(data.decode("utf-8-sig"))
        return graph_of_run(run)
    definition, problems = load(data, target)
    if definition is None:
        first = problems[0]
        hint = "`bluelabel workflow check` shows every problem with its line"
        raise UnreadableInput(first.message, where=first.at(target), hint=hint, problems=problems)
    return graph_of(definition)


def _graph_of_run_id(app: App, target: str) -> Graph:
    from bluelabel.services.workflow.drawing.graph import graph_of_run

    if target.endswith((".yaml", ".yml", ".json")) or "/" in target:
        _read(target, 1)
    return graph_of_run(named_run(app, target).to_dict())


def _drawn(app: App, found: Graph, form: str, width: int | None, *, to_file: bool) -> str | bytes:
    if form == "svg":
        from bluelabel.services.workflow.drawing.svg import render_svg

        return render_svg(found)
    if form == "png":
        from bluelabel.services.workflow.drawing.png import render_png

        if not to_file and sys.stdout.isatty():
            raise UsageError("a PNG does not belong on a terminal", hint="add --output FILE.png")
        return render_png(found)
    if form in {"mermaid", "dot"}:
        from bluelabel.services.workflow.drawing.source import render_dot, render_mermaid

        return render_mermaid(found) if form == "mermaid" else render_dot(found)
    from bluelabel.services.workflow.drawing.text import render_text

    terminal = sys.stdout.isatty() and not to_file
    columns = width or _columns(terminal=terminal)
    return render_text(found, width=columns, color=app.color and terminal)


def _columns(*, terminal: bool) -> int:
    import shutil

    return shutil.get_terminal_size((120, 40)).columns if terminal else 160


def _as_json(found: Graph) -> dict[str, Any]:
    from bluelabel.services.workflow.drawing.layout import lay_out

    layout = lay_out([node.id for node in found.nodes], found.edges)
    nodes = [
        {
            "id": node.id,
            "label": node.label,
            "detail": node.detail,
            "status": node.status,
            "layer": layout.boxes[node.id].layer,
            "rank": layout.boxes[node.id].rank,
            "x": round(layout.boxes[node.id].x, 3),
        }
        for node in found.nodes
    ]
    edges = [
        {"source": line.source, "target": line.target, "points": [[round(x, 3), y] for x, y in line.points]}
        for line in layout.lines
    ]
    return {"title": found.title, "status": found.status, "nodes": nodes, "edges": edges, "layers": layout.layers}
