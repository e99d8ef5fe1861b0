"""`git install` and `git uninstall`: merge drivers in the config, their paths in info/attributes, a pre-commit hook.

All of it is this clone's own: nothing versioned and nothing of other clones is touched (a folder of hooks may serve
many, or lead out of the clone by a link), and all worktrees of the clone share it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bluelabel.interfaces.errors import machine_error
from bluelabel.services.files.managed_block import Marks, blocks, put, take
from bluelabel.services.git.command import GitFailed
from bluelabel.services.git.repository import GitRepository

MARKS: Final = Marks(b"# bluelabel begin", b"# bluelabel end")
BOXES: Final = ("**/postbox/*/inbox.json", "**/postbox/*/outbox.json")
CARDS: Final = ("TASK_CARDS.md",)
DRIVERS: Final = {"boxes": "message boxes, merged by message", "cards": "task cards, merged by card and field"}
CHAIN: Final = (
    "if git config --local --get merge.bluelabel-cards.driver >/dev/null; then bluelabel git check || exit 1; fi"
)
"""What a hook calls that is not this clone's own; in a repository without the drivers it does nothing."""

_SHEBANG: Final = b"#!/bin/sh\n"


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done, and what is left for a person to do: each line for a person, and whether anything changed."""

    changed: bool
    lines: tuple[str, ...]


def program() -> tuple[str, ...]:
    """Return the argument list that calls this very installation, whatever PATH says when git needs it.

    ``-P`` keeps the current directory off Python's path: git runs drivers at the top of the worktree, where a file
    of the repository must not be imported in place of a library.
    """
    return (sys.executable, "-P", "-m", "bluelabel.apps.cli.main")


def install(repository: GitRepository, *, cards: Sequence[str] = CARDS, boxes: Sequence[str] = BOXES) -> Installed:
    """Register the drivers and the check. Doing it again changes nothing.

    A hook that is not this clone's own is left as it is; the line to add there is among the lines returned.

    Raises:
        GitFailed: git refused to write its config.
        MachineError: a file could not be written.
    """
    changes: list[str] = []
    for name, words in DRIVERS.items():
        for key, value in (("name", words), ("driver", _driver(name))):
            changes += _set(repository, f"merge.bluelabel-{name}.{key}", value)
    patterns = [
        *(f"{path} merge=bluelabel-cards" for path in cards),
        *(f"{path} merge=bluelabel-boxes" for path in boxes),
    ]
    attributes = repository.common_dir / "info" / "attributes"
    left: list[str] = []
    if not _own(repository, attributes):
        left.append(f"attributes: not written, {attributes} leads out of this clone; add there: {'; '.join(patterns)}")
    elif _write(attributes, put(_read(attributes), MARKS, "\n".join(patterns), apart=False)):
        changes.append(f"attributes: {attributes}")
    hooked, told = _install_hook(repository)
    changes += hooked
    return Installed(bool(changes), (*(changes or ["already installed"]), *left, *told))


def uninstall(repository: GitRepository) -> Installed:
    """Take back what `install` did; lines of other people stay."""
    changes: list[str] = []
    for name in DRIVERS:
        section = f"merge.bluelabel-{name}"
        if repository.git.ask("config", "--local", "--get-regexp", rf"^{section.replace('.', '[.]')}[.]").code == 0:
            _must(repository, "config", "--local", "--remove-section", section)
            changes.append(f"config: {section}")
    hooks = dict.fromkeys((repository.common_dir / "hooks" / "pre-commit", _hook_file(repository)))
    for file, leftover in ((repository.common_dir / "info" / "attributes", b""), *((hook, _SHEBANG) for hook in hooks)):
        data = _read(file)
        if blocks(data, MARKS) and _own(repository, file):
            rest = take(data, MARKS)
            if _kept(file).exists():
                _kept(file).replace(file)
            elif rest.strip() == leftover.strip():
                file.unlink()
            else:
                _write(file, rest)
            changes.append(str(file))
    return Installed(bool(changes), tuple(changes) or ("nothing was installed",))


def _driver(name: str) -> str:
    python = shlex.quote(sys.executable)
    call = f"{shlex.join(program())} git merge-driver {name}".replace("%", "%%")
    plain = "git merge-file -L ours -L base -L theirs %A %O %B"
    # Without the fallback a removed environment would leave our side alone in the file, looking resolved.
    return f"if test -x {python.replace('%', '%%')}; then {call} %O %A %B %P; else {plain}; fi"


def _set(repository: GitRepository, key: str, value: str) -> list[str]:
    if repository.git.ask("config", "--local", "--get", key).text.rstrip("\n") == value:
        return []
    _must(repository, "config", "--local", "--replace-all", key, value)
    return [f"config: {key}"]


def _must(repository: GitRepository, *args: str) -> None:
    answer = repository.git.change(*args)
    if answer.code != 0:
        raise GitFailed("change its config", answer, str(repository.root))


def _hook_file(repository: GitRepository) -> Path:
    said = repository.git.must("find the hooks", "rev-parse", "--git-path", "hooks").text.rstrip("\n")
    return repository.root / said / "pre-commit"


def _install_hook(repository: GitRepository) -> tuple[list[str], list[str]]:
    """Have the check called before a commit; return what was changed, and what is left for a person to do."""
    file = _hook_file(repository)
    data = _read(file)
    if not _own(repository, file.parent):
        if b"bluelabel git check" in data:
            return [], []
        # The scripts of husky 9 are beside the folder that git is told of, which is made anew again and again.
        shown = file.parents[1] / file.name if file.parent.name == "_" else file
        return [], [f"hook: not written, {file.parent} is not this clone's own; add this line to {shown}: {CHAIN}"]
    python = shlex.quote(sys.executable)
    call = f"if test -x {python}; then {shlex.join(program())} git check || exit 1; fi"
    if file.is_symlink() or (data and not blocks(data, MARKS) and not (_is_shell(data) and os.access(file, os.X_OK))):
        # A program of another kind, one that leads elsewhere, or one that is switched off: it is kept beside.
        if os.path.lexists(_kept(file)):
            return [], [f"hook: not written, {_kept(file)} is there already; add this line to {file}: {CHAIN}"]
        file.rename(_kept(file))
        fresh = put(_SHEBANG, MARKS, _going_on(file, call), apart=False)
    elif not data:
        fresh = put(_SHEBANG, MARKS, call, apart=False)
    elif blocks(data, MARKS):
        fresh = put(data, MARKS, _going_on(file, call))
    else:  # after the first line, because the rest of it may exec or exit
        head = data.index(b"\n") + 1 if b"\n" in data else len(data)
        first = data[:head] if data[:head].endswith(b"\n") else data[:head] + b"\n"
        fresh = put(first, MARKS, call, apart=False) + data[head:]
    return ([f"hook: {file}"] if _write(file, fresh, executable=True) else []), []


def _going_on(hook: Path, call: str) -> str:
    """Return the call of the check, and of the hook that was there before, if one is kept and not switched off."""
    kept = _kept(hook)
    return f'{call}\nexec "$(dirname -- "$0")/{kept.name}" "$@"' if os.access(kept, os.X_OK) else call


def _kept(hook: Path) -> Path:
    return hook.with_name(hook.name + ".kept-by-bluelabel")


def _own(repository: GitRepository, path: Path) -> bool:
    """Tell whether a path leads to somewhere in this clone's own directory."""
    real = Path(os.path.realpath(path))
    return real.is_relative_to(os.path.realpath(repository.common_dir))


def _is_shell(data: bytes) -> bool:
    first = data.split(b"\n", 1)[0]
    return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"sh -e", b"sh -eu", b"sh -x"))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise machine_error(error, "reading", str(file)) from None


def _write(file: Path, data: bytes, *, executable: bool = False) -> bool:
    """Write `data` unless the file says so already; return whether it did. At no time is the file half written."""
    executable_already = not executable or os.access(file, os.X_OK)
    if file.is_file() and _read(file) == data and executable_already:
        return False
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = Path(os.path.realpath(file))
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        fresh = target.with_name(f"{target.name}.bluelabel-new")
        with fresh.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.chmod(mode | 0o111 if executable else mode)
        fresh.replace(target)
    except OSError as error:
        raise machine_error(error, "writing", str(file)) from None
    return True
