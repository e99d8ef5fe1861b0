"""The tag of a closed sprint. It carries the ledger's end, which whoever cuts the ledger afterwards does not reach."""

from __future__ import annotations

import re
from typing import Final

from bluelabel.interfaces.events import Event, Head
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.sprint.model import Plan

_LINE: Final = re.compile(
    r"^Ledger-Head: ([0-9]{1,18}) ([0-9a-f]{64})(?: ([0-9A-Za-z-]{1,64}))?$", re.MULTILINE | re.ASCII
)


def head_line(head: Head, home: str | None) -> str:
    """Return the line of a tag message that carries `head`, and which ledger it is the end of."""
    return f"Ledger-Head: {head.seq} {head.h}" + (f" {home}" if home else "")


def ledger_name(first: Event | None) -> str | None:
    """Return a name that no other ledger has: the beginning of its first event's hash; None for an empty one."""
    return first.h[:16] if first is not None else None


def heads_in(text: str, home: str | None = None) -> tuple[Head, ...]:
    """Return the heads that a tag message carries; with `home`, not those of other ledgers."""
    return tuple(Head(int(m[1]), m[2]) for m in _LINE.finditer(text) if home is None or m[3] in (None, home))


def heads_in_tags(repository: GitRepository, home: str | None = None) -> tuple[Head, ...]:
    """Return the heads that the annotated tags of a repository carry, lowest first.

    Args:
        repository: where the tags are.
        home: the name of the ledger asked about (`ledger_name`): tags that were fetched may carry ends of others.
    """
    form = "--format=%(contents)%00"
    text = repository.git.must("read the tags", "for-each-ref", form, "refs/tags").text
    return tuple(sorted(set(heads_in(text, home)), key=lambda head: head.seq))


def is_our_tag(repository: GitRepository, plan: Plan) -> bool:
    """Tell whether the sprint's tag is there and speaks of this very sprint."""
    message = repository.tag_message(plan.tag)
    return message is not None and message.splitlines()[:1] == [plan.name] and "\nLedger-Head: " in message


def tag_fault(repository: GitRepository, plan: Plan) -> str | None:
    """Return why the sprint cannot get its tag, None if it can, or has it."""
    if repository.git.ask("check-ref-format", f"refs/tags/{plan.tag}").code != 0 or plan.tag.startswith("-"):
        return f"git allows no tag called {plan.tag!a}"
    there = repository.ref(f"refs/tags/{plan.tag}") is not None
    taken = f"the tag {plan.tag} is there already, and this sprint did not make it"
    return taken if there and not is_our_tag(repository, plan) else None
