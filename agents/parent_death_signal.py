"""Starts a command so that it ends when the program that started it is killed. Run as a script, before the command.

A worker that is killed with SIGKILL cannot end its command any more. The kernel can: the command asks for SIGTERM
at the death of its parent, and the request survives exec. Only the standard library, no package of ours: it starts
in isolated mode.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NOT_STARTED = 127


def main(arguments: list[str]) -> None:
    """Ask for the signal, then become the command.

    Args:
        arguments: the parent's process id, then the command and its arguments.
    """
    parent, command = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        # It died before the request was in place.
        os._exit(_NOT_STARTED)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a command of the configuration, as a list, without a shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(_NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv[1:])
