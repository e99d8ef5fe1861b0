"""Waking up when the ledger has grown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

RESCAN: Final = 1.0
"""Seconds after which to look without having been woken: an event of the watcher is only a hint."""

POLL: Final = 0.02


class News:
    """Watches one folder, from the first wait until `close`.

    Args:
        folder: of the ledger's segments.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._woken = threading.Event()
        self._observer: Any = None
        self._pause = RESCAN

    def wait_for(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Return True as soon as `condition` holds, False when `timeout` seconds have passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if condition():
            return True
        self._start()
        while True:
            self._woken.clear()
            if condition():
                return True
            left = self._pause if deadline is None else min(self._pause, deadline - time.monotonic())
            if left <= 0:
                return False
            self._woken.wait(left)

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def _start(self) -> None:
        if self._observer is not None or self._pause == POLL:
            return
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in ("modified", "created", "moved"):
                    woken.set()

        woken = self._woken
        observer = Observer()
        try:
            observer.schedule(Handler(), str(self._folder))
            observer.start()
        except OSError:  # no folder yet, no watches left, or a file system without events
            with suppress(RuntimeError):
                observer.stop()
            self._pause = POLL
            return
        self._observer = observer
