"""News of the ledger inside an event loop: what another process wrote wakes whoever waits for it here.

It looks at the ledger's head at intervals. A watcher of the file system would be told of every append of the runner
itself, which costs more than the append (measured: 200 us of CPU each); a look costs little, and there are few of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bluelabel.services.ledger.book import Book

_EAGER = 0.02
_CALM = 0.25
_GROWTH = 1.1


class Feed:
    """Looks for news: often while a step waits for an answer, less often the longer nothing comes.

    Args:
        book: what to look at.
        told: called in the event loop after news.
    """

    def __init__(self, book: Book, told: Callable[[], None]) -> None:
        self.count = 0
        """How often there was news so far."""
        self._book = book
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._pause = _CALM
        self._seen = -1

    def start(self) -> None:
        """Begin to look. The first look tells in any case: what it is about may have come before it."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._look)

    async def wait(self, since: int, timeout: float | None = None) -> None:
        """Return once there was news after `since`, or after `timeout` seconds.

        Read `count`, look at the state, then wait with that count: news in between is not missed.
        """
        if self.count != since:
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        self._hurry()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):  # `wait_for` swallows a cancellation that comes with the news
                    await future
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Stop to look."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hurry(self) -> None:
        self.close()
        self._pause = _EAGER
        self._timer = self._loop.call_later(_EAGER, self._look)

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._look)
        head = self._book.head().seq
        if head == self._seen:
            self._pause = min(_CALM, self._pause * _GROWTH)
            return
        self._seen = head
        self.count += 1
        self._pause = _EAGER if self._waiting else _CALM
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._told()
