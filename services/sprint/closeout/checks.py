"""The first part of the closing routine: looking. Each step says what it found and changes nothing but the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from bluelabel.interfaces.errors import BluelabelError
from bluelabel.interfaces.messages import MessageType
from bluelabel.interfaces.times import from_text
from bluelabel.services.cards.evidence.claims import Claim, ClaimKind, claims
from bluelabel.services.cards.evidence.inspector import CardEvidence, Inspector, Judged, Verdict
from bluelabel.services.cards.text.file_problems import quoted
from bluelabel.services.cards.text.model import Card, CardDocument
from bluelabel.services.git.writer import Changes
from bluelabel.services.sprint import document_files as names
from bluelabel.services.sprint.branches import Branch, branches_of, tip_of
from bluelabel.services.sprint.closeout.programs import told
from bluelabel.services.sprint.closeout.state import Drift, Drifted, Finding, Record
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.ledger_tag import tag_fault
from bluelabel.services.sprint.model import Plan
from bluelabel.services.sprint.projection import Sprint

OWN = ("postbox/", "data/dag_runs/")
"""What the platform writes into the worktree by itself; changes there keep no sprint open."""


def own_paths(desk: Desk, plan: Plan) -> tuple[str, ...]:
    """Return what the clerk commits by itself: cards, boxes, run files, and the documents of the sprint."""
    fixed = (names.CONTINUITY, names.CONTEXT, names.HISTORY, names.TEMPLATE, *desk.settings.contexts)
    documents = tuple(desk.documents.find(name) for name in fixed)
    mine = (plan.plan_path, plan.summary_path, plan.chart_path, plan.postmortem_path)
    return (*OWN, desk.cards_path, *documents, *mine)


def check_cards(desk: Desk, record: Record) -> Record:
    """See that every card of the sprint is completed, and that what the cards claim is there."""
    plan, document = record.sprint.plan, desk.cards()
    drifts: list[Drift] = []
    found: list[CardEvidence] = []
    for planned in plan.cards:
        cards = document.by_id.get(planned.id, ())
        if not cards:
            drifts.append(Drift("card", planned.id, f"the card {planned.id} is not in {desk.cards_path}"))
            continue
        status = cards[0].status_word or "without status"
        if cards[0].status_unknown:
            said = f"says {quoted(cards[0].status_raw or '')}, which is no status that is known"
            drifts.append(Drift("card", planned.id, f"the card {planned.id} {said}"))
        elif status not in ("COMPLETED", "CANCELLED"):
            drifts.append(Drift("card", planned.id, f"the card {planned.id} is {status}"))
        elif status == "COMPLETED":
            evidence = _evidence(desk, document, cards[0], plan)
            found.append(evidence)
            drifts += _false_claims(evidence)
    if found and not record.dry:
        drafts = [desk.board.verifier.draft(evidence) for evidence in found]
        desk.book.append(lambda _db: drafts)
    counts = {verdict.value: sum(j.verdict is verdict for e in found for j in e.claims) for verdict in Verdict}
    words = (
        f"{len(found)} of {len(plan.cards)} cards completed; claims: {counts['verified']} verified, "
        f"{counts['false']} false, {counts['unverifiable']} not checkable"
    )
    return record.adding(Finding("cards", words, tuple(drifts), {"claims": counts}))


def _evidence(desk: Desk, document: CardDocument, card: Card, plan: Plan) -> CardEvidence:
    """Judge a card's claims: here, and what is not here yet, on the card's own branch."""
    here = Inspector(desk.repository)
    branch = next((c.branch for c in plan.cards if c.id == card.id), None)
    tip = tip_of(desk.repository, branch) if desk.repository and branch else None
    away = Inspector(desk.repository, tip) if tip else None
    judged = tuple(_judge(here, away, claim) for claim in claims(document, card) if claim.kind is not ClaimKind.TESTS)
    return CardEvidence(card.id, judged, desk.repository.resolve("HEAD") if desk.repository else None)


def _judge(here: Inspector, away: Inspector | None, claim: Claim) -> Judged:
    judged = here.judge(claim)
    there_counts = claim.kind not in (ClaimKind.MERGED, ClaimKind.TAG)
    if judged.verdict is Verdict.FALSE and away is not None and there_counts:
        other = away.judge(claim)
        if other.verdict is Verdict.VERIFIED:
            return other
    return judged


def _false_claims(evidence: CardEvidence) -> Iterator[Drift]:
    for judged in evidence.claims:
        if judged.verdict is Verdict.FALSE:
            words = f"{evidence.id} claims {judged.claim.kind.value} {judged.claim.target}: {judged.evidence}"
            yield Drift("claim", f"{evidence.id} {judged.claim.target}", words)


def check_repository(desk: Desk, record: Record) -> Record:
    """See that the worktree is fit, the tag is free, and every branch of the sprint is merged or can be."""
    if desk.repository is None:
        return record.adding(Finding("branches", "no git repository: there is nothing to merge, tag or push"))
    plan = record.sprint.plan
    fault = tag_fault(desk.repository, plan)
    drifts = [*_worktree(desk, plan), *([Drift("tag", plan.tag, fault)] if fault else [])]
    found = branches_of(desk.repository, plan, record.sprint.launch.get("base"))
    for branch in found:
        if branch.state == "missing":
            words = (
                f"the branch {branch.name} is not there, and no merge names it; fetch it, or make it where its work is"
            )
            drifts.append(Drift("branch", branch.name, words))
        elif branch.clashes:
            words = f"the branch {branch.name} is not merged and conflicts in {', '.join(branch.clashes[:3])}"
            drifts.append(Drift("branch", branch.name, words))
        elif branch.state == "unmerged":
            words = f"the branch {branch.name} is not merged into {plan.branch}"
            drifts.append(Drift("branch", branch.name, words, waits=True))
    return record.adding(
        Finding("branches", _in_words(found), tuple(drifts), {"branches": [b.as_json() for b in found]})
    )


def _in_words(found: Sequence[Branch]) -> str:
    if not found:
        return "the sprint has no branches of its own"
    told = f"{sum(branch.state == 'merged' for branch in found)} of {len(found)} branches merged"
    for state, words in (("unmerged", "to merge"), ("missing", "missing")):
        names_told = [branch.name for branch in found if branch.state == state]
        told += f"; {words}: {', '.join(names_told)}" if names_told else ""
    return told


def _worktree(desk: Desk, plan: Plan) -> Iterator[Drift]:
    changes = Changes(desk.require_repository())
    try:
        branch = changes.require_ready(own_paths(desk, plan))
    except BluelabelError as error:
        yield Drift("repository", str(desk.root), f"{error}; {error.hint}" if error.hint else str(error))
        return
    if branch != plan.branch:
        words = f"{branch!r} is checked out, and the sprint ends on {plan.branch!r}"
        yield Drift("repository", plan.branch, words)


def check_tests(desk: Desk, record: Record) -> Record:
    """See that the project's tests pass."""
    if not desk.test_command:
        return record.adding(Finding("tests", "no test command is set ([evidence] test in bluelabel.toml): not run"))
    run = record.programs.run(desk.test_command, desk.test_seconds)
    drifts = () if run.exit_code == 0 else (Drift("tests", " ".join(run.command), f"the tests fail: {told(run)}"),)
    return record.adding(Finding("tests", run.judge("")[1], drifts, run.as_json()))


def check_reports(desk: Desk, record: Record) -> Record:
    """See that the agent of every completed card has reported on it."""
    reported = _reported(desk, record.sprint)
    now = desk.statuses()
    done = [card for card in record.sprint.plan.cards if card.agent and now.get(card.id) == "COMPLETED"]
    missing = [card for card in done if (card.agent, card.id) not in reported]
    words = f"{len(done) - len(missing)} of {len(done)} completed cards were reported on by their agents"
    told = [Drift("report", card.id, f"{card.agent} has not reported on {card.id}") for card in missing]
    if missing:
        words += f"; not yet: {', '.join(card.id for card in missing[:8])}"
    drifts = tuple(told) if desk.settings.require_reports else ()
    return record.adding(Finding("reports", words, drifts, {"missing": [card.id for card in missing]}))


def _reported(desk: Desk, sprint: Sprint) -> set[tuple[str, str]]:
    """Return who spoke of which card since the launch: in a message, or by settling the one that speaks of it."""
    reported: set[tuple[str, str]] = set()
    cards: dict[str, str] = {}
    since, moment = (0, _earliest(desk, sprint)) if "recollected" in sprint.launch else (sprint.launched or 0, None)
    for event in desk.book.read(since):
        if event.kind == "message.sent":
            message = event.data["message"]
            late = moment is None or from_text(message["created_at"]) >= moment
            if late and isinstance(message.get("task_id"), str):
                cards[message["id"]] = message["task_id"]
                if message.get("type") != MessageType.TASK_ASSIGNMENT.value:
                    reported.add((event.by, message["task_id"]))
        elif event.kind == "message.acked" and event.data.get("id") in cards:
            reported |= {(who, cards[event.data["id"]]) for who in (event.by, event.data["recipient"])}
    return reported


def _earliest(desk: Desk, sprint: Sprint) -> datetime:
    """Return when a sprint began that another ledger launched: its mail may be here, older than the takeover."""
    mark = f"sprint:{sprint.key}:"
    sent = (event.data["message"] for event in desk.book.read(0) if event.kind == "message.sent")
    launch = (from_text(one["created_at"]) for one in sent if str(one.get("key")).startswith(mark))
    return min([from_text(sprint.began), *launch])


def judge(_desk: Desk, record: Record) -> Record:
    """Say whether the sprint may be closed. Branches that only wait to be merged are left to that step, which asks.

    Raises:
        Drifted: something is not as the sprint says.
    """
    hard = [drift for drift in record.drifts if not drift.waits]
    if hard and not record.dry:
        raise Drifted(record.drifts)
    waiting = len(record.drifts) - len(hard)
    told = f"{len(hard)} in the way of closing" if hard else "nothing is in the way of closing"
    told += f"; {waiting} to merge, which a person has to agree to" if waiting else ""
    return record.adding(Finding("verdict", told))
