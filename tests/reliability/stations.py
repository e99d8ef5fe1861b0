"""Every state that a command leaves on the disk, whichever of its processes makes the call.

`crash.py` counts the calls of each thread, so of a command that starts other programs it kills one of them, not each.
Here the whole family is held after every call that changes something, in the order in which they happen, and what
stands on the disk then is taken down. A kill at that moment leaves this and nothing else: the page cache survives, and
the kernel frees the locks. States that are equal are looked at once.

strace cannot hold a family, so this traces it itself: Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import signal
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_TRACEME, _GETREGS, _SYSCALL, _SETOPTIONS = 0, 12, 24, 0x4200
_OPTIONS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x100000  # sysgood, fork, vfork, clone, exec, exitkill
_WALL, _TRAPPED = 0x40000000, signal.SIGTRAP | 0x80

_CALLS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    2: ("open", ("path", "flags")), 257: ("openat", ("", "path", "flags")), 85: ("creat", ("path",)),
    1: ("write", ("file",)), 18: ("pwrite64", ("file",)), 20: ("writev", ("file",)), 296: ("pwritev", ("file",)),
    40: ("sendfile", ("file",)), 326: ("copy_file_range", ("", "", "file")), 285: ("fallocate", ("file",)),
    74: ("fsync", ("file",)), 75: ("fdatasync", ("file",)), 306: ("syncfs", ("file",)),
    277: ("sync_file_range", ("file",)), 76: ("truncate", ("path",)), 77: ("ftruncate", ("file",)),
    90: ("chmod", ("path",)), 91: ("fchmod", ("file",)), 268: ("fchmodat", ("", "path")),
    82: ("rename", ("path", "path")), 264: ("renameat", ("", "path", "", "path")),
    316: ("renameat2", ("", "path", "", "path")), 86: ("link", ("path", "path")),
    265: ("linkat", ("", "path", "", "path")), 87: ("unlink", ("path",)), 263: ("unlinkat", ("", "path")),
    84: ("rmdir", ("path",)), 83: ("mkdir", ("path",)), 258: ("mkdirat", ("", "path")),
    88: ("symlink", ("path", "path")), 266: ("symlinkat", ("path", "", "path")), 280: ("utimensat", ("", "path")),
}  # fmt: skip
"""The calls of `points.CHANGING` by their numbers on x86-64: name, and what its arguments are."""

QUIET = frozenset(("fsync", "fdatasync", "syncfs", "sync_file_range"))
"""Calls after which a disk that keeps its page cache looks as before."""

WRITES = frozenset(("write", "writev", "pwrite64", "pwritev", "sendfile", "copy_file_range"))
"""Calls after which a disk looks as before until something is synced."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


_NAMES = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
    *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
)


def untraceable() -> str | None:
    """Return why this machine cannot hold a family of processes, or None."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return "needs Linux on x86-64"
    return None


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulong) for name in _NAMES]


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the family stands: the call that was just made, of which program, and its number."""

    number: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.number}: {self.text}"


class Walk:
    """Runs a command and holds its family after each changing call.

    Nothing else may wait for children of this process meanwhile.

    Args:
        argv: the command.
        where: its working directory.
        told: where its output goes.
        env: its environment.
    """

    def __init__(self, argv: Sequence[str], where: Path, told: Path, env: Mapping[str, str]) -> None:
        self._argv, self._where, self._told, self._env = list(argv), where, told, dict(env)
        self.status: int | None = None

    def __iter__(self) -> Iterator[Stop]:
        """Yield every stop; the family goes on when the next one is asked for."""
        first = self._start()
        os.waitpid(first, 0)
        _ptrace(_SETOPTIONS, first, _OPTIONS)
        _ptrace(_SYSCALL, first, 0)
        inside: dict[int, str | None] = {}
        number, family = 0, {first}
        try:
            while family:
                thread, status = os.waitpid(-1, _WALL)
                if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                    family.discard(thread)
                    self.status = os.waitstatus_to_exitcode(status) if thread == first else self.status
                    continue
                what = os.WSTOPSIG(status)
                signalled = 0
                if thread not in family:
                    family.add(thread)  # it begins with a stop of the tracer's own
                elif what == _TRAPPED:
                    if thread not in inside:
                        inside[thread] = _entered(thread)
                    else:
                        text = inside.pop(thread)
                        if text is not None:
                            number += 1
                            yield Stop(number, text.partition("(")[0].rpartition(" ")[2], text)
                elif not status >> 16:
                    signalled = what
                _ptrace(_SYSCALL, thread, signalled)
        finally:
            for thread in family:
                with suppress(ProcessLookupError):
                    os.kill(thread, signal.SIGKILL)

    def _start(self) -> int:
        child = os.fork()
        if child:
            return child
        try:
            out = os.open(self._told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            for fd, standard in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (out, 2)):
                os.dup2(fd, standard)
            os.chdir(self._where)
            os.setsid()
            _libc.ptrace(_TRACEME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execvpe(self._argv[0], self._argv, self._env)
        finally:
            os._exit(127)


def _ptrace(request: int, thread: int, data: int) -> None:
    _libc.ptrace(request, thread, None, data)


def _entered(thread: int) -> str | None:
    """Return a call in words if it changes something, else None."""
    registers = _Registers()
    _libc.ptrace(_GETREGS, thread, None, ctypes.addressof(registers))
    known = _CALLS.get(registers.orig_rax)
    if known is None:
        return None
    name, kinds = known
    values = (registers.rdi, registers.rsi, registers.rdx, registers.r10)
    words: list[str] = []
    for kind, value in zip(kinds, values, strict=False):
        if kind == "flags" and not value & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            return None
        if kind == "path":
            words.append(_text(thread, value))
        elif kind == "file":
            words.append(_target(f"/proc/{thread}/fd/{value}"))
    program = Path(_target(f"/proc/{thread}/exe")).name
    return f"{program} {name}({', '.join(words)})"


def _text(thread: int, address: int) -> str:
    with suppress(OSError, ValueError), Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return os.fsdecode(memory.read(256).partition(b"\0")[0])
    return "?"


def _target(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return "?"


@dataclass(frozen=True, slots=True)
class State:
    """A tree of files as it stood: of every path its kind and mode, its time, and the name of its content."""

    entries: tuple[tuple[str, int, int, str], ...]

    def key(self, passing_over: str = "$^") -> str:
        """Return the same name for trees that are equal but for their times, and for paths that match a pattern."""
        kept = (entry for entry in self.entries if not re.search(passing_over, entry[0]))
        text = "\n".join(f"{path}\0{mode}\0{blob}" for path, mode, _, blob in kept)
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


@dataclass(slots=True)
class Album:
    """Takes trees down and puts them up again; equal contents are kept once."""

    home: Path
    _known: set[str] = field(default_factory=set[str])

    def take(self, root: Path) -> State:
        """Return the tree as it stands."""
        self.home.mkdir(exist_ok=True)
        return State(tuple(self._entry(root, path) for path in sorted(root.rglob("*"))))

    def put(self, state: State, root: Path) -> None:
        """Make the tree stand again, in place of whatever is there."""
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self.put_into(state, root)

    def put_into(self, state: State, root: Path) -> None:
        """Make the tree stand in an empty directory."""
        for path, mode, moment, blob in state.entries:
            file = root / path
            if stat.S_ISDIR(mode):
                file.mkdir(exist_ok=True)
            elif stat.S_ISLNK(mode):
                file.symlink_to(blob)
            else:
                shutil.copyfile(self.home / blob, file)
                os.utime(file, ns=(moment, moment))
            if not stat.S_ISLNK(mode):
                file.chmod(stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR)

    def _entry(self, root: Path, path: Path) -> tuple[str, int, int, str]:
        found = path.lstat()
        return str(path.relative_to(root)), found.st_mode, found.st_mtime_ns, self._blob(path, found.st_mode)

    def _blob(self, path: Path, mode: int) -> str:
        if stat.S_ISLNK(mode):
            return str(path.readlink())
        if not stat.S_ISREG(mode):
            return ""
        data = path.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        if name not in self._known:
            self._known.add(name)
            (self.home / name).write_bytes(data)
        return name
