"""Workflow files: read one, and see what has become of the one that a run was started from."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces.errors import (
    BluelabelError,
    Conflict,
    NotFound,
    UnreadableInput,
    machine_error,
)
from bluelabel.interfaces.limits import WORKFLOW_BYTES
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.definition.definition import Definition
from bluelabel.services.workflow.definition.load import load
from bluelabel.services.workflow.definition.stored import definition_from_json
from bluelabel.services.workflow.engine.recovery import reopen
from bluelabel.services.workflow.redefinition import differences, same_meaning

FILE: Final = "workflow_file"
"""The key of a run's metadata that says which file its definition was read from, from the workspace on."""


class FileState(StrEnum):
    """What has become of the file that a run was started from."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """The run does not say which file that was."""


def load_definition(path: Path) -> Definition:
    """Read a workflow file.

    Raises:
        NotFound: there is no such file.
        UnreadableInput: it cannot be run; carries every problem, and shows the first.
        MachineError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(WORKFLOW_BYTES + 1)
    except FileNotFoundError:
        hint = "make one with `bluelabel workflow new NAME`"
        raise NotFound("no such workflow file", where=str(path), hint=hint) from None
    except OSError as error:
        raise machine_error(error, "reading a workflow", str(path)) from error
    definition, problems = load(data, str(path))
    if definition is None:
        first = problems[0]
        hint = first.hint or "see all of it with `bluelabel workflow check`"
        raise UnreadableInput(first.message, where=first.at(str(path)), hint=hint, problems=problems)
    return definition


def file_of(run: DAGRun, root: Path) -> Path:
    """Return the file that a run was started from.

    Raises:
        Conflict: the run does not say.
    """
    named = run.metadata.get(FILE)
    if not isinstance(named, str):
        hint = "start a new run with the file"
        raise Conflict("the run does not say which file it was started from", where=run.run_id, hint=hint)
    return root / named


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a run was started from.

    Args:
        path: the file, from the workspace on; None where the run does not say.
        state: what has become of it.
        differing: the finished steps that are not the same in it, so that the run cannot go on as it says.
    """

    path: Path | None = None
    state: FileState = FileState.UNKNOWN
    differing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return its object."""
        named = None if self.path is None else self.path.as_posix()
        return {"file": named, "file_state": self.state.value, "differing": list(self.differing)}


def source_of(run: DAGRun, root: Path, from_step: str | None = None) -> Source:
    """Return the file that a run was started from, and what has become of it since.

    Args:
        run: a copy that is not needed afterwards.
        root: the workspace.
        from_step: this step, and all after it, is to run again.
    """
    try:
        path = file_of(run, root)
    except Conflict:
        return Source()
    named = Path(str(run.metadata[FILE]))
    try:
        new = load_definition(path)
        old = definition_from_json(run.metadata.get("workflow_def"), run.dag_id)
    except NotFound:
        return Source(named, FileState.GONE)
    except BluelabelError:
        return Source(named, FileState.UNREADABLE)
    if same_meaning(old, new):
        return Source(named, FileState.SAME)
    with suppress(BluelabelError):  # nothing to run again is no matter of the file
        reopen(run, from_step)
    return Source(named, FileState.CHANGED, tuple(differences(run, old, new)))
