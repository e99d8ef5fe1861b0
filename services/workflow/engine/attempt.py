"""One attempt of one step: called the way it wants to be called, within its time, and told when to stop."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from bluelabel.services.workflow.dag_runner_interface import StepContext, StepExecutor
from bluelabel.services.workflow.definition.definition import RetrySpec
from bluelabel.services.workflow.engine.retry import StepFailure
from bluelabel.services.workflow.engine.scheduler import Plan
from bluelabel.services.workflow.engine.threads import THREADS
from bluelabel.services.workflow.trace.paths import portable

_TRACE_CHARS = 8000
_ROOMS = __name__.rpartition(".")[0].rpartition(".")[0] + "."
"""What the names of this service's rooms begin with: their frames stand above those of a step's own code."""


class StepTimeout(StepFailure):
    """An attempt took longer than it may, or gave no sign of life."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A step as the runner has it: what does its work, and how it is to be run. See `StepSpec` for the fields.

    Args:
        waits: it only waits, so it takes no slot, and is given up when the run fails.
        retry_if: decides from the error whether another attempt makes sense.
        facts: further metadata that the store keeps for it.
    """

    step_id: str
    executor: StepExecutor
    retry: RetrySpec
    critical: bool = True
    depends_on: tuple[str, ...] = ()
    timeout: float | None = None
    heartbeat: float | None = None
    when: str | None = None
    unless: str | None = None
    map: str | None = None
    priority: int = 0
    pool: str | None = None
    durable_start: bool = False
    waits: bool = False
    retry_if: Callable[[BaseException], bool] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def plan(self) -> Plan:
        """Return what the scheduler needs to know of it."""
        return Plan(self.step_id, self.depends_on, self.priority, self.pool, self.waits or self.map is not None)

    def metadata(self) -> dict[str, Any]:
        """Return what the run keeps of it, in the keys of run files."""
        found: dict[str, Any] = {
            "retry_delay": self.retry.delay,
            "retry_backoff": self.retry.backoff.value,
            "critical": self.critical,
        }
        if self.depends_on:
            found["dependencies"] = list(self.depends_on)
        if self.durable_start:
            found["durable_start"] = True
        return {**found, **self.facts}


def caller(executor: StepExecutor) -> Callable[[StepContext], Any]:
    """Return a function that calls `executor` with as much as it takes and gives an awaitable.

    A plain function runs in a thread, so that a slow one delays nobody else.
    """
    takes_context = _takes_argument(executor)
    if inspect.iscoroutinefunction(executor) or inspect.iscoroutinefunction(getattr(executor, "__call__", None)):  # noqa: B004
        return executor if takes_context else lambda _context: executor()

    async def in_thread(context: StepContext) -> Any:
        value = await THREADS.run(functools.partial(executor, context) if takes_context else executor)
        return await value if inspect.isawaitable(value) else value

    return in_thread


async def attempt(
    call: Callable[[StepContext], Any], step: Registered, context: StepContext
) -> tuple[Any, BaseException | None]:
    """Return what the step's work comes to, and the error instead where it fails, whatever kind of error it is.

    Raises:
        CancelledError: the step was told to stop.
    """
    try:
        return await perform(call, step, context), None
    except asyncio.CancelledError:
        if context.is_cancelled:
            raise
        return None, RuntimeError("the step cancelled itself")
    except BaseException as error:  # noqa: BLE001 - whatever a step raises is how it ended, `sys.exit` too
        return None, error


async def perform(call: Callable[[StepContext], Any], step: Registered, context: StepContext) -> Any:
    """Return what the step's work comes to.

    Raises:
        StepTimeout: one of its time limits was passed; the work was told to stop.
        Exception: whatever the work raises.
    """
    if step.timeout is None and step.heartbeat is None:
        return await call(context)
    scope, pulse = asyncio.timeout(step.timeout), asyncio.timeout(step.heartbeat)
    try:
        async with scope, pulse:
            if step.heartbeat is not None:
                context.beat = _beat(pulse, step.heartbeat)
            return await call(context)
    except TimeoutError:
        if scope.expired():
            context.stopped.set()
            raise StepTimeout(f"no result after {step.timeout:g} s") from None
        if pulse.expired():
            context.stopped.set()
            raise StepTimeout(f"no sign of life for {step.heartbeat:g} s") from None
        raise


def trace_of(error: BaseException, root: str) -> str | None:
    """Return the stack trace of `error`, from the step's own code on, its end if it is long; None for a StepFailure.

    Its paths are relative to `root`: see `portable`.
    """
    if isinstance(error, StepFailure):
        return None
    trace = error.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__package__")).startswith(_ROOMS):
        trace = trace.tb_next
    text = portable("".join(traceback.format_exception(type(error), error, trace)), root)
    return text if len(text) <= _TRACE_CHARS else "…" + text[-_TRACE_CHARS:]


def _beat(pulse: asyncio.Timeout, limit: float) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def later() -> None:
        if not pulse.expired() and pulse.when() is not None:
            pulse.reschedule(loop.time() + limit)

    return lambda: _from_any_thread(loop, later)


def _from_any_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)


def _takes_argument(work: Callable[..., Any]) -> bool:
    if isinstance(work, FunctionType) and not vars(work):  # neither wrapped nor signed: the code says it, at once
        return work.__code__.co_argcount > 0 or bool(work.__code__.co_flags & inspect.CO_VARARGS)
    try:
        parameters = inspect.signature(work).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(parameter.kind in positional for parameter in parameters)
