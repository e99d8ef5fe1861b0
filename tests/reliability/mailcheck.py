"""Judges a workspace from its bytes alone: ledger, boxes and left-overs against what the world was told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from reliability.disk import home_of, read_disk
from reliability.history import History, history
from reliability.sandbox import Outcome

SHOWN = 200
"""Waiting messages that a box shows at most."""

_TEMPORARY = re.compile(r"(?:^|.*/)(?:\.[^/]*|[^/]*\.(?:new|heal|tmp|swp|part)|lock\.pid)")
_BOX = re.compile(
    r"""(?x)
    [A-Za-z0-9_-]+/( (in|out)box\.json | drop/[^/.][^/]*\.json | archive/\d{4}-\d\d\.jsonl | quarantine/.* | \.gitkeep )
    """
)


def told_lines(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Yield the objects that the command printed, as far as it came."""
    for line in outcome.stdout.splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                yield {"schema": "torn", "line": line}


def judge(outcome: Outcome, before: frozenset[str] = frozenset()) -> list[str]:
    """Return everything that is wrong.

    Args:
        outcome: of the command under test.
        before: ids of messages that were acknowledged before it ran.
    """
    home = home_of(outcome.dir)
    disk = read_disk(home)
    story = history(disk.facts)
    wrong = [*disk.faults, *story.faults]
    wrong += [f"the message {lost} is lost" for lost in sorted(before - set(story.messages))]
    steps = {(fact.kind, fact.data.get("id")) for fact in disk.facts}
    claims = {(fact["id"], fact["token"]) for fact in disk.of("message.claimed")}
    for line in told_lines(outcome):
        wrong += _kept(line, steps, claims, story)
    if outcome.recovered:
        wrong += [f"{disk.torn} torn bytes are not sealed"] if disk.torn else []
        wrong += [f"left behind: {name}" for name in left_behind(outcome.dir, home)]
        wrong += boxes(outcome.dir, story)
    elif not outcome.unplugged:
        wrong += [text for path in _box_files(outcome.dir) for text in whole(path)]
    return wrong


def _kept(line: dict[str, Any], steps: Set[tuple[str, Any]], claims: Set[tuple[str, str]], story: History) -> list[str]:
    """Check one printed line against the facts."""
    schema = str(line.get("schema", "")).removeprefix("bluelabel.")
    if schema == "torn":
        return [f"half a line was printed: {line['line'][:80]}"]
    if schema == "send/1" and line["id"] not in story.messages:
        return [f"acknowledged and lost: the message {line['id']}"]
    if schema == "claim/1":
        kept = (line["id"], line["token"]) in claims
        return [] if kept else [f"acknowledged and lost: the claim of {line['id']}"]
    if schema == "delivery/1":
        kinds = {"acked": ("acked",), "sent": ("nacked", "retried"), "claimed": ("renewed",), "dead": ("dead",)}
        wanted = {(f"message.{kind}", line["id"]) for kind in kinds.get(line["state"], (line["state"],))}
        if wanted.isdisjoint(steps):
            return [f"acknowledged and lost: {line['id']} {line['state']}"]
    return []


def left_behind(root: Path, home: Path) -> list[str]:
    """Return the files that no finished command leaves."""
    found = [path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()]
    odd = [name for name in found if _TEMPORARY.fullmatch(name)]
    boxes_there = [
        path.relative_to(root / "postbox").as_posix() for path in (root / "postbox").rglob("*") if path.is_file()
    ]
    return odd + [f"postbox/{name}" for name in boxes_there if not _BOX.fullmatch(name)]


def _box_files(root: Path) -> list[Path]:
    return sorted((root / "postbox").glob("*/*box.json"))


def whole(path: Path) -> list[str]:
    """Return what is wrong with a box as a text: it must be a JSON array, whatever happened."""
    try:
        entries = json.loads(path.read_bytes())
    except ValueError as error:
        return [f"{path.parent.name}/{path.name} is torn: {error}"]
    return [] if isinstance(entries, list) else [f"{path.parent.name}/{path.name} is no array"]


def boxes(root: Path, story: History) -> list[str]:
    """Compare the inboxes with the facts: everything that waits is shown, nothing is invented."""
    wrong: list[str] = []
    for path in _box_files(root):
        torn = whole(path)
        if torn:
            wrong += torn
            continue
        entries = [entry for entry in json.loads(path.read_bytes()) if isinstance(entry, dict) and "id" in entry]
        shown = [entry["id"] for entry in entries]
        agent = path.parent.name
        wrong += [f"{agent}/{path.name} invents {i}" for i in shown if i not in story.messages]
        if path.name == "inbox.json":
            waiting = story.waiting(agent)
            missing = [i for i in waiting if i not in shown]
            if len(waiting) - len(missing) < min(len(waiting), SHOWN):
                wrong.append(f"{agent}/inbox.json does not show {len(missing)} of {len(waiting)}: {missing[:2]}")
        if len(shown) != len(set(shown)):
            wrong.append(f"{agent}/{path.name} shows a message twice")
    return wrong
