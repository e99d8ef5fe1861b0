"""The reader and the editor over a folder of real files, where ``BLUELABEL_CORPUS`` names one."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.queries.lint import unread
from bluelabel.services.cards.queries.record import looks_like_cards, read_cards
from bluelabel.services.cards.repair import repair
from bluelabel.services.cards.text.parser import parse

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


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_field_of_every_card_set_and_set_back_gives_the_very_file() -> None:
    """A card that stands the same in several versions is taken once; a list over several lines is not edited."""
    seen: set[str] = set()
    for path in files():
        document = parse(path.read_bytes())
        for place, card in enumerate(document.cards):
            block = edit.block(document, card)
            for name, field in card.fields.items() if block not in seen else ():
                if field.fixed:
                    continue
                new = edit.set_field(document, card, name, "BLOCKED")
                kept = document.text[: field.value_start], document.text[field.value_end :]
                after = parse(new)
                assert after.text.startswith(kept[0])
                assert after.text.endswith(kept[1])
                assert edit.set_field(after, after.cards[place], name, field.raw) == document.to_bytes()
            seen.add(block)
    assert len(seen) > 300


def test_no_file_is_full_of_lines_that_look_like_fields() -> None:
    told = {path.name: sum(1 for _ in unread(parse(path.read_bytes()))) for path in files()}

    assert max(told.values()) <= 3


def test_sound_encodings_are_left_alone() -> None:
    for path in files():
        assert repair(path.read_bytes(), ("encoding",)).content == path.read_bytes()
