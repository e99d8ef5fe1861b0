"""`bluelabel run`: workflows and agents."""

from __future__ import annotations

import click

from bluelabel.apps.cli.app import Group

_ROOM = "bluelabel.apps.cli.commands"


@click.group("run", cls=Group, lazy={"dag": f"{_ROOM}.run_dag:run_dag", "agent": f"{_ROOM}.run_agent:run_agent"})
def run() -> None:
    """Run a workflow or an agent."""
