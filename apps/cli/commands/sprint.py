"""`bluelabel sprint …`: plan, launch, measure and close sprints. Each command is imported when called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from bluelabel.apps.cli.app import Group

_ROOM: Final = "bluelabel.apps.cli.commands"

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "plan": ("sprint_plan:plan", "Write a sprint down."),
    "launch": ("sprint_plan:launch", "Register the cards, send the assignments, update the documents."),
    "status": ("sprint_figures:status", "Show how far the sprint has come."),
    "burndown": ("sprint_figures:burndown", "Draw what was left, day by day, and how long cards took."),
    "summary": ("sprint_figures:summary", "Write the summary: every figure with its source."),
    "closeout": ("sprint_close:closeout", "Close the sprint, unless something is not as it says."),
    "postmortem": ("sprint_close:postmortem", "Write the postmortem, or bring its numbers up to date."),
}


class _Sprints(Group):
    def summaries(self) -> Mapping[str, str]:
        return {name: summary for name, (_, summary) in COMMANDS.items()}


@click.group("sprint", cls=_Sprints, lazy={name: f"{_ROOM}.{place}" for name, (place, _) in COMMANDS.items()})
def sprint() -> None:
    """Plan, launch, measure and close sprints."""
