"""What stands in the documents of a sprint: each function fills one block and leaves everything around it alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bluelabel.interfaces.times import from_text, local_date
from bluelabel.services.files.managed_block import body
from bluelabel.services.sprint import document_files as names
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.documents.action_items import BLOCK as ACTIONS
from bluelabel.services.sprint.documents.action_items import items
from bluelabel.services.sprint.documents.chart import svg
from bluelabel.services.sprint.documents.render import render
from bluelabel.services.sprint.figures import Figures, figures, here, measured
from bluelabel.services.sprint.model import Plan
from bluelabel.services.sprint.projection import Sprint

BLOCK: Final = "sprint"
NUMBERS: Final = "postmortem-numbers"
_STATES: Final[Mapping[str, str]] = {"planned": "PLANNED", "launched": "ACTIVE", "closed": "CLOSED"}


def write_plan(desk: Desk, sprint: Sprint, state: str | None = None) -> list[str]:
    """Write the plan of a sprint; return the paths that changed."""
    plan = sprint.plan
    carried = [item for item in items(desk) if item.id in plan.carried]
    text = render("plan", plan=plan, state=state or _state(sprint), cards=_cards(desk, plan), carried=carried)
    title = f"Sprint {plan.number} Plan: Phase {plan.phase}"
    return [plan.plan_path] if desk.documents.put(plan.plan_path, BLOCK, text, title=title) else []


def write_state(desk: Desk, sprint: Sprint, state: str | None = None, tag: str | None = None) -> list[str]:
    """Bring plan, continuity, context and history up to date; return the paths that changed.

    Args:
        desk: the clerk's tools.
        sprint: the sprint they are to speak of.
        state: what they call its state, when that is not what the ledger says yet.
        tag: the tag it is about to get.
    """
    plan, told = sprint.plan, state or _state(sprint)
    cards = _cards(desk, plan)
    last = desk.last_closed()
    values: dict[str, Any] = {
        "plan": plan,
        "state": told,
        "cards": cards,
        "done": sum(card["status"] == "COMPLETED" for card in cards),
        "last_tag": tag or (last.closing.get("tag") if last else None),
        "postmortem": desk.documents.exists(plan.postmortem_path),
        "local_only": desk.repository is not None and not desk.repository.remotes(),
        "items": [item for item in items(desk) if not item.done],
        "goal": plan.goal,
    }
    changed = write_plan(desk, sprint, told)
    for name, template in ((names.CONTINUITY, "continuity"), (names.CONTEXT, "context")):
        changed += _put(desk, name, render(template, **values))
    for name in desk.settings.contexts:
        if desk.documents.exists(desk.documents.find(name)):
            changed += _put(desk, name, render("context", **values))
    return changed + write_history(desk, sprint, told, tag)


def write_history(desk: Desk, sprint: Sprint, state: str | None = None, tag: str | None = None) -> list[str]:
    """Write the history of all sprints that were launched; return the paths that changed.

    What it says of sprints that this ledger did not close stays as it is: their figures cannot be taken here.
    """
    path = desk.documents.find(names.HISTORY)
    kept = _sections(body(desk.documents.read(path), names.marks(BLOCK)) or b"")
    told: dict[str, str] = {}
    for one in desk.sprints():
        own = one.key == sprint.key
        heading = render("heading", plan=one.plan).strip()
        if one.state == "planned" and not own:
            continue
        if not one.recorded and one.state == "closed" and heading in kept:
            told[heading] = kept[heading]
            continue
        closing = one.state == "closed" or (own and tag is not None)
        found = figures(desk, one) if closing else None
        told[heading] = render(
            "history",
            plan=one.plan,
            state=(state if own else None) or _state(one),
            tag=(tag if own else None) or one.closing.get("tag"),
            started=_day(one.began) if one.launch else one.plan.start,
            ended=_day(one.closed_at) or one.plan.end,
            postmortem=desk.documents.exists(one.plan.postmortem_path),
            cards=_rows(found) if found else _cards(desk, one.plan),
            numbers=found.numbers if found else (),
        )
    elsewhere = {heading: text for heading, text in kept.items() if heading and heading not in told}
    parts = [f"{heading}\n\n{text.strip()}\n" for heading, text in (elsewhere | told).items()]
    return _put(desk, names.HISTORY, "\n".join(parts))


def _sections(data: bytes) -> dict[str, str]:
    """Return the parts of a history by their headings."""
    found: dict[str, str] = {}
    heading = ""
    for line in data.decode("utf-8", "surrogateescape").replace("\r\n", "\n").splitlines(keepends=True):
        if line.startswith("### Sprint "):
            heading = line.strip()
        found[heading] = found.get(heading, "") + ("" if line.strip() == heading else line)
    return found


def write_summary(desk: Desk, sprint: Sprint, state: str | None = None) -> tuple[list[str], Figures]:
    """Write the summary and its chart; return the paths that changed, and the figures.

    That of a sprint that another ledger closed stays as it is: this one cannot take all of its figures.
    """
    plan = sprint.plan
    found = figures(desk, sprint, measured(desk, sprint) if state or sprint.state == "closed" else here(desk))
    if _closed_elsewhere(sprint) and desk.documents.has(plan.summary_path, BLOCK):
        return [], found
    drawn = svg(found.days, len(found.cards), plan.end, f"{plan.name}: burndown")
    changed = [plan.chart_path] if desk.documents.write(plan.chart_path, drawn.encode()) else []
    text = render(
        "summary",
        plan=plan,
        state=state or _state(sprint),
        measured={
            "commit": found.measure.commit, "seq": found.measure.seq, "base": found.base,
            "launched": sprint.launched if sprint.launched is not None else sprint.planned,
        },
        numbers=found.numbers,
        agents=found.agents,
        cards=found.cards,
        burndown=found.days,
        chart=plan.chart_path.rsplit("/", 1)[1],
        branches=branch_rows(desk, plan),
        missing=found.missing,
    )  # fmt: skip
    title = f"Sprint {plan.number} Summary: Phase {plan.phase}"
    if desk.documents.put(plan.summary_path, BLOCK, text, title=title):
        changed.append(plan.summary_path)
    return changed, found


def write_postmortem(desk: Desk, sprint: Sprint, tag: str | None = None) -> list[str]:
    """Write the blocks of the postmortem; words around them stay. Returns the paths that changed."""
    plan, path = sprint.plan, sprint.plan.postmortem_path
    if not desk.documents.exists(path):
        desk.documents.write(path, render("postmortem", plan=plan).encode())
    found = figures(desk, sprint)
    own_tag = tag or sprint.closing.get("tag")
    values = {
        "plan": plan, "numbers": found.numbers, "agents": found.agents, "tag": own_tag, "missing": found.missing,
        "started": _day(sprint.began) if sprint.launch else plan.start, "ended": _day(found.measure.at),
    }  # fmt: skip
    known = items(desk)
    earlier = [item for item in known if item.sprint != sprint.key and (not item.done or item.id in plan.carried)]
    own = [item for item in known if item.sprint == sprint.key]
    kept = _closed_elsewhere(sprint) and desk.documents.has(path, NUMBERS)
    wrote = not kept and desk.documents.put(path, NUMBERS, render("numbers", **values))
    wrote |= desk.documents.put(path, ACTIONS, render("actions", own=own, earlier=earlier))
    return [path] if wrote else []


def branch_rows(desk: Desk, plan: Plan) -> list[dict[str, Any]]:
    """Return what became of the branches of a sprint, as the ledger noted it."""
    rows = {name: {"name": name, "tip": None, "state": "not merged by the closeout"} for name in plan.branches}
    for note in desk.notes(plan, "merged"):
        name = str(note.data["branch"])
        how = f"merged as {str(note.data['commit'])[:12]}" if note.data.get("fresh") else "was merged already"
        rows[name] = {"name": name, "tip": note.data["tip"], "state": how}
    return list(rows.values())


def _closed_elsewhere(sprint: Sprint) -> bool:
    return sprint.state == "closed" and not sprint.recorded


def _put(desk: Desk, name: str, text: str) -> list[str]:
    path = desk.documents.find(name)
    return [path] if desk.documents.put(path, BLOCK, text, title=names.TITLES.get(name)) else []


def _cards(desk: Desk, plan: Plan) -> list[dict[str, Any]]:
    now = desk.cards().by_id
    rows: list[dict[str, Any]] = []
    for card in plan.cards:
        found = now.get(card.id, (None,))[0]
        status = (found.status_word or "no status") if found else "not registered"
        title = card.title or (found.title if found else "")
        row = {"id": card.id, "title": title, "agent": card.agent, "branch": card.branch, "status": status}
        rows.append(row)
    return rows


def _rows(found: Figures) -> list[dict[str, Any]]:
    return [{"id": c.id, "title": c.title, "agent": c.agent, "status": c.status} for c in found.cards]


def _state(sprint: Sprint) -> str:
    return _STATES[sprint.state]


def _day(moment: str | None) -> str | None:
    return local_date(from_text(moment)).isoformat() if moment else None


def write_template(desk: Desk) -> list[str]:
    """Write the closing routine as a checklist; return the paths that changed."""
    return _put(desk, names.TEMPLATE, render("closeout", steps=desk.settings.checklist))
