"""The last part of the closing routine: the postmortem, the remote, and one more look at everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bluelabel.interfaces.events import Draft
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.git.writer import Changes, is_own
from bluelabel.services.sprint import document_files as names
from bluelabel.services.sprint.branches import branches_of
from bluelabel.services.sprint.closeout.actions import CLOSED, commit
from bluelabel.services.sprint.closeout.approvals import approve
from bluelabel.services.sprint.closeout.checks import OWN
from bluelabel.services.sprint.closeout.programs import told
from bluelabel.services.sprint.closeout.state import Drift, Drifted, Finding, Record
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.documents.postmortem import postmortem
from bluelabel.services.sprint.documents.writers import BLOCK, write_state
from bluelabel.services.sprint.model import Plan


def write_postmortem_step(desk: Desk, record: Record) -> Record:
    """Write the postmortem with its numbers, link it from continuity and history, and commit."""
    plan = record.sprint.plan
    tag = plan.tag if desk.repository is not None else None
    postmortem(desk, record.sprint, tag=tag)
    write_state(desk, record.sprint, CLOSED, tag)
    words = commit(desk, plan, "postmortem")
    return record.adding(Finding("postmortem", f"{plan.postmortem_path}; {words}"))


def sync(desk: Desk, record: Record) -> Record:
    """Push branch and tag, if there is a remote."""
    plan, remote = record.sprint.plan, desk.settings.remote
    if desk.repository is None or remote not in desk.repository.remotes():
        words = f"there is no remote called {remote!r}: this repository is local only, nothing was pushed"
        return record.adding(Finding("sync", words, (), {"pushed": False}))
    references = [f"refs/heads/{plan.branch}", f"refs/tags/{plan.tag}"]
    tips = {name: desk.repository.ref(name) for name in references}
    approve(desk, record, "sync", {"remote": remote, "push": tips}, f"push {plan.branch} and {plan.tag} to {remote}")
    Changes(desk.repository).push(remote, references)
    return record.adding(Finding("sync", f"pushed {plan.branch} and {plan.tag} to {remote}", (), {"pushed": True}))


def coverage(desk: Desk, record: Record) -> Record:
    """Run the coverage command, if one is set, and keep the last line that it prints. It keeps no sprint open."""
    command = desk.settings.coverage
    if not command:
        return record.adding(Finding("coverage", "no coverage command is set ([sprint] coverage): not measured"))
    run = record.programs.run(command, desk.test_seconds)
    return record.adding(Finding("coverage", told(run), (), {"exit_code": run.exit_code}))


def verify_all(desk: Desk, record: Record) -> Record:
    """Look once more: clean worktree, tag in place, branches contained, documents there; then the sprint is closed.

    Raises:
        Drifted: something is missing.
    """
    plan = record.sprint.plan
    drifts = [*_missing_documents(desk, plan)]
    facts: dict[str, Any] = {"sprint": record.sprint.key, "run": record.run_id}
    if desk.repository is not None:
        drifts += _wrong_in_repository(desk.repository, plan, record.sprint.launch.get("base"))
        tagged = record.found("tag")
        note = desk.notes(plan, "tagged")
        facts |= dict(tagged.facts) if tagged else {}
        facts |= {"head": note[-1].data.get("head")} if note else {}
    if drifts:
        raise Drifted(tuple(drifts))
    fresh = desk.fresh(record.sprint)
    if fresh.state != "closed":
        desk.book.append(lambda _db: [Draft("sprint.closed", desk.actor, facts)])
    return record.adding(Finding("final", f"{plan.name} is closed", (), facts))


def _missing_documents(desk: Desk, plan: Plan) -> Iterator[Drift]:
    for path in (desk.documents.find(names.CONTINUITY), desk.documents.find(names.HISTORY), plan.summary_path):
        if not desk.documents.has(path, BLOCK):
            yield Drift("document", path, f"{path} does not speak of the sprint")


def _wrong_in_repository(repository: GitRepository, plan: Plan, base: str | None) -> Iterator[Drift]:
    changes = Changes(repository)
    dirty = [path for path in changes.dirty() if not is_own(path, OWN)]
    if dirty:
        yield Drift("repository", dirty[0], f"there are changes that are not committed: {', '.join(dirty[:5])}")
    at = repository.tags().get(plan.tag)
    if at is None or not repository.is_annotated(plan.tag):
        yield Drift("tag", plan.tag, f"the annotated tag {plan.tag} is not there")
    elif not repository.is_ancestor(at, "HEAD"):
        yield Drift("tag", plan.tag, f"the tag {plan.tag} is not on {plan.branch}")
    for branch in branches_of(repository, plan, base):
        if branch.state == "unmerged":
            yield Drift("branch", branch.name, f"the branch {branch.name} is not merged into {plan.branch}")
