"""Closing a sprint: the routine as a workflow run, so that one that was cut off goes on where it stood."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bluelabel.interfaces.errors import BluelabelError, IllegalTransition, LockTimeout
from bluelabel.services.git.crash_recovery import mend_index, remove_stale_locks
from bluelabel.services.sprint.checklist import Step
from bluelabel.services.sprint.closeout.actions import settle
from bluelabel.services.sprint.closeout.custom_steps import run_own
from bluelabel.services.sprint.closeout.programs import Programs
from bluelabel.services.sprint.closeout.routine import ROUTINE
from bluelabel.services.sprint.closeout.state import Drift, Finding, Record
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.planning import take_over
from bluelabel.services.sprint.projection import Sprint
from bluelabel.services.workflow.engine.ownership import run_lock
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus

if TYPE_CHECKING:
    from bluelabel.services.workflow.dag_run_tracker import DAGRun
    from bluelabel.services.workflow.dag_runner import StatefulDAGRunner
    from bluelabel.services.workflow.dag_runner_interface import StepContext

DAG_ID: Final = "sprint-closeout"

Tell = Callable[[Finding], None]
"""Told what each step found, as soon as it has."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a closing.

    Args:
        closed: whether the sprint is closed now.
        run_id: the run; None for a dry run.
        findings: what the steps found, in order.
        stopped_at: the step that failed, None if none did.
        reason: why, in one line.
        hint: what to do about it.
        left_out: the steps that a dry run did not do.
    """

    closed: bool
    run_id: str | None
    findings: tuple[Finding, ...]
    stopped_at: str | None = None
    reason: str | None = None
    hint: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Return everything that keeps the sprint open."""
        past = any(finding.step == "merge" for finding in self.findings)  # what waited to be merged is
        found = (drift for finding in self.findings for drift in finding.drifts)
        return tuple(drift for drift in found if not (past and drift.waits))

    def as_json(self) -> dict[str, Any]:
        """Return the object that `sprint closeout --json` prints."""
        return {
            "closed": self.closed,
            "run": self.run_id,
            "stopped_at": self.stopped_at,
            "reason": self.reason,
            "hint": self.hint,
            "drifts": [{"kind": d.kind, "target": d.target, "words": d.words} for d in self.drifts],
            "findings": [finding.as_json() for finding in self.findings],
            "left_out": list(self.left_out),
        }


def look(desk: Desk, sprint: Sprint, tell: Tell | None = None) -> Outcome:
    """Go through the looking part of the routine and write nothing: a dry run.

    Raises:
        IllegalTransition: the sprint was never launched.
    """
    if ended := _ended(desk, sprint):
        return ended
    record = Record(sprint, sprint.run_id, Programs(desk.root), dry=True)
    steps = desk.settings.checklist
    for step in steps:
        if not step.acts:
            record = _do(step, desk, record)
            _tell(tell, record.findings[-1:])
    left_out = tuple(step.id for step in steps if step.acts)
    return Outcome(closed=False, run_id=None, findings=record.findings, left_out=left_out)


def close(desk: Desk, sprint: Sprint, agreed: Iterable[str] = (), tell: Tell | None = None) -> Outcome:
    """Close a sprint, or go on closing it.

    A closing that failed looks at everything again; one that was cut off goes on with the step it was at.

    Args:
        desk: the clerk's tools.
        sprint: a launched one.
        agreed: the steps (of `checklist.APPROVALS`) whose requests a person agrees to with this call.
        tell: told what each step found.

    Raises:
        IllegalTransition: the sprint was never launched.
        LockTimeout: another process is closing it.
        Conflict: another git process is at work in the repository.
    """
    if ended := _ended(desk, sprint):
        return ended
    run_id = sprint.run_id
    with _alone(desk, run_id):
        programs = Programs(desk.root, desk.runs.home / "runs" / run_id / "program.pid")
        record = Record(take_over(desk, sprint), run_id, programs, frozenset(agreed))
        if desk.repository is not None:
            remove_stale_locks(desk.repository)
            mend_index(desk.repository)
            settle(desk, record)
        return _run(desk, record, tell)


def _ended(desk: Desk, sprint: Sprint) -> Outcome | None:
    """Return what came of a closing that is over."""
    if sprint.state == "planned":
        raise IllegalTransition(f"{sprint.plan.name} is not launched", hint="`bluelabel sprint launch`")
    if sprint.state != "closed":
        return None
    known = desk.runs.get(sprint.run_id)
    return Outcome(closed=True, run_id=sprint.run_id, findings=_findings(desk, known) if known else ())


@contextmanager
def _alone(desk: Desk, run_id: str) -> Generator[None]:
    """Keep other closings out, also while this one looks at what a killed one has left.

    Raises:
        LockTimeout: there is one.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(run_lock(desk.runs.home / "runs", f"{run_id}-closing"))
        except LockTimeout as error:
            hint = f"wait for it, or watch it with `bluelabel run dag --watch {run_id}`"
            raise LockTimeout("another process is closing this sprint", where=run_id, hint=hint) from error
        yield


def _run(desk: Desk, record: Record, tell: Tell | None) -> Outcome:
    import asyncio

    from bluelabel.services.workflow.dag_runner import StatefulDAGRunner

    facts = {"sprint": record.sprint.key, "title": record.sprint.plan.name}
    runner = StatefulDAGRunner(DAG_ID, desk.runs, record.run_id, max_parallel=1, metadata=facts)
    if runner.dag_run.status in (DAGRunStatus.FAILED, DAGRunStatus.PARTIAL_SUCCESS, DAGRunStatus.CANCELLED):
        runner.retry(next(iter(runner.dag_run.steps)), "the closing was started again")
    hints: dict[str, str | None] = {}
    _register(runner, desk, record, tell, hints)
    try:
        run = asyncio.run(runner.execute())
    finally:  # interrupted or cancelled, the step that runs it is still at it
        record.programs.stop()
    failed = next((s for s in run.steps.values() if s.status is DAGStepStatus.FAILED), None)
    closed = run.status is DAGRunStatus.SUCCESS
    found = _findings(desk, run)
    if failed is None:
        return Outcome(closed, record.run_id, found, reason=None if closed else f"the run is {run.status.value}")
    return Outcome(closed, record.run_id, found, failed.step_id, failed.error, hints.get(failed.step_id))


def _register(
    runner: StatefulDAGRunner, desk: Desk, record: Record, tell: Tell | None, hints: dict[str, str | None]
) -> None:
    """Tell the runner the steps of the routine, one after the other; also those that are no part of it any more."""
    before: tuple[str, ...] = ()
    steps = desk.settings.checklist
    for step in steps:
        work = _work(desk, record, step, tell, hints)
        runner.register_step(step.id, work, max_retries=0, depends_on=before, facts={"title": step.title})
        before = (step.id,)
    for name in set(runner.dag_run.steps) - {step.id for step in steps}:
        gone = Finding(name, "no step of the routine any more")
        runner.register_step(name, gone.as_json, max_retries=0)


def _work(
    desk: Desk, record: Record, step: Step, tell: Tell | None, hints: dict[str, str | None]
) -> Callable[[StepContext], dict[str, Any]]:
    def work(context: StepContext) -> dict[str, Any]:
        results = context.results
        known = (results[one.id] for one in desk.settings.checklist if one.id in results)
        earlier = replace(record, findings=tuple(map(Finding.from_json, known)))
        try:
            done = _do(step, desk, earlier)
        except BluelabelError as error:
            hints[step.id] = error.hint
            raise
        _tell(tell, done.findings[-1:])
        return done.findings[-1].as_json()

    return work


def _do(step: Step, desk: Desk, record: Record) -> Record:
    return run_own(desk, record, step) if step.command else ROUTINE[step.id](desk, record)


def _findings(desk: Desk, run: DAGRun) -> tuple[Finding, ...]:
    results = Results(desk.runs.home / "results")
    found = [results.load(run.steps[step.id].result) for step in desk.settings.checklist if step.id in run.steps]
    return tuple(Finding.from_json(result) for result in found if result)


def _tell(tell: Tell | None, findings: Iterable[Finding]) -> None:
    if tell is not None:
        for finding in findings:
            tell(finding)
