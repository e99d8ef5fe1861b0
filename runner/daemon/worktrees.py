"""All worktrees of a repository: each has boxes and cards of its own, and one post office serves them all."""

from __future__ import annotations

from pathlib import Path

from bluelabel.runner.settings import FILE
from bluelabel.runner.workspace import Workspace
from bluelabel.services.git.locate import locate


def worktree_roots(workspace: Workspace) -> tuple[Path, ...]:
    """Return the roots of a workspace in all worktrees of its repository, its own first; only itself outside git.

    Read from the files that git keeps (gitrepository-layout: ``worktrees/<id>/gitdir``), because `up` asks often.
    """
    location = workspace.location
    if location is None:
        return (workspace.root,)
    tops = [location.root]
    if location.common_dir.name == ".git":
        tops.append(location.common_dir.parent)
    for pointer in sorted(location.common_dir.glob("worktrees/*/gitdir")):
        try:
            tops.append(Path(pointer.read_text(encoding="utf-8").strip()).parent)
        except OSError:  # pruned while we looked
            continue
    within = workspace.root.relative_to(location.root)
    roots = dict.fromkeys(top / within for top in tops)
    return tuple(root for root in roots if (root.is_dir() if within == Path() else (root / FILE).is_file()))


def every_workspace(workspace: Workspace) -> list[Workspace]:
    """Return a workspace for each worktree; all share the book of the first, which is `workspace`."""
    places = [workspace]
    for root in worktree_roots(workspace):
        if root != workspace.root:
            other = Workspace(root, workspace.home, workspace.settings, locate(root))
            other.__dict__["book"] = workspace.book
            places.append(other)
    return places
