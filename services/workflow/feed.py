"""News of the ledger inside an event loop: what another process wrote wakes whoever waits for it here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from bluelabel.services.ledger.book import Book

_QUIET = 0.25
_EAGER = 0.02
_TURN = 1.0


class Feed:
    """Watches a book from a thread of its own, which begins with the first reason to watch.

    A runner's own appends are news too, so the thread rests between two looks: briefly while a step waits for an
    answer, longer while it only watches for a cancellation.

    Args:
        book: what to watch.
        told: called in the event loop after news.
    """

    def __init__(self, book: Book, told: Callable[[], None]) -> None:
        self._book = book
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.count = 0
        """How often there was news so far."""

    def start(self) -> None:
        """Begin to watch."""
        if self._thread is None and not self._closed.is_set():
            after = self._book.head().seq
            self._thread = threading.Thread(target=self._watch, args=(after,), name="bluelabel-feed", daemon=True)
            self._thread.start()

    async def wait(self, since: int, timeout: float | None = None) -> None:
        """Return once there was news after `since`, or after `timeout` seconds.

        Read `count`, look at the state, then wait with that count: news in between is not missed.
        """
        if self.count != since:
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(future, timeout)
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Stop to watch."""
        self._closed.set()

    def _watch(self, after: int) -> None:
        while not self._closed.is_set():
            try:
                if not self._book.wait(after, _TURN):
                    continue
                after = self._book.head().seq
                self._loop.call_soon_threadsafe(self._tell)
            except Exception:  # noqa: BLE001 - the book or the loop was closed under the thread: nobody waits any more
                return
            self._closed.wait(_EAGER if self._waiting else _QUIET)

    def _tell(self) -> None:
        if self._closed.is_set():
            return
        self.count += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._told()
