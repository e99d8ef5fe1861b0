"""The second part of the closing routine: doing. Each step can be done again: what stands already is left as it is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from bluelabel.interfaces.errors import BluelabelError, Conflict, Refused
from bluelabel.interfaces.messages import MessageType
from bluelabel.services.git.command import GitFailed
from bluelabel.services.git.crash_recovery import settle_merge
from bluelabel.services.git.writer import Changes, Made, MergeConflict, is_own
from bluelabel.services.postbox.outgoing import OutgoingMessage
from bluelabel.services.sprint.branches import Branch, branches_of
from bluelabel.services.sprint.closeout.approvals import approve
from bluelabel.services.sprint.closeout.checks import check_cards, check_tests, own_paths
from bluelabel.services.sprint.closeout.state import Drifted, Finding, Record
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.documents.writers import write_state, write_summary, write_template
from bluelabel.services.sprint.figures import Measure, here
from bluelabel.services.sprint.ledger_tag import head_line, is_our_tag, ledger_name
from bluelabel.services.sprint.model import Plan
from bluelabel.services.sprint.projection import Note

CLOSED: Final = "CLOSED"


def merge_branches(desk: Desk, record: Record) -> Record:
    """Merge every branch of the sprint that is not merged, test after each, and delete it where nobody uses it."""
    if desk.repository is None:
        return record.adding(Finding("merge", "no git repository: nothing to merge"))
    plan, changes = record.sprint.plan, Changes(desk.repository)
    found = branches_of(desk.repository, plan, record.sprint.launch.get("base"))
    waiting = [branch for branch in found if branch.state == "unmerged"]
    if waiting:
        request = {"into": plan.branch, "merge": {b.name: b.tip for b in waiting}, "delete": [b.name for b in waiting]}
        names_told = ", ".join(f"{b.name} ({(b.tip or '')[:9]})" for b in waiting)
        approve(desk, record, "merge", request, f"merge into {plan.branch} and delete: {names_told}")
    changes.require_ready(own_paths(desk, plan))
    if waiting:  # without a merge the branch stays where it is: an approval of the tag is for this very commit
        _commit_own(desk, changes, plan)
    for branch in waiting:
        _merge(desk, record, changes, branch)
    _note_earlier(desk, plan, found)
    ours = {note.data["branch"] for note in desk.notes(plan, "merged") if note.data.get("fresh")}
    left = [words for branch in found if branch.name in ours and (words := _delete(changes, branch))]
    told = f"merged {', '.join(b.name for b in waiting)}" if waiting else "every branch was merged already"
    facts = {"merged": [b.name for b in waiting], "kept": left}
    return record.adding(Finding("merge", told + (f"; kept: {'; '.join(left)}" if left else ""), (), facts))


def settle(desk: Desk, record: Record) -> None:
    """Finish or undo a merge that a killed closing had begun, before anything else is looked at.

    Raises:
        Drifted: the merge was there, untested, and breaks the tests; it was taken back.
    """
    plan, changes = record.sprint.plan, Changes(desk.require_repository())
    merges = [note for note in desk.notes(plan) if note.what in ("merge-began", "merged", "merge-dropped")]
    if not merges or merges[-1].what != "merge-began":
        return
    data = merges[-1].data
    if settle_merge(changes.repository, data["before"], data["tip"]) != "done":
        _note_dropped(desk, plan, data["branch"], data["tip"])
        return
    _test_merged(desk, record, changes, data["branch"], data["before"], data["tip"])
    _note_merged(desk, plan, data["branch"], data["tip"], changes.repository.resolve("HEAD"), fresh=True)


def _commit_own(desk: Desk, changes: Changes, plan: Plan) -> None:
    """Commit what the platform itself and the cards have written, so that a merge does not stumble over it."""
    own = own_paths(desk, plan)
    paths = [path for path in changes.dirty() if is_own(path, own)]
    if paths:
        made = changes.commit(paths, f"Record cards and boxes before closing {plan.name}"[:72])
        _note_commit(desk, plan, made)


def _merge(desk: Desk, record: Record, changes: Changes, branch: Branch) -> None:
    plan, repository = record.sprint.plan, desk.require_repository()
    tip, before = branch.tip or "", repository.resolve("HEAD") or ""
    cards = ", ".join(card.id for card in plan.cards if card.branch == branch.name)
    desk.note(plan, "merge-began", {"run": record.run_id, "branch": branch.name, "tip": tip, "before": before})
    try:
        made = changes.merge(branch.name, tip, f"Merge branch '{branch.name}'" + (f" ({cards})" if cards else ""))
    except (MergeConflict, GitFailed):
        with suppress(BluelabelError):  # a full disk, say: then the next closing does it
            settle_merge(repository, before, tip)
            _note_dropped(desk, plan, branch.name, tip)
        raise
    _test_merged(desk, record, changes, branch.name, before, tip)
    _note_merged(desk, plan, branch.name, tip, made.name, fresh=made.fresh)


def _test_merged(desk: Desk, record: Record, changes: Changes, branch: str, before: str, tip: str) -> None:
    """Run the tests on a merge that was just made; take it back if it breaks them."""
    if not (desk.settings.test_each_merge and desk.test_command):
        return
    tested = check_tests(desk, record).findings[-1]
    if tested.drifts:
        changes.step_back(before)
        _note_dropped(desk, record.sprint.plan, branch, tip)
        words = f"after merging {branch}, which was taken back, {tested.drifts[0].words}"
        raise Drifted((replace(tested.drifts[0], words=words),))


def _note_merged(desk: Desk, plan: Plan, branch: str, tip: str | None, commit: str | None, *, fresh: bool) -> None:
    desk.note(plan, "merged", {"branch": branch, "tip": tip, "commit": commit, "fresh": fresh})


def _note_dropped(desk: Desk, plan: Plan, branch: str, tip: str) -> None:
    desk.note(plan, "merge-dropped", {"branch": branch, "tip": tip})


def _note_earlier(desk: Desk, plan: Plan, found: list[Branch]) -> None:
    known = {note.data["branch"] for note in desk.notes(plan, "merged")}
    for branch in found:
        if branch.state == "merged" and branch.name not in known:
            _note_merged(desk, plan, branch.name, branch.tip, branch.tip, fresh=False)


def _delete(changes: Changes, branch: Branch) -> str | None:
    """Delete a local branch that this closing has merged; return why it stays, if it does."""
    if branch.tip is None or not branch.local:
        return None
    try:
        changes.delete_branch(branch.name, branch.tip)
    except (Conflict, Refused) as error:
        return str(error)
    return None


def check_again(desk: Desk, record: Record) -> Record:
    """Look at the claims again, now that everything is merged, and fix the place at which the sprint is measured.

    Raises:
        Drifted: a claim is false on the merged branch.
    """
    looked = check_cards(desk, record).findings[-1]
    if looked.drifts:
        raise Drifted(looked.drifts)
    place = here(desk)
    earlier = desk.notes(record.sprint.plan, "measured")[-1:]
    if earlier and _still_holds(desk, record.sprint.plan, earlier[0], place):
        words = f"{looked.words}; measured already at event {earlier[0].data['upto']}"
        return record.adding(Finding("recheck", words, (), earlier[0].data))
    statuses = {card.id: place.statuses.get(card.id) for card in record.sprint.plan.cards if card.id in place.statuses}
    data = {"upto": place.seq, "moment": place.at, "commit": place.commit, "cards": statuses}
    desk.note(record.sprint.plan, "measured", data)
    words = f"{looked.words}; measured at event {place.seq}" + (f", commit {place.commit[:12]}" if place.commit else "")
    return record.adding(Finding("recheck", words, (), data))


def _still_holds(desk: Desk, plan: Plan, earlier: Note, place: Measure) -> bool:
    """Tell whether a sprint need not be measured again: nothing but commits of this closing came since."""
    own = {note.data["commit"] for note in desk.notes(plan, "committed") if note.seq > earlier.seq}
    same = {name: place.statuses.get(name) for name in earlier.data["cards"]} == dict(earlier.data["cards"])
    return same and (place.commit == earlier.data.get("commit") or place.commit in own)


def update_documents(desk: Desk, record: Record) -> Record:
    """Bring continuity, context, history, plan and the routine's own text up to date, and report to the coordinator."""
    plan = record.sprint.plan
    changed = [*write_state(desk, record.sprint, CLOSED, plan.tag), *write_template(desk)]
    desk.postbox.send(
        OutgoingMessage(
            desk.actor, (desk.coordinator,), type=MessageType.TASK_RESULT.value,
            subject=f"Closing {plan.name}"[:500],
            content={
                "sprint": plan.name, "status": "closing", "tag": plan.tag, "summary": plan.summary_path,
                "merged": [note.data["branch"] for note in desk.notes(plan, "merged")],
            },
            key=f"closeout:{record.run_id}:{record.sprint.launched}",
        )
    )  # fmt: skip
    return record.adding(Finding("documents", _documents_told(changed), (), {"changed": changed}))


def _documents_told(changed: list[str]) -> str:
    return f"updated {', '.join(changed)}" if changed else "every document was up to date"


def summarise(desk: Desk, record: Record) -> Record:
    """Write the summary and the burndown chart."""
    changed, found = write_summary(desk, record.sprint, CLOSED)
    words = f"{found.completed} of {len(found.cards)} cards completed; {_documents_told(changed)}"
    return record.adding(Finding("summary", words, (), {"changed": changed}))


def commit_documents(desk: Desk, record: Record) -> Record:
    """Commit the documents of the sprint."""
    words = commit(desk, record.sprint.plan, "documents")
    return record.adding(Finding("commit", words))


def commit(desk: Desk, plan: Plan, what: str) -> str:
    """Commit every document of the sprint that changed; return what was done in words."""
    if desk.repository is None:
        return "no git repository: nothing to commit"
    paths = [path for path in own_paths(desk, plan) if not path.endswith("/")]
    made = Changes(desk.repository).commit(paths, f"Close sprint {plan.number} of phase {plan.phase}: {what}"[:72])
    _note_commit(desk, plan, made)
    return f"committed as {made.name[:12]}" if made else "nothing new to commit"


def _note_commit(desk: Desk, plan: Plan, made: Made | None) -> None:
    if made is not None:
        desk.note(plan, "committed", {"commit": made.name})


def make_tag(desk: Desk, record: Record) -> Record:
    """Make the annotated tag; it carries the end of the ledger, so that a ledger cut afterwards is found out."""
    if desk.repository is None:
        return record.adding(Finding("tag", "no git repository: nothing to tag"))
    plan, repository = record.sprint.plan, desk.repository
    if is_our_tag(repository, plan):
        commit_tagged = repository.tags().get(plan.tag)
        known = {"tag": plan.tag, "commit": commit_tagged, "object": repository.tag_object(plan.tag)}
        return record.adding(Finding("tag", f"{plan.tag} was made already", (), known))
    target = repository.resolve("HEAD") or ""
    approve(desk, record, "tag", {"tag": plan.tag, "commit": target}, f"make the tag {plan.tag} at {target[:12]}")
    head, now = desk.book.head(), desk.statuses()
    name = ledger_name(next(iter(desk.book.read(0)), None))
    done = f"Cards: {sum(now.get(card.id) == 'COMPLETED' for card in plan.cards)} of {len(plan.cards)} completed"
    message = f"{plan.name}\n\n{done}\nSummary: {plan.summary_path}\n\n{head_line(head, name)}\n"
    made = Changes(repository).tag(plan.tag, message, target)
    facts: dict[str, Any] = {
        "tag": plan.tag,
        "commit": target,
        "object": made.name,
        "head": {"seq": head.seq, "h": head.h},
    }
    desk.note(plan, "tagged", facts)
    return record.adding(Finding("tag", f"{plan.tag} at {target[:12]}, ledger event {head.seq}", (), facts))
