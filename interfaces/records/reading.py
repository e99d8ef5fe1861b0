"""What a reader finds in a file that somebody wrote, whatever its shape: the `bluelabel.read/1` records."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bluelabel.interfaces.problems import Problem


class FileKind(StrEnum):
    """What a file is."""

    TASK_CARDS = "task_cards"
    POSTBOX = "postbox"
    DAG_RUN = "dag_run"
    DAG_INDEX = "dag_index"
    WORKFLOW = "workflow"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BoxMessage:
    """A message found in a box file; None where the file says nothing. `raw` is the object it was read from.

    `path` points to it inside the file: ``messages/3``, ``documents/7`` …
    """

    id: str | None
    task_id: str | None
    type: str | None
    sender: str | None
    recipient: str | None
    status: str | None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    path: str = ""


@dataclass(frozen=True, slots=True)
class BoxTask:
    """An open task, or an entry of the history, found in a box file."""

    task_id: str | None
    status: str | None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    path: str = ""


@dataclass(frozen=True, slots=True)
class BoxReading:
    """All that could be read from a box file."""

    messages: tuple[BoxMessage, ...] = ()
    tasks: tuple[BoxTask, ...] = ()
    history: tuple[BoxTask, ...] = ()
    problems: tuple[Problem, ...] = ()
