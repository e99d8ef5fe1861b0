"""Files of cards and boxes as branches really leave them, brought together by git itself in its four ways."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from reliability.card_families import FAMILIES, Family, case, lost

from bluelabel.services.git.install import install
from bluelabel.services.git.repository import GitRepository

WAYS = ("merge", "rebase", "cherry-pick", "stash")
Case = tuple[str, bytes, bytes, bytes]


def bring_together(scratch: Any, way: str, cases: Sequence[Case]) -> int:
    """Put the base of each case into one repository, fork it, and join the sides; return git's exit code."""
    repository = GitRepository.find(scratch.root)
    assert repository is not None
    install(repository, cards=("TASK_CARDS.md",), boxes=("inbox.json", "outbox.json"))

    def save(which: int) -> None:
        for one in cases:
            if one[which]:
                scratch.write(one[0], one[which])

    save(1)
    scratch.commit("base")
    if way == "stash":
        save(3)
        scratch.git("add", "-A")
        scratch.git("stash", "-q")
    else:
        scratch.git("checkout", "-q", "-b", "side")
        save(3)
        scratch.commit("theirs")
        scratch.git("checkout", "-q", "main")
    save(2)
    scratch.commit("ours")
    words = {
        "merge": ("merge", "-q", "--no-edit", "side"),
        "rebase": ("rebase", "-q", "side"),
        "cherry-pick": ("cherry-pick", "side"),
        "stash": ("stash", "pop", "-q"),
    }
    code: int = scratch.code(*words[way])
    return code


def cards_of(families: Sequence[Family], seed: int) -> list[Case]:
    return [(f"{family.__name__}/TASK_CARDS.md", *case(family, seed)) for family in families]


def check_cards(scratch: Any, way: str, families: Sequence[Family], seed: int) -> None:
    cases = cards_of(families, seed)
    code = bring_together(scratch, way, cases)

    assert code == 0, scratch.git("status", "--short", check=False)
    for path, base, ours, theirs in cases:
        assert lost(base, ours, theirs, (scratch.root / path).read_bytes()) == [], (path, seed, way)


@pytest.mark.parametrize("way", WAYS)
def test_git_brings_cards_together_without_conflict_or_loss(scratch: Any, way: str) -> None:
    check_cards(scratch, way, FAMILIES[WAYS.index(way) :: 9], 1)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(10, 15))
def test_git_brings_all_families_of_cards_together(scratch: Any, way: str, seed: int) -> None:
    """27 families, 5 seeds, 4 ways: 540 merges, each by a driver that git starts."""
    check_cards(scratch, way, FAMILIES, seed)


SHAPES = ("array", "compact", "object", "run together", "tasks", "trailing comma", "one report")


def rendered(shape: str, items: Sequence[dict[str, Any]]) -> str:
    """Write a box in a shape that boxes really have."""
    if shape == "object":
        return json.dumps({"agent": "CC", "role": "backend", "messages": items}, indent=2) + "\n"
    if shape == "tasks":
        head = {"agent_id": "CC", "version": "1.0", "expertise": ["x"], "tasks": items, "history": []}
        return json.dumps(head, indent=2) + "\n"
    if shape == "run together":
        return "\n\n".join(json.dumps(item, indent=2) for item in items) + "\n"
    if shape == "trailing comma":
        return "[\n" + "".join(f"  {json.dumps(item)},\n" for item in items) + "]\n"
    return json.dumps(items, indent=None if shape == "compact" else 2) + "\n"


def box_case(chance: random.Random, number: int) -> tuple[Case, set[str]]:
    """Two sides append on top or at the end, change a state, or take over the other's report; return the ids."""
    shape = chance.choice(SHAPES[:-1])

    def item(name: str) -> dict[str, Any]:
        if shape == "tasks":
            return {"task_id": name, "status": "pending", "title": f"Über {name}"}
        return {"id": name, "task_id": f"TASK-{name}", "status": "pending", "details": {"note": f"of {name}"}}

    base = [item(f"{number}{n:02d}A") for n in range(chance.randint(1, 5))]
    same = item(f"{number}90S")
    sides: list[list[dict[str, Any]]] = []
    for side in "BC":
        items = [dict(one) for one in base]
        fresh = [item(f"{number}{n:02d}{side}") for n in range(chance.randint(1, 3))]
        fresh += [same] if chance.random() < 0.3 else []
        items = [*items, *fresh] if chance.random() < 0.6 else [*fresh, *items]
        if chance.random() < 0.4:
            chance.choice(items)["by_" + side] = "done"
        sides.append(items)
    ids = {str(one.get("id") or one["task_id"]) for items in sides for one in items}
    texts = [rendered(shape, items).encode() for items in (base, *sides)]
    return (f"p{number}/{shape.replace(' ', '-')}/outbox.json", texts[0], texts[1], texts[2]), ids


def check_boxes(scratch: Any, way: str, count: int, seed: int) -> None:
    made = [box_case(random.Random(f"{seed}/{number}"), number) for number in range(count)]
    code = bring_together(scratch, way, [one for one, _ in made])
    missing = [
        (found[0], name)
        for found, ids in made
        for name in sorted(ids)
        if name not in (scratch.root / Path(found[0])).read_text()
    ]

    assert missing == []
    assert code == 0, scratch.git("status", "--short", check=False)
    for found, _ in made:
        if "run-together" not in found[0] and "trailing" not in found[0]:
            json.loads((scratch.root / found[0]).read_text())


@pytest.mark.parametrize("way", ["merge", "stash"])
def test_git_brings_boxes_together_without_conflict_or_loss(scratch: Any, way: str) -> None:
    check_boxes(scratch, way, 3, 1)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
def test_git_brings_a_hundred_boxes_together_each_way(scratch: Any, way: str) -> None:
    check_boxes(scratch, way, 100, 2)
