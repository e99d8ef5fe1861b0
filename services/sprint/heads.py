"""The ledger's end, carried by the tag of a closed sprint: whoever cuts the ledger afterwards does not reach it."""

from __future__ import annotations

import re
from typing import Final

from bluelabel.interfaces.events import Event, Head
from bluelabel.services.git.repository import GitRepository

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
