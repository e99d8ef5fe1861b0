"""Claims: taking a message with a lease, and settling it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bluelabel.interfaces.errors import NotFound, UsageError
from bluelabel.interfaces.messages import Delivery
from bluelabel.interfaces.records.mail import Settlement

if TYPE_CHECKING:
    from bluelabel.runner.workspace import Workspace


def claim(workspace: Workspace, agent: str, *, wait: float = 0.0, lease: float | None = None) -> Delivery:
    """Take the most urgent message that waits for an agent.

    Args:
        workspace: where.
        agent: for whom.
        wait: seconds to wait for one.
        lease: seconds that the claim lasts; as the settings say unless given.

    Raises:
        UnknownAgent: nobody is called so.
        UsageError: the lease is not above 0.
        NotFound: nothing waits.
    """
    workspace.settings.directory.check(agent)
    workspace.read_edits()
    lease = workspace.settings.lease if lease is None else lease
    if lease <= 0:
        raise UsageError("a claim needs a lease", hint="give a duration above 0, such as --lease 15m")
    found = workspace.postbox.claim(agent, lease=lease, wait=wait, worker=workspace.worker_name(agent))
    if found is None:
        raise NotFound("nothing waits", where=agent, hint="use --wait 1m to wait for a message")
    workspace.refresh_views([found.recipient])
    return found


def ack(workspace: Workspace, message_id: str, token: str, result: Mapping[str, Any] | None = None) -> Settlement:
    """Finish a claimed message. Doing it twice is doing it once.

    Raises:
        NotFound: no such message.
        StaleToken: the claim is over.
    """
    return _settled(workspace, workspace.postbox.ack(message_id, token, result=result))


def nack(workspace: Workspace, message_id: str, token: str, *, reason: str = "", delay: float = 0.0) -> Settlement:
    """Give a claimed message back, to be handed out again after `delay` seconds. Raises as `ack` does."""
    return _settled(workspace, workspace.postbox.nack(message_id, token, reason=reason, delay=delay))


def renew(workspace: Workspace, message_id: str, token: str, *, lease: float | None = None) -> Settlement:
    """Let a claim last `lease` seconds from now, as the settings say unless given. Raises as `ack` does."""
    seconds = workspace.settings.lease if lease is None else lease
    return _settled(workspace, workspace.postbox.renew(message_id, token, lease=seconds))


def _settled(workspace: Workspace, found: Delivery) -> Settlement:
    workspace.refresh_views([found.recipient, found.message.sender])
    return Settlement.of(found)
