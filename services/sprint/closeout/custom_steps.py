"""Steps that a project has added to the closing routine: each runs one program."""

from __future__ import annotations

from bluelabel.services.sprint.checklist import Step
from bluelabel.services.sprint.closeout.programs import told
from bluelabel.services.sprint.closeout.state import Drift, Drifted, Finding, Record
from bluelabel.services.sprint.context import Desk


def run_own(desk: Desk, record: Record, step: Step) -> Record:
    """Do a step that the project has added: run its program.

    Before the verdict a failure is one more thing in the way; after it the closing stops there.

    Raises:
        Drifted: it failed, is critical, and stands after the verdict.
    """
    plan = record.sprint.plan
    names = {"RUN_ID": record.run_id, "STEP_ID": step.id, "SPRINT": plan.number, "PHASE": plan.phase, "TAG": plan.tag}
    more = {f"BLUELABEL_{name}": value for name, value in names.items()}
    run = record.programs.run(step.command, step.seconds or desk.test_seconds, more)
    failed = (Drift("step", step.id, f"the step {step.id} fails: {told(run)}"),) if run.exit_code != 0 else ()
    if failed and step.critical and step.acts:
        raise Drifted(failed)
    return record.adding(Finding(step.id, told(run), failed if step.critical else (), run.as_json()))
