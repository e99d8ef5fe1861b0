"""The post office as a plain dict: what it must do, in the fewest words that say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

MAX_ATTEMPTS = 2
RANKS = {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}
AGENTS = ("CC", "CA", "WA")
MAILBOXES = (*AGENTS, "HUMAN", "jobs")
SERVES = {"CC": ("CC",), "CA": ("CA", "jobs"), "WA": ("WA", "jobs"), "HUMAN": ("HUMAN",)}
GOES_TO = {"team": ("CA", "WA")}


@dataclass(slots=True)
class Clock:
    """A clock that moves only when told: wall, uptime and boot each for itself."""

    wall: datetime = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
    up: float = 1000.0
    starts: int = 1

    def now(self) -> datetime:
        """Return the wall clock."""
        return self.wall

    def uptime(self) -> float:
        """Return the uptime."""
        return self.up

    def boot(self) -> str:
        """Return which start of the machine this is."""
        return f"start-{self.starts}"

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += timedelta(seconds=seconds)
        self.up += seconds


@dataclass(slots=True)
class Item:
    """One message in one mailbox."""

    id: str
    recipient: str
    order: tuple[int, int]
    state: str = "sent"
    attempt: int = 0
    token: str | None = None
    not_before: datetime | None = None
    expires: datetime | None = None
    lease: tuple[int, float, datetime] | None = None

    def lapsed(self, clock: Clock) -> bool:
        """Tell whether its claim has run out: by uptime within one start of the machine, else by the wall."""
        if self.state != "claimed" or self.lease is None:
            return False
        start, up, wall = self.lease
        return clock.up >= up if start == clock.starts else clock.wall >= wall

    def ready(self, clock: Clock) -> bool:
        """Tell whether it could be handed out."""
        waits = self.state == "sent" and (self.not_before is None or self.not_before <= clock.wall)
        return waits or self.lapsed(clock)


@dataclass(slots=True)
class Model:
    """All items, by (id, recipient)."""

    clock: Clock
    items: dict[tuple[str, str], Item] = field(default_factory=dict[tuple[str, str], Item])
    senders: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def sent(
        self, new: str, sender: str, to: Iterable[str], rank: int, *, delay: float = 0, expires: float | None = None
    ) -> None:
        """A message was accepted."""
        wall = self.clock.wall
        self.senders[new] = sender
        for name in to:
            for box in GOES_TO.get(name, [a for a in AGENTS if a != sender] if name == "ALL" else (name,)):
                self.items.setdefault((new, box), Item(new, box, (rank, len(self.senders))))
                item = self.items[new, box]
                item.not_before = wall + timedelta(seconds=delay) if delay else None
                item.expires = wall + timedelta(seconds=expires) if expires is not None else None

    def claim(self, agent: str, lease: float, token: str | None) -> tuple[Item | None, list[Item]]:
        """Hand out what comes next; return it, and what died on the way."""
        dead: list[Item] = []
        boxes = SERVES[agent]
        for item in sorted(self.items.values(), key=lambda i: i.order):
            if item.recipient not in boxes or not item.ready(self.clock):
                continue
            if item.expires is not None and item.expires <= self.clock.wall:
                item.state = "expired"
            elif item.attempt >= MAX_ATTEMPTS:
                item.state = "dead"
                dead.append(item)
            else:
                item.state, item.token, item.attempt = "claimed", token, item.attempt + 1
                item.lease = self._lease(lease)
                return item, dead
        return None, dead

    def held(self, message: str, token: str, *states: str) -> Item | None:
        """Return the item that a token stands for."""
        found = [i for i in self.items.values() if i.id == message and i.token == token and i.state in states]
        return found[0] if found else None

    def renew(self, item: Item, lease: float) -> None:
        """Its claim lasts longer."""
        item.lease = self._lease(lease)

    def nack(self, item: Item, delay: float) -> bool:
        """It is given back; True when it died of that."""
        if item.attempt >= MAX_ATTEMPTS:
            item.state = "dead"
            return True
        item.state, item.token = "sent", None
        item.not_before = self.clock.wall + timedelta(seconds=delay) if delay else None
        return False

    def retry(self, message: str) -> bool:
        """It is put back wherever it died; False when it is dead nowhere."""
        dead = [i for i in self.items.values() if i.id == message and i.state == "dead"]
        for item in dead:
            item.state, item.attempt, item.token, item.not_before = "sent", 0, None, None
        return bool(dead)

    def withdraw(self, message: str) -> bool:
        """It is taken back wherever it waits; False when it waits nowhere."""
        waiting = [i for i in self.items.values() if i.id == message and i.state == "sent"]
        for item in waiting:
            item.state = "withdrawn"
        return bool(waiting)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many items each mailbox has in each state."""
        found: dict[str, dict[str, int]] = {}
        for item in self.items.values():
            box = found.setdefault(item.recipient, {})
            box[item.state] = box.get(item.state, 0) + 1
        return found

    def listed(self, box: str) -> list[str]:
        """Return the ids that are open in a mailbox, most urgent first."""
        open_ = [i for i in self.items.values() if i.recipient == box and i.state in ("sent", "claimed")]
        return [item.id for item in sorted(open_, key=lambda i: i.order)]

    def _lease(self, seconds: float) -> tuple[int, float, datetime]:
        return self.clock.starts, self.clock.up + seconds, self.clock.wall + timedelta(seconds=seconds)
