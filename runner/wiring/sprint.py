"""The sprint clerk's desk of a workspace."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Final

from bluelabel.runner.settings import FILE
from bluelabel.runner.workspace import Workspace
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.settings import evidence_settings, sprint_settings

_HEADING: Final = re.compile(r"\s*\[+([^\[\]]+)\]")


def sprint_desk(workspace: Workspace) -> Desk:
    """Return the tools with which sprints of a workspace are planned, measured and closed.

    Raises:
        UnreadableInput: the settings of ``[sprint]`` are wrong.
    """
    settings = workspace.settings
    file = workspace.root / FILE
    command, seconds = evidence_settings(settings.tables.get("evidence", {}), partial(_where, file, "evidence"))
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
        settings=sprint_settings(settings.tables.get("sprint", {}), partial(_where, file, "sprint")),
        test_command=command,
        test_seconds=seconds,
    )


def _where(file: Path, table: str, key: str, step: int | None) -> str:
    """Return the file and the line that sets a key of a table, or of the n-th ``[[sprint.step]]``."""
    wanted, inside, seen, opened = table if step is None else f"{table}.step", False, -1, None
    for number, line in enumerate(file.read_text("utf-8").split("\n"), 1):
        heading = _HEADING.match(line)
        if heading:
            name = re.sub(r"[\s\"']", "", heading[1])
            seen += name == wanted
            inside = name == wanted and step in (None, seen)
            opened = opened or (number if inside or (step is None and name == f"{table}.{key}") else None)
        elif inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return f"{file}:{number}"
    return f"{file}:{opened}" if opened else str(file)
