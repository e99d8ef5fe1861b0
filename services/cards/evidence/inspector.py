"""Checks what a card claims against git: what it names must be there; what cannot be checked is never verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.repository import Commit, Repository
from bluelabel.services.cards.evidence.claims import Claim, ClaimKind, claims
from bluelabel.services.cards.evidence.path_check import Tree, judge_path
from bluelabel.services.cards.evidence.project_tests import TestRun
from bluelabel.services.cards.text.model import Card, CardDocument

_SHARED: Final = frozenset({"TASK_CARDS.md", "inbox.json", "outbox.json"})
"""Everybody goes on writing in these, so what differs in them says nothing of a branch."""


class Verdict(StrEnum):
    """What came of a check."""

    VERIFIED = "verified"
    FALSE = "false"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim and what git says of it, in words."""

    claim: Claim
    verdict: Verdict
    evidence: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that `card verify --json` prints for it; `ok` is null when it cannot be checked."""
        ok = {Verdict.VERIFIED: True, Verdict.FALSE: False}.get(self.verdict)
        return {
            "kind": self.claim.kind.value,
            "text": self.claim.text,
            "target": self.claim.target,
            "ok": ok,
            "evidence": self.evidence,
            "line": self.claim.line,
        }


@dataclass(frozen=True, slots=True)
class CardEvidence:
    """What was found for one card. `revision` is the commit that was looked at, None for the working tree."""

    id: str
    claims: tuple[Judged, ...]
    revision: str | None = None
    tests: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def verdict(self) -> Verdict:
        """False as soon as one claim is; verified only when there are claims and each is."""
        verdicts = {judged.verdict for judged in self.claims}
        if Verdict.FALSE in verdicts:
            return Verdict.FALSE
        return Verdict.VERIFIED if verdicts == {Verdict.VERIFIED} else Verdict.UNVERIFIABLE

    def as_json(self) -> dict[str, Any]:
        """Return the object that `card verify --json` prints."""
        return {
            "id": self.id,
            "verdict": self.verdict.value,
            "revision": self.revision,
            "claims": [judged.as_json() for judged in self.claims],
            **({"tests": self.tests} if self.tests else {}),
        }


class Inspector:
    """Looks at one revision, or at the working tree, and judges claims by it. Answers of git are asked for once.

    Args:
        repository: what to ask; None outside git: then nothing can be checked.
        revision: a revision, or None for the working tree.
        run_tests: runs the project's test command; None when none is set.

    Raises:
        NotFound: the revision names no commit.
    """

    def __init__(
        self,
        repository: Repository | None,
        revision: str | None = None,
        run_tests: Callable[[], TestRun] | None = None,
    ) -> None:
        self.repository = repository
        self.revision: str | None = None
        self._run_tests = run_tests
        self._tests: TestRun | None = None
        if revision is not None:
            self.revision = repository.resolve(revision) if repository else None
            if self.revision is None:
                raise NotFound(
                    "no such revision", where=revision[:80], hint="name a branch, tag or commit of this repository"
                )

    def card(self, document: CardDocument, card: Card) -> CardEvidence:
        """Judge every claim of a card."""
        judged = tuple(self.judge(claim) for claim in claims(document, card))
        tested = self._tests if any(one.claim.kind is ClaimKind.TESTS for one in judged) else None
        return CardEvidence(card.id, judged, self.revision, tested.as_json() if tested else {})

    def judge(self, claim: Claim) -> Judged:
        """Judge one claim."""
        if claim.kind is ClaimKind.TESTS:
            return Judged(claim, *self._judge_tests(claim))
        if self.repository is None:
            return Judged(claim, Verdict.UNVERIFIABLE, "this is no git repository")
        verdict, words = self._judge_by_git(claim, self.repository)
        if verdict is Verdict.FALSE and self._needs_history(claim) and self.repository.is_shallow():
            return Judged(claim, Verdict.UNVERIFIABLE, f"{words}; but the history of this clone is cut short")
        return Judged(claim, verdict, words)

    def _needs_history(self, claim: Claim) -> bool:
        """Only the whole history can deny such a claim; that a path is there still denies its removal by itself."""
        if claim.kind is ClaimKind.REMOVED:
            return judge_path(self._tree, ClaimKind.PATH.value, claim.target)[0] is not True
        return claim.kind not in (ClaimKind.PATH, ClaimKind.CREATED)

    def _judge_by_git(self, claim: Claim, repository: Repository) -> tuple[Verdict, str]:
        ask = {
            ClaimKind.BRANCH: self._branch,
            ClaimKind.MERGED: self._merged,
            ClaimKind.TAG: self._tag,
            ClaimKind.COMMIT: self._commit,
        }.get(claim.kind)
        if ask is not None:
            return ask(claim, repository)
        ok, words = judge_path(self._tree, claim.kind.value, claim.target)
        return _verdict(ok), words

    @cached_property
    def _tree(self) -> Tree:
        repository = self.repository
        if repository is None:
            raise NotFound("no repository", hint="work inside a git repository")
        return Tree(repository, self.revision)

    @cached_property
    def _head(self) -> str:
        return self.revision or "HEAD"

    @cached_property
    def _merges(self) -> Sequence[Commit]:
        repository = self.repository
        commits = repository.commits(None, self._head) if repository else ()
        return [commit for commit in commits if len(commit.parents) > 1]

    @cached_property
    def _branches(self) -> dict[str, str]:
        """Every branch by its name, remote ones also without the remote's name."""
        found = dict(self.repository.branches()) if self.repository else {}
        for name, commit in list(found.items()):
            found.setdefault(name.split("/", 1)[-1], commit)
        return found

    def _branch(self, claim: Claim, repository: Repository) -> tuple[Verdict, str]:
        tip = self._branches.get(claim.target)
        if tip:
            return Verdict.VERIFIED, f"the branch is at {tip[:9]}"
        if repository.branch() == claim.target:
            return Verdict.VERIFIED, "it is checked out and has no commit yet"
        merge = self._merge_of(claim.target)
        if merge:
            return Verdict.VERIFIED, f"it is gone, but {merge.hash[:9]} merged it"
        last = repository.last_tip(claim.target)
        if last:
            return Verdict.VERIFIED, f"it is gone, but was checked out here at {last[:9]}"
        return Verdict.FALSE, "no branch has this name, and no merge names it"

    def _merged(self, claim: Claim, repository: Repository) -> tuple[Verdict, str]:
        into = claim.into if claim.into in self._branches else ""
        target = self._branches[into] if into and self.revision is None else self._head
        name = into or (self.revision[:9] if self.revision else "HEAD")
        tip = self._branches.get(claim.target)
        if tip and repository.is_ancestor(tip, target):
            return Verdict.VERIFIED, f"{tip[:9]} is contained in {name}"
        merge = self._merge_of(claim.target)
        if merge and not tip and repository.is_ancestor(merge.hash, target):
            return Verdict.VERIFIED, f"{merge.hash[:9]} merged it into {name}"
        tip = tip or repository.last_tip(claim.target)
        if tip and repository.is_ancestor(tip, target):
            return Verdict.VERIFIED, f"it is gone, but was at {tip[:9]}, which {name} contains"
        if tip:
            return self._squashed(tip, target, name, repository)
        return Verdict.FALSE, "no branch has this name, and no merge commit names it"

    @staticmethod
    def _squashed(tip: str, target: str, name: str, repository: Repository) -> tuple[Verdict, str]:
        """Judge a branch that was not merged as such by what a merge of it would still change."""
        missing = repository.missing(tip, target)
        if missing == ():
            return Verdict.VERIFIED, f"all that {tip[:9]} changed is in {name}, though no merge brought it"
        squash = repository.squashed(tip, target)
        if squash is not None:
            return Verdict.VERIFIED, f"{squash[:9]} brought into {name} what {tip[:9]} changed"
        if missing is None or all(path.rsplit("/", 1)[-1] in _SHARED for path in missing):
            return Verdict.UNVERIFIABLE, f"{name} does not contain {tip[:9]}; how its changes came is open"
        return Verdict.FALSE, f"the branch is at {tip[:9]}, which {name} does not contain"

    def _merge_of(self, name: str) -> Commit | None:
        for commit in self._merges:
            words = commit.subject.replace("'", " ").replace('"', " ").replace("`", " ").split()
            if any(word == name or word.endswith("/" + name) for word in words):
                return commit
        return None

    def _tag(self, claim: Claim, repository: Repository) -> tuple[Verdict, str]:
        commit = repository.tags().get(claim.target)
        if commit is None:
            return Verdict.FALSE, "no tag has this name"
        if claim.at and not commit.startswith(claim.at.lower()):
            return Verdict.FALSE, f"the tag is at {commit[:9]}, not at {claim.at[:9]}"
        if claim.into == "annotated" and not repository.is_annotated(claim.target):
            return Verdict.FALSE, f"the tag is at {commit[:9]}, but it is not annotated"
        if self.revision and not repository.is_ancestor(commit, self.revision):
            return Verdict.FALSE, f"the tag is at {commit[:9]}, which {self.revision[:9]} does not contain"
        return Verdict.VERIFIED, f"the tag is at {commit[:9]}"

    def _commit(self, claim: Claim, repository: Repository) -> tuple[Verdict, str]:
        found = repository.resolve(claim.target)
        if found is None or not found.startswith(claim.target.lower()):
            return Verdict.FALSE, "no commit has this hash"
        if repository.is_ancestor(found, self._head):
            return Verdict.VERIFIED, f"contained in {self.revision[:9] if self.revision else 'HEAD'}"
        holders = [name for name, tip in repository.branches().items() if repository.is_ancestor(found, tip)][:3]
        where = f"only in {', '.join(holders)}" if holders else "in no branch"
        return Verdict.FALSE, f"the commit is there, but not in what was looked at; {where}"

    def _judge_tests(self, claim: Claim) -> tuple[Verdict, str]:
        if self._run_tests is None:
            return Verdict.UNVERIFIABLE, "no test command is set ([evidence] test in bluelabel.toml)"
        if not self._tests_fit():
            return Verdict.UNVERIFIABLE, "tests run on the working tree, which is not the revision that was asked for"
        if self._tests is None:
            self._tests = self._run_tests()
        ok, words = self._tests.judge(claim.target)
        return _verdict(ok), words

    def _tests_fit(self) -> bool:
        if self.revision is None or self.repository is None:
            return True
        return self.repository.resolve("HEAD") == self.revision and not self.repository.status()


def _verdict(ok: bool | None) -> Verdict:
    return Verdict.UNVERIFIABLE if ok is None else Verdict.VERIFIED if ok else Verdict.FALSE
