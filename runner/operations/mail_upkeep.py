"""Keeping the mail in order: imports taken back, dead letters, the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluelabel.interfaces.messages import Delivery
from bluelabel.interfaces.records.mail import Archived, ImportUndone, Purged, Settlement
from bluelabel.services.postbox import dead_letters as dead
from bluelabel.services.postbox.archive import archive as archiving
from bluelabel.services.postbox.boxes.undo import undo_import as undoing

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


def undo_import(workspace: Workspace, seq: int | None = None) -> ImportUndone:
    """Take back what the last import, or the one with event number `seq`, did, as far as nobody has built on it.

    Raises:
        NotFound: there is no such import.
        IllegalTransition: it was taken back before.
    """
    done = undoing(workspace.postbox, workspace.actor, seq)
    workspace.refresh_views(workspace.settings.directory.mailboxes)
    return done


def archive(workspace: Workspace, older_than: float, *, dry_run: bool = False) -> Archived:
    """Move messages that are settled everywhere into ``postbox/<SENDER>/archive/``; the ledger keeps them too.

    Args:
        workspace: where.
        older_than: seconds since they were sent.
        dry_run: only say which.

    Raises:
        MachineError: a file could not be written; nothing was moved.
    """
    folder = workspace.root / "postbox"
    ids = archiving(workspace.postbox, folder, older_than, workspace.actor, dry_run=dry_run)
    if ids and not dry_run:
        workspace.refresh_views(workspace.settings.directory.mailboxes)
    return Archived(tuple(ids), dry_run)


def dead_letters(workspace: Workspace, agent: str | None = None) -> tuple[Delivery, ...]:
    """Return the dead letters of an agent, or of all.

    Raises:
        UnknownAgent: nobody is called so.
    """
    return tuple(dead.dead_letters(workspace.postbox, agent))


def retry_dead(workspace: Workspace, message_id: str) -> list[Settlement]:
    """Put a dead letter back where it died; its attempts start anew.

    Raises:
        NotFound: no such message.
        IllegalTransition: it is dead nowhere.
    """
    found = dead.retry(workspace.postbox, message_id, workspace.actor)
    workspace.refresh_views([item.recipient for item in found])
    return [Settlement.of(item) for item in found]


def purge_dead(workspace: Workspace, agent: str | None = None) -> Purged:
    """Give up every dead letter of an agent, or of all; the ledger keeps them.

    Raises:
        UnknownAgent: nobody is called so.
    """
    count = dead.purge(workspace.postbox, workspace.actor, agent)
    workspace.refresh_views(workspace.settings.directory.mailboxes)
    return Purged(count)
