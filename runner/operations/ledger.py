"""Ends of the ledger that were recorded outside it, where whoever cuts the ledger cannot reach them."""

from __future__ import annotations

from bluelabel.interfaces.events import Head
from bluelabel.runner.workspace import Workspace


def recorded_heads(workspace: Workspace) -> tuple[Head, ...]:
    """Return the heads that the annotated tags of closed sprints carry."""
    if workspace.repository is None:
        return ()
    from bluelabel.services.sprint.ledger_tag import heads_in_tags, ledger_name

    return heads_in_tags(workspace.repository, ledger_name(next(iter(workspace.book.read(0)), None)))
