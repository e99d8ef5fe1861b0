"""What is remembered of one card file in the state directory: the last text known, and which events are in it."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces.errors import machine_error

_GOOD: Final = 20
"""How many texts from before a loss are kept."""


def digest(data: bytes) -> str:
    """Return the name of a text: its SHA-256."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Known:
    """What is known of the file on one branch.

    Attributes:
        known: digest of the last text seen or written.
        since: events that were written into it and stood there after the last save by somebody else.
        head: the commit that was checked out then, "" without one.
    """

    known: str = ""
    since: list[int] = field(default_factory=list[int])
    head: str = ""


@dataclass
class Loss:
    """A save that lost cards: the text before it, the ids, and the event that says so."""

    text: str
    lost: list[str]
    event: int


@dataclass
class State:
    """All that is remembered of one file.

    Attributes:
        applied: every card event of this file up to here is in the text, or was given up.
        branches: what is known, by branch ("" outside git).
        losses: saves that lost cards, oldest first.
        unit: events of the last change, and the digests of the text before and after it.
    """

    file: str = ""
    applied: int = 0
    branches: dict[str, Known] = field(default_factory=dict[str, Known])
    losses: list[Loss] = field(default_factory=list[Loss])
    unit: list[int] = field(default_factory=list[int])
    unit_before: str = ""
    unit_after: str = ""


class Memory:
    """Keeps a `State` and the texts it names in a folder of the state directory.

    Args:
        home: the state directory.
        path: the card file.
    """

    def __init__(self, home: Path, path: Path) -> None:
        self.place = hashlib.sha256(_name(home, path)).hexdigest()[:16]
        self.folder = home / "cards" / self.place

    @classmethod
    def at(cls, folder: Path) -> Memory:
        """Return the memory that is kept in `folder`, whatever file it is of."""
        memory = cls(folder.parent.parent, folder)
        memory.place, memory.folder = folder.name, folder
        return memory

    def load(self) -> State | None:
        """Return what is remembered, None when nothing is (or nothing that makes sense).

        Raises:
            NotPermitted: it is somebody else's: what it says is unknown, and must not be taken for nothing.
        """
        try:
            raw: dict[str, Any] = json.loads((self.folder / "state.json").read_bytes())
            raw["branches"] = {name: Known(**known) for name, known in raw["branches"].items()}
            raw["losses"] = [Loss(**loss) for loss in raw["losses"]]
            return State(**raw)
        except PermissionError as error:
            raise machine_error(error, "reading what is remembered of the card file", str(self.folder)) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def save(self, state: State) -> None:
        """Remember `state`, durably, and forget texts that it no longer names.

        Raises:
            MachineError: it could not be written.
        """
        state.losses = state.losses[-_GOOD:]
        try:
            self._put("state.json", json.dumps(asdict(state)).encode())
        except OSError as error:
            raise machine_error(error, "remembering the card file", str(self.folder)) from error
        named = {known.known for known in state.branches.values()}
        named |= {loss.text for loss in state.losses} | {state.unit_before, state.unit_after}
        with suppress(OSError):
            for text in self.folder.glob("text-*"):
                if text.name.removeprefix("text-") not in named:
                    text.unlink(missing_ok=True)

    def text(self, name: str) -> bytes | None:
        """Return a kept text, None when it is gone or damaged."""
        try:
            data = (self.folder / f"text-{name}").read_bytes()
        except OSError:
            return None
        return data if digest(data) == name else None

    def keep(self, data: bytes) -> str:
        """Keep a text; return its name.

        Raises:
            MachineError: it could not be written.
        """
        name = digest(data)
        try:
            if not (self.folder / f"text-{name}").exists():
                self._put(f"text-{name}", data)
        except OSError as error:
            raise machine_error(error, "keeping a copy of the card file", str(self.folder)) from error
        return name

    def tidy(self) -> None:
        """Take away what a killed command has half written; only the holder of the file's lock may call it."""
        with suppress(OSError):
            for made in self.folder.glob(".*.new"):
                made.unlink(missing_ok=True)

    def _put(self, name: str, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self.folder / f".{name}.new"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        made.replace(self.folder / name)


def _name(home: Path, path: Path) -> bytes:
    """Return what tells a file from the others of a state directory; a workspace may be moved as a whole."""
    real, root = (Path(os.path.realpath(place)) for place in (path, home.parent))
    root = root.parent if root.name == ".git" else root
    return os.fsencode(real.relative_to(root) if real.is_relative_to(root) else real)
