"""Files of the shapes that other people write are read as a person would read them; what is not certain is unknown.

Beside each file of `tests/data/strangers` stands its right reading (`NAME.right.json`):

* ``kind``: what the file is;
* ``cards``: id, status and assignees of each card; ``null`` where no status is written, ``"?"`` where one is written
  that cannot be read for certain, ``"*"`` where several readings would be right;
* ``ids_of``: what the heading says in the words of the file, and the status of that card;
* ``remarks``: what `card lint` must tell of, where something may be meant that cannot be read for certain;
* ``never_completed``: ids that must not count as completed, whatever else they are;
* ``messages``, ``steps``, ``run``, ``problems``: what the other kinds hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.cards.queries.lint import lint
from bluelabel.services.cards.text.parser import parse

STRANGERS = Path(__file__).parents[1] / "data" / "strangers"
RIGHT = sorted(STRANGERS.rglob("*.right.json"))
FEWEST = 60


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, Any]]:
    """Return what one call of `bluelabel read --json` says of all files, by name."""
    files = [str(path.with_name(path.name.removesuffix(".right.json"))) for path in RIGHT]
    command = [sys.executable, "-m", "bluelabel.apps.cli.main", "read", "--json", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 5), done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(record["file"]).relative_to(STRANGERS).as_posix(): record for record in found}


def test_there_are_enough_strangers() -> None:
    assert len(RIGHT) >= FEWEST


def name_of(path: Path) -> str:
    return path.relative_to(STRANGERS).as_posix().removesuffix(".right.json")


@pytest.mark.parametrize("path", RIGHT, ids=name_of)
def test_a_strangers_file_is_read_right(path: Path, report: dict[str, dict[str, Any]]) -> None:
    right, record = json.loads(path.read_text(encoding="utf-8")), report[name_of(path)]

    assert record["kind"] == right["kind"]
    assert seen(record, right) == expected(right)


@pytest.mark.parametrize("path", RIGHT, ids=name_of)
def test_no_open_card_of_a_stranger_counts_as_completed(path: Path, report: dict[str, dict[str, Any]]) -> None:
    right = json.loads(path.read_text(encoding="utf-8"))
    completed = {card["id"] for card in report[name_of(path)].get("cards", ()) if card["status"] == "COMPLETED"}

    assert completed.isdisjoint(right.get("never_completed", ()))


@pytest.mark.parametrize("path", [path for path in RIGHT if "remarks" in path.read_text()], ids=name_of)
def test_what_may_be_meant_and_is_not_read_is_told(path: Path) -> None:
    document = parse(path.with_name(path.name.removesuffix(".right.json")).read_bytes())
    right = json.loads(path.read_text(encoding="utf-8"))

    assert set(right["remarks"]) <= {problem.code for problem in lint(document, date(2026, 1, 31))}


def expected(right: dict[str, Any]) -> dict[str, Any]:
    checked = ("cards", "ids_of", "messages", "steps", "run", "problems", "has_problems", "first_message")
    return {key: right[key] for key in checked if key in right}


def seen(record: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Return of a reading what its truth speaks about, in the same form."""
    cards = record.get("cards", [])
    codes = {problem["code"] for problem in record["problems"]}
    found: dict[str, Any] = {
        "cards": [_as_expected(card, want) for card, want in _pairs(cards, right.get("cards", []))],
        "ids_of": {words: _status_of(cards, words) for words in right.get("ids_of", {})},
        "messages": [
            [message[key] for key in ("id", "task_id", "sender", "recipient")] for message in record.get("messages", [])
        ],
        "steps": [step["id"] for step in record.get("workflow", {}).get("steps", [])],
        "run": [record.get("run", {}).get(key) for key in ("run_id", "status")],
        "problems": [code for code in right.get("problems", ()) if code in codes],
        "has_problems": bool(record["problems"]),
        "first_message": next((message["id"] for message in record.get("messages", ())), None),
    }
    return {key: found[key] for key in expected(right)}


def _pairs(cards: list[dict[str, Any]], wants: list[list[Any]]) -> list[tuple[dict[str, Any], list[Any]]]:
    more: list[Any] = [None] * (len(cards) - len(wants))
    return list(zip(cards, [*wants, *more], strict=False))


def _as_expected(card: dict[str, Any], want: list[Any] | None) -> list[Any]:
    status = "?" if card["status"] is None and card["status_raw"] is not None else card["status"]
    if want and want[1] == "*":
        status = "*"
    return [card["id"], status, card["assignees"]]


def _status_of(cards: list[dict[str, Any]], words: str) -> str | None:
    """Return the status of the card whose heading has `words`: its number stands in the id, padded or not."""
    number = int("".join(filter(str.isdigit, words)))
    found = [card for card in cards if int("".join(filter(str.isdigit, card["id"])) or -1) == number]
    assert len(found) == 1, words
    status: str | None = found[0]["status"]
    return status
