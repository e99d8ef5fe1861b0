"""The text of the ledger: one event a line, each chained to the one before. Pure: bytes in, events out.

``h`` is SHA-256 (FIPS 180-4), in hex, over the previous line's ``h`` as ASCII followed by the line without its own
``h`` member; the chain starts from 64 zeros. Events of one decision carry ``more``, counting down to 0, and count
only when all of them are there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bluelabel.interfaces.events import RESERVED, Draft, Event
from bluelabel.interfaces.problems import Problem
from bluelabel.interfaces.strict_json import dumps

GENESIS: Final = "0" * 64
_TAIL = len(',"h":"') + 64 + len('"}')


def encode(drafts: Sequence[Draft], seq: int, h: str, at: str) -> tuple[bytes, list[Event]]:
    """Return the lines of `drafts` as one unit, and the events they will be.

    Args:
        drafts: at least one.
        seq: the last sequence number so far.
        h: the last hash so far.
        at: the moment, as text.

    Raises:
        ValueError: data uses a reserved key or holds a value that JSON has no word for.
    """
    lines: list[str] = []
    events: list[Event] = []
    left = len(drafts) if len(drafts) > 1 else 0
    for kind, by, data in drafts:
        if not RESERVED.isdisjoint(data):
            raise ValueError(f"reserved key in the data of {kind}")
        seq += 1
        head: dict[str, Any] = {"seq": seq, "at": at, "by": by, "kind": kind}
        if left:
            left -= 1
            head["more"] = left
        head.update(data)
        body = dumps(head)
        h = hashlib.sha256(f"{h}{body}".encode()).hexdigest()
        lines.append(f'{body[:-1]},"h":"{h}"}}\n')
        events.append(Event(seq, at, by, kind, data, h))
    return "".join(lines).encode(), events


def chain(previous: str, body: bytes) -> str:
    """Return the hash of a line: `body` is the line without ``h`` and without its newline."""
    return hashlib.sha256(previous.encode() + body).hexdigest()


def split(line: bytes) -> tuple[bytes, str] | None:
    """Take a line apart into its body and the hash it claims; None if it does not have that form."""
    if line[-_TAIL : -_TAIL + 6] != b',"h":"' or line[-2:] != b'"}':
        return None
    return line[:-_TAIL] + b"}", line[-66:-2].decode("ascii", "replace")


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line, or None if it is not one."""
    try:
        value: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    found = cast("dict[str, Any]", value)
    return found if isinstance(found.get("seq"), int) else None


@dataclass(slots=True)
class Scanner:
    """Reads lines in order and gives out the events that count.

    A line that does not fit the chain, or a unit that is not complete, is torn: it counts for nothing, and is
    forgiven when a ``ledger.sealed`` event right behind it names its place and hash. Anything else is damage and
    becomes a problem; reading goes on behind it, because one bad line must not hide the messages after it.

    Attributes:
        seq, h: of the last event that counts.
        good: offset behind the last unit that counts.
        offset: offset of the next line to read.
        line: lines read so far.
        problems: damage found so far; lines are counted from where the scan began.
    """

    seq: int = 0
    h: str = GENESIS
    good: int = 0
    offset: int = 0
    line: int = 0
    problems: list[Problem] = field(default_factory=list[Problem])
    _torn: bytearray = field(default_factory=bytearray)
    _begun: int = 0
    _unit: list[Event] = field(default_factory=list[Event])

    def feed(self, line: bytes) -> Sequence[Event]:
        """Take the next whole line, with its newline; return the events that count from now on."""
        self.line += 1
        self.offset += len(line)
        found = self._find(line[:-1])
        if found is None:
            self._torn += line
            return ()
        left, event = found
        self._unit.append(event)
        if left:  # torn as well, unless the rest of its unit follows
            self._torn += line
            self._begun += len(line)
            return ()
        unit, self._unit = self._unit, []
        self._forget()
        self.seq, self.h, self.good = event.seq, event.h, self.offset
        return unit

    def next_segment(self) -> None:
        """Go on at the start of the next segment."""
        if self._torn:
            self._begun = 0  # nothing of a unit goes on in another segment
            self._damage()
        self._unit.clear()
        self.good = self.offset = 0

    def _find(self, body: bytes) -> tuple[int, Event] | None:
        found = _fits(body, self._unit[-1].h if self._unit else self.h)
        if found is None and self._unit and (seal := _fits(body, self.h)) and seal[1].kind == "ledger.sealed":
            found = seal
        if found is None:
            return self._resync(body)
        if found[1].kind == "ledger.sealed":
            self._unit.clear()
            self._check_seal(found[1])
        elif len(self._torn) > self._begun:
            self._damage()
        return found

    def _check_seal(self, event: Event) -> None:
        torn = bytes(self._torn)
        offset, length, digest = (event.data.get(key) for key in ("offset", "length", "sha256"))
        cut = length if isinstance(length, int) else 0
        if offset != self.good or hashlib.sha256(torn[:cut]).hexdigest() != digest or torn[cut:] not in (b"", b"\n"):
            text = f"event {event.seq} seals other bytes than those before it"
            self.problems.append(Problem("bad-seal", text, self.line))
        self._forget()

    def _damage(self) -> None:
        text = f"{len(self._torn) - self._begun} bytes behind byte {self.good} do not fit the chain"
        self.problems.append(Problem("broken-chain", text, self.line))
        self._forget()

    def _forget(self) -> None:
        self._torn.clear()
        self._begun = 0

    def _resync(self, body: bytes) -> tuple[int, Event] | None:
        """Find the thread again: a whole event that does not fit is damage, yet counts; what is no event is torn."""
        value = parse(body)
        last = self._unit[-1].seq if self._unit else self.seq
        if value is None or split(body) is None or value["seq"] <= last:
            return None
        found = _event(value)
        text = f"event {value['seq']} does not fit the chain: changed, moved, or others are missing before it"
        self.problems.append(Problem("broken-chain", text, self.line))
        return found


def _fits(body: bytes, previous: str) -> tuple[int, Event] | None:
    parts = split(body)
    if parts is None or chain(previous, parts[0]) != parts[1]:
        return None
    value = parse(body)
    return _event(value) if value is not None else None


def _event(value: dict[str, Any]) -> tuple[int, Event]:
    data = {key: item for key, item in value.items() if key not in RESERVED}
    left = value.get("more", 0)
    at, by, kind, h = (str(value.get(key, "")) for key in ("at", "by", "kind", "h"))
    return left if isinstance(left, int) else 0, Event(value["seq"], at, by, kind, data, h)


def whole_lines(chunk: bytes) -> Iterator[bytes]:
    """Yield the lines of `chunk` that end in a newline, newline included."""
    start = 0
    while (end := chunk.find(b"\n", start)) >= 0:
        yield chunk[start : end + 1]
        start = end + 1
