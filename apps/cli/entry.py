"""The way into the program: Ctrl-C is no error while the program is still being read either."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. See `bluelabel.apps.cli.main`."""
    try:
        from bluelabel.apps.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
