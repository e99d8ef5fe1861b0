"""The documents of a project: where they stand, and how a block of ours gets into them without touching the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import Refused, machine_error
from bluelabel.services.files.managed_block import Marks, blocks, put

FOLDERS: Final = ("docs/system", "", "docs")
"""Where a document of the project is looked for; the first is where a missing one is made."""

CONTINUITY: Final = "ARCH_CONTINUITY.md"
CONTEXT: Final = "CLAUDE_CONTEXT.md"
HISTORY: Final = "SPRINT_HISTORY.md"
TEMPLATE: Final = "TEMPLATE_SPRINT_CLOSEOUT.md"
AGENT_CONTEXTS: Final = ("CURSOR_CONTEXT.md", "WINDSURF_CONTEXT.md", "WA_CHECKLIST.md")

TITLES: Final[Mapping[str, str]] = {
    CONTINUITY: "Architecture continuity",
    CONTEXT: "Context for coding agents",
    HISTORY: "Sprint history",
    TEMPLATE: "Sprint closeout",
}


def marks(name: str) -> Marks:
    """Return the marks of the block called `name`."""
    return Marks(f"<!-- bluelabel:{name} begin -->".encode(), f"<!-- bluelabel:{name} end -->".encode())


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one worktree.

    Args:
        root: top of the worktree.
        places: where documents stand that are not in the usual places, by name.
    """

    root: Path
    places: Mapping[str, str]

    def find(self, name: str) -> str:
        """Return the path of a document: as set, else where it is, else where it would be made."""
        if name in self.places:
            return self.places[name]
        candidates = [f"{folder}/{name}" if folder else name for folder in FOLDERS]
        return next((path for path in candidates if (self.root / path).is_file()), candidates[0])

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file."""
        return (self.root / path).is_file()

    def read(self, path: str) -> bytes:
        """Return a file's bytes, b"" when there is none.

        Raises:
            Refused: it is a link that leads outside, or not a file.
            MachineError: it cannot be read.
        """
        try:
            return self._safe(path).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise machine_error(error, "reading a document", path) from None

    def put(self, path: str, block: str, text: str, *, title: str | None = None) -> bool:
        """Give the document a block of this text; return whether that changed anything.

        Args:
            path: relative to the root.
            block: the name in the marks.
            text: the body of the block.
            title: heading of a document that is not there yet.
        """
        data = self.read(path)
        if not data and title is not None and not self.exists(path):
            data = f"# {title}\n".encode()
        return self.write(path, put(data, marks(block), text))

    def has(self, path: str, block: str) -> bool:
        """Tell whether the document has such a block."""
        return bool(blocks(self.read(path), marks(block)))

    def write(self, path: str, data: bytes) -> bool:
        """Replace a file, unless it says so already; at no time is it half written. Returns whether it changed."""
        file = self._safe(path)
        try:
            if file.is_file() and file.read_bytes() == data:
                return False
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh = file.with_name(f".{file.name}.bluelabel-new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if file.is_file():
                fresh.chmod(file.stat().st_mode & 0o7777)
            fresh.replace(file)
            _sync_folder(file.parent)
        except OSError as error:
            raise machine_error(error, "writing a document", path) from None
        return True

    def _safe(self, path: str) -> Path:
        """Return the real place of a path that stays inside the root; the last part may be a link to inside."""
        real = Path(os.path.realpath(self.root / path))
        if not real.is_relative_to(os.path.realpath(self.root)):
            raise Refused("a document outside of the workspace", where=path, hint="remove the link")
        if os.path.lexists(real) and not real.is_file():
            raise Refused("not a file", where=path, hint="move it away")
        return real


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
