"""A person's word on a step that waits for it: of a workflow's run, or of the closing of a sprint."""

from __future__ import annotations

from typing import NamedTuple

from bluelabel.runner.wiring.sprint import sprint_desk
from bluelabel.runner.wiring.workflow import open_runs
from bluelabel.runner.workspace import Workspace
from bluelabel.services.sprint.closeout.approvals import answer


class Decided(NamedTuple):
    """What was agreed to, in words, where the step said so; and the command that goes on, None where somebody does."""

    words: str | None
    go_on: str | None


def decide(workspace: Workspace, run: str, step: str, *, approved: bool, reason: str | None = None) -> Decided:
    """Approve or reject a step.

    Raises:
        NotFound: no such run or step.
        Conflict: the step does not wait for an answer.
        Refused: it waits for somebody else.
    """
    words = answer(sprint_desk(workspace), run, step, approved=approved, reason=reason)
    if words is not None:
        return Decided(words, "bluelabel sprint closeout")
    runs = open_runs(workspace)
    runs.decide(run, step, approved=approved, reason=reason)
    return Decided(None, None if runs.is_owned(run) else f"bluelabel run dag --retry {run}")
