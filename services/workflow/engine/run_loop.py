"""The loop of a run: settle what ended, decide what begins, write both as one append, then begin it.

Because a step's success and the start of those that depend on it stand in one write, a chain costs one sync a step, and
steps that end together share one. Nothing begins before the write that says so is acknowledged.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bluelabel.interfaces.errors import BluelabelError, MachineError
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun, DAGStepState
from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.engine.active_attempts import UnderWay
from bluelabel.services.workflow.engine.attempt import Registered, trace_of
from bluelabel.services.workflow.engine.contexts import Contexts
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.engine.map import run_map, without_map
from bluelabel.services.workflow.engine.recovery import CONDITION, outcome_of, waited
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.engine.retry import delay_before, worth_retrying
from bluelabel.services.workflow.engine.retry_timers import Resting, Timer
from bluelabel.services.workflow.engine.run_writer import RunWriter
from bluelabel.services.workflow.engine.scheduler import Outcome, Pools, Scheduler
from bluelabel.services.workflow.engine.stop_reason import Ending
from bluelabel.services.workflow.model.states import DAGStepStatus

_WATCH_AFTER = 0.1


class RunLoop:
    """Runs the open steps of one run that this process owns.

    Args:
        run: the run, taken up.
        store: where it is kept.
        steps: what does the work of each step.
        results: where large results are kept.
        max_parallel: slots.
        pools: the slots that steps of a pool take.
        fail_fast: whether the failure of a critical step keeps other branches from beginning more.
        timer: calls a function after a number of seconds; the event loop's own when None.
        roll: gives random numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        run: DAGRun,
        store: DAGRunStore,
        steps: Mapping[str, Registered],
        results: Results,
        *,
        max_parallel: int,
        pools: Pools,
        fail_fast: bool,
        timer: Timer | None = None,
        roll: Callable[[], float] = random.random,
    ) -> None:
        self.run = run
        self.steps = dict(steps)
        self._results = results
        self._root = str(store.root)
        self._loop = asyncio.get_running_loop()
        self._roll = roll
        self._fail_fast = fail_fast
        self._contexts = Contexts(run, results)
        self._under_way = UnderWay()
        self._ending: Ending | None = None
        self._why = ""
        self._failure: str | None = None
        self._fault: BaseException | None = None
        self._listeners: dict[str, Callable[[], None]] = {}
        self._now = run.now
        self._moment: datetime | None = None
        run.now = self._moment_of_turn
        self._writer = RunWriter(run, store)
        self.feed = Feed(store.book, self._look)
        self._pools = pools
        self._scheduler = Scheduler([step.plan() for step in self.steps.values()], max_parallel, pools)
        self._resting = Resting(self._scheduler, timer or self._loop.call_later, self._under_way.ring)

    async def go(self) -> None:
        """Run until the run has ended, was stopped, or can write nothing more.

        Raises:
            Conflict: another runner took the run over.
            MachineError: the disk refused; the run is as the ledger last had it, and can be resumed.
        """
        watch = self._loop.call_later(_WATCH_AFTER, self.feed.start)
        try:
            for step_id in list(self.steps):
                self._place(step_id)
            while not self.run.is_complete:
                begin = self._turn()
                changed = self.run.has_changes
                if changed:
                    await self._write(begin)
                if self._fault is not None:
                    raise self._fault
                for step_id in begin:
                    self._launch(step_id)
                if changed:
                    self._writer.show()
                if self._ending is Ending.STOP and not self._under_way and not self.run.is_running:
                    return  # the run was left for the next runner
                if not self.run.is_complete:
                    await self._under_way.wait()
        except asyncio.CancelledError:
            await self._abandon()
            raise
        finally:
            watch.cancel()
            self.run.now = self._now
            self.feed.close()
            self._writer.close()
            await self._under_way.stop_all()
            self._pools.close()

    def end(self, how: Ending, why: str) -> None:
        """Begin nothing more, and end what `how` says; a weightier reason replaces a lighter one."""
        if self._ending is not None and how <= self._ending:
            return
        self._ending, self._why = how, why
        for step_id in self._under_way:
            self._cut_off(step_id)
        self._under_way.ring()

    def add_step(self, step: Registered, ended: Callable[[], None]) -> None:
        """Take in one more step while the run goes on, and call `ended` when it has, or had, ended."""
        step_id = step.step_id
        self.steps[step_id] = step
        self._listeners[step_id] = ended
        if step_id not in self.run.steps:
            self.run.add_step(step_id, step.retry.max_retries, **step.metadata())
        self._scheduler.add(step.plan())
        self._place(step_id)
        self._under_way.ring()

    def _place(self, step_id: str) -> None:
        """Tell the scheduler about a step that ended before this runner came."""
        outcome = outcome_of(self.run.steps[step_id])
        if outcome is not None:
            self._conclude(step_id, outcome)

    def _turn(self) -> list[str]:
        """Bring the run up to date with what happened; return the steps that begin with the next write."""
        self._moment = self._now()
        for ended in self._under_way.ended():
            self._settle(*ended)
        begin = [] if self._fault is not None else self._choose()
        self._moment = None
        return begin

    def _choose(self) -> list[str]:
        """Return the steps that may begin now; end the run where nothing is left to do."""
        begin: list[str] = []
        while self._ending is None and (taken := self._scheduler.take()):
            begin += [step_id for step_id in taken if self._may_begin(step_id)]
        if self._ending is None and self._scheduler.outdone:
            self._resting.ask_again()
        elif not self._under_way and not begin and (self._ending is not None or not self._resting):
            self._finish()
        return begin

    def _moment_of_turn(self) -> datetime:
        """Return the present; within a turn it stands still: what is found together happened together."""
        return self._moment or self._now()

    def _may_begin(self, step_id: str) -> bool:
        step, state = self.steps[step_id], self.run.steps[step_id]
        if self._ending is not None:
            return False
        if self._resting.is_over(step_id):
            state.start()
            return True
        if state.status is DAGStepStatus.RETRY:
            pause = delay_before(max(1, state.retry_count), step.retry)
            self._resting.begin(step_id, waited(state, pause, self.run.now()))
            return False
        try:
            against = self._contexts.objection(step, state)
        except BluelabelError as error:
            self._give_up(step, state, error)
            return False
        if against is not None:
            state.skip(f"{CONDITION} {against}")
            self._conclude(step_id, Outcome.SKIPPED)
            return False
        state.start()
        return True

    def _launch(self, step_id: str) -> None:
        step, state = self.steps[step_id], self.run.steps[step_id]
        context = self._contexts.context(state)
        if step.map is not None:
            self._under_way.begin(without_map(step), context, functools.partial(run_map, self, step))
        else:
            self._under_way.begin(step, context)
        if self._ending is not None:
            self._cut_off(step_id)

    def _cut_off(self, step_id: str) -> None:
        if self._ending is Ending.FAILING and not self.steps[step_id].waits:
            return
        self._under_way.stop(step_id, for_good=self._ending is not Ending.STOP)

    def _settle(self, context: StepContext, value: Any, error: BaseException | None) -> None:
        step_id = context.step_id
        step, state = self.steps[step_id], self.run.steps[step_id]
        if error is None:
            state.complete(self._results.keep(self.run.run_id, value))
            self._conclude(step_id, Outcome.PASSED)
        elif self._ending is not None and context.is_cancelled:
            self._cut(state)
        elif step.waits and isinstance(error, MachineError):  # what it waits for is kept on the same disk as the run
            self._fault = error
        else:
            self._failed(step, state, error)

    def _cut(self, state: DAGStepState) -> None:
        if self._ending is Ending.FAILING:
            state.cancel(self._why)
            self._conclude(state.step_id, Outcome.BROKEN)
        elif self._ending is Ending.STOP:
            state.reset(self._why, interrupted=True)

    def _failed(self, step: Registered, state: DAGStepState, error: BaseException) -> None:
        again = False
        if self._ending is None and state.retry_count < state.max_retries:
            try:
                again = worth_retrying(error, state.retry_count + 1, step.retry, step.retry_if)
            except Exception as raised:  # noqa: BLE001 - a predicate that fails must not take the run with it
                error = raised
        if not again:
            self._give_up(step, state, error)
            return
        pause = delay_before(state.retry_count + 1, step.retry, self._roll())
        state.retry(error, delay=pause, trace=trace_of(error, self._root))
        self._resting.begin(step.step_id, pause)

    def _give_up(self, step: Registered, state: DAGStepState, error: BaseException) -> None:
        state.fail(error, trace=trace_of(error, self._root))
        self._conclude(step.step_id, Outcome.BROKEN if step.critical else Outcome.PASSED)

    def _conclude(self, step_id: str, outcome: Outcome) -> None:
        """Tell the scheduler, and whoever waits for the step, that it has ended."""
        for doomed, reason in self._scheduler.end(step_id, outcome):
            if self.run.steps[doomed].status in (DAGStepStatus.PENDING, DAGStepStatus.RETRY):
                self.run.steps[doomed].skip(reason)
        listener = self._listeners.pop(step_id, None)
        if listener is not None:
            listener()
        state = self.run.steps[step_id]
        if outcome is Outcome.BROKEN and state.status is DAGStepStatus.FAILED and self._failure is None:
            self._failure = f"step {step_id} failed: {state.error}"
            if self._fail_fast:
                self.end(Ending.FAILING, f"the run failed at {step_id}")

    def _finish(self) -> None:
        if self._ending is Ending.CANCEL:
            self.run.cancel(self._why)
        elif self._ending is Ending.STOP and self._scheduler.open:
            self.run.reopen(self._why)
        elif self._failure is not None:
            self.run.fail(self._failure)
        elif self._scheduler.open:
            self.run.fail("no step can begin: the pools have no slots")
        else:
            self.run.complete()

    async def _write(self, begin: list[str]) -> None:
        """Write the changes. Mere starts ride with the next sync, unless a step asks for more."""
        durable = self.run.count_changes() > len(begin) or any(self.steps[name].durable_start for name in begin)
        await self._writer.write(durable=durable, alone=not self._under_way)
        self._heed()

    def _look(self) -> None:
        try:
            self._writer.look()
        except BluelabelError as error:
            self._fault = error
            self._under_way.ring()
        self._heed()

    def _heed(self) -> None:
        if self._writer.asked_to_stop is not None and not self.run.is_complete:
            self.end(Ending.CANCEL, self._writer.asked_to_stop)

    async def _abandon(self) -> None:
        """Leave the run to the next runner, in an orderly way, because the caller's own task ends."""
        self.end(Ending.STOP, "its runner was stopped")
        await self._under_way.stop_all()
        await asyncio.sleep(0)
        self._turn()
        if self.run.has_changes:
            self._writer.write_now()
