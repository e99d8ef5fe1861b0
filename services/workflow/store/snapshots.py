"""`data/dag_runs/`: a snapshot for each run and an index of them, for people and for programs that read files.

They are views: written after the ledger has the fact, not synced, and never more often than their size allows.
Files of runs that the ledger does not know (another program's, another clone's) are read and left alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from bluelabel.interfaces import strict_json
from bluelabel.interfaces.errors import BluelabelError
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.model.codec import parse_moment, run_fields
from bluelabel.services.workflow.model.states import OPEN_RUN, naive
from bluelabel.services.workflow.store.records import RunRow

INDEX_NAME: Final = "dag_runs_index.json"
INDEX_RUNS: Final = 1000
"""How many runs the index shows, the newest; no file may grow with history."""

_PAUSE = 1.0
_SHARE = 40
_HEAD = 1000


class RunFiles:
    """The folder of snapshots.

    Args:
        folder: where they are; made when the first one is written.
        uptime: seconds that never jump.
    """

    def __init__(self, folder: Path, uptime: Callable[[], float]) -> None:
        self.folder = folder
        self.fault: OSError | None = None
        """What the disk said the last time that a view could not be written; the ledger has the facts all the same."""
        self._uptime = uptime
        self._waiting: dict[str, DAGRun] = {}
        self._due: dict[str, float] = {}
        self._index_due = 0.0
        self._index_waits = False
        self._foreign: dict[str, tuple[int, RunRow]] = {}

    def path(self, run_id: str) -> Path:
        """Return where the snapshot of a run is."""
        return self.folder / f"run_{run_id}.json"

    def touch(self, run: DAGRun) -> None:
        """Write the snapshot of a run that has changed, now or, if it was written a moment ago, with `flush`."""
        self._index_waits = True
        if run.is_complete or self._uptime() >= self._due.get(run.run_id, 0.0):
            self._write(run)
        else:
            self._waiting[run.run_id] = run

    def wait(self, run_id: str) -> float:
        """Return after how many seconds the snapshot of a run may be written again."""
        return max(_PAUSE, self._due.get(run_id, 0.0) - self._uptime())

    def flush(self) -> None:
        """Write every snapshot that still waits."""
        for run in list(self._waiting.values()):
            self._write(run)

    def index_is_due(self, *, now: bool = False) -> bool:
        """Tell whether the index should be written: something changed, and the last time is long enough ago."""
        return self._index_waits and (now or self._uptime() >= self._index_due)

    def write_index(self, rows: Iterable[RunRow], known: Collection[str]) -> None:
        """Write the index: `rows`, and an entry for each file whose run is not in `known`, as it stood before."""
        began = self._uptime()
        entries = {row.run_id: _index_entry(row) for row in self.foreign(known)}
        if entries:
            entries |= {run_id: entry for run_id, entry in self._old_index().items() if run_id in entries}
        entries |= {row.run_id: _index_entry(row) for row in rows}
        self._put(self.folder / INDEX_NAME, _lines(entries, "{", "}"))
        self._index_waits = False
        ended = self._uptime()
        self._index_due = ended + max(_PAUSE, _SHARE * (ended - began))

    def forget(self, run_id: str) -> None:
        """Remove the snapshot of a run that was deleted."""
        self._waiting.pop(run_id, None)
        self._due.pop(run_id, None)
        self._index_waits = True
        self.path(run_id).unlink(missing_ok=True)

    def read(self, run_id: str) -> DAGRun | None:
        """Return the run that a file of this folder holds, or None where there is no such file.

        Raises:
            UnreadableInput: there is one, and it cannot be read.
        """
        path = self.path(run_id)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return DAGRun.from_dict(strict_json.loads(data, str(path)))

    def stale(self, rows: Iterable[RunRow]) -> list[str]:
        """Return the runs of `rows` whose snapshot is missing, unfinished, or shows another status; and open ones."""
        return [row.run_id for row in rows if row.status in OPEN_RUN or not self._shows(row)]

    def _shows(self, row: RunRow) -> bool:
        path = self.path(row.run_id)
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD).decode(errors="replace")
        except OSError:
            return False
        return f'"status": "{row.status.value}",\n' in head and not _temporary(path).exists()

    def foreign(self, known: Collection[str]) -> list[RunRow]:
        """Return a row for each file whose run is not in `known`; files that cannot be read are left out."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - a path for each of ten thousand files takes its time
        except (FileNotFoundError, NotADirectoryError):
            return []
        ids = {name[4:-5] for name in names if name.startswith("run_") and name.endswith(".json")}
        rows = (self._foreign_row(self.path(run_id), run_id) for run_id in sorted(ids.difference(known)))
        return [row for row in rows if row is not None]

    def _foreign_row(self, path: Path, run_id: str) -> RunRow | None:
        try:
            changed = path.stat().st_mtime_ns
            cached = self._foreign.get(run_id)
            if cached is not None and cached[0] == changed:
                return cached[1]
            fields = run_fields(strict_json.loads(path.read_bytes(), str(path)))
        except (OSError, BluelabelError):
            return None
        start, end = naive(fields["start_time"]), naive(fields["end_time"])
        seen = start or end or ""
        names = (fields["run_id"], fields["dag_id"], fields["status"])
        row = RunRow(*names, seen, end or seen, start, end, fields["error"])
        self._foreign[run_id] = (changed, row)
        return row

    def _old_index(self) -> dict[str, Any]:
        try:
            found = strict_json.loads((self.folder / INDEX_NAME).read_bytes(), INDEX_NAME)
        except (OSError, BluelabelError):
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    def _write(self, run: DAGRun) -> None:
        began = self._uptime()
        self._waiting.pop(run.run_id, None)
        self._put(self.path(run.run_id), run_text(run.to_dict()))
        ended = self._uptime()
        self._due[run.run_id] = ended + max(_PAUSE, _SHARE * (ended - began))
        if run.is_complete:
            del self._due[run.run_id]

    def _put(self, path: Path, text: str) -> None:
        temp = _temporary(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temp.write_text(text + "\n", encoding="utf-8")
            temp.replace(path)
        except OSError as error:
            self.fault = error
            with suppress(OSError):
                temp.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def run_text(data: Mapping[str, Any]) -> str:
    """Return a run as its file holds it: a step a line, so that two versions can be compared and merged."""
    steps = _lines(data["steps"], "{", "  }", "    ")
    keys = {key: steps if key == "steps" else strict_json.dumps(value) for key, value in data.items()}
    return "{\n" + ",\n".join(f'  "{key}": {text}' for key, text in keys.items()) + "\n}"


def _lines(entries: Mapping[str, Any], begin: str, end: str, indent: str = "  ") -> str:
    if not entries:
        return begin + end.strip()
    # One line an entry: the C encoder, which knows no indentation, is eight times as fast as the one that does.
    lines = (f"{indent}{strict_json.dumps({key: value})[1:-1]}" for key, value in entries.items())
    return f"{begin}\n" + ",\n".join(lines) + f"\n{end}"


def _index_entry(row: RunRow) -> dict[str, str]:
    return {
        "dag_id": row.dag_id,
        "status": row.status.value,
        "created_at": _naive(row.created_at),
        "updated_at": _naive(row.updated_at),
        "file": f"run_{row.run_id}.json",
    }


def _naive(text: str) -> str:
    return (naive(parse_moment(text)) or "") if text else ""
