"""`bluelabel sprint closeout|postmortem`: a sprint is closed on what is there, and looked back at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.utils.sprints import described, desk_of, which
from bluelabel.interfaces.errors import Refused

if TYPE_CHECKING:
    from bluelabel.services.sprint.closeout.run import Outcome
    from bluelabel.services.sprint.closeout.state import Finding
    from bluelabel.services.sprint.context import Desk
    from bluelabel.services.sprint.projection import Sprint


@click.command("closeout")
@which
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
    from bluelabel.runner.boxes import Boxes
    from bluelabel.services.sprint.checklist import APPROVALS
    from bluelabel.services.sprint.closeout.run import close, look

    desk = desk_of(app)
    chosen = desk.sprint(number, phase)

    def tell(finding: Finding) -> None:
        app.say(f"{finding.step:<10}  {finding.words}")

    unread = Boxes(app.workspace()).unread() if dry_run else []
    if dry_run:
        outcome = look(desk, chosen, tell)
        if outcome.left_out:
            app.say(f"left out: {', '.join(outcome.left_out)}")
        if unread:
            app.say(f"not counted: what was written into the boxes of {', '.join(unread)} and not read yet")
    else:
        app.workspace().read_edits()  # reports that agents wrote into their boxes by hand count as well
        try:
            outcome = close(desk, chosen, APPROVALS if yes else agreed, tell)
        except KeyboardInterrupt:
            app.note("interrupted; the same command goes on where it stood")
            raise
        app.workspace().refresh_views(desk.postbox.directory.mailboxes)
    app.emit("closeout", described(desk.fresh(chosen)) | outcome.as_json() | {"unread": unread})
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
    if dry_run and all(drift.waits for drift in outcome.drifts):
        names = ", ".join(drift.target for drift in outcome.drifts)
        hint = "agree with `bluelabel sprint closeout --approve merge`, or merge it yourself"
        raise Refused("nothing else is in the way, but this is not merged yet", where=names, hint=hint)
    if outcome.drifts and outcome.stopped_at in (None, "verdict"):
        hint = outcome.hint or "put them right, then close again"
        raise Refused(
            f"the sprint stays open: {len(outcome.drifts)} in the way", where=outcome.drifts[0].words, hint=hint
        )
    where = f"step {outcome.stopped_at}" if outcome.stopped_at else outcome.run_id
    raise Refused(f"the sprint stays open: {outcome.reason}", where=where, hint=outcome.hint)


@click.command("postmortem")
@which
@click.option("--action", "actions", multiple=True, metavar="[OWNER:]TEXT", help="Add an action item; several times.")
@click.option("--done", multiple=True, metavar="ID", help="An action item that is done; several times.")
@pass_app
def postmortem(
    app: App, number: str | None, phase: str | None, actions: tuple[str, ...], done: tuple[str, ...]
) -> None:
    """Write the postmortem, or bring its numbers up to date; words that people wrote stay."""
    from bluelabel.services.sprint.documents.action_items import items
    from bluelabel.services.sprint.documents.postmortem import postmortem as work
    from bluelabel.services.sprint.documents.writers import write_state

    desk = desk_of(app)
    chosen = desk.sprint(number, phase, begun=True)
    changed = work(desk, chosen, actions=[_action(desk, text) for text in actions], done=done)
    changed += write_state(desk, desk.sprint(begun=True))
    known = [asdict(item) for item in items(desk)]
    app.emit(
        "postmortem",
        described(chosen) | {"path": chosen.plan.postmortem_path, "documents": changed, "action_items": known},
    )
    app.say(chosen.plan.postmortem_path)
    for item in items(desk):
        app.say(f"  [{'x' if item.done else ' '}] {item.id}: {item.text}" + (f" ({item.owner})" if item.owner else ""))


def _action(desk: Desk, text: str) -> tuple[str, str | None]:
    owner, colon, rest = text.partition(":")
    return (rest.strip(), owner) if colon and owner in desk.postbox.directory.mailboxes else (text, None)
