"""Plain functions in threads: the pool goes on whatever became of those who asked it."""

from __future__ import annotations

import asyncio
import threading

from bluelabel.services.workflow.threads import Threads


def test_a_pool_whose_caller_is_gone_serves_the_next() -> None:
    threads, begun, go = Threads(), threading.Event(), threading.Event()

    def late() -> None:
        begun.set()
        go.wait()

    async def leave() -> None:
        asking = asyncio.ensure_future(threads.run(late))
        await asyncio.to_thread(begun.wait)
        asking.cancel()

    async def ask() -> int:
        async with asyncio.timeout(30):
            return int(await threads.run(lambda: 7))

    asyncio.run(leave())  # its loop is closed while the thread still works
    go.set()
    while threads._idle == 0:
        threading.Event().wait(0.001)

    assert asyncio.run(ask()) == 7
