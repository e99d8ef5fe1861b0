"""`doctor`: looks into every room and says what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.records.workspace import Finding
from bluelabel.interfaces.times import from_text
from bluelabel.runner.boxes import Boxes
from bluelabel.runner.workspace import Workspace
from bluelabel.services.ledger.file_ledger import FileLedger
from bluelabel.services.ledger.verify import verify
from bluelabel.services.postbox.boxes.quarantine import set_aside

_SKEW = timedelta(seconds=60)
_RECENT = 1_000


def examine(workspace: Workspace, *, fix: bool = False, show: Callable[[str], None] | None = None) -> list[Finding]:
    """Look at everything.

    Args:
        workspace: to look at.
        fix: repair what is safe; a copy of each changed file is kept beside the state.
        show: told, line by line, what a repair would change, when nothing may be.
    """
    found: list[Finding] = []
    boxes = partial(_boxes, fix=fix)
    for area, look in (("ledger", _ledger), ("clock", _clock), ("boxes", boxes), ("git", _git)):
        try:
            found += look(workspace)
        except (BluelabelError, OSError) as error:
            hint = error.hint if isinstance(error, BluelabelError) else None
            found.append(Finding(area, "bad", str(error), hint))
    from bluelabel.runner.home import examine_home
    from bluelabel.runner.operations.doctor_access import examine_access
    from bluelabel.runner.operations.doctor_cards import examine_cards

    return [
        *found,
        *examine_access(workspace),
        *examine_home(workspace, fix=fix),
        *examine_cards(workspace, fix=fix, show=show),
    ]


def _ledger(workspace: Workspace) -> Iterator[Finding]:
    ledger = workspace.book.ledger
    if isinstance(ledger, FileLedger):
        verdict = verify(ledger.segments)
        for problem in verdict.problems:
            yield Finding("ledger", "bad", f"{problem.code}: {problem.message}", "compare it with a backup")
        if verdict.torn:
            yield Finding("ledger", "note", f"{verdict.torn} torn bytes at the end", "run `bluelabel recover`")
        if not verdict.problems:
            yield Finding(
                "ledger", "ok", f"{verdict.events:,} event{'s' if verdict.events != 1 else ''}, chain unbroken"
            )


def _clock(workspace: Workspace) -> Iterator[Finding]:
    """Compare this clock with those of whoever wrote last: another may have written since with a right one."""
    now = workspace.clock.now()
    recent = workspace.book.read(max(0, workspace.book.head().seq - _RECENT))
    newest = max((event.at for event in recent), default=None)
    if newest is not None and from_text(newest) - now > _SKEW:
        ahead = round((from_text(newest) - now).total_seconds())
        text = f"an event of the last {_RECENT:,} was written {ahead:,} s in the future of this clock"
        yield Finding("clock", "bad", text, "set the clocks; the order of events does not depend on them")
    else:
        yield Finding("clock", "ok", now.strftime("%Y-%m-%d %H:%M:%S UTC"))


def _boxes(workspace: Workspace, *, fix: bool) -> Iterator[Finding]:
    aside = 0
    office = Boxes(workspace).office
    for name in workspace.settings.directory.mailboxes:
        folder = workspace.root / "postbox" / name
        if not folder.exists() and office.is_left_out(name):
            yield Finding("boxes", "note", f"postbox/{name} is left out of this sparse checkout")
        elif folder.is_symlink():
            yield Finding("boxes", "bad", f"postbox/{name} is a symbolic link", "replace it by a folder")
        elif not folder.is_dir() and fix:
            (folder / "drop").mkdir(parents=True)
            workspace.refresh_views([name])
            yield Finding("boxes", "fixed", f"postbox/{name} is made anew")
        elif not folder.is_dir():
            yield Finding("boxes", "bad", f"postbox/{name} is missing", "run `bluelabel doctor --fix`")
        else:
            aside += set_aside(workspace.root / "postbox", name)
    if aside:
        texts = "1 text is" if aside == 1 else f"{aside:,} texts are"
        yield Finding("boxes", "note", f"{texts} set aside as unreadable", "look into postbox/*/quarantine/")
    else:
        yield Finding("boxes", "ok", f"{len(workspace.settings.directory.mailboxes)} mailboxes")


def _git(workspace: Workspace) -> Iterator[Finding]:
    repository = workspace.repository
    if repository is None:
        what = "not a git repository" if workspace.location is None else "not the top of its git repository"
        yield Finding("git", "note", what, "claims of cards cannot be checked then")
        return
    where = repository.branch() or "detached HEAD"
    yield Finding("git", "ok", f"{where}, {len(repository.status()):,} files differ from HEAD")
