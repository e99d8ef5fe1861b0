"""Changes of task cards under the sweeps: set, ticked, new, moved, archived, brought back, taken back;
saves that are noticed.

The checker knows the file before and what the same command made of it in a copy that nothing disturbed. Whatever
happens, the file is one of the two, byte for byte, and after recovering it is the one that the ledger speaks of.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reliability.disk import home_of, read_disk
from reliability.mailcheck import judge, told_lines
from reliability.sandbox import Outcome
from reliability.scenarios import Entry, do

TOLD = r"bluelabel\.(card\w*|recover)/1"
CARDS = "TASK_CARDS.md"
ARCHIVE = "docs/archive/CARDS.md"
CHANGING = ("card.changed", "card.checked", "card.created", "card.archived", "card.restored")
TEXT = "\r\n".join(
    (
        "# Task Cards",
        *("", "## Active Tasks", ""),
        *("### TASK-001: One", "**Status**: COMPLETED ✅  ", "**Assigned**: CC  ", "", "- [ ] entry", "- âœ… old", ""),
        *("### TASK-002: Two", "Status: pending", "", "Words of the second.", ""),
        *("### TASK-003: Three", "- Status: In Progress", ""),
        *("## Backlog", "", "Later.", ""),
        *("## Completed Tasks Archive", "", "[Moved here]", ""),
        *("## Task Summary Statistics", "", "- Total Tasks: 50+", "", "*Last Updated: 2026-01-01*"),
    )
)


def cards(where: Path) -> None:
    """Make a workspace with three cards, which was looked at once."""
    do(where, "init", "--agents", "CC,CA")
    (where / CARDS).write_bytes(TEXT.encode())
    do(where, "card", "list")


def archived(where: Path) -> None:
    """Make a workspace one card of which went to an archive file."""
    cards(where)
    do(where, "card", "archive", "TASK-001", "--to", ARCHIVE)


def lost(where: Path) -> None:
    """Make a workspace in which a save has lost two cards, and the alarm was raised."""
    cards(where)
    whole = (where / CARDS).read_bytes()
    head, tail = whole.index(b"### TASK-001"), whole.index(b"### TASK-003")
    (where / CARDS).write_bytes(whole[:head] + whole[tail:])
    do(where, "card", "list")


def changed(where: Path) -> None:
    """Make a workspace in which a card was set."""
    cards(where)
    do(where, "card", "set", "TASK-002", "status", "BLOCKED")


def changed_by_two(where: Path) -> None:
    """Make a workspace in which a card was set, and another one after it."""
    changed(where)
    do(where, "card", "set", "TASK-003", "assignee", "CA")


def reverted(where: Path) -> None:
    """Make a workspace in which git has put a card back as it was."""
    where.mkdir(parents=True, exist_ok=True)
    _git(where, "init", "-q", "-b", "main")
    cards(where)
    _git(where, "add", CARDS)
    _git(where, "commit", "-q", "-m", "Begin")
    do(where, "card", "set", "TASK-002", "status", "BLOCKED")
    do(where, "card", "check", "TASK-001", "1")
    _git(where, "checkout", "--", CARDS)


def overwritten(where: Path) -> None:
    """Make a workspace in which an editor that was open over two changes has saved an older copy, with more words."""
    cards(where)
    old = (where / CARDS).read_bytes()
    do(where, "card", "set", "TASK-002", "status", "BLOCKED")
    do(where, "card", "check", "TASK-001", "1")
    (where / CARDS).write_bytes(old.replace(b"Words of the second.", b"More words of the second."))


def _git(where: Path, *args: str) -> None:
    settings = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *args], cwd=where, check=True, capture_output=True)


def rehearsed(begin: Callable[[Path], None], words: Sequence[str]) -> Callable[[Path], None]:
    """Return a beginning that also keeps the files before and after the command, as `case/before` and `case/after`."""

    def setup(where: Path) -> None:
        begin(where)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            shutil.copytree(where, copy)
            do(copy, *words)
            for name, root in (("before", where), ("after", copy)):
                for file in (CARDS, ARCHIVE):
                    if (root / file).exists():
                        kept = where / "case" / name / file
                        kept.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(root / file, kept)

    return setup


def judged(outcome: Outcome) -> list[str]:
    """Return what is wrong with the cards, beside what is wrong with the ledger."""
    where = outcome.dir
    before, after = ((where / "case" / name / CARDS).read_bytes() for name in ("before", "after"))
    present = (where / CARDS).read_bytes() if (where / CARDS).exists() else b""
    wrong = judge(outcome)
    if present not in (before, after) and not outcome.unplugged:
        wrong.append(f"the card file is neither the old nor the new one, {len(present)} bytes")
    recorded = len([fact for fact in read_disk(home_of(where)).facts if fact.kind in CHANGING])
    begun = _begun(where)
    told = any(str(line.get("schema", "")).startswith("bluelabel.card") for line in told_lines(outcome))
    if told and recorded == begun:
        wrong.append("acknowledged and lost: the event")
    if outcome.recovered:
        wanted = after if recorded > begun else before
        if present != wanted:
            wrong.append(f"the ledger has {recorded - begun} new events, and the file does not say so")
        wrong += [f"left behind: {path.name}" for path in where.glob(f".{CARDS}.*")]
        wrong += _in_archive(where)
    return wrong


def noticed(outcome: Outcome) -> list[str]:
    """Return what is wrong with what the ledger was told of a save; each thing once, whatever died on the way."""
    wrong = judged(outcome)
    told = [fact for fact in read_disk(home_of(outcome.dir)).facts if {"seen", "again"} & fact.data.keys()]
    if outcome.recovered and len(told) != 2:
        wrong.append(f"the ledger was told {len(told)} times of two changes that a save took back")
    return wrong


def _begun(where: Path) -> int:
    return int((where / "case" / "events").read_text())


def _in_archive(where: Path) -> list[str]:
    """Check that a card which left for an archive file is in it."""
    kept = where / "case" / "after" / ARCHIVE
    gone = (where / CARDS).read_bytes() == (where / "case" / "after" / CARDS).read_bytes()
    if not kept.exists() or not gone:
        return []
    found = (where / ARCHIVE).read_bytes() if (where / ARCHIVE).exists() else b""
    return [] if found == kept.read_bytes() else ["the archive file is not what it should be"]


def entry(begin: Callable[[Path], None], *words: str, check: Callable[[Outcome], list[str]] = judged) -> Entry:
    """Return the scenario of a command about cards."""
    rehearse = rehearsed(begin, words)

    def setup(where: Path) -> None:
        rehearse(where)
        count = len([fact for fact in read_disk(home_of(where)).facts if fact.kind in CHANGING])
        (where / "case" / "events").write_text(str(count))

    more: dict[str, Any] = {"check": check, "ack": TOLD}
    return setup, lambda _: list(words), more


SCENARIOS: dict[str, Entry] = {
    "card-set": entry(cards, "card", "set", "TASK-002", "status", "BLOCKED"),
    "card-check": entry(cards, "card", "check", "TASK-001", "1"),
    "card-new": entry(cards, "card", "new", "Four", "--assignee", "CA"),
    "card-move": entry(cards, "card", "move", "TASK-002", "Backlog"),
    "card-archive": entry(cards, "card", "archive", "TASK-001", "TASK-003"),
    "card-archive-file": entry(cards, "card", "archive", "TASK-001", "--to", ARCHIVE),
    "card-restore": entry(lost, "card", "restore"),
    "card-unarchive": entry(archived, "card", "restore", "TASK-001"),
    "card-undo": entry(changed, "card", "undo"),
    "card-undo-id": entry(changed_by_two, "card", "undo", "--id", "TASK-002"),
    "card-reverted": entry(reverted, "card", "list", check=noticed),
    "card-older-copy": entry(overwritten, "card", "list", check=noticed),
}
"""name: (how it begins, the arguments, what differs from the usual)."""

QUICK = ("card-set", "card-archive-file", "card-restore", "card-older-copy")
"""Those of which `make test` sweeps a sample."""
