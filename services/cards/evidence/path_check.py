"""Judges claims about files: found as people write them, checked against the tree and its history."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Final

from bluelabel.interfaces.repository import Change, Repository

_OUTSIDE: Final = frozenset(
    {"home", "tmp", "usr", "etc", "var", "opt", "root", "Users", "mnt", "private", "proc", "dev"}
)
_CHOICE: Final = re.compile(r"\{([^{}/]{1,100},[^{}/]{1,100})\}")
"""``src/{reader,writer}.py``: several paths in one; more than one such choice is a pattern."""

_WORST: Final = (False, None, True)
_HOLES: Final = ("<", ">", "{", "}", "$", "...", "…")


class Tree:
    """The files of a revision, or of the working tree when `revision` is None."""

    def __init__(self, repository: Repository, revision: str | None) -> None:
        self.repository = repository
        self.revision = revision
        self._until = revision or "HEAD"

    @cached_property
    def files(self) -> frozenset[str]:
        """Every file."""
        return self.repository.paths(self.revision)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds a file."""
        found: set[str] = set()
        for path in self.files:
            parts = path.split("/")[:-1]
            for count in range(len(parts), 0, -1):
                folder = "/".join(parts[:count])
                if folder in found:
                    break
                found.add(folder)
        return frozenset(found)

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """Files and folders by their last part."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.files | self.folders):
            found.setdefault(path.rsplit("/", 1)[-1], []).append(path)
        return found

    @cached_property
    def changed(self) -> dict[str, str]:
        """What the working tree has changed since HEAD."""
        return {} if self.revision else {path: state for state, path in self.repository.status()}

    def history(self, path: str) -> tuple[Change, ...]:
        """Return what was done to a path, newest first."""
        return self.repository.changes(path, self._until)

    def has(self, path: str) -> bool:
        """Tell whether a path is a file or folder here; what git ignores counts when it is on the disk."""
        if path in self.files or path in self.folders:
            return True
        return self.revision is None and os.path.lexists(self.repository.root / path)

    def is_empty(self, path: str) -> bool:
        """Tell whether a path is a folder on the disk without a file in it, as git leaves behind what was removed."""
        if path in self.files or path in self.folders:
            return False
        place = self.repository.root / path
        return place.is_dir() and not any(files for _, _, files in os.walk(place))

    def leads_out(self, path: str) -> bool:
        """Tell whether a link on the way leads out of the worktree."""
        root, folder = (Path(os.path.realpath(place)) for place in (self.repository.root, self._folder(path)))
        return not folder.is_relative_to(root)

    def _folder(self, path: str) -> Path:
        return (self.repository.root / path).parent

    def inside(self, path: str) -> str | None:
        """Return the submodule or link that a path leads through and that is not at hand, None without one."""
        parts = path.split("/")
        above = next((name for end in range(1, len(parts)) if (name := "/".join(parts[:end])) in self.files), None)
        if above is None or self.revision is not None:
            return above
        place = self.repository.root / above
        return None if place.is_dir() and any(place.iterdir()) else above

    def candidates(self, path: str) -> list[str]:
        """Return what a written path may mean, likeliest first: as it stands, and without the repository's name."""
        found = [path]
        first, _, rest = path.partition("/")
        names = {self.repository.root.name.casefold(), self.repository.common_dir.parent.name.casefold()}
        if rest and first.casefold() in names and first not in self.folders:
            found.append(rest)
        return found


def judge_path(tree: Tree, kind: str, written: str) -> tuple[bool | None, str]:
    """Judge one claim about a path.

    Args:
        tree: where to look.
        kind: ``path``, ``path-created``, ``path-modified`` or ``path-removed``.
        written: the path as the card has it.

    Returns:
        True, False, or None when it cannot be checked; and why.
    """
    if written.count("{") == 1 and (choice := _CHOICE.search(written)):
        names = [written[: choice.start()] + word.strip() + written[choice.end() :] for word in choice[1].split(",")]
        judged = [judge_path(tree, kind, name) for name in names]
        return min(judged, key=lambda found: _WORST.index(found[0]))
    path = written.removeprefix("./").strip("/")
    first = path.split("/", 1)[0]
    if written.startswith("~") or ".." in path.split("/") or "\0" in path or not path:
        return None, "it leads out of the repository"
    if any(hole in path for hole in _HOLES):
        return None, "it is a pattern with a gap, not a path"
    if written.startswith("/") and first in _OUTSIDE and not tree.has(first):
        return None, "it is outside the repository"
    if "*" in path or "?" in path:
        return _pattern(tree, kind, path)
    found = next((name for name in tree.candidates(path) if tree.has(name)), None)
    if found is None and "/" not in path and kind != "path-removed":
        return _bare_name(tree, kind, path)
    if kind == "path-removed":
        return _removed(tree, path, None if found and tree.is_empty(found) else found)
    if found is None:
        above = tree.inside(path)
        if above is not None:
            return None, f"{above} is a submodule or a link, and what is below it is not at hand"
        return False, _absent(tree, tree.candidates(path)[-1])
    if found not in tree.files and tree.leads_out(found):
        return None, "a link on the way leads out of the repository"
    return _present(tree, kind, found)


def _present(tree: Tree, kind: str, path: str) -> tuple[bool | None, str]:
    state = tree.changed.get(path, "")
    if path in tree.folders or path not in tree.files:
        where = "there" if path in tree.folders else "on the disk, not known to git"
        return (None if kind == "path-modified" and path not in tree.folders else True), f"{path} is {where}"
    if state and (state == "??" or "A" in state):
        if kind == "path-modified":
            return False, f"{path} is new in the working tree, nothing in it was modified; say (new)"
        return True, f"{path} is new in the working tree"
    if kind == "path":
        return True, f"{path} is there"
    changes = tree.history(path)
    if kind == "path-created":
        added = next((change for change in changes if change.action == "A"), None)
        return True, f"{path} was added in {added.commit[:9]}" if added else f"{path} is there"
    modified = next((change for change in changes if change.action in "MRT"), None)
    if state.strip():
        return True, f"{path} is modified in the working tree"
    if modified:
        return True, f"{path} was modified in {modified.commit[:9]}"
    if len(changes) > 1:
        return True, f"{path} was changed in {changes[0].commit[:9]}"
    if not changes:
        return None, f"{path} is there, its history is not"
    return False, f"{path} was added in {changes[0].commit[:9]} and never modified since"


def _removed(tree: Tree, path: str, found: str | None) -> tuple[bool | None, str]:
    if found is not None:
        return False, f"{found} is still there"
    for name in tree.candidates(path):
        changes = tree.history(name)
        if changes:
            gone = next((change for change in changes if change.action == "D"), None)
            return (
                True,
                f"{name} was removed in {gone.commit[:9]}" if gone else f"{name} is removed in the working tree",
            )
    return False, "no such path was ever there"


def _absent(tree: Tree, path: str) -> str:
    gone = next((change for change in tree.history(path) if change.action == "D"), None)
    return f"it was removed in {gone.commit[:9]}" if gone else "no such path"


def _bare_name(tree: Tree, kind: str, name: str) -> tuple[bool | None, str]:
    places = tree.by_name.get(name, [])
    if len(places) == 1:
        return _present(tree, kind, places[0])
    if places:
        return None, f"{len(places)} paths have this name: {', '.join(places[:3])}"
    return False, _absent(tree, name)


def _pattern(tree: Tree, kind: str, path: str) -> tuple[bool | None, str]:
    forms = {path, path.replace("**/", "")}  # two stars also stand for no folder at all
    matches = sorted(name for name in tree.files | tree.folders if any(fnmatchcase(name, form) for form in forms))
    if kind == "path-removed":
        return (False, f"{matches[0]} is still there") if matches else (None, "nothing matches it now")
    if not matches:
        return False, "nothing matches it"
    return True, f"{len(matches)} paths match it, {matches[0]} first"
