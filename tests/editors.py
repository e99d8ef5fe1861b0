"""How editors save over a file."""

from __future__ import annotations

from pathlib import Path


def renamed_over(path: Path, data: bytes) -> None:
    """Save as vim does: a new file takes the name."""
    beside = path.with_name("4913")
    beside.write_bytes(data)
    beside.replace(path)


def backed_up(path: Path, data: bytes) -> None:
    """Save as editors do that keep a backup: the old file gets another name first."""
    path.rename(path.with_name(path.name + "~"))
    path.write_bytes(data)
