"""A state directory inside the work tree, for agents that may write nowhere else: git must neither have nor take it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluelabel.interfaces.errors import Refused
from bluelabel.interfaces.records.workspace import Finding
from bluelabel.services.git.locate import Location, locate

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace

_IGNORE: Final = "# The state of bluelabel: every copy has its own.\n*\n"


def _around(home: Path) -> Location | None:
    """Return the repository whose work tree a state directory is in; None where it is git's own, or outside."""
    home = Path(os.path.realpath(home))
    location = locate(home)
    if location is None or home == location.root:
        return None
    own = any(home.is_relative_to(folder) for folder in (location.common_dir, location.git_dir, location.root / ".git"))
    return None if own else location


def hide(home: Path) -> None:
    """Have git ignore a state directory inside a work tree, by a file in it: `.git` may be read-only, too.

    Raises:
        OSError: the file could not be written.
    """
    if _around(home) is None:
        return
    file = home / ".gitignore"
    there = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if "*" not in there.split():
        with file.open("a", encoding="utf-8") as end:
            end.write(("\n" if there and not there.endswith("\n") else "") + _IGNORE)


def check_untracked(home: Path) -> None:
    """See to it that git does not have a state directory already.

    Raises:
        Refused: it has; a checkout would replace the ledger.
    """
    count = _tracked(home)
    if count:
        what = (
            f"git tracks {count:,} file{'s' if count > 1 else ''} of the state directory: a checkout would replace them"
        )
        raise Refused(what, where=str(home), hint=f"run `git rm -r --cached -- {home}`, commit, then try again")


def _tracked(home: Path) -> int:
    location = _around(home)
    if location is None:
        return 0
    from bluelabel.services.git.index import in_git

    return len(in_git(location.root, [Path(os.path.realpath(home))]))


def examine_home(workspace: Workspace, *, fix: bool) -> Iterator[Finding]:
    """Look at a state directory in the work tree: whether git has it, and whether git would take it."""
    from bluelabel.services.git.command import Git

    location = _around(workspace.home)
    if location is None:
        return
    count = _tracked(workspace.home)
    if count:
        what = f"git tracks {count:,} file{'s' if count > 1 else ''} of the state directory {workspace.home}"
        yield Finding("git", "bad", what, f"git rm -r --cached -- {workspace.home}")
    ledger = os.path.realpath(workspace.home / "ledger")
    if Git(location.root).ask("check-ignore", "--quiet", "--no-index", "--", ledger).code == 0:
        yield Finding("git", "note", "the state directory is in the work tree: `git clean -dfx` would delete it")
    elif fix:
        hide(workspace.home)
        yield Finding("git", "fixed", f"git ignores {workspace.home} now")
    else:
        what = f"git does not ignore the state directory {workspace.home}"
        yield Finding("git", "bad", what, "run `bluelabel doctor --fix`")
