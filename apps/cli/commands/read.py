"""`bluelabel read`: what a file is, what it says, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.interfaces.errors import NotFound, UnreadableInput
from bluelabel.interfaces.records.reading import FileKind
from bluelabel.runner.operations.read_file import FileReading, read_file

_SHOWN = 20
_NAMES = {
    FileKind.TASK_CARDS: "task cards",
    FileKind.POSTBOX: "box",
    FileKind.DAG_RUN: "workflow run",
    FileKind.DAG_INDEX: "index of runs",
    FileKind.WORKFLOW: "workflow",
    FileKind.UNKNOWN: "unknown",
}


@click.command("read")
@click.argument("files", nargs=-1, required=True, type=click.Path(readable=False))
@pass_app
def read(app: App, files: tuple[str, ...]) -> None:
    """Read box, card, run and workflow files of any shape; none is changed.

    - is standard input. Leaves with 3 when a file is missing and with 5 when one cannot be read; the others are read
    all the same.
    """
    missing: list[str] = []
    unreadable: list[str] = []
    for path in files:
        found = read_file(path)
        app.emit("read", found.as_json())
        if found.error is None:
            for line in _lines(found, everything=app.verbose):
                app.say(plain(line))
            continue
        (missing if isinstance(found.error, NotFound) else unreadable).append(found.file)
        if len(files) > 1:
            app.note(plain(str(found.error)))
        else:
            raise found.error
    if unreadable:
        raise UnreadableInput(f"{len(unreadable) + len(missing)} of {len(files)} files could not be read")
    if missing:
        raise NotFound(f"{len(missing)} of {len(files)} files are missing", hint="check the paths")


def _lines(found: FileReading, *, everything: bool) -> Iterator[str]:
    record = found.record
    counts = [f"{len(record[key])} {key}" for key in ("cards", "messages", "tasks", "history", "runs") if key in record]
    for key in ("run", "workflow"):
        if key in record:
            counts.append(f"{len(record[key]['steps'])} steps")
    if found.problems:
        counts.append(f"{len(found.problems)} problem{'s' if len(found.problems) > 1 else ''}")
    yield f"{found.file}: {', '.join([_NAMES[found.kind], *counts])}"
    rows = list(_rows(record))
    shown = rows if everything else rows[:_SHOWN]
    widths = [max(len(row[n]) for row in shown) for n in range(len(shown[0]))] if shown else []
    for row in shown:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(rows) > len(shown):
        yield f"  … and {len(rows) - len(shown)} more (-v shows all)"
    for problem in found.problems:
        hint = f" ({problem.hint})" if problem.hint else ""
        yield f"  {problem.at(found.file)}: {problem.message} [{problem.code}]{hint}"


def _rows(record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for card in record.get("cards", ()):
        yield _row("card", card["id"], card["status"], card["assignee"], card["title"])
    for message in record.get("messages", ()):
        way = f"{message['sender'] or '?'} -> {message['recipient'] or '?'}"
        yield _row("message", message["task_id"] or message["id"], message["status"], way, message["type"])
    for sort in ("tasks", "history"):
        for task in record.get(sort, ()):
            yield _row("task" if sort == "tasks" else sort, task["task_id"], task["status"], None, None)
    if "run" in record:
        run = record["run"]
        yield _row("run", run["run_id"], run["status"], None, run["dag_id"])
        for name, step in run["steps"].items():
            yield _row("step", name, step["status"], f"{step['retry_count']}/{step['max_retries']}", None)
    for name, run in record.get("runs", {}).items():
        yield _row("run", name, run["status"], None, None)
    for step in record.get("workflow", {}).get("steps", ()):
        yield _row("step", step["id"], None, step["agent"], ", ".join(map(str, step["depends_on"])))


def _row(*cells: object) -> tuple[str, ...]:
    return tuple("-" if cell is None else " ".join(str(cell).split())[:60] for cell in cells)
