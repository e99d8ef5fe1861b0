"""Plain functions in threads that never hold the process back: a thread cannot be killed, so nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Threads:
    """A pool of daemon threads that grows with the work at hand and keeps idle ones for the next."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], Any]) -> Any:
        """Return what `work` returns. When the caller is cancelled, the thread goes on and its result is dropped."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            grow = self._idle == 0
            self._idle -= not grow
        self._jobs.put((work, future, loop))
        if grow:
            threading.Thread(target=self._serve, name="bluelabel-step", daemon=True).start()
        return await future

    def _serve(self) -> None:
        while True:
            work, future, loop = self._jobs.get()
            value, error = None, None
            try:
                value = work()
            except BaseException as raised:  # noqa: BLE001 - whatever a step raises belongs to its caller
                error = raised
            with self._lock:
                self._idle += 1
            with suppress(
                RuntimeError
            ):  # the loop has ended: nobody waits any more, but this thread is counted as idle
                loop.call_soon_threadsafe(_deliver, future, value, error)
            del work, future, loop, value, error


def _deliver(future: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(RuntimeError(f"StopIteration: {error}") if isinstance(error, StopIteration) else error)


THREADS = Threads()
"""The pool that every run of this process shares."""
