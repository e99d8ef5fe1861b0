"""The places where a command can die or fail: read from an strace log, sampled so that every kind stays in."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHANGING = (
    *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"),
    *("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "copy_file_range", "fallocate"),
    *("fsync", "fdatasync", "syncfs", "sync_file_range", "truncate", "ftruncate", "chmod", "fchmod", "fchmodat"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "utimensat", "flock"),
)
"""Calls that change what a dead process leaves behind. Reading calls are no points: a death before one leaves
what a death before the next changing call leaves."""

_LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))", re.DOTALL)
_WRITING = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)")
_STRANGE = re.compile(r"[0-9a-f]{8,}|\d+|\.tmp\S*")


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the log.

    Args:
        thread: who called.
        name: the system call.
        rest: the text behind its opening bracket.
        begins: False for the second half of a call that another thread's call interrupted in the log.
    """

    thread: str
    name: str
    rest: str
    begins: bool

    @property
    def failed(self) -> bool:
        """Whether it returned an error."""
        return " = -1 " in self.rest

    @property
    def injected(self) -> bool:
        """Whether strace made it fail."""
        return "(INJECTED)" in self.rest

    @property
    def unfinished(self) -> bool:
        """Whether its result stands in a later line."""
        return self.rest.endswith("<unfinished ...>")

    @property
    def to_stdout(self) -> bool:
        """Whether it speaks to the outside world."""
        return self.name.startswith(("write", "pwrite")) and self.rest.startswith("1<")


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` call of `name` in its thread; `text` shows it to people."""

    name: str
    nth: int
    text: str

    @property
    def sort(self) -> str:
        """What kind of point it is: the call and its target, without numbers and hashes."""
        return _STRANGE.sub("#", self.text)[:120]

    def __str__(self) -> str:
        return f"{self.name} #{self.nth}: {self.text}"


def calls(log: str) -> Iterator[Call]:
    """Yield the calls of an strace log written with ``-f -y``."""
    for line in log.splitlines():
        match = _LINE.fullmatch(line)
        if match and match[2]:
            yield Call(match[1], match[2], match[3], begins=True)
        elif match:
            yield Call(match[1], match[4], match[5], begins=False)


def listed(log: str, under: str) -> list[Point]:
    """Return the points of a log in the order in which they were first reached.

    Args:
        log: what strace wrote about a run without faults.
        under: only calls that name this path, speak to stdout, or take a relative path are points.
    """
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, int], Point] = {}
    for call in calls(log):
        if not call.begins:
            continue
        counts[call.thread, call.name] += 1
        nth = counts[call.thread, call.name]
        if call.name.startswith("open") and not _WRITING.search(call.rest):
            continue
        relative = re.search(r'(?:^|AT_FDCWD[^,]*, )"[^/]', call.rest) is not None
        if under in call.rest or call.to_stdout or relative:
            text = call.rest.replace(under, "…")[:150]
            found.setdefault((call.name, nth), Point(call.name, nth, f"{call.name}({text}"))
    return list(found.values())


def sampled(points: Sequence[Point], limit: int) -> list[Point]:
    """Return at most `limit` points, every sort of point in turn, in the order of the list; 0 means all of them."""
    if not limit or len(points) <= limit:
        return list(points)
    sorts: defaultdict[str, list[Point]] = defaultdict(list)
    for point in points:
        sorts[point.sort].append(point)
    chosen: list[Point] = []
    while len(chosen) < limit:
        for group in sorts.values():
            if group and len(chosen) < limit:
                chosen.append(group.pop(len(group) // 2))
    return sorted(chosen, key=points.index)
