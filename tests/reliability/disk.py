"""The ledger read with other eyes: plain bytes in, facts and faults out, nothing of Bluelabel used.

A line is ``{…,"h":"<64 hex>"}``; its hash is SHA-256 over the hash of the line before (64 zeros at first) and the
line without its ``,"h":"…"``. Lines of one unit carry ``more`` counting down to 0. What is torn counts for nothing
and must be sealed by the line behind it, which names its place, length and SHA-256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START = "0" * 64
_H = 75  # ,"h":" + 64 digits + "} is 72 characters; the object must hold something before it
_SUFFIX = 72


@dataclass(frozen=True, slots=True)
class Fact:
    """One event: its number, kind, author, and the whole object of its line."""

    seq: int
    kind: str
    by: str
    data: dict[str, Any]
    h: str


@dataclass(slots=True)
class Disk:
    """What the segments hold.

    Attributes:
        facts: the events that count.
        faults: what is wrong, one line each.
        torn: bytes behind the last event that counts, not sealed yet.
        sealed: how many torn places were sealed.
        segments: the file names.
    """

    facts: list[Fact] = field(default_factory=list[Fact])
    faults: list[str] = field(default_factory=list[str])
    torn: int = 0
    sealed: int = 0
    segments: list[str] = field(default_factory=list[str])

    def of(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of all events of these kinds."""
        return (fact.data for fact in self.facts if fact.kind in kinds)


def home_of(root: Path) -> Path:
    """Return the state directory of a workspace."""
    shared = root / ".git" / "bluelabel"
    return shared if shared.is_dir() else root / ".bluelabel"


def read_disk(home: Path) -> Disk:
    """Read all segments under ``home/ledger``."""
    disk, h = Disk(), START
    folder = home / "ledger"
    try:
        disk.segments = sorted(path.name for path in folder.iterdir() if path.suffix == ".jsonl")
    except OSError as error:
        disk.faults.append(f"no ledger: {error}")
        return disk
    expected = [f"{number:08d}.jsonl" for number in range(1, len(disk.segments) + 1)]
    if disk.segments != expected:
        disk.faults.append(f"segments are {disk.segments}")
    for name in disk.segments:
        if disk.torn:
            disk.faults.append(f"{name} follows {disk.torn} torn bytes")
        h = _segment(disk, name, (folder / name).read_bytes(), h)
    numbers = [fact.seq for fact in disk.facts]
    if numbers != list(range(1, len(numbers) + 1)):
        gap = next(n for n, found in enumerate(numbers, 1) if n != found)
        disk.faults.append(f"the numbers are not 1, 2, 3 …: {numbers[max(0, gap - 3) : gap + 2]} at {gap}")
    return disk


def _segment(disk: Disk, name: str, text: bytes, h: str) -> str:
    good = position = 0
    unit: list[Fact] = []
    while (newline := text.find(b"\n", position)) >= 0:
        line = text[position:newline]
        start, position = position, newline + 1
        fact = _fact(line, unit[-1].h if unit else h)
        if fact is None and unit:  # a unit that was never finished may be followed by a seal only
            fact = _fact(line, h)
            if fact is not None and fact.kind != "ledger.sealed":
                fact = None
            unit = [] if fact is not None else unit
        if fact is None:
            continue
        if fact.kind == "ledger.sealed":
            disk.faults += _bad_seal(name, text, good, start, fact)
            disk.sealed += 1
        elif not unit and start != good:
            disk.faults.append(f"{name}: {start - good} bytes from byte {good} on fit nothing and are not sealed")
        unit.append(fact)
        if not fact.data.get("more", 0):
            disk.facts += unit
            h, good, unit = fact.h, position, []
    disk.torn = len(text) - good
    return h


def _fact(line: bytes, before: str) -> Fact | None:
    if len(line) < _H or line[-_SUFFIX:-66] != b',"h":"' or line[-2:] != b'"}':
        return None
    h = line[-66:-2].decode("latin-1")
    if hashlib.sha256(before.encode() + line[:-_SUFFIX] + b"}").hexdigest() != h:
        return None
    value: dict[str, Any] = json.loads(line)
    return Fact(value["seq"], value["kind"], value["by"], value, h)


def _bad_seal(name: str, text: bytes, good: int, start: int, seal: Fact) -> list[str]:
    torn = text[good:start]
    place, length, digest = (seal.data.get(key) for key in ("offset", "length", "sha256"))
    if place != good or not isinstance(length, int) or torn[length:] not in (b"", b"\n"):
        return [f"{name}: event {seal.seq} seals {length} bytes at {place}, torn are {len(torn)} at {good}"]
    if hashlib.sha256(torn[:length]).hexdigest() != digest:
        return [f"{name}: event {seal.seq} seals other bytes than those before it"]
    return []
