"""`doctor` for whose the files are: what this user may not write, and what belongs to another than the rest."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bluelabel.interfaces.records.workspace import Finding
from bluelabel.services.files.disk import may_write

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace

_MOST: Final = 10_000
"""Files that are looked at: results of runs may be many, and what is wrong with one is wrong with most."""

_AROUND: Final = "drop files and hand edits work all the same, or set BLUELABEL_HOME to a folder in the work tree"


def examine_access(workspace: Workspace) -> Iterator[Finding]:
    """Look at the state directory, the mailboxes and the card file; one finding for each kind of trouble."""
    boxes = [workspace.root / "postbox" / name for name in workspace.settings.directory.mailboxes]
    folders = [path for box in boxes for path in (box, box / "drop", box / "quarantine")]
    cards = workspace.root / workspace.settings.cards
    for area, paths in (
        ("ledger", _everything(workspace.home)),
        ("boxes", folders),  # whoever drops a file owns it: what counts is that it can be taken away
        ("cards", [cards.parent, cards] if cards.is_file() else []),
    ):
        for what, hint in _troubles(paths):
            yield Finding(area, "bad", what, hint)


def _everything(top: Path) -> Iterator[Path]:
    """Yield a folder and what is in it. What may not be looked into is found by its own mode."""
    yield top
    for folder, folders, files in os.walk(top):
        yield from (Path(folder, name) for name in (*folders, *files))


def _troubles(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with some files, and how to mend it. The owner of the first should own all of them."""
    me = os.geteuid()
    owner: int | None = None
    fixed, others, modes = list[Path](), list[Path](), list[Path]()
    for path in islice(paths, _MOST):
        try:
            found = path.lstat().st_uid
            owner = found if owner is None else owner
            writable = path.is_symlink() or may_write(path)
            if not writable and os.statvfs(path).f_flag & os.ST_RDONLY:
                fixed.append(path)
            elif found != owner or (found != me and not writable):  # root may write it all; who works here may not
                others.append(path)
            elif not writable:
                modes.append(path)
        except OSError:  # gone meanwhile, or in a folder that is told already
            continue
    if fixed:
        yield f"{_named(fixed)} on a read-only file system", f"mount it writable; {_AROUND}"
    if others:
        theirs = ", ".join(sorted({_name(path.lstat().st_uid) for path in others}))
        rightful = owner if owner is not None and me == 0 else me
        yield f"{_named(others)}: owned by {theirs}", f"sudo chown -R {_name(rightful)}: {_quoted(others)}"
    if modes:
        yield f"{_named(modes)}: the mode forbids writing", f"chmod -R u+rwX {_quoted(modes)}"


def _named(paths: Sequence[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1:,} more"


def _quoted(paths: Sequence[Path]) -> str:
    """Return the highest of some files, for a shell: what is below them is meant too."""
    found = set(paths)
    tops = [path for path in paths if found.isdisjoint(path.parents)]
    return shlex.join(str(path) for path in tops[:8])


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
