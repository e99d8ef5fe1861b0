"""`demo`: watch a handoff go all the way round."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import click

from bluelabel.apps.cli.app import App, pass_app
from bluelabel.interfaces.errors import AlreadyExists, Refused


@click.command("demo")
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help="Play here and keep it; must be empty or new."
)
@pass_app
def demo(app: App, directory: Path | None) -> None:
    """Watch a handoff go all the way round in a scratch repository: real processes, files and git."""
    from bluelabel.runner.demo import play, totals

    if directory is not None and directory.exists() and any(directory.iterdir()):
        raise AlreadyExists("the directory is not empty", where=str(directory), hint="name a new one")
    folder = (directory or Path(tempfile.mkdtemp(prefix="bluelabel-demo-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        stage = play(folder, lambda text: app.say(f"[{time.monotonic() - started:4.1f} s] {text}"))
        counted = totals(stage)
        for title, args in _SHOWN:
            _show(app, stage.main, title, args)
        lost = counted["tasks"] - counted["settled"]
        app.emit("demo", {**counted, "lost": lost, "seconds": round(time.monotonic() - started, 1), "dir": str(folder)})
        app.say(
            f"\n{counted['tasks']} tasks handed over, {counted['settled']} settled, {lost} lost; "
            f"{counted['answers']} answers came back; one task needed {counted['most attempts']} attempts."
        )
        if lost:
            raise Refused(f"{lost} tasks were not settled", where=str(folder))
    finally:
        if directory is None:
            shutil.rmtree(folder, ignore_errors=True)
    app.say(f"It is kept in {folder}." if directory else "The scratch repository is gone; --dir DIR keeps it.")


_SHOWN = (
    ("What came back to ARCH (bluelabel inbox ARCH)", ("inbox", "ARCH", "--peek")),
    ("What ARCH had sent (bluelabel outbox ARCH)", ("outbox", "ARCH")),
    ("The cards after the merge (bluelabel card list)", ("card", "list")),
    ("The last lines of the ledger (bluelabel log --limit 8)", ("log", "--limit", "8")),
)


def _show(app: App, root: Path, title: str, args: tuple[str, ...]) -> None:
    """Run a command as the reader could, and let it print."""
    if app.as_json or app.quiet:
        return
    app.say(f"\n{title}")
    from bluelabel.apps.cli.main import cli

    inner = App()
    inner.no_color = app.no_color
    try:
        cli.main(["--root", str(root), *args], standalone_mode=False, obj=inner)
    finally:
        inner.close()
