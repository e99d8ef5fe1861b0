"""`bluelabel approve` and `bluelabel reject`: a person's word on one step of a run."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.options import complete_run

_REASON = click.option("--reason", help="Why; it is kept with the step.")


@click.command("approve")
@click.argument("run", shell_complete=complete_run)
@click.argument("step")
@_REASON
@pass_app
def approve(app: App, run: str, step: str, reason: str | None) -> None:
    """Approve STEP of RUN, which waits for you. Only the branch of this step goes on because of it."""
    _decide(app, run, step, reason, approved=True)


@click.command("reject")
@click.argument("run", shell_complete=complete_run)
@click.argument("step")
@_REASON
@pass_app
def reject(app: App, run: str, step: str, reason: str | None) -> None:
    """Reject STEP of RUN, which waits for you: the step fails."""
    _decide(app, run, step, reason, approved=False)


def _decide(app: App, run: str, step: str, reason: str | None, *, approved: bool) -> None:
    from bluelabel.runner.operations.approvals import decide

    workspace = app.workspace()
    told = decide(workspace, run, step, approved=approved, reason=reason)
    verdict = "approved" if approved else "rejected"
    value = {"run_id": run, "step_id": step, "verdict": verdict, "by": workspace.actor, "reason": reason}
    app.show("approval", value, f"{verdict} {step} of {run}" + (f": {told.words}" if told.words else ""))
    if told.go_on:
        app.note(f"hint: nobody runs it just now; go on with `{told.go_on}`")
