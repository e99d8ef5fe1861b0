"""`worker`: works through mailboxes until stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.options import SPAN, complete_agent
from bluelabel.apps.cli.streams import Lasting
from bluelabel.apps.cli.utils.agent_printer import describe_progress
from bluelabel.apps.cli.utils.stopping import until_stopped

if TYPE_CHECKING:
    from bluelabel.runner.worker.records import Progress


@click.command("worker")
@click.option("--agent", "agents", multiple=True, shell_complete=complete_agent, help="Whose mailbox; may be repeated.")
@click.option("--once", is_flag=True, help="Take one message if there is one, then end.")
@click.option("--max", "most", type=click.IntRange(1), help="End after so many messages.")
@click.option("--lease", type=SPAN, help="How long a claim lasts unless renewed.  [default: 15m]")
@click.option("--grace", type=SPAN, default="30s", show_default=True, help="How long a stop waits for running work.")
@pass_app
def worker(app: App, agents: tuple[str, ...], once: bool, most: int | None, lease: float | None, grace: float) -> None:
    """Claim messages and have agents do them, until SIGTERM or Ctrl-C.

    Without --agent it works for every agent that can be run. The message in hand is finished, or given back when it
    takes longer than --grace; a second Ctrl-C gives it back at once.
    """
    from bluelabel.runner.worker.records import Ending, WorkerOptions
    from bluelabel.runner.worker.worker import open_worker

    workspace = app.workspace()

    def show(progress: Progress) -> None:
        if progress.state is not Ending.TAKEN or app.verbose:
            app.show("worker", progress.as_json(), plain(describe_progress(progress)))

    options = WorkerOptions(lease=lease or workspace.settings.lease, grace=grace, once=once, max_messages=most)

    def stop() -> None:
        running.stop()

    report = Lasting(show, stop)
    running = open_worker(workspace, agents, report=report, options=options)
    with until_stopped(stop):
        handled = running.run()
    report.close()
    if not handled and once:
        app.say("nothing waits")
