"""The closing of a sprint, cut off at every state that it passes through, and on disks with ever less room.

    python -m reliability.closing kill|drop|commit|room --base DIR [--limit N] [--only PATTERN] [--json FILE]

* kill: every process dies at once. The page cache survives.
* drop, commit: the power fails; see `power.py`. A whole walk on one image shows what each moment leaves.
* room: a disk of its own size is full at some point; then room is made.

From each state on the next command has to work within five seconds, and a second closing has to finish: one tag, one
merge of each branch, nothing left behind. Needs Linux on x86-64; the power and the small disks need root.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from reliability.disk import home_of, read_disk
from reliability.forked import TIMEOUT, Zygotes
from reliability.power import mounted, snapshot
from reliability.report import Finding, Report
from reliability.sandbox import NEXT, TRACEBACK, environment
from reliability.scenarios import ENV, do
from reliability.stations import QUIET, WRITES, Album, State, Stop, Walk

TAG = "v0.7-alpha1"
BRANCHES = ("dev/TASK-1-one", "dev/TASK-2-two")
_WHO = {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in
        (("NAME", "Tester"), ("EMAIL", "tester@example.com"))}  # fmt: skip
GIT_ENV = {**_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
PATIENCE = 240.0
_FOREIGN = re.compile(r"Unable to create '(/\S*far\.git/\S+\.lock)': File exists")
_PUSHED = 2
"""So many references are pushed, each of which a killed git may have left locked over there."""
FLOOR = 50
"""A closing of two branches with a remote passes through more states than this; fewer mean that the walk is blind."""
PASSED_OVER = r"(^|/)objects/|/index\.db"
"""Files that make no two states differ: objects, which count from the moment on at which something refers to them,
and the index of the ledger, which is made anew when in doubt. Of states equal otherwise the earliest is looked at."""


_UNHURRIED = """
from bluelabel.apps.cli.main import main
from bluelabel.services.git import changes
changes.PUSH_SECONDS = 7200.0
main()
"""
"""The command, with more time for a push: it is stopped at each of its calls, and a copy of the disk is made."""


def git(where: Path, *args: str) -> str:
    """Return what git says, whether it succeeds or not."""
    done = subprocess.run(
        ["git", *args], cwd=where, env={**os.environ, **GIT_ENV}, capture_output=True, text=True, check=False
    )
    return (done.stdout + (done.stderr if done.returncode else "")).strip()


def launched(where: Path) -> None:
    """Make a repository with a remote beside it, and a sprint of three cards that is ready to be closed."""
    os.environ.update(GIT_ENV)
    work = where / "work"
    work.mkdir()
    git(where, "init", "-q", "--bare", "--template=", "far.git")
    git(where / "far.git", "config", "core.fsync", "all")  # a host that syncs what it takes: whether it does is its own
    git(work, "init", "-q", "-b", "main", "--template=")
    git(work, "remote", "add", "origin", "../far.git")
    do(work, "init", "--agents", "CC,CA,WA,ARCH")
    with (work / "bluelabel.toml").open("a") as settings:
        settings.write('\n[evidence]\ntest = ["test", "!", "-e", "broken"]\n')
    (work / "README.md").write_text("# A project\n")
    _commit(work, "Begin")
    cards = [f"TASK-{n + 1}:{'CC' if n else 'CA'}:{branch}" for n, branch in enumerate(BRANCHES)]
    do(work, "sprint", "plan", "1", "--phase", "7", *[part for card in cards for part in ("--card", card)])
    do(work, "sprint", "launch")
    _commit(work, "Launch")
    for n, branch in enumerate(BRANCHES, 1):
        git(work, "checkout", "-q", "-b", branch, "main")
        (work / "src" / f"part{n}").mkdir(parents=True)
        (work / "src" / f"part{n}" / "code.py").write_text(f"PART = {n}\n" * 400)
        _commit(work, f"Write part {n}")
        git(work, "checkout", "-q", "main")
        do(work, "card", "set", f"TASK-{n}", "status", "COMPLETED")
    _commit(work, "Complete")


def _commit(work: Path, message: str) -> None:
    git(work, "add", "-A", ".")
    git(work, "commit", "-q", "-m", message)


def closing(where: Path) -> list[str]:
    """Return the words of the command under test."""
    return ["--root", str(where / "work"), "sprint", "closeout", "--yes"]


def wrong_with(where: Path) -> list[str]:
    """Return what is wrong with a sprint that calls itself closed, in one line each; nothing of Bluelabel is asked."""
    work, far = where / "work", where / "far.git"
    disk = read_disk(home_of(work))
    message = git(work, "for-each-ref", "--format=%(objecttype) %(contents)", f"refs/tags/{TAG}")
    found = {
        "closed": len(list(disk.of("sprint.closed"))),
        "faults": disk.faults,
        "tags": git(work, "tag").split(),
        "annotated": message.startswith("tag ") and message.count("Ledger-Head: ") == 1,
        "merges": git(work, "rev-list", "--count", "--merges", "main"),
        "branches": git(work, "for-each-ref", "--format=%(refname:short)", "refs/heads").split(),
        "parts": [(work / "src" / f"part{n}" / "code.py").read_text() == f"PART = {n}\n" * 400 for n in (1, 2)],
        "pushed": git(far, "rev-parse", "main", TAG) == git(work, "rev-parse", "main", TAG),
        "dirty": git(work, "status", "--porcelain", "-uno", "--", ":!postbox"),
        "fsck": [git(each, "fsck", "--strict", "--no-dangling", "--no-progress") for each in (work, far)],
        "left": sorted(str(p.relative_to(where)) for p in where.rglob("*") if _left_over(p)),
    }
    wanted = {
        "closed": 1, "faults": [], "tags": [TAG], "annotated": True, "merges": "2", "branches": ["main"],
        "parts": [True, True], "pushed": True, "dirty": "", "fsck": ["", ""], "left": [],
    }  # fmt: skip
    return [f"{name}: {found[name]}, not {value}" for name, value in wanted.items() if found[name] != value]


def _left_over(path: Path) -> bool:
    if path.name.endswith(".bluelabel-new"):
        return True
    return path.suffix == ".lock" and "bluelabel" not in path.parts and "locks" not in path.parts


class Clerk:
    """Goes on after something was cut off, as a person would, and says what is wrong then."""

    def __init__(self, base: Path) -> None:
        self._servers = Zygotes([], environment({**ENV, **GIT_ENV}))
        self._base = base
        self.explained = 0

    def close(self) -> None:
        """End the interpreters."""
        self._servers.close()

    def run(self, words: list[str], where: Path, patience: float, boot: str | None = None) -> tuple[int, str]:
        """Run one command; return its exit code and what it said."""
        out, err = self._base / "next.out", self._base / "next.err"
        status = self._servers.run(words, where, out, err, patience, boot=boot)
        return status, out.read_text(errors="replace") + err.read_text(errors="replace")

    def settle(self, where: Path, *, boot: str | None = None) -> list[tuple[str, str]]:
        """Look, close once more, and return what is wrong as (rule, text)."""
        status, told = self.run(["--root", str(where / "work"), "sprint", "status"], where, NEXT, boot)
        if status == TIMEOUT:
            return [("next", f"the next command did not end in {NEXT:g} s")]
        if status != 0:
            return [("next", f"the next command exits {status}: {told[-600:]}")]
        status, told = self.run(closing(where), where, PATIENCE, boot)
        for _ in range(_PUSHED):
            lock = _FOREIGN.search(told)
            if status == 1 and lock:  # of the other repository, not ours to mend: it is named, a person removes it
                self.explained += 1
                Path(lock[1]).unlink()
                status, told = self.run(closing(where), where, PATIENCE, boot)
        if status != 0 or TRACEBACK in told:
            return [("second", f"the second closing exits {status}: {told[-600:]}")]
        return [("check", text) for text in wrong_with(where)]


def kill_sweep(base: Path, limit: int = 0, only: str = "") -> Report:
    """Cut the closing off after each of its changing calls, whichever process makes it."""
    live = base / "live"
    live.mkdir(parents=True)
    launched(live)
    album = Album(base / "album")
    walk = _walk(base, live)
    states: dict[str, tuple[Stop, State]] = {}
    count = 0
    for stop in walk:
        count += 1
        if stop.name not in QUIET:
            state = album.take(live)
            states.setdefault(state.key(PASSED_OVER), (stop, state))
    return _judged(base, live, album, walk, "kill", count, states, (limit, only))


def power_sweep(base: Path, plug: str, limit: int = 0, only: str = "") -> Report:
    """Pull the plug after each changing call of the closing.

    Args:
        base: an empty directory.
        plug: ``drop`` loses what was not synced, so that only a sync changes what is left; ``commit`` keeps all names
            and loses the unsynced contents, so that a write changes nothing.
        limit: look at no more states than this; 0 for all.
        only: look at states whose call matches this pattern.
    """
    base.mkdir(parents=True)
    live, image, left = base / "live", base / "live.img", base / "left.img"
    live.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    subprocess.run(["mkfs.ext4", *options, str(image)], check=True)
    album = Album(base / "album")
    walk = _walk(base, live / "d")
    states: dict[str, tuple[Stop, State]] = {}
    count = 0
    with mounted(image, live):
        (live / "d").mkdir()
        launched(live / "d")
        os.sync()
        for stop in walk:
            count += 1
            if (stop.name in WRITES) if plug == "commit" else (stop.name not in QUIET):
                continue
            if plug == "commit":
                with (live / "unrelated").open("ab", buffering=0) as file:
                    file.write(b"x" * 512)
                    os.fsync(file.fileno())
            snapshot(image, left)
            state = _after(left, base / "after", album)
            states.setdefault(state.key(PASSED_OVER), (stop, state))
    return _judged(base, live / "d", album, walk, plug, count, states, (limit, only), boot=str(uuid.uuid4()))


def _after(image: Path, where: Path, album: Album) -> State:
    where.mkdir(exist_ok=True)
    with mounted(image, where):
        return album.take(where / "d")


def _walk(base: Path, live: Path) -> Walk:
    argv = [sys.executable, "-c", _UNHURRIED, *closing(live)]
    return Walk(argv, base, base / "told", environment({**ENV, **GIT_ENV}))


def _judged(
    base: Path, live: Path, album: Album, walk: Walk, sweep: str, count: int,
    states: dict[str, tuple[Stop, State]], choice: tuple[int, str], boot: str | None = None,
) -> Report:  # fmt: skip
    started = time.monotonic()
    if walk.status != 0:
        raise RuntimeError(f"the closing exits {walk.status}: {(base / 'told').read_text()[-800:]}")
    limit, only = choice
    chosen = _spread([found for found in states.values() if re.search(only, str(found[0]))])[: limit or None]
    report = Report(sweep, "closeout", 0 if limit or only else FLOOR, len(states), len(chosen), more={"calls": count})
    clerk = Clerk(base)
    try:
        for number, (stop, state) in enumerate(chosen, 1):
            album.put(state, live)
            wrong = clerk.settle(live, boot=boot)
            report.findings += [Finding(str(stop), rule, text) for rule, text in wrong]
            for rule, text in wrong:
                print(f"{rule} at {stop}: {text}", flush=True)
            if number % 10 == 0:
                print(f"{sweep}: {number} of {len(chosen)} states, {len(report.findings)} findings", flush=True)
    finally:
        clerk.close()
    report.more["explained"] = clerk.explained
    report.seconds = time.monotonic() - started
    return report


def _spread(states: list[tuple[Stop, State]]) -> list[tuple[Stop, State]]:
    """Return them in an order whose every beginning is spread evenly over the whole."""
    width = max(1, (len(states) - 1).bit_length())
    return [states[n] for n in sorted(range(len(states)), key=lambda n: int(f"{n:0{width}b}"[::-1], 2))]


def room_sweep(base: Path, limit: int = 0) -> Report:
    """Close on disks that have ever more room, from none to enough; then make room and close again.

    Args:
        base: an empty directory.
        limit: try so many disks, evenly spread; 0 for one every 4096 bytes.
    """
    live = base / "live"
    live.mkdir(parents=True)
    launched(live)
    album = Album(base / "album")
    state = album.take(live)
    clerk = Clerk(base)
    report = Report("room", "closeout", 0 if limit else 20)
    started = time.monotonic()
    try:
        needed = _tried(clerk, album, state, live, None)[2]
        report.more["bytes"] = needed
        step = max(4096, needed // limit // 4096 * 4096) if limit else 4096
        for free in range(0, needed + step, step):
            status, wrong, _ = _tried(clerk, album, state, live, free)
            report.runs += 1
            report.findings += [Finding(f"{free} bytes free", rule, text) for rule, text in wrong]
            for rule, text in wrong:
                print(f"{rule} with {free} bytes free: {text}", flush=True)
            print(f"room: {free} of {needed} bytes free: exit {status}", flush=True)
    finally:
        clerk.close()
    report.listed = report.runs
    report.seconds = time.monotonic() - started
    return report


def _tried(
    clerk: Clerk, album: Album, state: State, live: Path, free: int | None
) -> tuple[int, list[tuple[str, str]], int]:
    """Close on a disk with so much room, make room, close again; return the exit code, what is wrong, bytes used."""
    with _small_disk(live):
        album.put_into(state, live)
        if free is not None:
            _fill(live / "filler", free)
        before = _used(live)
        status, told = clerk.run(closing(live), live, PATIENCE)
        used = _used(live) - before
        (live / "filler").unlink(missing_ok=True)
        return status, _told_of_the_disk(status, told) + clerk.settle(live), used


def _used(where: Path) -> int:
    room = os.statvfs(where)
    return (room.f_blocks - room.f_bfree) * room.f_frsize


def _told_of_the_disk(status: int, told: str) -> list[tuple[str, str]]:
    if status == 0:
        return []
    if TRACEBACK in told or status not in (1, 4, 5, 6):
        return [("told", f"exit {status}: {told[-400:]}")]
    named = "error: " in told and any(word in told for word in ("No space left", "disk is full", "disk"))
    return [] if named else [("told", f"exit {status} without the cause: {told[-400:]}")]


@contextmanager
def _small_disk(where: Path) -> Generator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(where)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


def _fill(path: Path, free: int) -> None:
    """Fill the disk, then give back so many bytes."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(path, max(0, path.stat().st_size - free))


def main() -> int:
    """Run one sweep and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("sweep", choices=["kill", "drop", "commit", "room"])
    parser.add_argument("--base", type=Path, required=True, help="an empty directory")
    parser.add_argument("--limit", type=int, default=0, help="at most so many states; 0 for all")
    parser.add_argument("--only", default="", help="states whose call matches this pattern")
    parser.add_argument("--json", type=Path, help="write the report here")
    options = parser.parse_args()
    if options.sweep == "kill":
        report = kill_sweep(options.base, options.limit, options.only)
    elif options.sweep == "room":
        report = room_sweep(options.base, options.limit)
    else:
        report = power_sweep(options.base, options.sweep, options.limit, options.only)
    if options.json:
        options.json.write_text(json.dumps(dict(report.as_json()), indent=1))
    print(report)
    return 1 if report.findings else 2 if report.void else 0


if __name__ == "__main__":
    sys.exit(main())
