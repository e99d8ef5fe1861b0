"""A post office in memory with its counter in a folder of real files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unit.postbox.office import Office

from bluelabel.interfaces.fakes import CountingIds
from bluelabel.interfaces.messages import DeliveryState
from bluelabel.services.postbox import queries
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.sync import BoxOffice


class Counter(Office):
    """One worktree. The clock stands in the past, so that files count as settled unless `fresh` says otherwise."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.folder = root / "postbox"
        self.state = root / "state" / "tree"
        self.names = CountingIds()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_again()

    def start_again(self) -> None:
        """Forget what the process knew: the next look is another process's."""
        self.office = BoxOffice(self.box, self.folder, self.state, self.clock, self.names)

    def file(self, agent: str, box: str) -> Path:
        return self.folder / agent / f"{box}.json"

    def text(self, agent: str, box: str) -> str:
        return self.file(agent, box).read_text(encoding="utf-8")

    def lines(self, agent: str, box: str) -> list[dict[str, Any]]:
        return [item for item in json.loads(self.text(agent, box))[1:] if item is not None]

    def edit(self, agent: str, box: str, change: Callable[[str], str]) -> None:
        self.file(agent, box).write_text(change(self.text(agent, box)), encoding="utf-8")

    def append(self, agent: str, box: str, *entries: object) -> None:
        """Add entries before the last line, as a person or an agent with a file tool does."""
        added = "".join(json.dumps(entry) + ",\n" for entry in entries)
        self.edit(agent, box, lambda text: text.replace("null]", added + "null]"))

    def fresh(self, path: Path) -> None:
        """Make a file look as if it was written this instant."""
        moment = int(self.clock.now().timestamp() * 1e9)
        os.utime(path, ns=(moment, moment))

    def sweep(self, *agents: str) -> IntakeReport:
        return self.office.sweep(agents or None)

    def refresh(self, *agents: str) -> IntakeReport:
        return self.office.refresh(agents or self.directory.mailboxes)

    def waiting(self, agent: str) -> list[str]:
        with self.book.reading() as db:
            return [d.message.id for d in queries.waiting(db, agent, 10_000)]

    def state_of(self, message_id: str) -> dict[str, str]:
        return {d.recipient: d.state.value for d in self.box.deliveries(message_id)}

    def received(self, agent: str) -> list[dict[str, Any]]:
        """Return what waits for an agent, as JSON."""
        with self.book.reading() as db:
            return [d.message.as_json() for d in queries.waiting(db, agent, 10_000) if d.state == DeliveryState.SENT]

    def aside(self, agent: str) -> dict[str, dict[str, Any]]:
        """Return the reasons in an agent's quarantine, by the name of what was kept."""
        found = sorted((self.folder / agent).glob("quarantine/*.why"))
        assert all(os.path.lexists(path.with_suffix("")) for path in found)
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}
