"""What a log of system calls says about acknowledgements: was everything on the disk before the world was told?

Two rules, both readable from the order of calls alone, without a power cut and without root:

* order: when an acknowledgement leaves, every file of the truth that was written is synced, and so is the
  directory of every file of the truth that was made, moved or linked;
* false acknowledgement: after a sync failed, nothing is acknowledged unless the data was written again and synced.
  The kernel marks pages clean after a failed sync, so that a second sync alone proves nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from reliability.points import Call, calls

_SYNC = ("fsync", "fdatasync", "sync_file_range")
_WRITE = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "sendfile", "copy_file_range")
_MOVE = ("rename", "renameat", "renameat2", "link", "linkat")
_MAKE = ("open", "openat", "creat", "mkdir", "mkdirat")
_FD = re.compile(r"\d+<([^>]*)>")
_NAMED = re.compile(r'(?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"([^"]*)"')


@dataclass(slots=True)
class Books:
    """Which paths are safe, call by call."""

    truth: re.Pattern[str]
    known: set[str]
    files: set[str] = field(default_factory=set[str])
    unsynced: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, bool] = field(default_factory=dict[str, bool])
    begun: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def note(self, call: Call) -> None:
        """Take one call into account."""
        rest = call.rest
        if call.unfinished:
            self.begun[call.thread, call.name] = rest
            if call.name not in _WRITE:
                return
        elif not call.begins:
            rest = self.begun.pop((call.thread, call.name), "") + rest
        if call.name in _SYNC:
            self._synced(rest, failed=" = -1 " in rest)
        elif " = -1 " in rest:
            return
        elif call.name in _WRITE:
            self._written(rest)
        elif call.name in _MOVE:
            self._appeared(_paths(rest)[-1:], call.name)
        elif call.name in _MAKE and ("O_CREAT" in rest or call.name.startswith(("creat", "mkdir"))):
            self._appeared(_paths(rest)[:1], call.name, only_new=True)

    def _written(self, rest: str) -> None:
        match = _FD.match(rest)
        if match and self.truth.search(match[1]):
            self.files.add(match[1])
            self.unsynced[match[1]] = "written"
            if match[1] in self.failed:
                self.failed[match[1]] = True

    def _synced(self, rest: str, *, failed: bool) -> None:
        match = _FD.match(rest)
        if match is None:
            return
        if failed and self.truth.search(match[1] + "/"):
            self.failed[match[1]] = False
        elif not failed:
            self.unsynced.pop(match[1], None)
            directory = match[1] not in self.files  # names are not written again: a second sync will do
            if match[1] in self.failed and (directory or self.failed[match[1]]):
                del self.failed[match[1]]

    def _appeared(self, paths: list[str], how: str, *, only_new: bool = False) -> None:
        for path in paths:
            if self.truth.search(path) and not (only_new and path in self.known):
                self.known.add(path)
                self.unsynced.setdefault(str(PurePosixPath(path).parent), f"{how} of {PurePosixPath(path).name}")

    def doubts(self) -> list[str]:
        """Return what speaks against an acknowledgement now."""
        bad = [f"the sync of {path} had failed" for path in self.failed]
        late = [(path, how) for path, how in self.unsynced.items() if path not in self.failed]
        return bad + [f"{path} was not synced ({how})" for path, how in late]


def doubts(log: str, truth: str, ack: str, known: set[str], status: int) -> list[str]:
    """Return every acknowledgement of a log that came too early.

    Args:
        log: what strace wrote, with ``-f -y``.
        truth: a pattern of the paths that have to be safe.
        ack: a pattern of the stdout lines that acknowledge.
        known: the paths that were there before; making others asks for a sync of their directory.
        status: how the command ended; 0 acknowledges too.
    """
    books = Books(re.compile(truth), set(known))
    for call in calls(log):
        if call.begins and call.to_stdout and not call.failed and re.search(ack, call.rest):
            found = books.doubts()
            if found:
                return [f"told the world although {found[0]}: {call.rest[:100]}"]
        else:
            books.note(call)
    lies = [f"exit 0 although the sync of {path} had failed" for path in books.failed] if status == 0 else []
    return lies[:1]


def _paths(rest: str) -> list[str]:
    """Return the full paths that a call names, in its order."""
    return [name if name.startswith("/") else f"{base}/{name}" for base, name in _NAMED.findall(rest)]
