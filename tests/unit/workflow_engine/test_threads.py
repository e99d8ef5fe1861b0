"""Plain functions in threads: the pool goes on whatever became of those who asked it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bluelabel.services.workflow.engine.threads import Threads


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


def test_a_slow_function_holds_the_loop_up_once_and_a_quick_one_makes_it_patient_again() -> None:
    threads, go = Threads(), threading.Event()
    heard: list[str] = []

    async def ask() -> None:
        slow = asyncio.ensure_future(threads.run(lambda: go.wait(30)))
        asyncio.get_running_loop().call_soon(heard.append, "the loop goes on")
        while not heard:
            await asyncio.sleep(0)
        assert not slow.done()
        go.set()
        assert await slow is True

    asyncio.run(ask())
    assert heard == ["the loop goes on"]
    for attempt in range(1000):
        assert asyncio.run(threads.run(lambda: attempt)) == attempt  # noqa: B023 - called before the next attempt
        if threads._are_quick:
            break
    assert threads._are_quick


@pytest.mark.parametrize("quick", [True, False])
def test_what_a_function_raises_reaches_its_caller(quick: bool) -> None:
    threads = Threads()
    threads._are_quick = quick

    def stops() -> None:
        raise StopIteration("the end")

    def fails() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError, match="k"):
        asyncio.run(threads.run(fails))
    with pytest.raises(RuntimeError, match="StopIteration: the end"):
        asyncio.run(threads.run(stops))
