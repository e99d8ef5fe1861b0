"""What the sprint commands share: which sprint is meant, its desk, and its JSON object."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bluelabel.apps.cli.app import App
    from bluelabel.services.sprint.context import Desk
    from bluelabel.services.sprint.projection import Sprint


def which(command: Any) -> Any:
    """Give a command the words that say which sprint is meant: its number, as for `sprint plan`, or `--sprint`."""

    @functools.wraps(command)
    def told(*args: Any, number: str | None, option: str | None, **values: Any) -> Any:
        if number and option and number != option:
            raise click.UsageError(f"two sprints are named: {number} and {option}")
        return command(*args, number=number or option, **values)

    told = click.option("--phase", help="Its phase, where several have a sprint of this number.")(told)
    told = click.option("--sprint", "option", help="Its number; the one under way if not given.")(told)
    return click.argument("number", required=False)(told)


def desk_of(app: App) -> Desk:
    """Return the tools of the sprint clerk."""
    from bluelabel.runner.wiring.sprint import sprint_desk

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
