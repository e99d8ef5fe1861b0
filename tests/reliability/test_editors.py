"""A person saves a box in an editor while an agent sends: nobody's words are lost, whatever way the editor saves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.mailcheck import judge
from reliability.sandbox import Outcome, end, environment
from reliability.scenarios import ENV, do, workspace


def in_place(path: Path, text: str) -> None:
    """Truncate and write, as nano does."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def renamed_over(path: Path, text: str) -> None:
    """Write beside and rename over, as vim and most editors do."""
    beside = path.with_name(".inbox.json.swp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def backed_up(path: Path, text: str) -> None:
    """Move the old text away, write a new file, drop the backup."""
    backup = path.with_name(f"{path.name}~")
    path.replace(backup)
    path.write_text(text, encoding="utf-8")
    backup.unlink()


STYLES = {"in place": in_place, "rename": renamed_over, "backup": backed_up}


def edited(text: str, word: str) -> str:
    """Add a report above the last line, as a person would."""
    line = json.dumps({"to": "ARCH", "type": "note", "subject": word, "body": f"{word} by hand"})
    head, _, tail = text.rpartition("null")
    return f"{head}{line},\nnull{tail}"


def interleaved(where: Path, save: Callable[[Path, str], None], saves: int) -> list[str]:
    """Save a box `saves` times while an agent sends without pause; return what went wrong."""
    root = where / "d"
    root.mkdir(parents=True)
    workspace(root)
    box = root / "postbox" / "CA" / "outbox.json"
    argv = [sys.executable, "-m", "reliability.driver", str(root), "views", "1000000", "agent"]
    with (where / "told").open("wb") as told, (where / "err").open("wb") as err:
        agent = subprocess.Popen(argv, env=environment(ENV), stdout=told, stderr=err, start_new_session=True)
    words = [f"human-{number}" for number in range(saves)]
    try:
        while (where / "told").stat().st_size < 100:
            time.sleep(0.01)
        for word in words:
            save(box, edited(box.read_text(encoding="utf-8"), word))
            _seen(root, word)
    finally:
        end(agent)
    time.sleep(0.4)  # what is no JSON may be half saved: it is taken as it stands once it has been quiet for 0.3 s
    do(root, "inbox", "CC")
    facts = read_disk(home_of(root)).facts
    found = Counter(m["subject"] for m in history(facts).messages.values() if m["subject"].startswith("human-"))
    wrong = [f"{word} is there {found[word]} times" for word in words if found[word] != 1]
    wrong += (where / "err").read_text().splitlines()[-1:]
    return wrong + judge(Outcome(root, (where / "told").read_text()))


def _seen(root: Path, word: str) -> None:
    """Wait until a save was read, as a person waits a moment before the next: editors may overwrite one another."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        if any(word.encode() in path.read_bytes() for path in (home_of(root) / "ledger").glob("*.jsonl")):
            return
        time.sleep(0.01)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("style", STYLES)
def test_an_editor_and_an_agent_lose_nothing_of_each_other(style: str, tmp_path: Path) -> None:
    assert interleaved(tmp_path, STYLES[style], 6) == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("style", STYLES)
def test_an_editor_and_an_agent_lose_nothing_of_each_other_at_night(style: str, tmp_path: Path) -> None:
    assert interleaved(tmp_path, STYLES[style], 500) == []
