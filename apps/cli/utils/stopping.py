"""How a process that goes on for hours is stopped: SIGTERM, Ctrl-C, or the end of its terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def until_stopped(stop: Callable[[], None]) -> Generator[None]:
    """Have each of the signals call `stop` while the body runs; the body ends by itself then.

    A signal that whoever started this process ignores stays ignored: `nohup` does so with SIGHUP.

    Raises:
        KeyboardInterrupt: it was Ctrl-C, and the body has ended.
    """
    interrupted = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = interrupted or number == signal.SIGINT
        stop()

    heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise KeyboardInterrupt
