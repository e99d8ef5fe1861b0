"""All worktrees of a repository: each has boxes and cards of its own, and one post office serves them all."""

from __future__ import annotations

from pathlib import Path

from bluelabel.runner.workspace import Workspace


def worktree_roots(workspace: Workspace) -> tuple[Path, ...]:
    """Return the tops of all worktrees of the workspace's repository, its own first; only itself outside git.

    Read from the files that git keeps (gitrepository-layout: ``worktrees/<id>/gitdir``), because `up` asks often.
    """
    location = workspace.location
    if location is None:
        return (workspace.root,)
    found = [workspace.root]
    if location.common_dir.name == ".git":
        found.append(location.common_dir.parent)
    for pointer in sorted(location.common_dir.glob("worktrees/*/gitdir")):
        try:
            found.append(Path(pointer.read_text(encoding="utf-8").strip()).parent)
        except OSError:  # pruned while we looked
            continue
    return tuple(dict.fromkeys(path for path in found if path.is_dir()))


def every_workspace(workspace: Workspace) -> list[Workspace]:
    """Return a workspace for each worktree; all share the book of the first, which is `workspace`."""
    places = [workspace]
    for root in worktree_roots(workspace):
        if root != workspace.root:
            other = Workspace(root, workspace.home, workspace.settings, workspace.location)
            other.__dict__["book"] = workspace.book
            places.append(other)
    return places
