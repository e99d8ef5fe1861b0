"""`bluelabel sprint`: plan, launch, measure and close sprints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bluelabel.apps.cli.app import App, Group, pass_app
from bluelabel.interfaces.errors import Refused, UsageError

if TYPE_CHECKING:
    from bluelabel.services.sprint.closeout import Outcome
    from bluelabel.services.sprint.desk import Desk
    from bluelabel.services.sprint.model import PlannedCard
    from bluelabel.services.sprint.projection import Sprint
    from bluelabel.services.sprint.record import Finding


@click.group(cls=Group)
def sprint() -> None:
    """Plan, launch, measure and close sprints."""


def _which(command: Any) -> Any:
    command = click.option("--phase", help="Its phase, where several have a sprint of this number.")(command)
    return click.option("--sprint", "number", help="Its number; the one under way if not given.")(command)


@sprint.command("plan")
@click.argument("number")
@click.option("--phase", required=True, help="The phase it belongs to, for example 6.13.")
@click.option("--title", default="", help="Its name.")
@click.option("--goal", default="", help="What it is for, in a sentence or two.")
@click.option("--card", "cards", multiple=True, metavar="ID[:AGENT[:BRANCH[:TITLE]]]", help="A card; several times.")
@click.option("--start", help="First day, YYYY-MM-DD; today if not given.")
@click.option("--end", help="Last day; a week after the first if not given.")
@click.option("--criterion", "criteria", multiple=True, help="When it counts as a success; several times.")
@click.option("--branch", help="Where all work is to arrive; the branch checked out if not given.")
@click.option("--tag", help="What the closed sprint is tagged.")
@pass_app
def plan(
    app: App,
    number: str,
    phase: str,
    title: str,
    goal: str,
    cards: tuple[str, ...],
    start: str | None,
    end: str | None,
    criteria: tuple[str, ...],
    branch: str | None,
    tag: str | None,
) -> None:
    """Write a sprint down. Titles, agents and branches that are not given come from the cards."""
    from datetime import date, timedelta

    from bluelabel.services.sprint.model import Plan
    from bluelabel.services.sprint.planning import plan as work

    desk = _desk(app)
    first = start or desk.now()[:10]
    try:
        last = end or (date.fromisoformat(first) + timedelta(days=6)).isoformat()
    except ValueError:
        raise UsageError("not a day", where=ascii(first[:40]), hint="write it as 2026-01-31") from None
    target = branch or (desk.repository.branch() if desk.repository else None) or "main"
    wanted = Plan(
        number, phase, title, first, last, tag or desk.settings.tag_name(phase, number), goal, target,
        tuple(_planned(text) for text in cards), criteria,
    )  # fmt: skip
    made, changed = work(desk, wanted)
    app.emit("sprint", _sprint(made) | {"documents": changed})
    app.say(f"{made.plan.name}: {len(made.plan.cards)} cards, {made.plan.start} to {made.plan.end}")
    app.say(made.plan.plan_path)


def _planned(text: str) -> PlannedCard:
    from bluelabel.services.sprint.model import PlannedCard

    name, agent, branch, title = (*text.split(":", 3), "", "", "")[:4]
    return PlannedCard(name.strip(), title.strip(), agent.strip() or None, branch.strip() or None)


@sprint.command("launch")
@_which
@pass_app
def launch(app: App, number: str | None, phase: str | None) -> None:
    """Register the cards, send the assignments, update the documents."""
    from bluelabel.services.sprint.planning import launch as work

    desk = _desk(app)
    chosen = desk.sprint(number, phase) if number else _next_planned(desk, phase)
    done = work(desk, chosen)
    app.workspace().refresh_views(desk.postbox.directory.mailboxes)
    told = {"registered": done.registered, "assigned": done.assigned, "documents": done.documents, "again": done.again}
    app.emit("sprint", _sprint(done.sprint) | told)
    app.say(f"{done.sprint.plan.name} " + ("was launched already" if done.again else "is launched"))
    for agent, count in done.assigned.items():
        app.say(f"  {agent}: {count} cards")
    for path in done.documents:
        app.say(f"  {path}")


def _next_planned(desk: Desk, phase: str | None) -> Sprint:
    planned = [s for s in desk.sprints() if s.state == "planned" and phase in (None, s.plan.phase)]
    return planned[-1] if planned else desk.sprint(None, phase)


@sprint.command("status")
@_which
@click.option("--all", "everything", is_flag=True, help="List all sprints.")
@pass_app
def status(app: App, number: str | None, phase: str | None, everything: bool) -> None:
    """Show how far the sprint has come."""
    from bluelabel.services.sprint.gather import figures

    desk = _desk(app)
    if everything:
        rows = [
            (s.plan.phase, s.plan.number, s.plan.title, s.state, s.closing.get("tag") or "") for s in desk.sprints()
        ]
        for one in desk.sprints():
            app.emit("sprint", _sprint(one))
        app.table(["PHASE", "SPRINT", "TITLE", "STATE", "TAG"], rows)
        return
    chosen = desk.sprint(number, phase)
    found = figures(desk, chosen)
    app.emit("sprint", _sprint(chosen) | found.as_json())
    app.say(f"{chosen.plan.name}: {chosen.state}, {found.completed} of {len(found.cards)} cards completed")
    app.table(["CARD", "AGENT", "STATUS", "TITLE"], [(c.id, c.agent or "", c.status, c.title) for c in found.cards])


@sprint.command("burndown")
@_which
@click.option("--svg", "path", type=click.Path(dir_okay=False), help="Also write the chart to this file.")
@pass_app
def burndown(app: App, number: str | None, phase: str | None, path: str | None) -> None:
    """Draw what was left, day by day, and how long cards took."""
    from bluelabel.services.sprint.chart import bars, svg
    from bluelabel.services.sprint.gather import figures

    desk = _desk(app)
    chosen = desk.sprint(number, phase)
    found = figures(desk, chosen)
    if path:
        from pathlib import Path

        Path(path).write_text(
            svg(found.days, len(found.cards), chosen.plan.end, f"{chosen.plan.name}: burndown"), "utf-8"
        )
    hours = [{"card": card.id, "hours": card.hours} for card in found.cards]
    app.emit(
        "burndown",
        {
            "sprint": chosen.plan.number,
            "phase": chosen.plan.phase,
            "total": len(found.cards),
            "days": [asdict(day) for day in found.days],
            "hours": hours,
        },
    )
    app.say(f"{chosen.plan.name}: cards left at the end of each day (UTC)")
    for line in bars(found.days, len(found.cards)):
        app.say(line)
    app.table(
        ["CARD", "AGENT", "STARTED", "COMPLETED", "HOURS"],
        [
            (
                c.id,
                c.agent or "",
                (c.started or "")[:19],
                (c.completed or "")[:19],
                "" if c.hours is None else f"{c.hours:g}",
            )
            for c in found.cards
        ],
    )


@sprint.command("summary")
@_which
@pass_app
def summary(app: App, number: str | None, phase: str | None) -> None:
    """Write the summary: every figure with its source."""
    from bluelabel.services.sprint.papers import write_summary

    desk = _desk(app)
    chosen = desk.sprint(number, phase)
    changed, found = write_summary(desk, chosen)
    app.emit("summary", _sprint(chosen) | found.as_json() | {"path": chosen.plan.summary_path, "documents": changed})
    app.table(["WHAT", "VALUE", "SOURCE"], [(n.label, str(n.value), n.source) for n in found.numbers])
    app.say(chosen.plan.summary_path)


@sprint.command("closeout")
@_which
@click.option("--dry-run", is_flag=True, help="Only look; write nothing.")
@click.option("--yes", is_flag=True, help="Agree to merge, tag and push.")
@click.option(
    "--approve", "agreed", multiple=True, type=click.Choice(["merge", "tag", "sync"]), help="Agree to one of them."
)
@pass_app
def closeout(
    app: App, number: str | None, phase: str | None, dry_run: bool, yes: bool, agreed: tuple[str, ...]
) -> None:
    """Close the sprint, unless something is not as it says.

    The closing is a workflow run: cut off, it goes on where it stood; refused, it can be started again.
    """
    from bluelabel.services.sprint.checklist import APPROVALS
    from bluelabel.services.sprint.closeout import close, look

    desk = _desk(app)
    chosen = desk.sprint(number, phase)

    def tell(finding: Finding) -> None:
        app.say(f"{finding.step:<10}  {finding.words}")

    if dry_run:
        outcome = look(desk, chosen, tell)
        app.say(f"left out: {', '.join(outcome.left_out)}")
    else:
        app.workspace().read_edits()  # reports that agents wrote into their boxes by hand count as well
        outcome = close(desk, chosen, APPROVALS if yes else agreed, tell)
        app.workspace().refresh_views(desk.postbox.directory.mailboxes)
    app.emit("closeout", _sprint(desk.fresh(chosen)) | outcome.as_json())
    _judge(app, outcome, chosen, dry_run)


def _judge(app: App, outcome: Outcome, chosen: Sprint, dry_run: bool) -> None:
    for drift in outcome.drifts:
        app.say(f"  not so: {drift.words}")
    if outcome.closed:
        app.say(f"{chosen.plan.name} is closed")
        return
    if dry_run and not outcome.drifts:
        app.say("nothing is in the way of closing")
        return
    if outcome.drifts and outcome.stopped_at in (None, "verdict"):
        hint = outcome.hint or "put them right, then close again"
        raise Refused(
            f"the sprint stays open: {len(outcome.drifts)} in the way", where=outcome.drifts[0].words, hint=hint
        )
    where = f"step {outcome.stopped_at}" if outcome.stopped_at else outcome.run_id
    raise Refused(f"the sprint stays open: {outcome.reason}", where=where, hint=outcome.hint)


@sprint.command("postmortem")
@_which
@click.option("--action", "actions", multiple=True, metavar="[OWNER:]TEXT", help="Add an action item; several times.")
@click.option("--done", multiple=True, metavar="ID", help="An action item that is done; several times.")
@pass_app
def postmortem(
    app: App, number: str | None, phase: str | None, actions: tuple[str, ...], done: tuple[str, ...]
) -> None:
    """Write the postmortem, or bring its numbers up to date; words that people wrote stay."""
    from bluelabel.services.sprint.action_items import items
    from bluelabel.services.sprint.papers import write_state
    from bluelabel.services.sprint.postmortem import postmortem as work

    desk = _desk(app)
    chosen = desk.sprint(number, phase)
    changed = work(desk, chosen, actions=[_action(desk, text) for text in actions], done=done)
    changed += write_state(desk, desk.fresh(chosen))
    known = [asdict(item) for item in items(desk)]
    app.emit(
        "postmortem",
        _sprint(chosen) | {"path": chosen.plan.postmortem_path, "documents": changed, "action_items": known},
    )
    app.say(chosen.plan.postmortem_path)
    for item in items(desk):
        app.say(f"  [{'x' if item.done else ' '}] {item.id}: {item.text}" + (f" ({item.owner})" if item.owner else ""))


def _action(desk: Desk, text: str) -> tuple[str, str | None]:
    owner, colon, rest = text.partition(":")
    return (rest.strip(), owner) if colon and owner in desk.postbox.directory.mailboxes else (text, None)


def _sprint(one: Sprint) -> dict[str, Any]:
    return {
        "sprint": one.plan.number,
        "phase": one.plan.phase,
        "state": one.state,
        "plan": one.plan.as_json(),
        "planned": one.planned,
        "launched": one.launched,
        "closed_seq": one.closed,
        "tag": one.closing.get("tag"),
        "commit": one.closing.get("commit"),
        "head": one.closing.get("head"),
    }


def _desk(app: App) -> Desk:
    from bluelabel.runner.sprint_desk import sprint_desk

    return sprint_desk(app.workspace())
