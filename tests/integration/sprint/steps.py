"""Words for what happens in a sprint of the tests."""

from __future__ import annotations

from typing import Any

from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.planning import launch, plan

AGENTS = ("CA", "CC", "WA")


def branch_of(n: Any) -> str:
    return f"dev/TASK-{n}-piece"


def planned(office: Any, cards: int = 2, branches: int = 1, **more: Any) -> Any:
    """Plan and launch a sprint whose first cards have branches of their own."""
    made = [
        PlannedCard(f"TASK-{n}", f"Piece {n}", AGENTS[n % 3], branch_of(n) if n < branches else None)
        for n in range(cards)
    ]
    facts = {
        "title": "Reliable runs",
        "goal": "Make runs resume.",
        "tag": "v0.6.13-alpha1",
        "criteria": ("All of it works",),
    }
    wanted = Plan(
        **({"number": "1", "phase": "6.13", "start": "2026-11-20", "end": "2026-11-27"} | facts | more),
        cards=tuple(made),
    )
    sprint, _ = plan(office.desk, wanted)
    done = launch(office.desk, sprint)
    office.commit("Launch", "docs", "TASK_CARDS.md")
    return done.sprint


def completed(office: Any, cards: int = 2, branches: int = 1) -> None:
    """Do the work of every card, on its branch if it has one, and call it completed."""
    for n in range(cards):
        if n < branches:
            office.work_on(branch_of(n), {f"src/piece{n}.py": f"x = {n}\n"})
        claim = f"\n**Files Created:**\n- src/piece{n}.py (new)\n" if n < branches else ""
        office.set_status(f"TASK-{n}", "IN_PROGRESS")
        office.set_status(f"TASK-{n}", "COMPLETED", extra=claim)
    office.commit("Complete", "TASK_CARDS.md")
