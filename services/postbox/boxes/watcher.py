"""Watches the boxes of a worktree, so that what people do there comes in soon after.

An event of the file system is only a hint that it is worth looking: bursts lose most of them, and a folder that was
deleted and made again goes unseen. So everything is looked at when the watch starts and every few seconds, and a hint
only makes that happen sooner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.sync import BoxOffice

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

RESCAN_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 0.02
"""A hint is followed after this long: hints come in bursts."""

_AGAIN_SECONDS: Final = 0.35
_NO_EVENTS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ncpfs", "virtiofs", "overlay"})


class BoxWatcher:
    """Runs a thread that sweeps the boxes of one worktree until it is stopped.

    Args:
        office: the counter of the worktree.
        folder: ``postbox/`` of the worktree.
        tell: called with each report that says something, from the watcher's thread.
        rescan: seconds between looks without a hint.
    """

    def __init__(
        self,
        office: BoxOffice,
        folder: Path,
        tell: Callable[[IntakeReport], None] = lambda _report: None,
        *,
        rescan: float = RESCAN_SECONDS,
    ) -> None:
        self._office = office
        self._folder = folder
        self._tell = tell
        self._rescan = rescan
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._edited: set[str] = set()
        self._thread: threading.Thread | None = None
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None
        self._said = False

    def start(self) -> None:
        """Start watching; everything is looked at once, soon."""
        self.hint(self._office.mailboxes)
        self._thread = threading.Thread(target=self._run, name="boxes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, after the look that is being taken; waits for the thread to end."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._unwatch()

    def hint(self, agents: Iterable[str]) -> None:
        """Have the boxes of `agents` looked at soon."""
        with self._lock:
            self._edited.update(agents)
            self._wake.set()

    def _run(self) -> None:
        waiting = False
        while not self._stopped.is_set():
            self._watch()
            hinted = self._wake.wait(_AGAIN_SECONDS if waiting else self._rescan)
            if hinted:
                self._stopped.wait(SETTLE_SECONDS)
            with self._lock:
                self._wake.clear()
                edited, self._edited = self._edited, set[str]()
            waiting = self._look(edited if hinted and not waiting else self._office.mailboxes)

    def _look(self, agents: Iterable[str]) -> bool:
        """Sweep; tell whether something is still being written. Whatever goes wrong, the watch goes on."""
        try:
            report = self._office.sweep(agents)
        except (BluelabelError, OSError) as error:
            report = IntakeReport(problems=[str(error)])
        if report.says_something:
            self._tell(report)
        return bool(report.waiting)

    def _watch(self) -> None:
        """See to it that an observer runs on the folder as it is now: it may have died, or the folder been replaced."""
        try:
            status = self._folder.stat()
            place = (status.st_dev, status.st_ino)
        except OSError:
            self._unwatch()
            return
        if self._observer is not None and self._observer.is_alive() and place == self._watched:
            return
        self._unwatch()
        self._observer = self._observed()
        self._watched = place if self._observer is not None else None

    def _observed(self) -> BaseObserver | None:
        """Return a running observer: the system's, or one that polls where the system's gives no events."""
        from watchdog.events import DirCreatedEvent, FileClosedEvent, FileCreatedEvent, FileMovedEvent
        from watchdog.observers import Observer
        from watchdog.observers.polling import PollingObserver

        kinds: list[type[FileSystemEvent]] = [FileClosedEvent, FileMovedEvent, FileCreatedEvent, DirCreatedEvent]
        for make in (PollingObserver,) if gives_no_events(self._folder) else (Observer, PollingObserver):
            try:
                observer: BaseObserver = make()
                observer.schedule(_handler(self._hinted), str(self._folder), recursive=True, event_filter=kinds)
                observer.start()
            except OSError as error:  # no instances or watches left, or none on this file system
                self._say_once(f"no events of the file system ({error.strerror or error}); looking by itself instead")
                continue
            return observer
        return None

    def _say_once(self, text: str) -> None:
        if not self._said:
            self._said = True
            self._tell(IntakeReport(problems=[text]))

    def _unwatch(self) -> None:
        if self._observer is not None and self._observer.is_alive():
            self._observer.stop()
            self._observer.join()
        self._observer = None

    def _hinted(self, path: str) -> None:
        """Take a hint. Nothing is opened here: that would make events of its own."""
        try:
            parts = Path(path).relative_to(self._folder).parts
        except ValueError:
            return
        if parts and parts[0] in self._office.mailboxes and not parts[-1].startswith("."):
            self.hint([parts[0]])


def gives_no_events(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Tell whether `folder` is on a file system that tells nobody of changes made elsewhere."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    best, found = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and after and folder.is_relative_to(fields[4]) and len(fields[4]) > best:
            best, found = len(fields[4]), after.split()[0]
    return found in _NO_EVENTS or found.startswith("fuse.")


def _handler(hinted: Callable[[str], None]) -> Any:
    from watchdog.events import FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            for path in (event.src_path, event.dest_path):
                if path:
                    hinted(path if isinstance(path, str) else path.decode("utf-8", "surrogateescape"))

    return Handler()
