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
    """Watches one folder, from the first wait until `close`, however many threads wait at the same time.

    There is one watch for all of them. One of the threads that wait sleeps on it and wakes the others; when its own
    time is over, another one takes its place. A thread of the watcher's own took eight times as long to wake its
    caller, and a watch a thread left a hundred descriptors open behind a hundred threads.

    Args:
        folder: of the ledger's segments.
        told: told, once, when the system gives no events and the folder is looked at again and again instead.
    """

    def __init__(self, folder: Path, told: Callable[[str], None] = lambda _text: None) -> None:
        self._folder = folder
        self._told = told
        self._said = False
        self._turn = threading.Condition()
        self._waker: _Waker | None = None
        self._watched = False  # whether a thread sleeps on the watch
        self._wakings = 0
        self._closed = False

    def wait_for(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Return True as soon as `condition` holds, False when `timeout` seconds have passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if condition():
            return True
        self._watch()
        while True:
            wakings = self._wakings  # read before the condition: what happens behind its back is then not slept through
            if condition():
                return True
            left = RESCAN if deadline is None else min(RESCAN, deadline - time.monotonic())
            if left <= 0:
                return False
            self._sleep(left, wakings)

    def close(self) -> None:
        """Stop watching; a thread that still waits closes the watch when it wakes."""
        with self._turn:
            self._closed = True
            waker, self._waker = (None, self._waker) if self._watched else (self._waker, None)
        if waker is not None:
            waker.close()

    def _watch(self) -> None:
        """Begin to watch, before the condition is looked at: what comes after that look then wakes the sleeper."""
        with self._turn:
            if self._waker is None:
                self._waker, self._closed = self._new_waker(), False

    def _sleep(self, seconds: float, wakings: int) -> None:
        """Sleep until something may have happened since there were so many `wakings`."""
        with self._turn:
            if self._wakings != wakings:
                return
            waker = self._waker
            if self._watched or waker is None:
                self._turn.wait(seconds)
                return
            self._watched = True
        try:
            waker.sleep(seconds)
        finally:
            self._awake(waker)

    def _awake(self, waker: _Waker) -> None:
        with self._turn:
            self._watched = False
            self._wakings += 1
            self._turn.notify_all()
            if not self._closed:
                return
            self._waker = None
        waker.close()

    def _new_waker(self) -> _Waker:
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
