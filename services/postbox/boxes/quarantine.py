"""Setting aside what cannot be read: kept as it is, with the reason beside it, never deleted, never in the way."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.problems import Problem
from bluelabel.services.files.confined import names_in, opened, shown, write_new

FOLDER: Final = "quarantine"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def set_aside(postbox: Path, agent: str) -> int:
    """Return how many texts of an agent are set aside in one worktree, without the reasons beside them."""
    folder = postbox / agent / FOLDER
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return sum(not name.startswith(".") and not name.endswith(".why") for name in names)


class Quarantine:
    """The folder ``postbox/<agent>/quarantine/`` of one worktree.

    Args:
        postbox: the folder with the mailboxes.
        agent: whose.
    """

    def __init__(self, postbox: Path, agent: str) -> None:
        self._postbox = postbox
        self._agent = agent

    def keep(self, name: str, data: bytes, now: datetime, reason: str, problems: tuple[Problem, ...] = ()) -> str:
        """Keep a text, durably; the same text under the same name is kept once.

        Args:
            name: of the file it was in.
            data: its bytes.
            now: when.
            reason: one line for a person.
            problems: what was wrong, place by place.

        Returns:
            The path of what was kept, relative to the postbox.

        Raises:
            OSError: it could not be kept; the original must stay.
        """
        digest = hashlib.sha256(data).hexdigest()
        with opened(self._postbox, self._agent, FOLDER, make=True) as folder:
            there = self._earlier(folder, digest[:8], name)
            kept = there or f"{now:%Y%m%dT%H%M%SZ}-{digest[:8]}-{_safe(name)}"
            if there is None:
                write_new(folder, f".{kept}.new", data, sync=True)
                os.rename(f".{kept}.new", kept, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            self._why(folder, kept, name, now, reason, problems, digest)
        return self._path(kept)

    def move(self, source: int, name: str, now: datetime, reason: str) -> str:
        """Move what stands under a name in the open folder `source` here, without opening or following it.

        Raises:
            OSError: it could not be moved; it still stands where it was.
        """
        with opened(self._postbox, self._agent, FOLDER, make=True) as folder:
            kept = f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}-{_safe(name)}"
            os.rename(name, kept, src_dir_fd=source, dst_dir_fd=folder)
            os.fsync(folder)
            self._why(folder, kept, name, now, reason, (), None)
        return self._path(kept)

    def _path(self, kept: str) -> str:
        return f"{self._agent}/{FOLDER}/{kept}"

    def _earlier(self, folder: int, digest: str, name: str) -> str | None:
        """Return the file that holds the same text already: a crash may have come after it was written."""
        ending = f"-{digest}-{_safe(name)}"
        return next((entry for entry in names_in(folder) if entry.endswith(ending)), None)

    def _why(
        self,
        folder: int,
        kept: str,
        name: str,
        now: datetime,
        reason: str,
        problems: tuple[Problem, ...],
        digest: str | None,
    ) -> None:
        value: dict[str, Any] = {
            "file": shown(name),
            "reason": reason,
            "at": now.isoformat(),
            "sha256": digest,
            "problems": [problem.as_json() | {"hint": problem.hint} for problem in problems],
        }
        text = strict_json.dumps(value) + "\n"
        with suppress(FileExistsError):
            write_new(folder, f"{kept}.why", text.encode("utf-8", "replace"), sync=True)


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)[-80:].lstrip(".") or "unnamed"
