"""Sprints that this ledger does not know, read back from what a clone brings along: plans, cards, commits and tags."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.times import to_text
from bluelabel.services.cards.status.statuses import Vocabulary
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files.managed_block import body
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.sprint.document_files import Documents, marks
from bluelabel.services.sprint.ledger_tag import is_our_tag
from bluelabel.services.sprint.metrics import StatusFact
from bluelabel.services.sprint.model import Plan, PlannedCard
from bluelabel.services.sprint.projection import Sprint, key_of

_PLANS: Final = "docs/devphases/PHASE_*/sprints/SPRINT_*_PLAN.md"
_FIELD: Final = re.compile(r"\*\*([A-Z][a-z]+):\*\* ?(.*)")
_HEADING: Final = re.compile(r"## (.*)")
_CELL: Final = re.compile(r"(?<!\\)\|")
_ITEM: Final = re.compile(r"- (AI-\S+-\d+):")


@dataclass(frozen=True, slots=True)
class Papers:
    """Where the documents of a worktree and its history are.

    Args:
        root: top of the worktree.
        documents: its documents.
        cards_path: the card file, relative to the root.
        vocabulary: the names and phrases of the project.
        repository: None outside git.
    """

    root: Path
    documents: Documents
    cards_path: str
    vocabulary: Vocabulary
    repository: GitRepository | None


def recollected(papers: Papers, known: Collection[str]) -> Iterator[Sprint]:
    """Yield the sprints whose plans stand in the worktree and whose keys are not among `known`.

    A plan without our block is somebody else's document and no sprint of ours. Whether a sprint was closed is for its
    tag to say, not for its documents; outside git they are believed.
    """
    for file in sorted(papers.root.glob(_PLANS)):
        path = file.relative_to(papers.root).as_posix()
        try:
            text = body(papers.documents.read(path), marks("sprint"))
            found = _read_plan((text or b"").decode("utf-8", "replace"))
        except (BluelabelError, TypeError, KeyError):
            continue  # not a plan of ours, or damaged: people will see it in the file
        if found is not None and key_of(found[0]) not in known and found[0].plan_path == path:
            yield _sprint(papers, *found)


def _read_plan(text: str) -> tuple[Plan, str] | None:
    """Return the plan that `plan.md.j2` has written, and the state that it names; None for another text."""
    fields: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    part: list[str] | None = None
    for line in text.splitlines():
        heading, field = _HEADING.fullmatch(line), _FIELD.fullmatch(line)
        if heading:
            part = parts.setdefault(heading[1], [])
        elif part is not None:
            part += [line] if line.strip() else []
        elif field:
            fields[field[1]] = field[2].strip()
    if not {"Phase", "Sprint", "Dates", "Branch", "Tag", "State"} <= fields.keys():
        return None
    number, _, title = fields["Sprint"].partition(": ")
    start, _, end = fields["Dates"].partition(" to ")
    rows = [row for row in map(_cells, parts.get("Cards", [])[2:]) if len(row) >= 4]
    made = Plan(
        number, fields["Phase"], title, start, end, fields["Tag"], " ".join(parts.get("Goal", [])), fields["Branch"],
        tuple(PlannedCard(row[0] or "", row[1] or "", row[2], row[3]) for row in rows),
        tuple(line.removeprefix("- ") for line in parts.get("Success criteria", [])),
        tuple(m[1] for m in map(_ITEM.match, parts.get("Open action items of earlier sprints", [])) if m),
    )  # fmt: skip
    return made.checked(), fields["State"]


def _cells(line: str) -> list[str | None]:
    texts = [part.strip().replace("\\|", "|") for part in _CELL.split(line)[1:-1]]
    return [None if text == "-" else text for text in texts]


def _sprint(papers: Papers, plan: Plan, state: str) -> Sprint:
    if papers.repository is None:
        told = {"PLANNED": "planned", "CLOSED": "closed"}.get(state, "launched")
        moment = f"{plan.start}T00:00:00.000000Z"
        return _made(plan, told, moment, _launch(plan, {}, None, moment), {})
    came = _arrival(papers.repository, plan.plan_path)
    moment = came[1] if came else f"{plan.start}T00:00:00.000000Z"
    base = (papers.repository.resolve(f"{came[0]}~1") or came[0]) if came else papers.repository.resolve("HEAD")
    statuses = statuses_at(papers, came[0]) if came else {}
    launch = _launch(plan, statuses, base, moment)
    if is_our_tag(papers.repository, plan):
        return _made(plan, "closed", moment, launch, {"tag": plan.tag, "commit": papers.repository.tags()[plan.tag]})
    return _made(plan, "planned" if state == "PLANNED" else "launched", moment, launch, {})


def _launch(plan: Plan, statuses: Mapping[str, str | None], base: str | None, moment: str) -> dict[str, Any]:
    cards = [{"id": c.id, "title": c.title, "agent": c.agent, "status": statuses.get(c.id)} for c in plan.cards]
    recollection = {"from": plan.plan_path, "at": moment}
    return {"base": base, "branch": plan.branch, "cards": cards, "recollected": recollection}


def _made(plan: Plan, state: str, moment: str, launch: dict[str, Any], closing: dict[str, Any]) -> Sprint:
    if state == "planned":
        return Sprint(plan, state, 0, moment)
    closed = 0 if state == "closed" else None
    return Sprint(plan, state, 0, moment, 0, moment, launch, closed, None, closing)


def _arrival(repository: GitRepository, path: str) -> tuple[str, str] | None:
    """Return the commit that brought a path, and when."""
    found = list(_log(repository, "HEAD", path))
    return found[0] if found else None


def statuses_at(papers: Papers, commit: str) -> dict[str, str | None]:
    """Return the status of every card in the card file of a commit; of a doubled id, the first."""
    data = papers.repository.read(papers.cards_path, commit) if papers.repository else None
    found = parse(data or b"", papers.vocabulary).by_id
    return {name: cards[0].status_word for name, cards in found.items()}


def status_history(papers: Papers, since: str | None, until: str | None) -> list[StatusFact]:
    """Return the changes of cards' statuses that the commits of the card file show, oldest first.

    They are as exact as the commits: a status that came and went between two of them is not among them.
    """
    if papers.repository is None or until is None or since is None:
        return []
    last = statuses_at(papers, since)
    facts: list[StatusFact] = []
    for commit, moment in _log(papers.repository, f"{since}..{until}", papers.cards_path):
        now = statuses_at(papers, commit)
        facts += [StatusFact(moment, card, status) for card, status in now.items() if last.get(card) != status]
        last = now
    return facts


def moment_of(repository: GitRepository, commit: str) -> str:
    """Return when a commit was made."""
    seconds = repository.git.must("read a commit", "log", "-1", "--format=%ct", commit).text
    return to_text(datetime.fromtimestamp(int(seconds), UTC))


def _log(repository: GitRepository, span: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield the commits on the way of a span that touch a path, oldest first, each with its time."""
    if repository.resolve("HEAD") is None:
        return
    args = ("log", "--first-parent", "--reverse", "-z", "--format=%H %ct", span, "--", f":(top,literal){path}")
    for record in repository.git.must("read the history", *args).lines():
        name, seconds = record.split()
        yield name, to_text(datetime.fromtimestamp(int(seconds), UTC))
