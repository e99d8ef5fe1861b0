"""The stateful runner: steps are registered, the run is kept in a store, and any process can take it up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bluelabel.interfaces.errors import AlreadyExists, Conflict, IllegalTransition, UsageError
from bluelabel.services.ledger.clock import SystemIds
from bluelabel.services.workflow.dag_run_store import DAGRunStore, More
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.dag_runner_interface import IDAGRunner, StepExecutor
from bluelabel.services.workflow.definition.definition import RetryBackoffStrategy, RetrySpec
from bluelabel.services.workflow.engine.attempt import Registered
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.engine.ownership import claim_run, drop_lock, run_lock
from bluelabel.services.workflow.engine.pools import SharedPools
from bluelabel.services.workflow.engine.recovery import reopen, take_up
from bluelabel.services.workflow.engine.results import Results
from bluelabel.services.workflow.engine.retry import delay_before, strategy_of
from bluelabel.services.workflow.engine.retry_timers import Timer
from bluelabel.services.workflow.engine.run_loop import RunLoop
from bluelabel.services.workflow.engine.scheduler import check_dependencies
from bluelabel.services.workflow.engine.stop_reason import Ending
from bluelabel.services.workflow.model.states import DAGRunStatus, DAGStepStatus

__all__ = ["RetryBackoffStrategy", "StatefulDAGRunner"]


class StatefulDAGRunner(IDAGRunner):
    """Runs one run, new or known, and keeps every move of it.

    Args:
        dag_id: the workflow's name.
        store: where the run is kept; the folder ``data/dag_runs`` of the working directory when None.
        run_id: the run's name; a new one when None.
        dag_run_id: another word for `run_id`.
        retry_delay: seconds before the first retry of a step that does not say otherwise.
        retry_backoff: how that delay grows.
        max_parallel: how many steps may run at once; 1 runs them one after the other as they were registered.
        fail_fast: whether the failure of a critical step keeps every other branch from beginning more.
        pools: slots of each concurrency pool; all runs of the store share them.
        metadata: facts for a new run, `inputs` among them.
        timer: calls a function after a number of seconds, for tests; the event loop's own when None.
    """

    def __init__(
        self,
        dag_id: str | None = None,
        store: DAGRunStore | None = None,
        run_id: str | None = None,
        *,
        dag_run_id: str | None = None,
        retry_delay: float = 1.0,
        retry_backoff: RetryBackoffStrategy | str = RetryBackoffStrategy.EXPONENTIAL,
        max_parallel: int = 1,
        fail_fast: bool = True,
        pools: Mapping[str, int] | None = None,
        metadata: Mapping[str, Any] | None = None,
        timer: Timer | None = None,
    ) -> None:
        self.store = store or DAGRunStore()
        self.retry_delay = retry_delay
        self.retry_backoff = strategy_of(retry_backoff)
        self.max_parallel = max_parallel
        self.fail_fast = fail_fast
        self.pools = dict(pools or {})
        self._timer = timer
        self._steps: dict[str, Registered] = {}
        self._loop: RunLoop | None = None
        self._ending: tuple[Ending, str] | None = None
        named = dag_run_id or run_id
        known = None if named is None else self.store.get(named)
        self.dag_run = known or DAGRun(
            dag_id or "dag", named or SystemIds().new(), metadata=metadata, now=self.store.clock.now
        )
        self._results = Results(self.store.home / "results")

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.dag_run.run_id

    @property
    def dag_id(self) -> str:
        """The workflow's name."""
        return self.dag_run.dag_id

    @property
    def steps(self) -> list[Registered]:
        """The steps that are registered, in their order."""
        return list(self._steps.values())

    @property
    def feed(self) -> Feed:
        """News of the ledger while the run is under way, for steps that wait for somebody.

        Raises:
            Conflict: the run is not under way.
        """
        if self._loop is None:
            raise Conflict("the run is not under way", where=self.run_id, hint="call `execute` first")
        return self._loop.feed

    def register_step(
        self,
        step_id: str,
        executor: StepExecutor,
        max_retries: int = 3,
        retry_delay: float | None = None,
        retry_backoff: RetryBackoffStrategy | str | None = None,
        critical: bool = True,
        depends_on: Sequence[str] = (),
        *,
        retry: RetrySpec | None = None,
        **limits: Any,
    ) -> None:
        """Say what does the work of a step, and how it is to be run.

        Args:
            step_id: its name.
            executor: a function, sync or async, of nothing or of a `StepContext`, or an object with `execute`.
            max_retries: how many more attempts a failed one may have.
            retry_delay: seconds before the first of them; the runner's when None.
            retry_backoff: how that delay grows; the runner's when None.
            critical: whether its failure fails the run.
            depends_on: steps that must have ended before.
            retry: all of the retry rules at once, instead of the three above.
            limits: further fields of `Registered`: timeout, heartbeat, when, unless, map, priority, pool,
                durable_start, waits, retry_if, facts.

        Raises:
            AlreadyExists: the name is taken.
            UsageError: the executor cannot be called.
        """
        if step_id in self._steps:
            raise AlreadyExists("a step of this name is registered", where=step_id, hint="give it another id")
        work: Any = executor if callable(executor) else getattr(executor, "execute", None)
        if not callable(work):
            raise UsageError("the executor of a step cannot be called", where=step_id, hint="give a function")
        delay = self.retry_delay if retry_delay is None else retry_delay
        backoff = self.retry_backoff if retry_backoff is None else strategy_of(retry_backoff)
        spec = retry or RetrySpec(max_retries, delay, backoff)
        self._steps[step_id] = Registered(
            step_id, work, spec, critical=critical, depends_on=tuple(depends_on), **limits
        )

    async def execute(self, step_order: Sequence[str] | None = None) -> DAGRun:
        """Run every step that has not ended, and return the run as it ended.

        A new run is stored first. One that was cut off or stopped goes on; one that FAILED or was PARTIAL_SUCCESS
        goes on with the steps that did not succeed. How the run ended stands in its `status`: a failed step is no
        exception.

        Args:
            step_order: run the steps one after the other in this order, whatever they depend on.

        Raises:
            LockTimeout: another runner is at work on this run.
            Conflict: the run was cancelled, or another runner took it over meanwhile.
            MachineError: the disk refused; the run can be resumed from what the ledger has.
        """
        with run_lock(self.store.home / "runs", self.run_id):
            self._load()
            if self.dag_run.status is DAGRunStatus.SUCCESS:
                return self.dag_run
            steps = self._ordered(step_order)
            self._match(steps)
            claim_run(self.store, self.dag_run)
            take_up(self.dag_run)
            self._loop = RunLoop(
                *(self.dag_run, self.store, steps, self._results),
                max_parallel=1 if step_order else self.max_parallel,
                pools=SharedPools(self.store.home / "pools", self.pools),
                fail_fast=self.fail_fast,
                timer=self._timer,
            )
            if self._ending is not None:
                self._loop.end(*self._ending)
            try:
                await self._loop.go()
            finally:
                self._loop = None
                self.store.flush()
            if self.dag_run.is_complete:
                drop_lock(self.store.home / "runs", self.run_id)
        return self.dag_run

    def prepare(self, more: More = ()) -> DAGRun:
        """Store a new run with its steps, and in the same write `more` events, without running it.

        Raises:
            AlreadyExists: there is a run of this name.
            UsageError: a dependency is unknown, or they run in a circle.
        """
        self._add_steps(self._steps)
        self.store.create_with(self.dag_run, more)
        return self.dag_run

    def cancel(self, reason: str | None = None) -> None:
        """Ask the run to stop for good; steps under way are ended first, their child processes too."""
        self._end(Ending.CANCEL, reason or "cancelled")

    def stop(self, reason: str = "its runner was stopped") -> None:
        """Leave the run to the next runner: steps under way are ended, and made again by it."""
        self._end(Ending.STOP, reason)

    def get_status(self) -> dict[str, Any]:
        """Return the run in numbers. See `DAGRun.get_execution_summary`."""
        return self.dag_run.get_execution_summary()

    def backoff(self, step_id: str, retry: int) -> float:
        """Return the seconds before the n-th retry of a step, jitter aside."""
        return delay_before(retry, self._steps[step_id].retry)

    def retry(self, from_step: str | None = None, reason: str | None = None) -> list[str]:
        """Prepare an ended run to go on with the next `execute`; return the steps that will run again.

        Raises:
            Conflict: there is nothing to run again.
            LockTimeout: another runner is at work on this run.
            NotFound: there is no such run or step.
        """
        with run_lock(self.store.home / "runs", self.run_id):
            self.dag_run = self.store.require(self.run_id)
            self._adopt()
            again = reopen(self.dag_run, from_step, reason)
            self.store.update(self.dag_run)
        return again

    def _end(self, how: Ending, why: str) -> None:
        self._ending = (how, why)
        if self._loop is not None:
            self._loop.end(how, why)

    def _load(self) -> None:
        """Bring the run up to date, now that nobody else can be at work on it."""
        known = self.store.get(self.run_id)
        if known is None:
            return
        self.dag_run = known
        self._adopt()
        if known.status is DAGRunStatus.CANCELLED:
            hint = f"take it up again with `bluelabel run dag --retry {self.run_id}`"
            raise IllegalTransition("the run was cancelled", where=self.run_id, hint=hint)
        if known.status in (DAGRunStatus.FAILED, DAGRunStatus.PARTIAL_SUCCESS):
            reopen(known)

    def _adopt(self) -> None:
        """Take a run into the ledger that only a file knew."""
        if not self.store.knows(self.run_id):
            self.store.create(self.dag_run)

    def _ordered(self, order: Sequence[str] | None) -> dict[str, Registered]:
        if order is None:
            return self._steps
        unknown = [step_id for step_id in order if step_id not in self._steps]
        if unknown:
            raise UsageError("the order names a step that is not registered", where=unknown[0])
        rest = [step_id for step_id in self._steps if step_id not in set(order)]
        return {name: replace(self._steps[name], depends_on=()) for name in [*order, *rest]}

    def _match(self, steps: Mapping[str, Registered]) -> None:
        """Bring registered steps and the steps of the run together, and store a run that is new."""
        run = self.dag_run
        lost = [
            step.step_id
            for step in run.steps_in(DAGStepStatus.PENDING, DAGStepStatus.RUNNING, DAGStepStatus.RETRY)
            if step.step_id not in steps and "index" not in step.metadata
        ]
        if lost:
            hint = "register it before `execute`"
            raise UsageError(f"nothing is registered for a step of run {run.run_id}", where=lost[0], hint=hint)
        self._add_steps(steps)
        if not self.store.knows(run.run_id):
            self.store.create_with(run, show=False)  # the loop will, once it has begun

    def _add_steps(self, steps: Mapping[str, Registered]) -> None:
        check_dependencies({step_id: step.depends_on for step_id, step in steps.items()})
        run, now = self.dag_run, self.dag_run.now
        moment = now()
        run.now = lambda: moment  # they all come at once
        try:
            for step_id, step in steps.items():
                if step_id not in run.steps:
                    run.add_step(step_id, step.retry.max_retries, **step.metadata())
        finally:
            run.now = now
