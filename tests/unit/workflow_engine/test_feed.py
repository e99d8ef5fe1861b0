"""News wakes whoever waits, and never at the cost of a cancellation."""

import asyncio
from typing import Any

import pytest

from bluelabel.interfaces.events import Draft
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.engine.ledger_poll import Feed
from bluelabel.services.workflow.store.projection import RunsProjection


@pytest.fixture
def book() -> Any:
    return Book.in_memory([RunsProjection()])


def test_a_cancellation_that_comes_with_the_news_is_heard(book: Any) -> None:
    async def main() -> Any:
        def cancel() -> None:
            waiter.cancel()

        feed = Feed(book, cancel)
        waiter = asyncio.create_task(feed.wait(feed.count, 60.0))
        try:
            await asyncio.wait([waiter], timeout=10)
        finally:
            feed.close()
        return waiter.cancelled()

    assert asyncio.run(main())


def test_news_wakes_whoever_waits_and_time_does_where_there_is_none(book: Any) -> None:
    async def main() -> Any:
        feed = Feed(book, lambda: None)
        await feed.wait(feed.count)  # the first look tells in any case
        seen = feed.count
        await feed.wait(seen, 0.001)
        quiet = feed.count
        book.append(lambda _: [Draft("run.deleted", "HUMAN", {"run": "r"})])
        await feed.wait(quiet)
        feed.close()
        return seen, quiet, feed.count

    assert asyncio.run(main()) == (1, 1, 2)
