"""`bluelabel git`: the merge drivers and the check before a commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bluelabel.apps.cli.app import App, Group, pass_app
from bluelabel.interfaces.errors import BluelabelError, NotFound, Refused
from bluelabel.services.git.repository import GitRepository

if TYPE_CHECKING:
    from bluelabel.interfaces.problems import Problem
    from bluelabel.services.cards.status.statuses import Vocabulary
    from bluelabel.services.git.drivers import Merger


@click.group(cls=Group)
def git() -> None:
    """Install merge drivers and checks into a repository."""


@git.command("install")
@pass_app
def install(app: App) -> None:
    """Merge boxes by message and cards by card; refuse commits that lose any.

    Everything is this clone's own (config, info/attributes, hook) and serves all of its worktrees.
    """
    from bluelabel.services.git.install import install as work

    done = work(_repository(app))
    app.emit("git", {"action": "install", "changed": done.changed, "lines": list(done.lines)})
    for line in done.lines:
        app.say(line)


@git.command("uninstall")
@pass_app
def uninstall(app: App) -> None:
    """Take back what install did; lines of other people stay."""
    from bluelabel.services.git.install import uninstall as work

    done = work(_repository(app))
    app.emit("git", {"action": "uninstall", "changed": done.changed, "lines": list(done.lines)})
    for line in done.lines:
        app.say(line)


@git.command("check")
@pass_app
def check(app: App) -> None:
    """Check what is staged: conflict markers, lost cards, doubled ids, broken boxes."""
    from bluelabel.services.cards.text.parser import parse
    from bluelabel.services.git.check import check as work
    from bluelabel.services.git.check import staged
    from bluelabel.services.postbox.boxes.json_tree import is_json

    repository = _repository(app, inside_hook=True)
    vocabulary = _vocabulary(app)
    findings = work(
        staged(repository),
        lambda data: [(card.id, card.line) for card in parse(data, vocabulary).cards],
        is_json,
    )
    for found in findings:
        app.emit("check", {"path": found.path, **found.problem.as_json()})
        app.say(f"{found.problem.at(found.path)}: {found.problem.message} ({found.problem.hint})")
    if findings:
        hint = "mend them and stage the files again; `git commit --no-verify` commits all the same"
        raise Refused(
            f"{len(findings)} reasons not to commit this" if len(findings) > 1 else "not to be committed", hint=hint
        )


@git.command("merge-driver", hidden=True)
@click.argument("kind", type=click.Choice(["boxes", "cards"]))
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.argument("name")
@pass_app
def merge_driver(app: App, kind: str, base: Path, ours: Path, theirs: Path, name: str) -> None:
    """Merge three files into the second one; git calls this."""
    from bluelabel.services.git.drivers import drive

    done = drive(_merger(app, kind), base, ours, theirs)
    for problem in done.problems:
        app.note(f"bluelabel: {problem.at(name)}: {problem.message}")
    if not done.clean:
        raise Refused("a person has to look at the merge", where=name, hint="resolve what is marked, then `git add` it")


def _merger(app: App, kind: str) -> Merger:
    if kind == "boxes":
        from bluelabel.services.postbox.boxes.merge import merge_files

        return merge_files

    from bluelabel.services.cards.merge.document import merge

    vocabulary = _vocabulary(app)

    def cards(base: bytes | None, ours: bytes, theirs: bytes) -> tuple[bytes | None, tuple[Problem, ...]]:
        found = merge(base or b"", ours, theirs, vocabulary)
        return found.content, found.problems

    return cards


def _vocabulary(app: App) -> Vocabulary:
    """Return the project's words. Its settings may be in the middle of the same merge: then those of everybody do."""
    from bluelabel.runner.settings import load
    from bluelabel.runner.workspace import find_place
    from bluelabel.services.cards.status.statuses import BUILT_IN

    try:
        return load(find_place(app.root or Path.cwd())[0]).vocabulary
    except BluelabelError:
        return BUILT_IN


def _repository(app: App, *, inside_hook: bool = False) -> GitRepository:
    from bluelabel.services.git.locate import locate

    place = app.root or Path.cwd()
    location = locate(place)
    if location is None:
        raise NotFound("not inside a git repository", where=str(place), hint="run it in one, or `git init` first")
    return GitRepository(location, inside_hook=inside_hook)
