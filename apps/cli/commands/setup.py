"""Making, looking at and repairing a workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.interfaces.errors import Refused, UsageError


@click.command("init")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--agents", help="Their names, with commas.  [default: CC,CA,WA,ARCH]")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@pass_app
def init(app: App, directory: Path | None, agents: str | None, dry_run: bool) -> None:
    """Make a workspace in DIRECTORY, or here. What is there already is left alone.

    With DIRECTORY it is made in this very folder; without, at the top of the repository that we are in.
    What git has and a sparse checkout leaves out is left alone too.
    """
    from bluelabel.runner.operations.setup import plan, run

    if directory is not None and app.root is not None:
        raise UsageError("two places were given", hint="give either --root or DIRECTORY")
    names = [name.strip() for name in agents.split(",") if name.strip()] if agents is not None else None
    if names == []:
        raise UsageError("--agents names nobody", hint="write --agents CC,CA,WA,ARCH")
    root, found = plan(directory or app.root or Path.cwd(), names, exactly=directory is not None)
    steps = [step for step in found if not step.left]
    left = [step.path for step in found if step.left]
    done: list[str] = []
    for path in left:
        app.note(f"left alone, git has it and it is not checked out here: {path}")
    if dry_run:
        done = [step.what for step in steps]
        for what in done:
            app.say(f"would {what}")
    else:
        run(steps, _recorder(app, done))
    alone = [str(path) for path in left]
    app.emit("init", {"root": str(root), "dry_run": dry_run, "done": done, "left": alone})
    app.say(f"{'nothing to do' if not steps else 'workspace' if not dry_run else 'nothing was changed'}: {root}")
    if steps and not dry_run:
        app.root = root
        workspace = app.workspace()
        names = [name for name in workspace.settings.directory.mailboxes if (root / "postbox" / name).is_dir()]
        workspace.refresh_views(names)


def _recorder(app: App, done: list[str]) -> Callable[[str], None]:
    def record(text: str) -> None:
        done.append(text)
        app.say(text)

    return record


@click.command("status")
@pass_app
def status(app: App) -> None:
    """Show what waits, what runs and what is wrong."""
    from bluelabel.apps.cli.utils.status_printer import show_status

    show_status(app)


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Repair what is safe to repair; a copy of each changed file is kept.")
@click.option("--dry-run", is_flag=True, help="With --fix: show what would change.")
@pass_app
def doctor(app: App, fix: bool, dry_run: bool) -> None:
    """Look for damage in ledger, boxes, cards and repository."""
    from bluelabel.runner.operations.doctor import examine

    findings = examine(app.workspace(), fix=fix and not dry_run, show=app.say if dry_run else None)
    for finding in findings:
        app.put(finding)
    bad = [f for f in findings if f.state == "bad"]
    rows = [[f.area, f.state, f"{f.what}: {f.hint}" if f in bad and f.hint else f.what] for f in findings]
    app.table(["Area", "State", "What"], rows)
    if bad:
        raise Refused(f"{len(bad)} finding{'s' if len(bad) > 1 else ''} to look at", hint=bad[0].hint)


@click.command("adopt")
@click.option("--dry-run", is_flag=True, help="Only say whose boxes are here.")
@pass_app
def adopt(app: App, dry_run: bool) -> None:
    """Take over the mail of another post office whose boxes came with a clone or a pull.

    What waits in them waits here, what was settled is settled, and each message comes once. From then on boxes of that
    post office are read like this one's own, whenever git brings them.
    """
    from bluelabel.runner.boxes import Boxes

    found, report = Boxes(app.workspace()).adopt(dry_run=dry_run)
    homes = list(dict.fromkeys(strange.home for strange in found))
    answer = {"homes": homes, "boxes": [strange.file for strange in found], "sent": report.sent}
    app.emit("adopt", answer | {"settled": report.settled, "dry_run": dry_run})
    for line in report.notes():
        app.note(line)
    if not homes:
        app.say("every box here is this post office's own")
        return
    told = "would be adopted" if dry_run else f"adopted: {len(report.sent)} new messages"
    app.say(f"{len(homes)} post office{'s' if len(homes) > 1 else ''} ({', '.join(homes)}) {told}")


@click.command("recover")
@pass_app
def recover(app: App) -> None:
    """Put right what a crash left behind. Doing it twice changes nothing more."""
    from bluelabel.runner.operations.recovery import recover_workspace

    done: list[str] = []
    verdict = recover_workspace(app.workspace(), _recorder(app, done))
    problems = [problem.message for problem in verdict.problems]
    app.emit("recover", {"done": done, "events": verdict.events, "seq": verdict.head.seq, "problems": problems})
    app.say(f"{verdict.events:,} events, {'no damage' if not problems else f'{len(problems)} damaged places'}")
    if problems:
        raise Refused(f"the ledger is damaged: {problems[0]}", hint="what can be read is used; compare with a backup")
