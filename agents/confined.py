"""Files that a message names: opened only inside one root, without following a link out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from bluelabel.interfaces.errors import NotFound, Refused, TooLarge, machine_error

_HINT = "name an ordinary file inside the workspace"


def read_confined(root: Path, path: str, *, max_bytes: int) -> bytes:
    """Return the bytes of the file `path` inside `root`.

    The path is walked one directory at a time from an open root and no step may be a symbolic link, so a link that
    is put in place while this runs changes nothing. Devices, FIFOs and hard links are refused.

    Args:
        root: the directory that messages may name files in.
        path: relative to `root`; an absolute path counts when it starts with the root.
        max_bytes: refuse a longer file before reading it.

    Raises:
        Refused: the path leads out of the root, or it is not an ordinary file.
        NotFound: there is no such file.
        TooLarge: over `max_bytes`.
        MachineError: it cannot be read.
    """
    parts = _parts(root, path)
    descriptor = _open(root, parts, path)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Refused("not an ordinary file", where=ascii(path), hint=_HINT)
        if facts.st_nlink > 1:
            raise Refused("the file has a second name (hard link)", where=ascii(path), hint="copy it and name the copy")
        if facts.st_size > max_bytes:
            raise TooLarge(f"{facts.st_size:,} bytes are over the limit of {max_bytes:,}", where=ascii(path))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise machine_error(error, "reading a document", path) from None
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise TooLarge(f"the file grew over the limit of {max_bytes:,} bytes", where=ascii(path))
    return content


def _parts(root: Path, path: str) -> tuple[str, ...]:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Refused("a path that is not text", where=ascii(path)[:80], hint=_HINT) from None
    shown = ascii(path)
    if not path or "\0" in path or "\\" in path or len(path) > 4096:
        raise Refused("not a path that may be read", where=shown[:80], hint=_HINT)
    pure = PurePosixPath(path)
    if pure.is_absolute():
        for start in (str(root.resolve()), str(root)):
            if pure.is_relative_to(start):
                pure = pure.relative_to(start)
                break
        else:
            raise Refused("a path outside the workspace", where=shown[:80], hint=_HINT)
    if ".." in pure.parts or not pure.parts:
        raise Refused("a path outside the workspace", where=shown[:80], hint=_HINT)
    return pure.parts


def _open(root: Path, parts: tuple[str, ...], path: str) -> int:
    # O_NONBLOCK: opening a FIFO without a writer would wait for ever.
    kinds = [os.O_DIRECTORY] * (len(parts) - 1) + [os.O_NONBLOCK]
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part, kind in zip(parts, kinds, strict=True):
            below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=current)
            os.close(current)
            current = below
    except FileNotFoundError:
        os.close(current)
        raise NotFound("no such file", where=ascii(path), hint=_HINT) from None
    except OSError as error:
        os.close(current)
        # ELOOP and ENOTDIR are what a link or a file in the middle of the path gives; ENXIO a socket.
        raise Refused(f"will not open it ({error.strerror})", where=ascii(path)[:120], hint=_HINT) from None
    return current
