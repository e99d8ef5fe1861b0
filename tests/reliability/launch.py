"""Runs the command line with one fault built in, or with small segments: production code has no switch for either.

python -m reliability.launch [--bug NAME] [--segment-bytes N] -- ARGUMENTS OF bluelabel
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bluelabel.interfaces.events import Draft, Event
from bluelabel.interfaces.times import to_text
from bluelabel.services.files.lock import ProcessLock
from bluelabel.services.ledger import file_ledger
from bluelabel.services.ledger.codec import encode
from bluelabel.services.ledger.file_ledger import FileLedger


def written_in_place() -> None:
    """Rewrite the whole segment for every event, as the first draft of many stores does."""

    def rewritten(fd: int, data: bytes, _where: str) -> None:
        before = os.pread(fd, os.fstat(fd).st_size, 0)
        os.ftruncate(fd, 0)
        os.write(fd, before + data)

    _replace(file_ledger, "write_once", rewritten)


def not_synced() -> None:
    """Leave it to the kernel when data reaches the disk."""
    _replace(os, "fdatasync", lambda _fd: None)


def directory_not_synced() -> None:
    """Leave it to the kernel when names reach the disk."""
    _replace(file_ledger, "sync_directory", lambda _path: None)
    _replace(sys.modules["bluelabel.services.files.disk"], "sync_directory", lambda _path: None)


def acknowledged_before_the_write() -> None:
    """Answer first, write when the process ends."""
    written = FileLedger.append

    def early(self: FileLedger, decide: Callable[[], Sequence[Draft]]) -> list[Event]:
        drafts = decide()
        if not drafts:
            return []
        head = self.head()
        _, events = encode(drafts, head.seq, head.h, to_text(self._clock.now()))
        atexit.register(lambda: written(self, lambda: drafts))
        return events

    _replace(FileLedger, "append", early)


def sync_error_ignored() -> None:
    """Take no notice of a disk that refuses."""
    synced = os.fdatasync

    def deaf(fd: int) -> None:
        with suppress(OSError):
            synced(fd)

    _replace(os, "fdatasync", deaf)


def no_lock() -> None:
    """Let everybody append at once."""
    _replace(ProcessLock, "__enter__", lambda _self: None)
    _replace(ProcessLock, "__exit__", lambda _self, *_error: None)


def dead_lock_never_broken() -> None:
    """Lock by a file that is there or not; whoever dies leaves it there."""

    def taken(self: ProcessLock) -> None:
        while True:
            with suppress(FileExistsError):
                os.close(os.open(self.path.with_name("lock.pid"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                return
            time.sleep(0.01)

    _replace(ProcessLock, "__enter__", taken)
    _replace(ProcessLock, "__exit__", lambda self, *_error: self.path.with_name("lock.pid").unlink())


BUGS: dict[str, Callable[[], None]] = {
    "in-place-write": written_in_place,
    "no-fsync": not_synced,
    "no-directory-fsync": directory_not_synced,
    "early-acknowledgement": acknowledged_before_the_write,
    "ignored-fsync-error": sync_error_ignored,
    "no-lock": no_lock,
    "unbroken-dead-lock": dead_lock_never_broken,
}


def small_segments(size: int) -> None:
    """Start a new segment after `size` bytes."""
    defaults: Any = FileLedger.__init__.__kwdefaults__
    defaults["segment_bytes"] = size


def _replace(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        raise SystemExit(f"{owner!r} has no {name}: the seeded fault fits the code no more")
    setattr(owner, name, value)


def prepare(argv: Sequence[str]) -> list[str]:
    """Build the faults in; return the arguments that are left."""
    rest = list(argv)
    while rest and rest[0] != "--":
        option, value = rest.pop(0), rest.pop(0)
        if option == "--bug":
            BUGS[value]()
        elif option == "--segment-bytes":
            small_segments(int(value))
        else:
            raise SystemExit(f"unknown option {option}")
    return rest[1:]


if __name__ == "__main__":
    sys.argv[1:] = prepare(sys.argv[1:])
    sys.argv[0] = str(Path(sys.argv[0]).with_name("bluelabel"))
    from bluelabel.apps.cli.main import main

    main()
