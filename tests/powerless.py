"""Being a user who may not write everything, also where the tests run as root.

What root may do beside the modes of files are capabilities. They belong to a thread, so that a test can put them down
for a while, in this process; programs that it starts are started without them.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OVERRIDES: Final = 0b1111
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER (linux/capability.h)."""

_VERSION: Final = 0x20080522
_NAMES: Final = "-chown,-dac_override,-dac_read_search,-fowner"

WITHOUT_POWER: Final = (
    ["setpriv", f"--bounding-set={_NAMES}", f"--inh-caps={_NAMES}", "--"] if os.geteuid() == 0 else []
)
"""What a command is started through."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def powerless() -> Generator[None]:
    """Let the modes of files hold for this thread, as they do for a person."""
    if os.geteuid() != 0:
        yield
        return
    library, header, sets = ctypes.CDLL(None, use_errno=True), _Header(_VERSION, 0), (_Sets * 2)()
    if library.capget(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    before = sets[0].effective
    try:
        _set(library, header, sets, before & ~_OVERRIDES)
        yield
    finally:
        _set(library, header, sets, before)


def _set(library: ctypes.CDLL, header: _Header, sets: ctypes.Array[_Sets], effective: int) -> None:
    sets[0].effective = effective
    if library.capset(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def close_off(folder: Path) -> None:
    """Take the right to write from everything in a folder, itself included."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)


def open_up(folder: Path) -> None:
    """Give the right to write back to the owner."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o700 if path.is_dir() else 0o600))


def namespace(*flags: str) -> list[str] | None:
    """Return what starts a program in namespaces of its own, where this system lets us: as root, or as a user."""
    for argv in (["unshare", *flags, "--"], ["unshare", "--user", "--map-root-user", *flags, "--"]):
        try:
            if subprocess.run([*argv, "true"], capture_output=True, check=False).returncode == 0:
                return argv
        except FileNotFoundError:
            return None
    return None
