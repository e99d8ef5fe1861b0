"""What the sprint commands share: which sprint is meant, its desk, and its JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bluelabel.apps.cli.app import App
    from bluelabel.services.sprint.desk import Desk
    from bluelabel.services.sprint.projection import Sprint


def which(command: Any) -> Any:
    """Give a command the options that say which sprint is meant."""
    command = click.option("--phase", help="Its phase, where several have a sprint of this number.")(command)
    return click.option("--sprint", "number", help="Its number; the one under way if not given.")(command)


def desk_of(app: App) -> Desk:
    """Return the tools of the sprint clerk."""
    from bluelabel.runner.sprint_desk import sprint_desk

    return sprint_desk(app.workspace())


def described(one: Sprint) -> dict[str, Any]:
    """Return the JSON object of a sprint."""
    return {
        "sprint": one.plan.number,
        "phase": one.plan.phase,
        "state": one.state,
        "recorded": one.recorded,
        "plan": one.plan.as_json(),
        "planned": one.planned,
        "launched": one.launched,
        "closed_seq": one.closed,
        "tag": one.closing.get("tag"),
        "commit": one.closing.get("commit"),
        "head": one.closing.get("head"),
    }
