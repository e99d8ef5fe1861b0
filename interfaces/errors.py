"""Every error a user can meet, drawn as one tree.

    BluelabelError                 exit code 1: the answer is no
    ├── Refused                    1  a check said no (false claim, unhealthy, failed run)
    ├── UsageError                 2  the call itself is wrong
    │   └── InvalidName            2  an agent, task, message or run name that is not allowed
    ├── NotFound                   3  no such thing
    │   └── UnknownAgent           3  no such recipient; says the nearest names
    ├── Conflict                   4  somebody else got there first
    │   ├── AlreadyExists          4  the name is taken
    │   ├── IllegalTransition      4  the thing is in a state that does not allow this
    │   ├── LockTimeout            4  another process holds the lock
    │   └── StaleToken             4  the claim is over; another holder may have the message
    ├── UnreadableInput            5  a file or value that cannot be read as what it should be
    │   └── TooLarge               5  over one of the limits of `interfaces/limits.py`
    └── MachineError               6  disk, permission, file system
        ├── NotPermitted           6  read-only, or another's: it is not ours to write (or to read)
        └── NotDurable             6  written, but the disk did not confirm it: nothing was acknowledged

Each says what was being done, where (``file:line:col`` or a name), and what to do next.
"""

from __future__ import annotations

import errno

from bluelabel.interfaces.problems import Problem


class BluelabelError(Exception):
    """The root of the tree. `str(error)` is one line without the hint.

    Args:
        what: what went wrong, in the user's terms, without a final full stop.
        where: a path, ``file:line:col`` or the name of the thing.
        hint: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.where}" if self.where else self.what


class Refused(BluelabelError):
    """A check said no."""


class UsageError(BluelabelError):
    """The call itself is wrong."""

    exit_code = 2


class InvalidName(UsageError):
    """A name that is not allowed for what it names."""


class NotFound(BluelabelError):
    """No such thing."""

    exit_code = 3


class UnknownAgent(NotFound):
    """No agent, group or queue has this name."""


class Conflict(BluelabelError):
    """Somebody else got there first."""

    exit_code = 4


class AlreadyExists(Conflict):
    """The name is taken."""


class IllegalTransition(Conflict):
    """The thing is in a state that does not allow this."""


class LockTimeout(Conflict):
    """Another process holds the lock and did not release it in time."""


class StaleToken(Conflict):
    """The claim that this token stood for is over."""


class UnreadableInput(BluelabelError):
    """A file or value that cannot be read as what it should be."""

    exit_code = 5

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.problems = problems


class TooLarge(UnreadableInput):
    """Over one of the limits of `bluelabel.interfaces.limits`."""


class MachineError(BluelabelError):
    """The disk, the file system or a permission is in the way."""

    exit_code = 6


class NotPermitted(MachineError):
    """A file or folder is read-only, or belongs to somebody else."""


class NotDurable(MachineError):
    """Written, but the disk did not confirm it: nothing was acknowledged."""


_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space and run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run the same command again"),
    errno.EACCES: ("permission denied", "check who owns the file and its mode"),
    errno.EPERM: ("not permitted", "check who owns the file, its mode and its attributes"),
    errno.EROFS: ("the file system is read-only", "remount it writable or choose another place"),
    errno.EMFILE: ("too many open files", "raise the limit (ulimit -n) or close other programs"),
    errno.ENFILE: ("too many open files on this machine", "close other programs"),
    errno.ENOLCK: ("the file system gives no locks", "put the workspace on a local disk"),
    errno.EIO: ("the disk reported an error", "check the disk, then run `bluelabel recover`"),
    errno.EFBIG: ("the file may not grow further", "raise the limit (ulimit -f)"),
}


_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def machine_error(error: OSError, doing: str, where: str | None = None) -> MachineError:
    """Turn an OSError into a MachineError that names the cause and the cure.

    Args:
        error: what the operating system said.
        doing: what was being done, for example "appending to the ledger".
        where: the path, when the error itself does not carry one.
    """
    cause, hint = _CAUSES.get(error.errno or 0, (error.strerror or str(error), "run `bluelabel doctor`"))
    path = where or (str(error.filename) if error.filename is not None else None)
    kind = NotPermitted if error.errno in _NOT_OURS else MachineError
    return kind(f"{cause} while {doing}", where=path, hint=hint)
