"""The toy as a scenario: what the harnesses run, and the checker of its one file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from reliability.sandbox import Outcome, Scenario

STORE = Path(__file__).with_name("store.py")


def put(variant: str, where: Path, first: str = "w", count: int = 2) -> list[str]:
    """Return the command that puts `count` words into a store."""
    return [sys.executable, "-I", "-S", str(STORE), variant, str(where), "put", first, str(count)]


def scenario(variant: str, count: int = 2) -> Scenario:
    """Return the scenario of one variant."""

    def setup(where: Path) -> None:
        (where / "store.json").write_text('["before"]')
        if variant != "unbroken-lock":
            (where / "lock").touch()

    def recover(where: Path) -> Sequence[str]:
        return [sys.executable, "-I", "-S", str(STORE), variant, str(where), "recover"]

    return Scenario(
        f"toy {variant}",
        setup,
        lambda where: put(variant, where, count=count),
        check,
        recover,
        ack="kept ",
        truth=r"/d(/|$)(?!.*lock)",
        floor=8,
        tells="error: ",
        patience=5.0,
    )


def check(outcome: Outcome) -> list[str]:
    """Read the store with other eyes than its own."""
    try:
        words = json.loads((outcome.dir / "store.json").read_bytes())
    except (OSError, ValueError) as error:
        return [f"store.json cannot be read: {error}"]
    told = re.findall(r"^kept (\S+)$", outcome.stdout, re.MULTILINE)
    lost = [word for word in ["before", *told] if word not in words]
    left = [path.name for path in outcome.dir.glob("*.tmp")] if outcome.recovered else []
    wrong = [f"lost {lost}"] if lost else []
    wrong += (
        [f"twice {words}"] if len(set(words) - {"recovered"}) != len([w for w in words if w != "recovered"]) else []
    )
    return wrong + ([f"left behind {left}"] if left else [])
