"""Planning, launching and looking back on a sprint. Closing one starts a hundred programs: see `closing.py`."""

from __future__ import annotations

from pathlib import Path

from reliability.disk import home_of, read_disk
from reliability.sandbox import Outcome
from reliability.scenarios import Entry, do, workspace

CARDS = ("TASK-1", "TASK-2", "TASK-3")
_PLAN = [
    *("sprint", "plan", "1", "--phase", "7", "--title", "Whole"),
    *(part for card, agent in zip(CARDS, ("CA", "CC", "WA"), strict=True) for part in ("--card", f"{card}:{agent}")),
]
_LAUNCH = ["sprint", "launch", "--sprint", "1"]
_POSTMORTEM = ["sprint", "postmortem", "--sprint", "1", "--action", "CA:Measure"]
_SAID = r"bluelabel\.(sprint|postmortem)/1"
_DOCUMENTS = ("docs/system/ARCH_CONTINUITY.md", "docs/system/SPRINT_HISTORY.md", "docs/system/CLAUDE_CONTEXT.md")


def planned(where: Path) -> None:
    """Make a workspace with a planned sprint."""
    workspace(where)
    do(where, *_PLAN)


def launched(where: Path) -> None:
    """Make a workspace with a sprint under way."""
    planned(where)
    do(where, *_LAUNCH)


def _check(outcome: Outcome) -> list[str]:
    """Return what is wrong: nothing is torn at any time, and after the next command everything is there once."""
    disk = read_disk(home_of(outcome.dir))
    wrong = list(disk.faults)
    for path in outcome.dir.rglob("*.md"):
        text = path.read_text(errors="replace")
        if text.count("<!-- bluelabel:sprint begin -->") != text.count("<!-- bluelabel:sprint end -->"):
            wrong.append(f"half a block in {path.name}")
    if not outcome.recovered:
        return wrong
    wrong += [f"left behind: {path.name}" for path in outcome.dir.rglob("*.bluelabel-new")]
    launches = len(list(disk.of("sprint.launched")))
    sent = [data["message"].get("task_id") for data in disk.of("message.sent")]
    if launches:
        wrong += [f"{launches} launches"] if launches != 1 else []
        wrong += [f"{card} was assigned {sent.count(card)} times" for card in CARDS if sent.count(card) != 1]
        wrong += [f"{path} does not speak of it" for path in _DOCUMENTS if "Whole" not in _text(outcome.dir / path)]
    cards = _text(outcome.dir / "TASK_CARDS.md")
    wrong += [f"{card} stands there twice" for card in CARDS if cards.count(f"### {card}:") > 1]
    items = [data["id"] for data in disk.of("sprint.noted") if data["what"] == "action-item"]
    return wrong + ([f"action items {items}"] if len(items) > 1 else [])


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


SCENARIOS: dict[str, Entry] = {
    "sprint-plan": (workspace, lambda _: _PLAN, {"check": _check, "ack": _SAID, "afterwards": lambda _: _PLAN}),
    "sprint-launch": (planned, lambda _: _LAUNCH, {"check": _check, "ack": _SAID, "afterwards": lambda _: _LAUNCH}),
    "sprint-postmortem": (
        launched, lambda _: _POSTMORTEM, {"check": _check, "ack": _SAID, "afterwards": lambda _: _POSTMORTEM},
    ),
}  # fmt: skip
QUICK: tuple[str, ...] = ()
