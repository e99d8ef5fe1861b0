"""The run machine does what a plain dict says: every move, in any order, with two writers, takeovers, lost indexes."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bluelabel.interfaces.errors import BluelabelError, Conflict, IllegalTransition
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.engine.ownership import claim_run
from bluelabel.services.workflow.engine.recovery import reopen, take_up
from bluelabel.services.workflow.store.projection import RunsProjection

STEPS = ("a", "b", "c")
NEEDS = {"b": ["a"], "c": ["b"]}
MOST = 2
OPEN = ("pending", "running", "retry")
# What each act on a step leads from, and to. The words here are the model; the program has its own table.
ACTS = {
    "start": (("pending", "retry"), "running"),
    "complete": (("running",), "success"),
    "fail": (("pending", "running", "retry"), "failed"),
    "retry": (("running", "failed"), "retry"),
    "skip": (("pending", "retry"), "skipped"),
    "cancel": (OPEN, "cancelled"),
    "interrupt": (("running", "retry", "failed", "success", "skipped", "cancelled"), "pending"),
    "reset": (("running", "retry", "failed", "success", "skipped", "cancelled"), "pending"),
}
steps = st.sampled_from(STEPS)


def act_on(step: Any, act: Any) -> Any:
    if act == "interrupt":
        return step.reset("cut", interrupted=True)
    arguments = {"complete": ("done",), "fail": ("bad",), "skip": ("why",), "reset": ("why",)}
    return getattr(step, act)(*arguments.get(act, ()))


class RunMachine(RuleBasedStateMachine):
    """One run, two objects that change it, and the model beside them."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="runs."))
        self.store = DAGRunStore(self.folder, book=Book.in_memory([RunsProjection()]))
        self.store.show = lambda run: None  # type: ignore[method-assign]  # files are views, and the only thing here that would take time
        run = DAGRun("dag", "r")
        for step_id in STEPS:
            run.add_step(step_id, MOST, dependencies=NEEDS.get(step_id, []))
        self.store.create(run)
        self.run = run
        self.other = self.store.require("r")
        self.status = "created"
        self.model = dict.fromkeys(STEPS, "pending")
        self.tries = dict.fromkeys(STEPS, 0)
        self.moves = {"": 0, **dict.fromkeys(STEPS, 0)}

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def moved(self, step_id: Any, to: Any) -> None:
        self.model[step_id] = to
        self.moves[step_id] += 1

    def run_moved(self, to: Any) -> None:
        self.status = to
        self.moves[""] += 1

    @rule(step_id=steps, act=st.sampled_from([*ACTS, "start", "complete", "start", "fail"]))
    def act(self, step_id: Any, act: Any) -> None:
        sources, to = ACTS[act]
        step = self.run.get_step(step_id)
        if act == "retry" and self.tries[step_id] >= MOST:
            assert step.retry() is False
            return
        if self.model[step_id] not in sources:
            with pytest.raises(IllegalTransition):
                act_on(step, act)
            return
        act_on(step, act)
        self.moved(step_id, to)
        self.tries[step_id] = 0 if act == "reset" else self.tries[step_id] + (act == "retry")
        self.store.update(self.run)

    @rule()
    def start_run(self) -> None:
        if self.status not in ("created", "retry"):
            with pytest.raises(IllegalTransition):
                self.run.start()
            return
        self.run.start()
        self.run_moved("running")
        self.store.update(self.run)

    @rule()
    def complete_run(self) -> None:
        ends = set(self.model.values())
        failed = "partial_success" if "success" in ends else "failed"
        to = failed if "failed" in ends else "success"
        allowed = self.status == "running" or (to == "failed" and self.status in ("created", "retry"))
        if ends & set(OPEN) or not allowed:
            with pytest.raises(IllegalTransition):
                self.run.complete()
            return
        assert self.run.complete() == to
        self.run_moved(to)
        self.store.update(self.run)

    @rule()
    def fail_run(self) -> None:
        if self.status not in ("created", "running", "retry"):
            return
        self.run.fail("bad")
        for step_id, status in self.model.items():
            if status in ("pending", "retry"):
                self.moved(step_id, "skipped")
        self.run_moved("failed")
        self.store.update(self.run)

    @rule()
    def cancel_run(self) -> None:
        if self.status not in ("created", "running", "retry"):
            with pytest.raises(IllegalTransition):
                self.run.cancel()
            return
        self.run.cancel("enough")
        for step_id, status in self.model.items():
            if status in OPEN:
                self.moved(step_id, "cancelled")
        self.run_moved("cancelled")
        self.store.update(self.run)

    @rule(from_step=st.none() | steps)
    def reopen(self, from_step: Any) -> None:
        if self.status in ("created", "running", "retry"):
            return
        bad = ("failed", "cancelled", "pending", "skipped")
        chosen = {name for name, status in self.model.items() if status in bad}
        if from_step is not None:
            chosen = set(STEPS[STEPS.index(from_step) :])
        if not chosen:
            with pytest.raises(Conflict):
                reopen(self.run, from_step)
            return
        reopen(self.run, from_step)
        for step_id in chosen:
            if self.model[step_id] != "pending":
                self.moved(step_id, "pending")
                self.tries[step_id] = 0
        self.run_moved("retry")
        self.store.update(self.run)

    @rule()
    def its_runner_dies_and_another_takes_it_up(self) -> None:
        if self.status not in ("created", "running", "retry"):
            return
        self.other = self.run
        self.run = self.store.require("r")
        claim_run(self.store, self.run)
        take_up(self.run)
        if self.status != "running":
            self.run_moved("running")
        for step_id, status in self.model.items():
            if status == "running":
                self.moved(step_id, "pending")
        self.store.update(self.run)

    @rule(step_id=steps, act=st.sampled_from(list(ACTS)))
    def somebody_with_an_old_copy_writes(self, step_id: Any, act: Any) -> None:
        """An old copy either moves from what is still true, or is refused whole."""
        before = self.store.require("r").to_dict()
        try:
            act_on(self.other.get_step(step_id), act)
            stale = self.other.epoch != self.run.epoch
            self.store.update(self.other)
        except BluelabelError:
            assert self.store.require("r").to_dict() == before
        else:
            assert not stale or not self.other.has_changes
            after = self.store.require("r")
            changed = after.get_step(step_id)
            if len(changed.history) > self.moves[step_id]:
                assert not stale
                assert changed.history[-1].was == self.model[step_id]
                self.moved(step_id, changed.status.value)
                self.tries[step_id] = changed.retry_count
        self.run = self.store.require("r")
        self.other = self.store.require("r") if self.other.epoch == self.run.epoch else self.other

    @rule()
    def the_index_is_lost(self) -> None:
        self.store.book.index.discard()

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        found = self.found = self.store.require("r")
        assert found.status.value == self.status
        assert {name: step.status.value for name, step in found.steps.items()} == self.model
        assert {name: step.retry_count for name, step in found.steps.items()} == self.tries
        assert len(found.history) == self.moves[""]
        assert (found.end_time is None) is (self.status in ("created", "running", "retry"))
        assert found.total_retries == sum(self.tries.values())
        for name, step in found.steps.items():
            assert len(step.history) == self.moves[name]
            assert all(a.status == b.was for a, b in zip(step.history, step.history[1:], strict=False))

        self.the_object_and_its_file_agree_with_the_store()

    def the_object_and_its_file_agree_with_the_store(self) -> None:
        told = self.run.to_dict()
        assert told["steps"] == self.found.to_dict()["steps"]
        assert DAGRun.from_dict(told).to_dict() == told


COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=False, database=None)

TestRun = RunMachine.TestCase
TestRun.settings = settings(COMMON, max_examples=200, stateful_step_count=16)


class RunMachineAtNight(RunMachine):
    """The same for longer."""


TestRunAtNight = pytest.mark.nightly(pytest.mark.timeout(3600)(RunMachineAtNight.TestCase))
RunMachineAtNight.TestCase.settings = settings(COMMON, max_examples=20_000, stateful_step_count=25)
