"""The closing routine in words: the run that closes a sprint and the checklist for people share this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the routine.

    Args:
        id: its name in the run and in ``[sprint] routine``.
        title: its heading in the checklist.
        items: what it sees to, line by line.
        acts: whether it changes something outside the ledger; a dry run leaves it out.
        approval: whether a person has to agree first.
        needed: whether a project may not leave it out.
        command: what a step of the project's own runs: program and arguments.
        critical: whether a failure of that keeps the sprint open.
        seconds: its time limit; None for that of the tests.
    """

    id: str
    title: str
    items: tuple[str, ...]
    acts: bool = True
    approval: bool = False
    needed: bool = True
    command: tuple[str, ...] = ()
    critical: bool = True
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step of the project's own stands: right before or right after (`after`) the one called `anchor`."""

    step: Step
    anchor: str
    after: bool


CHECKLIST: Final[tuple[Step, ...]] = (
    Step(
        "cards",
        "Cards completed and their claims true",
        (
            "Every card of the sprint is COMPLETED or CANCELLED in TASK_CARDS.md",
            "Files, branches, merges, tags and commits that the cards name are there: `bluelabel card verify`",
        ),
        acts=False,
    ),
    Step(
        "branches",
        "Branches and worktree",
        (
            "The branch that the sprint ends on is checked out, with nothing half done and nothing uncommitted",
            "Every branch of the sprint is there, and merges without conflict",
            "The name of the tag is free",
        ),
        acts=False,
    ),
    Step(
        "tests",
        "Tests",
        ("No test fails: the command of `[evidence] test` ends with exit code 0",),
        acts=False,
        needed=False,
    ),
    Step(
        "reports",
        "Reports of the agents",
        ("The agent of every completed card has reported on it in its outbox",),
        acts=False,
        needed=False,
    ),
    Step(
        "verdict",
        "Verdict",
        ("Nothing above is in the way; otherwise the sprint stays open",),
        acts=False,
    ),
    Step(
        "merge",
        "Branch merges",
        (
            "Every branch is merged with `git merge --no-ff`",
            "The tests pass after each merge; a merge that breaks them is taken back",
            "Merged branches that nobody has checked out are deleted",
        ),
        approval=True,
    ),
    Step(
        "recheck",
        "Claims on the merged branch",
        ("The claims of the cards are true on the merged branch", "The figures are taken here"),
    ),
    Step(
        "documents",
        "Documents",
        (
            "ARCH_CONTINUITY.md, CLAUDE_CONTEXT.md, SPRINT_HISTORY.md and the plan are up to date",
            "So are the context files of agents, where they exist",
            "The closing is reported to the coordinator",
        ),
    ),
    Step(
        "summary",
        "Sprint summary",
        ("`reports/SPRINT_<n>_SUMMARY.md` has the figures, each with its source", "The burndown is drawn beside it"),
    ),
    Step("commit", "Commit", ("The documents are committed",)),
    Step(
        "tag",
        "Tag",
        ("An annotated tag is made, once; it carries the end of the ledger for `bluelabel log verify`",),
        approval=True,
    ),
    Step(
        "postmortem",
        "Postmortem",
        (
            "The postmortem has its figures and action items; its words are people's",
            "ARCH_CONTINUITY.md and SPRINT_HISTORY.md link to it, and all of it is committed",
        ),
    ),
    Step(
        "sync",
        "Remote",
        ("Branch and tag are pushed, if there is a remote; otherwise the documents say that the repository is local",),
        approval=True,
        needed=False,
    ),
    Step(
        "coverage",
        "Test coverage (optional)",
        ("The command of `[sprint] coverage` is run and its last line kept",),
        needed=False,
    ),
    Step(
        "final",
        "Final verification",
        (
            "Nothing is uncommitted, the tag is visible and on the branch, every branch is contained",
            "The documents speak of the sprint; it is closed",
        ),
    ),
)

STEPS: Final[tuple[str, ...]] = tuple(step.id for step in CHECKLIST)
APPROVALS: Final[tuple[str, ...]] = tuple(step.id for step in CHECKLIST if step.approval)
"""The steps in which a person has to agree."""


LOOKS: Final[tuple[str, ...]] = tuple(step.id for step in CHECKLIST if not step.acts and step.id != "verdict")
"""The steps that may change places among themselves."""


def checklist(chosen: Sequence[str] | None = None, own: Sequence[Place] = ()) -> tuple[Step, ...]:
    """Return the routine of a project.

    Args:
        chosen: the steps it uses; those that nobody may leave out need not be among them. `LOOKS` go in this order, all
            others in their own. None for all of them.
        own: its own steps, each with its place; those of one place keep their order.
    """
    wanted = STEPS if chosen is None else chosen
    looks = [step for step in CHECKLIST if step.id in LOOKS]
    looks.sort(key=lambda step: wanted.index(step.id) if step.id in wanted else -1)
    steps = [*looks, *(step for step in CHECKLIST if step.id not in LOOKS)]
    for place in (*(place for place in own if not place.after), *(place for place in reversed(own) if place.after)):
        steps.insert([step.id for step in steps].index(place.anchor) + place.after, place.step)
    verdict = [step.id for step in steps].index("verdict")
    kept = [replace(step, acts=n > verdict) if step.command else step for n, step in enumerate(steps)]
    return tuple(step for step in kept if step.needed or step.id in wanted)
