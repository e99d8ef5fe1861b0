"""The tour of the README is run again: what it shows is what a reader sees."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the tour is a session of bash")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tour", ROOT / "docs" / "tour.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_tour"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TOUR = load()


@pytest.mark.timeout(180)
def test_every_command_of_the_tour_prints_what_the_readme_shows(tmp_path: Path) -> None:
    examples = list(TOUR.examples((ROOT / "README.md").read_text(encoding="utf-8")))
    session = TOUR.Session(tmp_path)
    try:
        printed = {example.command: session.run(example) for example in examples}
    finally:
        session.close()

    wanted = {example.command: TOUR.comparable(example.printed) for example in examples}
    assert {command: TOUR.comparable(text) for command, text in printed.items()} == wanted
    assert len(examples) >= 8


def test_a_different_answer_is_noticed_and_a_different_id_is_not() -> None:
    one, two = "01a203c5-b13b-70db-a737-6fa1adae872d", "01a203c5-b13b-70db-a737-000000000000"

    assert TOUR.comparable(f"sent {one} to CC") == TOUR.comparable(f"sent {two} to CC")
    assert TOUR.comparable(f"sent {one} to CC") != TOUR.comparable(f"sent {one} to CA")


def test_a_command_gets_the_id_of_this_run(tmp_path: Path) -> None:
    old = "00000000-0000-0000-0000-000000000001"
    first = f"$ echo 00000000-0000-0000-0000-00000000000$((1 + 1))\n{old}\n"
    text = f"```console\n{first}$ echo got \\\n  {old}\n```\n"

    recorded = TOUR.record(text, tmp_path)

    assert [example.printed for example in TOUR.examples(recorded)] == [
        "00000000-0000-0000-0000-000000000002",
        "got 00000000-0000-0000-0000-000000000002",
    ]
