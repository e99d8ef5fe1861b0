"""`bluelabel run dag`: start a workflow, look at a run, go on with it, stop it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.apps.cli.options import complete_run
from bluelabel.interfaces.errors import Refused, UsageError

if TYPE_CHECKING:
    from bluelabel.services.workflow.dag_run_tracker import DAGRun
    from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
    from bluelabel.services.workflow.definition.definition import Definition
    from bluelabel.services.workflow.runs import Runs

_HELP = "start a run with FILE, or name one with --status, --retry, --cancel, --watch, or use --list"
_ACTIONS = ("file", "status_id", "retry_id", "cancel_id", "watch_id", "list_runs")
_INTERRUPTED = 130


@click.command("dag")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the workflow; may be repeated."
)
@click.option("--run-id", help="Name of the new run.  [default: a new id]")
@click.option("--max-parallel", type=click.IntRange(1, 10_000), help="How many steps may run at once.")
@click.option("--detach", is_flag=True, help="Run in the background and return at once.")
@click.option("--status", "status_id", metavar="ID", shell_complete=complete_run, help="Show a run.")
@click.option(
    "--retry",
    "retry_id",
    metavar="ID",
    shell_complete=complete_run,
    help="Go on with a run: where it was cut off, or what did not succeed.",
)
@click.option("--from", "from_step", metavar="STEP", help="With --retry: run this step and all after it again.")
@click.option(
    "--with-new-definition",
    "anew",
    is_flag=True,
    help="With --retry: go on as the workflow file says now, if all finished steps are the same in it.",
)
@click.option("--reason", help="With --retry or --cancel: why.")
@click.option(
    "--cancel",
    "cancel_id",
    metavar="ID",
    shell_complete=complete_run,
    help="Cancel a run, and end what it has under way.",
)
@click.option("--watch", "watch_id", metavar="ID", shell_complete=complete_run, help="Follow a run until it ends.")
@click.option("--list", "list_runs", is_flag=True, help="List the runs, the newest first.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="With --list: how many.")
@click.option("-v", "--verbose", is_flag=True, help="Show times, errors with traces, and every move.")
@pass_app
def run_dag(app: App, /, verbose: bool, **options: Any) -> None:
    """Start the workflow in FILE, or deal with a run that is there.

    A run survives whatever happens to its runner: `--retry ID` goes on with it, and never repeats a finished step.
    """
    app.verbose = app.verbose or verbose
    actions = [name for name in _ACTIONS if options[name]]
    if len(actions) != 1:
        raise UsageError("one thing at a time" if actions else "nothing to do", hint=_HELP)
    _check_options(actions[0], options)
    from bluelabel.runner.wiring.workflow import open_runs

    runs = open_runs(app.workspace())
    if actions[0] == "file":
        _start(app, runs, options)
    elif actions[0] == "retry_id":
        _retry(app, runs, options)
    elif actions[0] == "cancel_id":
        _cancel(app, runs, options["cancel_id"], options["reason"])
    elif actions[0] == "status_id":
        _show(app, runs, runs.store.require(options["status_id"]))
    elif actions[0] == "watch_id":
        from bluelabel.apps.cli.utils.dag_run_watch import watch

        _end(app, runs, watch(app, runs, options["watch_id"]))
    else:
        _list(app, runs, options["limit"])


def _check_options(action: str, options: Mapping[str, Any]) -> None:
    belongs = {
        "inputs": ("file",),
        "run_id": ("file",),
        "max_parallel": ("file", "retry_id"),
        "detach": ("file", "retry_id"),
        "from_step": ("retry_id",),
        "anew": ("retry_id",),
        "reason": ("retry_id", "cancel_id"),
    }
    for name, actions in belongs.items():
        if options[name] and action not in actions:
            odd = {"from_step": "--from", "anew": "--with-new-definition"}
            option = odd.get(name) or f"--{name.removesuffix('s').replace('_', '-')}"
            raise UsageError(f"{option} does not go with this", hint=_HELP)


def _start(app: App, runs: Runs, options: Mapping[str, Any]) -> None:
    from bluelabel.services.workflow.runs import load_definition

    path: Path = options["file"]
    definition = load_definition(path)
    runner = runs.create(
        definition,
        _inputs(definition, options["inputs"]),
        options["run_id"],
        base=path.resolve().parent,
        file=path,
        max_parallel=options["max_parallel"],
    )
    _run(app, runs, runner, options)


def _retry(app: App, runs: Runs, options: Mapping[str, Any]) -> None:
    workspace = app.workspace()  # often the first to come after a crash, which may have left a box half written
    workspace.refresh_views(workspace.settings.directory.mailboxes)
    from bluelabel.apps.cli.utils.workflow_file import source_facts, source_note

    run_id, retry = options["retry_id"], runs.retry_anew if options["anew"] else runs.retry
    source = runs.source(run_id, options["from_step"])
    runner = retry(run_id, options["from_step"], options["reason"], max_parallel=options["max_parallel"])
    note = source_note(run_id, source, anew=options["anew"])
    if note is not None:
        app.note(note)
    _run(app, runs, runner, options, source_facts(source, anew=options["anew"]))


def _run(
    app: App, runs: Runs, runner: StatefulDAGRunner, options: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> None:
    if options["detach"]:
        _detach(app, runs, runner.run_id, options["max_parallel"])
        return
    app.note(f"run {runner.run_id} of {runner.dag_id}")
    if not (app.as_json or app.quiet):
        runs.store.told = functools.partial(_tell, app)
    try:
        done = runs.execute(runner)
    finally:
        runs.store.told = None
    if done.by is not None:
        app.note(f"stopped by {done.by}; go on with `bluelabel run dag --retry {done.run.run_id}`")
        _emit(app, runs, done.run, facts)
        click.get_current_context().exit(_INTERRUPTED)
    _end(app, runs, done.run, facts)


def _tell(app: App, run: DAGRun, changes: Sequence[Mapping[str, Any]]) -> None:
    from bluelabel.apps.cli.utils.dag_run_printer import change_line, waits
    from bluelabel.services.workflow.steps.pending import waiting

    begun = {change["step"] for change in changes if change.get("status") == "running" and "step" in change}
    for change in changes:
        if "step" in change and change["was"] is not None:
            app.say(change_line(str(change["step"]), dict(change)))
    for item in waiting(run) if begun else ():
        if item.step_id in begun:
            app.note(waits(item, run.run_id))


def _end(app: App, runs: Runs, run: DAGRun, facts: Mapping[str, Any] | None = None) -> None:
    """Show a run that has ended, and leave with 1 if it did not succeed."""
    _show(app, runs, run, facts)
    if run.status.value not in ("success", "partial_success"):
        hint = f"see why with `bluelabel run dag --status {run.run_id} --verbose`"
        raise Refused(f"the run ended as {run.status.name}", where=run.run_id, hint=hint)


def _show(app: App, runs: Runs, run: DAGRun, facts: Mapping[str, Any] | None = None) -> None:
    _emit(app, runs, run, facts)
    if app.as_json or app.quiet:
        return
    from bluelabel.apps.cli.utils.dag_run_printer import print_dag_run, waits
    from bluelabel.services.workflow.steps.pending import waiting

    print_dag_run(app.console(), run, runs.store.clock.now(), verbose=app.verbose, output=runs.output(run))
    for item in waiting(run):
        app.note(waits(item, run.run_id))
    if not run.is_complete and not runs.is_owned(run.run_id):
        app.note(f"no runner is at work on it; go on with `bluelabel run dag --retry {run.run_id}`")
    if runs.store.files.fault is not None:
        app.note(f"the run file could not be written ({runs.store.files.fault.strerror}); the ledger has all of it")


def _emit(app: App, runs: Runs, run: DAGRun, facts: Mapping[str, Any] | None = None) -> None:
    if app.as_json:
        from bluelabel.services.workflow.steps.pending import waiting

        asked = [{"step_id": item.step_id, "kind": item.kind, "by": item.by} for item in waiting(run)]
        owned = runs.is_owned(run.run_id)
        more = {"owned": owned, "waiting": asked, "output": runs.output(run), **(facts or {})}
        app.emit("run", {**run.to_dict(), **more})


def _cancel(app: App, runs: Runs, run_id: str, reason: str | None) -> None:
    run = runs.cancel(run_id, reason)
    if not run.is_complete:
        raise Refused("its runner has not stopped yet", where=run_id, hint=f"watch it with `run dag --watch {run_id}`")
    _show(app, runs, run)


def _list(app: App, runs: Runs, limit: int) -> None:
    rows = runs.store.list_runs(limit=limit)
    for line in runs.held_back():
        app.note(line)
    for row in rows:
        app.emit("run_row", row._asdict())
    if not rows:
        app.say("no runs yet; start one with `bluelabel run dag FILE`")
        return
    from bluelabel.apps.cli.utils.dag_run_printer import list_line

    now = runs.store.clock.now()
    app.table(["ID", "Workflow", "Status", "Started", "Took"], [list_line(row, now) for row in rows])


def _inputs(definition: Definition, given: Sequence[str]) -> dict[str, Any]:
    from bluelabel.services.workflow.steps.binding import read_input

    found: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise UsageError("an input is NAME=VALUE", where=item, hint="for example --input url=https://example.org")
        found[name] = read_input(definition, name, text)
    return found


def _detach(app: App, runs: Runs, run_id: str, max_parallel: int | None) -> None:
    """Start a runner of its own for a run that is stored, in a session of its own."""
    import subprocess
    import sys

    workspace = app.workspace()
    log = runs.store.home / "runs" / f"{run_id}.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    program = [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(workspace.root), "--no-color"]
    command = [*program, "run", "dag", "--retry", run_id]
    command += ["--max-parallel", str(max_parallel)] if max_parallel else []
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=workspace.root, start_new_session=True
        )
    process.returncode = 0  # it is meant to outlive this call, which therefore does not wait for it
    value = {"run_id": run_id, "pid": process.pid, "log": str(log)}
    app.show("run_detached", value, f"run {run_id} goes on in the background (process {process.pid})")
    app.note(f"follow it with `bluelabel run dag --watch {run_id}`")
