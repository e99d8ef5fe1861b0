"""Build hook: the repository root is the package root, so rooms become ``bluelabel.<room>`` only here.

A wheel gets each room under ``bluelabel/``; an editable install gets links (junctions on Windows, which need no
privilege) from ``src/bluelabel/`` to the rooms. The bare names ``agents`` or ``services`` are never installed:
another distribution owns them, and pip overwrites silently.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("agents", "apps", "interfaces", "runner", "services")


class RoomsHook(BuildHookInterface[Any]):
    """Puts the rooms under the one import name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the rooms to a wheel, or link them for an editable install."""
        root = Path(self.root)
        if version == "editable":
            for room in ROOMS:
                _link(root / "src" / "bluelabel" / room, root / room)
            return
        for part in _parts(root):
            build_data["force_include"][str(root / part)] = f"bluelabel/{part}"


def _parts(root: Path) -> list[str]:
    """Return what a wheel holds, relative to the root: all of the rooms, but of apps/web only what was built."""
    apps = sorted(path.name for path in (root / "apps").iterdir() if path.name not in {"web", "__pycache__"})
    built = ["apps/web/dist"] if (root / "apps" / "web" / "dist").is_dir() else []
    return [*(room for room in ROOMS if room != "apps"), *(f"apps/{name}" for name in apps), *built]


def _link(link: Path, target: Path) -> None:
    if link.exists():
        return
    if sys.platform == "win32":
        if os.path.lexists(link):
            link.rmdir()  # a junction of a checkout that has moved
        subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True)
    else:
        link.unlink(missing_ok=True)  # a dangling link
        link.symlink_to(Path("..", "..", target.name), target_is_directory=True)
