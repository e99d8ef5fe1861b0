"""The tables of the cards, computed from events alone: who changed what, which ids are taken, the last evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bluelabel.interfaces.events import Event
from bluelabel.interfaces.strict_json import dumps
from bluelabel.services.ledger.write_batch import Writes

_DDL: Final = """
CREATE TABLE card_events (
  seq INTEGER PRIMARY KEY, place TEXT NOT NULL, file TEXT NOT NULL, branch TEXT, id TEXT NOT NULL, kind TEXT NOT NULL,
  who TEXT NOT NULL, moment TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX card_events_place ON card_events (place, seq);
CREATE INDEX card_events_id ON card_events (id, seq);
CREATE TABLE card_ids (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE card_evidence (
  file TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, verdict TEXT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (file, id)) WITHOUT ROWID
"""


class CardsProjection:
    """Tables ``card_events``, ``card_ids`` and ``card_evidence``."""

    name = "cards"
    version = 1
    ddl = _DDL

    def apply(self, writes: Writes, event: Event) -> None:
        """Bring the tables up to date with one more event."""
        if not event.kind.startswith("card."):
            return
        db = writes.db
        data: Mapping[str, Any] = event.data
        name, file = str(data.get("id", "")), str(data.get("file", ""))
        row = (event.seq, str(data.get("place", "")), file, data.get("branch"), name, event.kind, event.by, event.at)
        db.execute("INSERT OR REPLACE INTO card_events VALUES (?,?,?,?,?,?,?,?,?)", (*row, dumps(dict(data))))
        if event.kind in ("card.created", "card.restored"):
            db.execute("INSERT OR IGNORE INTO card_ids VALUES (?,?)", (name, event.seq))
        elif event.kind == "card.verified":
            values = (file, name, event.seq, str(data.get("verdict", "")), dumps(dict(data)))
            db.execute("INSERT OR REPLACE INTO card_evidence VALUES (?,?,?,?,?)", values)
