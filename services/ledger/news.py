"""Waking up when the ledger has grown."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

RESCAN: Final = 1.0
"""Seconds after which to look without having been woken: an event of the watcher is only a hint."""

POLL: Final = 0.02


class _Waker(Protocol):
    """Sleeps until something may have happened in a folder."""

    def sleep(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class News:
    """Watches one folder, from the first wait until `close`. Threads may wait at the same time.

    Args:
        folder: of the ledger's segments.
        told: told, once, when the system gives no events and the folder is looked at again and again instead.
    """

    def __init__(self, folder: Path, told: Callable[[str], None] = lambda _text: None) -> None:
        self._folder = folder
        self._told = told
        self._said = False
        self._mine = threading.local()
        self._wakers: list[_Waker] = []

    def wait_for(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Return True as soon as `condition` holds, False when `timeout` seconds have passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if condition():
            return True
        waker = self._waker()
        while not condition():
            left = RESCAN if deadline is None else min(RESCAN, deadline - time.monotonic())
            if left <= 0:
                return False
            waker.sleep(left)
        return True

    def close(self) -> None:
        """Stop watching."""
        while self._wakers:
            self._wakers.pop().close()
        self._mine = threading.local()

    def _waker(self) -> _Waker:
        """Return the waker of this thread: one that is shared would wake only one of those who wait."""
        waker: _Waker | None = getattr(self._mine, "waker", None)
        if waker is None:
            waker = self._mine.waker = self._watch()
            self._wakers.append(waker)
        return waker

    def _watch(self) -> _Waker:
        for kind in (_Inotify, _Watchdog):
            try:
                return kind(self._folder)
            except ImportError:  # another system
                continue
            except OSError as error:  # no folder yet, no instances or watches left, no events on this disk
                if error.errno != errno.ENOENT and not self._said:
                    self._said = True
                    self._told(f"no events of the file system ({error.strerror or error}); looking by itself instead")
        return _Poll()


class _Inotify:
    """Asks the kernel itself. A watcher with threads of its own took eight times as long to wake its caller."""

    def __init__(self, folder: Path) -> None:
        library = import_module("inotify_simple")
        flags = library.flags
        self._inotify: Any = library.INotify(nonblocking=True)
        self._ready = select.poll()
        self._ready.register(self._inotify.fileno(), select.POLLIN)
        try:
            self._inotify.add_watch(str(folder), flags.MODIFY | flags.CREATE | flags.MOVED_TO)
        except OSError:
            self._inotify.close()
            raise

    def sleep(self, seconds: float) -> None:
        if self._ready.poll(int(seconds * 1000) + 1):
            os.read(self._inotify.fileno(), 1 << 12)  # what happened does not matter, only that something did

    def close(self) -> None:
        self._inotify.close()


class _Watchdog:
    """For systems without inotify."""

    def __init__(self, folder: Path) -> None:
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        woken = self._woken = threading.Event()

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in ("modified", "created", "moved"):
                    woken.set()

        self._observer = Observer()
        self._observer.schedule(Handler(), str(folder))
        self._observer.start()

    def sleep(self, seconds: float) -> None:
        self._woken.wait(seconds)
        self._woken.clear()

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()


class _Poll:
    """For disks without events."""

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, POLL))

    def close(self) -> None:
        """Nothing is open."""
