"""`bluelabel workflow trace` and `compare`: what happened in a run, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.utils.named_run import named_run
from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import Refused, UnreadableInput, machine_error
from bluelabel.interfaces.limits import MESSAGE_BYTES

FORMATS = ("text", "json", "html", "otel")


@click.command("trace")
@click.argument("target", metavar="RUN|FILE")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to write it."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@pass_app
def trace(app: App, target: str, form: str, output: Path | None) -> None:
    """Write what happened in a run: every move, every attempt, every error.

    html is one page with graph and timeline that needs nothing else; otel hands the spans to OpenTelemetry as it is
    set up for this program.
    """
    from bluelabel.services.workflow.trace.events import trace_json

    run = read_run_object(app, target)
    found = trace_json(run)
    if form == "otel":
        from bluelabel.services.workflow.trace.otel import export_otel

        count = export_otel(run)
        app.show("trace_export", {"run_id": run.get("run_id"), "spans": count}, f"handed over {count} spans")
        return
    app.emit("trace", {key: value for key, value in found.items() if key != "schema"})
    if form == "html":
        from bluelabel.services.workflow.trace.report import trace_html

        text = trace_html(run)
    else:
        text = strict_json.dumps(found) + "\n" if form == "json" else _lines(found)
    if output is None:
        app.say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise machine_error(error, "writing a trace", str(output)) from error
    app.say(f"wrote {output}")


@click.command("compare")
@click.argument("left", metavar="RUN|FILE")
@click.argument("right", metavar="RUN|FILE")
@pass_app
def compare(app: App, left: str, right: str) -> None:
    """Say what differs between two runs: statuses, retries, errors, results, times, inputs.

    Leaves with 1 when they went different ways; times alone are no difference.
    """
    from bluelabel.services.workflow.trace.comparison import compare as compared

    found = compared(read_run_object(app, left), read_run_object(app, right))
    app.emit("comparison", found.as_json())
    rows = [
        [row.step_id or "(run)", _side(row.as_json()["left"]), _side(row.as_json()["right"]), ", ".join(row.changes)]
        for row in (found.run, *found.steps)
    ]
    app.table(["Step", found.left[:13], found.right[:13], "Differs in"], rows)
    if found.inputs:
        app.say(plain(f"inputs that differ: {', '.join(found.inputs)}"))
    if not found.same:
        raise Refused("the runs went different ways", where=f"{left} and {right}")


def read_run_object(app: App, target: str) -> Mapping[str, Any]:
    """Return the object of a run: of a file, where there is one of this name, else of the workspace's run.

    Raises:
        NotFound: there is neither.
        UnreadableInput: the file is no run.
    """
    from bluelabel.services.workflow.store.run_reader import looks_like_run

    path = Path(target)
    if path.is_file():
        try:
            data = path.read_bytes()[: MESSAGE_BYTES + 1]
        except OSError as error:
            raise machine_error(error, "reading a run", target) from error
        value = strict_json.loads(data, target)
        if not looks_like_run(data, "run.json"):
            raise UnreadableInput("this is no run", where=target, hint="a run file has dag_id, run_id and steps")
        found: Mapping[str, Any] = value
        return found
    return named_run(app, target).to_dict()


def _side(side: Mapping[str, Any] | None) -> str:
    if side is None:
        return "-"
    seconds = "" if side["seconds"] is None else f" {side['seconds']:.1f} s"
    return f"{side['status']}{seconds}"


def _lines(found: Mapping[str, Any]) -> str:
    lines: list[str] = []
    for event in found["events"]:
        attempt = f" attempt {event['attempt']}" if event.get("attempt", 1) > 1 else ""
        took = f" after {event['duration_ms']:.1f} ms" if "duration_ms" in event else ""
        why = f": {event['message']}" if "message" in event else ""
        step = f" {event['step_id']}" if "step_id" in event else ""
        lines.append(f"{event['timestamp']}  {event['event_type']:<13}{step}{attempt}{took}{why}".rstrip())
    return plain("\n".join(lines))
