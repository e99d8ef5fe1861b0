"""The sprint clerk's desk of a workspace."""

from __future__ import annotations

from typing import Any, cast

from bluelabel.runner.workspace import Workspace
from bluelabel.services.sprint.checklist import STEPS
from bluelabel.services.sprint.desk import Desk
from bluelabel.services.sprint.settings import sprint_settings


def sprint_desk(workspace: Workspace) -> Desk:
    """Return the tools with which sprints of a workspace are planned, measured and closed.

    Raises:
        UnreadableInput: the settings of ``[sprint]`` are wrong.
    """
    settings = workspace.settings
    evidence: dict[str, Any] = dict(settings.tables.get("evidence", {}))

    return Desk(
        root=workspace.root,
        book=workspace.book,
        postbox=workspace.postbox,
        runs=workspace.runs,
        repository=workspace.repository,
        clock=workspace.clock,
        actor=workspace.actor,
        coordinator=settings.directory.coordinator,
        cards_path=settings.cards,
        board=workspace.cards(),
        settings=sprint_settings(settings.tables.get("sprint", {}), STEPS),
        test_command=_words(evidence.get("test")),
        test_seconds=_seconds(evidence.get("timeout")),
    )


def _words(command: object) -> tuple[str, ...]:
    if isinstance(command, str):
        import shlex

        return tuple(shlex.split(command))
    return tuple(str(word) for word in cast("list[object]", command)) if isinstance(command, list) else ()


def _seconds(value: object) -> float:
    if isinstance(value, str):
        from bluelabel.interfaces.times import span

        return span(value).total_seconds()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 600.0
