"""`up`: watchers and workers, until stopped."""

from __future__ import annotations

import sys
import threading

import click

from bluelabel.apps.cli.app import App, pass_app, plain
from bluelabel.apps.cli.options import complete_agent
from bluelabel.apps.cli.streams import Lasting
from bluelabel.apps.cli.utils.stopping import until_stopped


@click.command("up")
@click.option(
    "--agent",
    "agents",
    multiple=True,
    shell_complete=complete_agent,
    help="Run only this agent's worker; may be repeated.",
)
@click.option("--no-workers", is_flag=True, help="Only watch and refresh the boxes.")
@pass_app
def up(app: App, agents: tuple[str, ...], no_workers: bool) -> None:
    """Run the post office until SIGTERM or Ctrl-C: read drops and hand edits, refresh boxes, keep workers alive."""
    from bluelabel.runner.daemon.daemon import PostOffice

    workspace = app.workspace()
    names = agents or tuple(workspace.settings.agents)
    for name in names:
        workspace.settings.directory.check(name)
    program = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(workspace.root)]
    workers = {} if no_workers else {name: [*program, "worker", "--agent", name] for name in names}
    stop = threading.Event()

    def show(text: str) -> None:
        app.show("up", {"at": workspace.postbox.now().text, "what": text}, plain(text))

    say = Lasting(show, stop.set)
    with until_stopped(stop.set):
        PostOffice(workspace, workers, say).run(stop)
        say("stopped")
    say.close()
