"""`bluelabel sprint plan|launch`: a sprint is written down, then its work is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.utils.sprints import described, desk_of, which
from bluelabel.interfaces.errors import Refused

if TYPE_CHECKING:
    from bluelabel.services.sprint.context import Desk
    from bluelabel.services.sprint.model import PlannedCard
    from bluelabel.services.sprint.projection import Sprint


@click.command("plan")
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
    from datetime import timedelta

    from bluelabel.interfaces.times import local_date
    from bluelabel.services.sprint.model import Plan, day
    from bluelabel.services.sprint.planning import plan as work
    from bluelabel.services.sprint.planning import remarks

    desk = desk_of(app)
    first = start or local_date(desk.clock.now()).isoformat()
    last = end or (day(first, "the first day") + timedelta(days=6)).isoformat()
    target = branch or (desk.repository.branch() if desk.repository else None) or "main"
    wanted = Plan(
        number, phase, title, first, last, tag or desk.settings.tag_name(phase, number), goal, target,
        tuple(_planned(text) for text in cards), criteria,
    )  # fmt: skip
    made, changed = work(desk, wanted)
    told = list(remarks(desk, made.plan))
    app.emit("sprint", described(made) | {"documents": changed, "remarks": told})
    app.say(f"{made.plan.name}: {_cards(len(made.plan.cards))}, {made.plan.start} to {made.plan.end}")
    app.say(made.plan.plan_path)
    for line in told:
        app.say(f"  {line}")


def _planned(text: str) -> PlannedCard:
    from bluelabel.services.sprint.model import PlannedCard

    name, agent, branch, title = (*text.split(":", 3), "", "", "")[:4]
    return PlannedCard(name.strip(), title.strip(), agent.strip() or None, branch.strip() or None)


@click.command("launch")
@which
@pass_app
def launch(app: App, number: str | None, phase: str | None) -> None:
    """Register the cards, send the assignments, update the documents."""
    from bluelabel.services.sprint.planning import launch as work

    desk = desk_of(app)
    chosen = desk.sprint(number, phase) if number else _next(desk, phase)
    done = work(desk, chosen)
    app.workspace().refresh_views(desk.postbox.directory.mailboxes)
    told = {name: getattr(done, name) for name in ("registered", "assigned", "documents", "again", "taken_over")}
    app.emit("sprint", described(done.sprint) | told)
    if done.taken_over:
        app.say(f"{done.sprint.plan.name} is taken over from its documents; what is open is handed out anew")
    else:
        app.say(f"{done.sprint.plan.name} " + ("was launched already" if done.again else "is launched"))
    for agent, count in done.assigned.items():
        app.say(f"  {agent}: {_cards(count)}")
    for path in done.documents:
        app.say(f"  {path}")


def _next(desk: Desk, phase: str | None) -> Sprint:
    """Return the sprint that is under way, so that a launch can be finished; else the one that is planned."""
    chosen = desk.sprint(None, phase)
    if chosen.state == "launched":
        return chosen
    planned = [s for s in desk.sprints() if s.state == "planned" and phase in (None, s.plan.phase)]
    if len(planned) > 1:
        names = ", ".join(s.plan.number for s in planned)
        raise Refused(f"several sprints are planned: {names}", hint="say which with --sprint (and --phase)")
    return planned[0] if planned else chosen


def _cards(count: int) -> str:
    return f"{count} card{'s' if count != 1 else ''}"
