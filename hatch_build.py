"""Build hook: the repository root is the package root, so rooms become ``bluelabel.<room>`` only here.

A wheel gets each room under ``bluelabel/``; an editable install gets links (junctions on Windows, which need no
privilege) from ``src/bluelabel/`` to the rooms. The bare names ``agents`` or ``services`` are never installed:
another distribution owns them, and pip overwrites silently.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("agents", "apps", "interfaces", "runner", "services")


class RoomsHook(BuildHookInterface):
    """Puts the rooms under the one import name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the rooms to a wheel, or link them for an editable install."""
        root = Path(self.root)
        if version != "editable":
            build_data["force_include"].update({str(root / room): f"bluelabel/{room}" for room in ROOMS})
            return
        for room in ROOMS:
            link = root / "src" / "bluelabel" / room
            if not link.exists():
                self._link(link, root / room)

    @staticmethod
    def _link(link: Path, target: Path) -> None:
        if sys.platform == "win32":
            subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True)
        else:
            link.unlink(missing_ok=True)  # a dangling link of a moved checkout
            link.symlink_to(Path("..", "..", target.name), target_is_directory=True)
