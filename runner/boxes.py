"""The box files of one worktree: read before a question, refreshed after a change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


class Boxes:
    """Ties the views and entrances of ``postbox/`` in a worktree to its post office.

    Args:
        workspace: whose boxes.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = workspace.root / "postbox"

    def sweep(self) -> None:
        """Read what people and agents have changed by hand."""

    def refresh(self, agents: Iterable[str]) -> None:
        """Write the boxes of `agents` anew."""

    def start(self, say: Callable[[str], None]) -> None:
        """Watch the boxes until `stop`: what changes is read at once, without waiting for the next sweep."""

    def stop(self) -> None:
        """Stop watching."""
