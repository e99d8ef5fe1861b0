"""`run dag --watch`: a run on the screen until it ends, whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluelabel.apps.cli.utils.dag_run_printer import change_line
from bluelabel.services.workflow.dag_run_tracker import DAGRun

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bluelabel.apps.cli.app import App
    from bluelabel.services.workflow.runs import Runs

_TURN = 0.5


def watch(app: App, runs: Runs, run_id: str) -> DAGRun:
    """Show a run as it goes on, and return it when it has ended.

    A terminal gets a live view with progress and a chart of time; a pipe a line for each move; `--json` the events.

    Raises:
        NotFound: there is no such run.
    """
    run = runs.store.require(run_id)
    if app.as_json or app.quiet or not app.console().is_terminal:
        return _lines(app, runs, run)
    return _live(app, runs, run)


def _live(app: App, runs: Runs, run: DAGRun) -> DAGRun:
    from rich.live import Live

    from bluelabel.apps.cli.utils.dag_run_chart import live_view

    book, now, console = runs.store.book, runs.store.clock.now, app.console()

    def view() -> RenderableType:
        return live_view(run, now(), console.width, console.height)

    with Live(view(), console=console, refresh_per_second=4, transient=True) as live:
        while not run.is_complete:
            after = book.head().seq
            run = runs.store.require(run.run_id)
            live.update(view())
            if not run.is_complete:
                book.wait(after, _TURN)
    return run


def _lines(app: App, runs: Runs, run: DAGRun) -> DAGRun:
    book = runs.store.book
    after = run.revision
    while True:
        for event in book.read(after):
            after = event.seq
            if event.data.get("run") != run.run_id:
                continue
            app.emit("run_event", event.as_json())
            if event.kind == "step.status" and event.data.get("was") is not None:
                app.say(change_line(str(event.data["step"]), dict(event.data)))
        run = runs.store.require(run.run_id)
        if run.is_complete:
            return run
        book.wait(after, _TURN)
