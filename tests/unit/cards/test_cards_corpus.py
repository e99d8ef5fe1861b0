"""The reader and the editor over a folder of real files, where ``BLUELABEL_CORPUS`` names one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.cards import edit
from bluelabel.services.cards.document import parse
from bluelabel.services.cards.reading import looks_like_cards, read_cards
from bluelabel.services.cards.repair import repair

CORPUS = os.environ.get("BLUELABEL_CORPUS")
pytestmark = pytest.mark.skipif(not CORPUS, reason="BLUELABEL_CORPUS names no folder of real files")


def files() -> dict[Path, dict[str, Any]]:
    root = Path(CORPUS or ".")
    return {root / name: truth for name, truth in json.loads((root / "EXPECT.json").read_text())["task_cards"].items()}


def test_every_file_is_read_as_it_is_known_to_be() -> None:
    wrong = []
    for path, truth in files().items():
        data = path.read_bytes()
        cards, _ = read_cards(data)
        got = [(card["id"], card["title"], card["status"], card["status_raw"], card["assignees"]) for card in cards]
        want = [(c["id"], c["title"], c["status"], c["status_raw"], c["assignees"]) for c in truth["cards"]]
        if got != want or not looks_like_cards(data) or parse(data).to_bytes() != data:
            wrong.append(path.name)

    assert wrong == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_status_set_and_set_back_gives_the_very_file() -> None:
    for path in files():
        data = path.read_bytes()
        document = parse(data)
        for place, card in enumerate(document.cards):
            found = card.fields.get("status")
            after = parse(edit.set_field(document, card, "status", "BLOCKED"))
            assert edit.set_field(after, after.cards[place], "status", found.raw if found else None) == data


def test_sound_encodings_are_left_alone() -> None:
    for path in files():
        assert repair(path.read_bytes(), ("encoding",)).content == path.read_bytes()
