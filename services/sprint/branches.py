"""Which branches belong to a sprint, and whether they have arrived."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bluelabel.services.git.repository import GitRepository
from bluelabel.services.sprint.model import Plan


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of a sprint.

    Args:
        name: without the remote's name.
        tip: its commit; None when it is gone.
        state: ``merged``, ``unmerged`` or ``missing``.
        local: whether it is a local branch.
        clashes: the files that merging it would conflict in.
    """

    name: str
    tip: str | None
    state: str
    local: bool = True
    clashes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return its JSON object."""
        return asdict(self) | {"clashes": list(self.clashes)}


def branches_of(repository: GitRepository, plan: Plan, base: str | None) -> list[Branch]:
    """Return the branches of a sprint: those its cards name, and local ones that carry the id of one of its cards.

    Args:
        repository: where they are.
        plan: the sprint's.
        base: the commit that the sprint began at; merges since then count as arrivals of branches that are gone.
    """
    known = repository.branches()
    names = list(plan.branches)
    names += [name for name in known if _carries(name, plan) and repository.ref(f"refs/heads/{name}")]
    target = repository.resolve(f"refs/heads/{plan.branch}") or repository.resolve("HEAD")
    found: list[Branch] = []
    for name in dict.fromkeys(name for name in names if name != plan.branch):
        local = repository.ref(f"refs/heads/{name}")
        tip = local or _remote(known, name)
        if tip is None:
            state = (
                "merged" if any(_names(subject, name) for subject in _merges(repository, base, target)) else "missing"
            )
            found.append(Branch(name, None, state, local=False))
        elif target is not None and repository.is_ancestor(tip, target):
            found.append(Branch(name, tip, "merged", local is not None))
        else:
            clashes = _clashes(repository, target, tip) if target else ()
            found.append(Branch(name, tip, "unmerged", local is not None, clashes))
    return found


def tip_of(repository: GitRepository, name: str) -> str | None:
    """Return the commit that a branch is at: the local one, else the one of any remote; None when there is neither."""
    return repository.ref(f"refs/heads/{name}") or _remote(repository.branches(), name)


def _remote(known: Mapping[str, str], name: str) -> str | None:
    return next((known[full] for full in known if full.partition("/")[2] == name), None)


def _carries(name: str, plan: Plan) -> bool:
    return any(re.search(rf"(?<![A-Za-z0-9]){re.escape(c.id)}(?![A-Za-z0-9])", name, re.IGNORECASE) for c in plan.cards)


def _merges(repository: GitRepository, base: str | None, target: str | None) -> Iterator[str]:
    for commit in repository.commits(base, target) if target else ():
        if len(commit.parents) > 1:
            yield commit.subject


def _names(subject: str, name: str) -> bool:
    words = re.sub(r"['\"`:]", " ", subject).split()
    return any(word == name or word.endswith("/" + name) for word in words)


def _clashes(repository: GitRepository, target: str, tip: str) -> tuple[str, ...]:
    """Return the files that a merge would conflict in; drivers of the config take part, nothing is changed for good."""
    args = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", target, tip)
    answer = repository.git.change(*args)
    return tuple(dict.fromkeys(answer.lines()[1:])) if answer.code == 1 else ()
