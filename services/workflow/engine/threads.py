"""Plain functions in threads that never hold the process back: a thread cannot be killed, so nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final

_PATIENCE: Final = 0.0005
"""Seconds that an event loop stands still for a function which may be done at once.

To hear from it through the loop takes longer than most short ones do.
"""


class _Job:
    """One call of a function, and what came of it once it has ended."""

    __slots__ = ("ended", "error", "future", "loop", "value", "work")

    def __init__(self, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.value: Any = None
        self.error: BaseException | None = None
        self.ended = threading.Lock()
        self.ended.acquire()
        self.future: asyncio.Future[None] | None = None

    def result(self) -> Any:
        if self.error is None:
            return self.value
        # A coroutine cannot raise it: Python makes a RuntimeError of it, which says less.
        raise RuntimeError(f"StopIteration: {self.error}") if isinstance(self.error, StopIteration) else self.error


class Threads:
    """A pool of daemon threads that grows with the work at hand and keeps idle ones for the next."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()
        self._are_quick = True

    async def run(self, work: Callable[[], Any]) -> Any:
        """Return what `work` returns. When the caller is cancelled, the thread goes on and its result is dropped."""
        began = time.perf_counter()
        job = _Job(work, asyncio.get_running_loop())
        self._begin(job)
        if not (self._are_quick and job.ended.acquire(timeout=_PATIENCE)):
            await self._hear(job)
            # After a slow one the loop stands still for nobody, until one was quick again.
            self._are_quick = time.perf_counter() - began < _PATIENCE
        return job.result()

    def _begin(self, job: _Job) -> None:
        with self._lock:
            grow = self._idle == 0
            self._idle -= not grow
        self._jobs.put(job)
        if grow:
            threading.Thread(target=self._serve, name="bluelabel-step", daemon=True).start()

    async def _hear(self, job: _Job) -> None:
        """Wait in the event loop for the end of a job."""
        with self._lock:
            if not job.ended.locked():
                return
            job.future = job.loop.create_future()
        await job.future

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job.value = job.work()
            except BaseException as raised:  # noqa: BLE001 - whatever a step raises belongs to its caller
                job.error = raised
            with self._lock:
                self._idle += 1
                job.ended.release()
            if job.future is not None:
                with suppress(RuntimeError):  # the loop has ended: nobody waits, but this thread is counted as idle
                    job.loop.call_soon_threadsafe(_tell, job.future)
            del job


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


THREADS = Threads()
"""The pool that every run of this process shares."""
