"""The attempts of a run that are at work now: tasks of the event loop, told when to stop and heard when they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from bluelabel.services.workflow.dag_runner_interface import StepContext
from bluelabel.services.workflow.engine.attempt import Registered, attempt, caller

_End = tuple[Any, BaseException | None]


class UnderWay:
    """Attempts by the id of their step, at most one of each, and the bell that wakes their run when one has ended."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, Callable[[StepContext], Any]] = {}
        self._tasks: dict[str, tuple[asyncio.Task[_End], StepContext]] = {}
        self._ended: deque[StepContext] = deque()
        self._waking: asyncio.Future[None] | None = None
        self._rung = False

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._tasks))

    def begin(self, step: Registered, context: StepContext, call: Callable[[StepContext], Any] | None = None) -> None:
        """Begin an attempt of `step`; `call` does its work in place of the step's executor."""
        task = self._loop.create_task(self._work(call or self._call_of(step), step, context))
        self._tasks[context.step_id] = (task, context)

    def stop(self, step_id: str, *, for_good: bool) -> None:
        """Tell an attempt to end, because the run was cancelled or, not for good, will be taken up later."""
        task, context = self._tasks[step_id]
        context.cancelled_for_good = for_good
        context.stopped.set()
        task.cancel()
        task.add_done_callback(lambda _task: self._note(context))  # one that had not begun notes nothing itself

    async def stop_all(self) -> None:
        """End whatever is still at work. What it came to can be had from `ended`."""
        tasks = [task for task, _ in self._tasks.values()]
        for task, context in self._tasks.values():
            context.stopped.set()
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def ended(self) -> Iterator[tuple[StepContext, Any, BaseException | None]]:
        """Yield each attempt that has ended since, with its value or its error, and forget it."""
        while self._ended:
            context = self._ended.popleft()
            task, at_work = self._tasks.get(context.step_id, (None, None))
            if task is not None and at_work is context:
                del self._tasks[context.step_id]
                value, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
                yield context, value, error

    def ring(self) -> None:
        """Let `wait` return, now or the next time."""
        self._rung = True
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)

    async def wait(self) -> None:
        """Return once somebody has rung since the last time."""
        if not self._rung:
            self._waking = self._loop.create_future()
            await self._waking
        self._rung = False

    async def _work(self, call: Callable[[StepContext], Any], step: Registered, context: StepContext) -> _End:
        try:
            return await attempt(call, step, context)
        finally:  # heard a turn of the event loop earlier than by a callback of the task
            self._note(context)

    def _note(self, context: StepContext) -> None:
        self._ended.append(context)
        self.ring()

    def _call_of(self, step: Registered) -> Callable[[StepContext], Any]:
        call = self._calls.get(id(step.executor))
        if call is None:
            call = self._calls[id(step.executor)] = caller(step.executor)
        return call
