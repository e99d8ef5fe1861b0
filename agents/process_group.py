"""Running a command with limits: stdin given, output captured up to a cap, the whole process group ended with it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

_LEASH: Final = Path(__file__).with_name("parent_death_signal.py")
_PIECE: Final = 65_536
_LAST_WORDS: Final = 1.0


class Ending(StrEnum):
    """Why a command is over."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left.

    Args:
        ending: whether it ended by itself.
        exit_code: its own; minus the signal's number when a signal ended it.
        stdout: its output; of one over the cap the head and the tail, with a line between that says what is missing.
        stderr: the same.
        cut: whether output over the cap was thrown away.
        seconds: how long it ran.
    """

    ending: Ending
    exit_code: int
    stdout: bytes
    stderr: bytes
    cut: bool
    seconds: float


class Cancellation:
    """A switch that another thread may press while a command runs. Once pressed it stays so."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._guard = threading.Lock()
        self._closed = False

    def press(self) -> None:
        """End the command. Pressing twice, or after the end, does nothing."""
        with self._guard:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._writing, b"x")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the switch is pressed."""
        return self._reading

    def close(self) -> None:
        """Let go of the descriptors."""
        with self._guard:
            if not self._closed:
                self._closed = True
                os.close(self._reading)
                os.close(self._writing)


class _Capture:
    """Keeps the head and the tail of a stream: how it began, and the answer, which stands at the end."""

    def __init__(self, cap: int) -> None:
        self._room = cap - cap // 2
        self._most = cap // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    @property
    def cut(self) -> bool:
        return self._left_out + max(0, len(self._tail) - self._most) > 0

    def add(self, piece: bytes) -> None:
        taken = min(self._room - len(self._head), len(piece))
        self._head += piece[:taken]
        self._tail += piece[taken:]
        # Dropping only what is as long again as the tail costs one copy of each byte, however small the pieces are.
        if len(self._tail) > 2 * self._most + _PIECE:
            self._drop()

    def text(self) -> bytes:
        """Return what was kept, with a line that says how much is missing where it was cut."""
        if not self.cut:
            return bytes(self._head + self._tail)
        self._drop()
        head, tail = _whole_head(bytes(self._head)), _whole_tail(bytes(self._tail))
        missing = self._left_out + len(self._head) - len(head) + len(self._tail) - len(tail)
        return head + f"\n[… {missing} bytes left out …]\n".encode() + tail

    def _drop(self) -> None:
        extra = len(self._tail) - self._most
        if extra > 0:
            del self._tail[:extra]
            self._left_out += extra


def _whole_head(text: bytes) -> bytes:
    """Return `text` without a character of UTF-8 that only begins at its end."""
    for back in range(1, min(4, len(text)) + 1):
        lead = text[-back]
        if lead & 0xC0 != 0x80:
            length = 2 if lead >> 5 == 0b110 else 3 if lead >> 4 == 0b1110 else 4 if lead >> 3 == 0b11110 else 1
            return text[:-back] if length > back else text
    return text


def _whole_tail(text: bytes) -> bytes:
    """Return `text` without the rest of a character that began before it."""
    begin = 0
    while begin < min(3, len(text)) and text[begin] & 0xC0 == 0x80:
        begin += 1
    return text[begin:]


def leashed(command: Sequence[str]) -> list[str]:
    """Return `command` so started that it gets SIGTERM when its starting thread is gone, even by SIGKILL (Linux)."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]


def run_command(
    command: Sequence[str],
    *,
    stdin: bytes,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    grace: float,
    cap: int,
    cancellation: Cancellation,
) -> Finished:
    """Run `command` to its end.

    It gets a session of its own. When its time is up or the switch is pressed, the whole process group gets SIGTERM
    and, `grace` seconds later, SIGKILL. When it ends by itself, what it left running in the background is ended the
    same way. If this process is killed, the kernel sends SIGTERM to the command (Linux).

    Args:
        command: program and arguments; never a shell.
        stdin: what it reads, then end of file.
        cwd: where it runs.
        env: its whole environment.
        timeout: seconds.
        grace: seconds between SIGTERM and SIGKILL.
        cap: bytes kept of stdout, and of stderr, half of them from its end; the rest is read and thrown away.
        cancellation: the switch.

    Raises:
        OSError: it could not be started.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        leashed(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=dict(env),
        start_new_session=True,
        bufsize=0,
    )
    watch = _Watch(process, stdin, cap, cancellation)
    try:
        ending = watch.until_over(started + timeout, grace)
    finally:
        watch.close()
    return Finished(
        ending,
        process.returncode,
        watch.stdout.text(),
        watch.stderr.text(),
        watch.stdout.cut or watch.stderr.cut,
        time.monotonic() - started,
    )


class _Watch:
    """One thread looks after all of a command: its three streams, its end, the switch and the clock."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, cap: int, cancellation: Cancellation) -> None:
        self._process = process
        self._left = memoryview(stdin)
        self.stdout, self.stderr = _Capture(cap), _Capture(cap)
        self._over = False
        self._pressed = False
        self._open = 0
        self._selector = selectors.DefaultSelector()
        self._exit = os.pidfd_open(process.pid)
        self._watch(self._exit, selectors.EVENT_READ, self._on_exit)
        self._watch(cancellation.fileno(), selectors.EVENT_READ, self._on_press)
        for stream, capture in ((process.stdout, self.stdout), (process.stderr, self.stderr)):
            if stream is not None:
                self._open += 1
                self._watch(stream.fileno(), selectors.EVENT_READ, partial(self._on_output, capture))
        if process.stdin is not None:
            self._watch(process.stdin.fileno(), selectors.EVENT_WRITE, self._on_room)

    def until_over(self, deadline: float, grace: float) -> Ending:
        self._look(deadline, lambda: self._over or self._pressed)
        ending = Ending.EXITED
        if not self._over:
            ending = Ending.CANCELLED if self._pressed else Ending.TIMEOUT
        # Its time is up; or it is gone, and what it left in the background is asked to end as well.
        self._signal(signal.SIGTERM)
        self._look(time.monotonic() + grace, lambda: self._over and self._open == 0)
        # Until it is waited for, its number cannot be given to anyone else: this reaches only its own group.
        self._signal(signal.SIGKILL)
        self._look(time.monotonic() + _LAST_WORDS, lambda: self._over and self._open == 0)
        self._process.wait()
        return ending

    def close(self) -> None:
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._selector.close()
        os.close(self._exit)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _watch(self, descriptor: int, events: int, react: Callable[[int], None]) -> None:
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, events, react)

    def _look(self, deadline: float, enough: Callable[[], bool]) -> None:
        while not enough():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            for key, _ in self._selector.select(left):
                key.data(key.fd)

    def _on_exit(self, descriptor: int) -> None:
        self._over = True
        self._selector.unregister(descriptor)

    def _on_press(self, descriptor: int) -> None:
        self._pressed = True
        self._selector.unregister(descriptor)

    def _on_output(self, capture: _Capture, descriptor: int) -> None:
        piece = os.read(descriptor, _PIECE)
        if piece:
            capture.add(piece)
        else:
            self._open -= 1
            self._selector.unregister(descriptor)

    def _on_room(self, descriptor: int) -> None:
        try:
            written = os.write(descriptor, self._left[:_PIECE]) if self._left else 0
            self._left = self._left[written:]
        except BrokenPipeError:
            # It does not want to read; what it prints counts all the same.
            self._left = memoryview(b"")
        if not self._left and self._process.stdin is not None:
            self._selector.unregister(descriptor)
            self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
