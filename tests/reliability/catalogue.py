"""Every room's scenarios in one table: the sweeps, their quick sample and `run.py` know no other list.

A room brings its own in a module `scenarios_<room>.py` beside this one. It names them in a table of the shape of
`scenarios.SCENARIOS` and, in `QUICK`, those of which `make test` looks at a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from reliability.forked import Zygotes
from reliability.sandbox import Scenario, environment
from reliability.scenarios import ENV, ERROR, TOLD, TRUTH, Entry, bluelabel, built_in, judged_mail

FLOOR = 8
"""The fewest points that a sweep of a command may have, unless the command says otherwise."""


def rooms() -> list[ModuleType]:
    """Return the modules that bring scenarios, the post office first."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("scenarios_*.py"))
    return [import_module(f"reliability.{name}") for name in ("scenarios", *found)]


def gathered() -> tuple[dict[str, Entry], frozenset[str]]:
    """Return the scenarios of all rooms by name, and the names of those sampled by `make test`.

    Raises:
        ValueError: two rooms use one name, or a room samples what it does not have.
    """
    every: dict[str, Entry] = {}
    quick: set[str] = set()
    for room in rooms():
        own: dict[str, Entry] = room.SCENARIOS
        twice, unknown = sorted(own.keys() & every.keys()), sorted(set(room.QUICK) - own.keys())
        if twice or unknown:
            raise ValueError(f"{room.__name__}: names in use {twice}, unknown names {unknown}")
        every |= own
        quick |= set(room.QUICK)
    return every, frozenset(quick)


SCENARIOS, QUICK = gathered()


def scenario(name: str, *, bug: str | None = None, forked: bool = True) -> Scenario:
    """Return a scenario by its name.

    Args:
        name: of `SCENARIOS`.
        bug: a seeded fault in the command and in recovering.
        forked: whether to fork interpreters instead of starting them; close its `servers` then.
    """
    setup, arguments, differs = SCENARIOS[name]
    usual: dict[str, Any] = {"check": judged_mail(), "ack": TOLD, "truth": TRUTH, "floor": FLOOR, "tells": ERROR}
    more = usual | {"env": ENV} | differs
    segment, afterwards = more.pop("segment", None), more.pop("afterwards", lambda _: ["recover"])

    def whole(where: Path, words: Sequence[str]) -> list[str]:
        words = [*words, "--json"]
        return ["--root", str(where), *words] if forked else bluelabel(where, *words, bug=bug, segment=segment)

    return Scenario(
        f"{name}{f' ({bug})' if bug else ''}",
        setup,
        lambda where: whole(where, arguments(where)),
        recover=lambda where: whole(where, afterwards(where)),
        servers=Zygotes(built_in(bug, segment), environment(more["env"])) if forked else None,
        **more,
    )
