"""`bluelabel sprint status|burndown|summary`: how far a sprint has come, in figures with their sources."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.utils.sprints import described, desk_of, which

if TYPE_CHECKING:
    from bluelabel.services.sprint.figures import Figures


@click.command("status")
@which
@click.option("--all", "everything", is_flag=True, help="List all sprints.")
@pass_app
def status(app: App, number: str | None, phase: str | None, everything: bool) -> None:
    """Show how far the sprint has come."""
    from bluelabel.services.sprint.figures import figures

    desk = desk_of(app)
    if everything:
        rows = [
            (s.plan.phase, s.plan.number, s.plan.title, s.state, s.closing.get("tag") or "") for s in desk.sprints()
        ]
        for one in desk.sprints():
            app.emit("sprint", described(one))
        if rows:
            app.table(["PHASE", "SPRINT", "TITLE", "STATE", "TAG"], rows)
        else:
            app.say("no sprint is planned; plan one with `bluelabel sprint plan`")
        return
    chosen = desk.sprint(number, phase)
    found = figures(desk, chosen)
    app.emit("sprint", described(chosen) | found.as_json())
    app.say(f"{chosen.plan.name}: {chosen.state}, {found.completed} of {len(found.cards)} cards completed")
    app.table(["CARD", "AGENT", "STATUS", "TITLE"], [(c.id, c.agent or "", c.status, c.title) for c in found.cards])
    _say_what_is_missing(app, found)


@click.command("burndown")
@which
@click.option("--svg", "path", help="Write the chart to this file as well; - prints it instead.")
@pass_app
def burndown(app: App, number: str | None, phase: str | None, path: str | None) -> None:
    """Draw what was left, day by day, and how long cards took."""
    from bluelabel.services.sprint.documents.chart import bars, svg
    from bluelabel.services.sprint.figures import figures

    desk = desk_of(app)
    chosen = desk.sprint(number, phase)
    found = figures(desk, chosen)
    drawn = svg(found.days, len(found.cards), chosen.plan.end, f"{chosen.plan.name}: burndown")
    if path == "-":
        click.echo(drawn, nl=False)
        return
    if path:
        _write(path, drawn)
    days, hours = [asdict(day) for day in found.days], [{"card": c.id, "hours": c.hours} for c in found.cards]
    told = {"sprint": chosen.plan.number, "phase": chosen.plan.phase, "total": len(found.cards)}
    app.emit("burndown", told | {"days": days, "hours": hours, "missing": list(found.missing)})
    app.say(f"{chosen.plan.name}: cards left at the end of each day (UTC)")
    for line in bars(found.days, len(found.cards)):
        app.say(line)
    rows = [(c.id, c.agent or "", _moment(c.started), _moment(c.completed), _hours(c.hours)) for c in found.cards]
    app.table(["CARD", "AGENT", "STARTED", "COMPLETED", "HOURS"], rows)
    _say_what_is_missing(app, found)


@click.command("summary")
@which
@pass_app
def summary(app: App, number: str | None, phase: str | None) -> None:
    """Write the summary: every figure with its source."""
    from bluelabel.services.sprint.documents.writers import write_summary

    desk = desk_of(app)
    chosen = desk.sprint(number, phase)
    changed, found = write_summary(desk, chosen)
    app.emit("summary", described(chosen) | found.as_json() | {"path": chosen.plan.summary_path, "documents": changed})
    app.table(["WHAT", "VALUE", "SOURCE"], [(n.label, str(n.value), n.source) for n in found.numbers])
    _say_what_is_missing(app, found)
    if not changed and chosen.state == "closed" and not chosen.recorded:
        app.say(f"{chosen.plan.summary_path} was left as it is: another ledger closed this sprint")
    else:
        app.say(chosen.plan.summary_path)


def _say_what_is_missing(app: App, found: Figures) -> None:
    for line in found.missing:
        app.say(f"not here: {line}")


def _moment(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ")


def _hours(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _write(path: str, drawn: str) -> None:
    from pathlib import Path

    from bluelabel.interfaces.errors import MachineError, machine_error

    try:
        Path(path).write_text(drawn, "utf-8")
    except FileNotFoundError:
        raise MachineError("writing the chart into a folder that is not there", where=path, hint="make it") from None
    except OSError as error:
        raise machine_error(error, "writing the chart", path) from None
