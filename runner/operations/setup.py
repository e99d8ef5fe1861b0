"""Making a workspace: what is missing is made, what is there is left alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bluelabel.interfaces.errors import MachineError, NotPermitted, UsageError, machine_error
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import agent_name
from bluelabel.runner.home import check_untracked, hide
from bluelabel.runner.settings import DEFAULT_AGENTS, FILE, load
from bluelabel.runner.workspace import HOME_VARIABLE, Workspace, find_place, is_made, state_directory
from bluelabel.services.files.disk import make_directory
from bluelabel.services.git.index import in_git
from bluelabel.services.git.locate import Location
from bluelabel.services.postbox.address_book import Directory

_SETTINGS = """\
# Settings of this workspace; every key may be left out.
[workspace]
agents = [{agents}]
coordinator = "{coordinator}"    # gets reports that name no recipient
human = "HUMAN"            # gets what agents could not settle
"""

_CARDS = """\
# Task Cards

## Template for New Tasks

```markdown
### TASK-XXXX: Task Title
Status: NOT_STARTED | IN_PROGRESS 🚧 | COMPLETED ✅ | BLOCKED 🔴 | CANCELLED ❌
Assigned: {agents}
Priority: LOW | MEDIUM | HIGH | CRITICAL
Created: YYYY-MM-DD

**Description:**
Brief description of the task objective.

**Deliverables:**
- [ ] Specific deliverable

**Files Created/Modified:**
- path/to/file.py
```

---

## Active Tasks

## Completed Tasks Archive
"""

_ATTRIBUTES = ("postbox/**/*.json merge=union", "postbox/**/*.jsonl merge=union")
_IGNORED = ("postbox/*/drop/", "postbox/*/quarantine/")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that `init` would do.

    Attributes:
        what: in words.
        run: does it.
        path: what it makes or changes.
        left: it is left alone: git has the file and has not checked it out here.
    """

    what: str
    run: Callable[[], None]
    path: Path
    left: bool = False


def plan(root: Path, agents: Sequence[str] | None, *, exactly: bool = False) -> tuple[Path, list[Step]]:
    """Return the root of the workspace to be made, and the steps that are still to do.

    Args:
        root: where it was asked for; inside a repository, its top is taken.
        agents: their names; None keeps those of the settings, or takes the usual four.
        exactly: make it in `root` itself, whatever is around it.

    Raises:
        InvalidName: a name that is not allowed, or two that differ only in case.
        UsageError: the settings there name other agents, or the state directory cannot be where it is said to be.
        Refused: git tracks the state directory.
    """
    place, location = find_place(root)
    place = Path(os.path.realpath(root)) if exactly or not root.exists() else place
    has_settings = (place / FILE).exists()
    settings = load(place)
    names = tuple(agent_name(name) for name in agents) if agents else settings.directory.agents
    if has_settings and agents and set(names) - set(settings.directory.agents):
        raise UsageError(
            "the settings name other agents", where=str(place / FILE), hint="add one with `bluelabel agent add NAME`"
        )
    directory = settings.directory if has_settings else Directory(names, coordinator=_coordinator(names))
    home = state_directory(place, location, settings)
    steps: list[Step] = []
    if not is_made(home):
        check_untracked(home)
        steps.append(Step(f"make the state directory {home}", lambda: _open_ledger(place, home), home))
    files: list[Step] = []
    if not has_settings:
        text = _SETTINGS.format(agents=", ".join(f'"{name}"' for name in names), coordinator=directory.coordinator)
        files.append(_new_file(place / FILE, text))
    cards = place / settings.cards
    if not cards.exists():
        files.append(_new_file(cards, _CARDS.format(agents=" | ".join(names))))
    for name in directory.mailboxes:
        folder = place / "postbox" / name
        if not (folder / "drop").is_dir():
            files.append(Step(f"make the mailbox postbox/{name}/", partial(_mailbox, folder), folder))
    files += _lines(place / ".gitattributes", _ATTRIBUTES)
    ignored = (*_IGNORED, *(() if location is not None else ("/.bluelabel/",)))
    if not settings.versioned:
        ignored = (*ignored, "postbox/")
    files += _lines(place / ".gitignore", ignored)
    return place, [*steps, *_leaving(files, location)]


def _leaving(steps: Sequence[Step], location: Location | None) -> list[Step]:
    """Leave alone what git has and has not checked out here, as in a sparse checkout: it would be made anew."""
    if location is None or not steps:
        return list(steps)
    missing = [path for path in in_git(location.root, [step.path for step in steps]) if not os.path.lexists(path)]
    marked = [replace(step, left=any(path.is_relative_to(step.path) for path in missing)) for step in steps]
    # Who has a mailbox, and what the card file is called, stands in the settings: without them only the ledger is made.
    unknown = any(path.name == FILE for path in missing)
    return [step for step in marked if step.left or not unknown]


def run(steps: Sequence[Step], say: Callable[[str], None]) -> None:
    """Do the steps, telling each; those that are to be left alone are passed over.

    Raises:
        MachineError: a step was not possible; those before it are done, and asking again goes on from there.
    """
    for step in steps:
        if step.left:
            continue
        try:
            step.run()
        except OSError as error:
            raise machine_error(error, f"trying to {step.what}") from error
        say(step.what)


def _coordinator(names: Sequence[str]) -> str:
    return "ARCH" if "ARCH" in names else names[0] if names else DEFAULT_AGENTS[-1]


def _open_ledger(root: Path, home: Path) -> None:
    try:
        make_directory(home / "ledger")
        hide(home)
    except OSError as error:
        raise _elsewhere(machine_error(error, "making the state directory", str(home))) from error
    workspace = Workspace(root, home, load(root), None)
    opened = Draft("ledger.opened", workspace.actor, {"home": workspace.ids.new()})
    try:
        workspace.book.append(lambda _db: [] if workspace.book.head().seq else [opened])
    except MachineError:
        (home / "ledger").rmdir() if not any((home / "ledger").iterdir()) else None
        raise
    finally:
        workspace.close()


def _elsewhere(error: MachineError) -> MachineError:
    """Say where else the state directory may be, when it may not be made where it usually is."""
    if isinstance(error, NotPermitted):
        hint = f"name a folder in the work tree: {HOME_VARIABLE}=.bluelabel, or `home` in {FILE}, for everybody here"
        return NotPermitted(error.what, where=error.where, hint=hint)
    return error


def _mailbox(folder: Path) -> None:
    (folder / "drop").mkdir(parents=True, exist_ok=True)


def _new_file(path: Path, text: str) -> Step:
    def write() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)

    return Step(f"write {path.name}", write, path)


def _lines(path: Path, wanted: Sequence[str]) -> list[Step]:
    """Return the step that adds the lines a file lacks; its other lines stay as they are."""
    there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    missing = [line for line in wanted if line not in there.splitlines()]
    if not missing:
        return []

    def write() -> None:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(
                "".join([("\n" if there and not there.endswith("\n") else ""), *(f"{line}\n" for line in missing)])
            )

    return [Step(f"add {len(missing)} line{'s' if len(missing) > 1 else ''} to {path.name}", write, path)]
