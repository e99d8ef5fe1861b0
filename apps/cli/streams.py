"""Standard output and error as the program uses them: any text can be written, and a failure is never a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn, TextIO

from bluelabel.interfaces.errors import MachineError, machine_error

_PRINTED_HINT: Final = "what the command did is done; look before you run it again"


class ReaderGone(Exception):
    """Whoever read standard output has closed it, as ``| head -1`` does."""


class _Output(io.TextIOWrapper):
    """Standard output whose failures are told apart from those of the files that a command works on.

    Neither is an OSError: click and rich would turn a closed pipe into exit code 1, "the answer is no".
    """

    def write(self, s: str, /) -> int:
        """Write `s`.

        Raises:
            ReaderGone: nobody reads any more.
            MachineError: the disk behind it is full or broken.
        """
        try:
            return super().write(s)
        except OSError as error:
            _refused(error)

    def flush(self) -> None:
        """Write out what is buffered; raises as `write` does."""
        try:
            super().flush()
        except OSError as error:
            _refused(error)


def _refused(error: OSError) -> NoReturn:
    if isinstance(error, BrokenPipeError):
        raise ReaderGone from error
    told = machine_error(error, "printing", "standard output")
    told.hint = _PRINTED_HINT
    raise told from error


class Lasting:
    """Prints for a process that goes on for hours.

    A full disk behind the output is passed over; when nobody reads any more, the process is told to end by itself, so
    that it gives back what it holds.

    Args:
        show: prints.
        end: asks the process to end.
    """

    def __init__(self, show: Callable[..., None], end: Callable[[], None]) -> None:
        self._show = show
        self._end = end
        self._gone = False

    def __call__(self, *what: object) -> None:
        """Print `what`."""
        try:
            self._show(*what)
        except MachineError:
            return
        except ReaderGone:
            self._gone = True
            self._end()

    def close(self) -> None:
        """Say how it ended.

        Raises:
            ReaderGone: nobody reads any more.
        """
        if self._gone:
            raise ReaderGone


def prepare() -> None:
    """Make both streams take any text: what the encoding lacks is written as an escape, a closed stream drops it."""
    sys.stdout = _prepared(sys.stdout, _Output)
    sys.stderr = _prepared(sys.stderr, io.TextIOWrapper)


def _prepared(stream: TextIO | None, kind: type[io.TextIOWrapper]) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it lives as long as the process
    if type(stream) is not io.TextIOWrapper:  # somebody collects it; a subclass is theirs
        return stream
    # ASCII is what a misset locale claims; click and Python itself take it for UTF-8 too.
    encoding = "utf-8" if stream.encoding.casefold() in ("ascii", "us-ascii", "ansi_x3.4-1968") else stream.encoding
    buffering = stream.line_buffering
    return kind(stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=buffering)


def write_utf8() -> None:
    """From now on write UTF-8 to standard output: JSON is, whatever the terminal speaks."""
    if isinstance(sys.stdout, _Output):
        sys.stdout.reconfigure(encoding="utf-8")


def settle() -> None:
    """Write out what is left, or drop it: the interpreter must not fail on it once more when it ends."""
    try:
        sys.stdout.flush()
    except (ReaderGone, MachineError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
