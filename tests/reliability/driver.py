"""A process that uses the post office at full speed until it is done or killed; every answer is one line on stdout.

python -m reliability.driver ROOT send|work|mixed|views COUNT [NAME]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from reliability.launch import BUGS

from bluelabel.interfaces.strict_json import dumps
from bluelabel.runner.workspace import Workspace
from bluelabel.services.postbox.outgoing import OutgoingMessage


def tell(noun: str, **values: object) -> None:
    """Acknowledge in one write."""
    os.write(1, (dumps({"schema": f"bluelabel.{noun}/1", **values}) + "\n").encode())


def send(workspace: Workspace, number: int, name: str) -> None:
    """Send one message."""
    outgoing = OutgoingMessage("CC", ("CA",), subject=f"{name}-{number}", content={"body": "text", "number": number})
    sent = workspace.postbox.send(outgoing)
    tell("send", id=sent.id, sender=name, number=number)


def work(workspace: Workspace, wait: float, lease: float, name: str) -> bool:
    """Claim and finish one message; False when none waited."""
    held = workspace.postbox.claim("CA", lease=lease, wait=wait, worker=name)
    if held is None or held.token is None:
        return False
    tell("claim", id=held.message.id, token=held.token, attempt=held.attempt)
    done = workspace.postbox.ack(held.message.id, held.token)
    tell("delivery", id=done.message.id, state=done.state.value)
    return True


def views(workspace: Workspace, number: int, name: str) -> None:
    """Send one message as CA, read hand edits, bring the boxes up to date."""
    outgoing = OutgoingMessage("CA", ("CC",), subject=f"{name}-{number}", content={"body": "text", "number": number})
    sent = workspace.postbox.send(outgoing)
    tell("send", id=sent.id, sender=name, number=number)
    workspace.read_edits()
    workspace.refresh_views(["CA", "CC"])


def main(argv: list[str]) -> None:
    """Run one command."""
    root, command, count = Path(argv[0]), argv[1], int(argv[2])
    name = argv[3] if len(argv) > 3 else f"p{os.getpid()}"
    if len(argv) > 4:
        BUGS[argv[4]]()
    workspace = Workspace.open(root)
    for number in range(count):
        if command in ("send", "mixed"):
            send(workspace, number, name)
        if command == "work" and not work(workspace, 2.0, 1.0, name):
            break
        if command == "views":
            views(workspace, number, name)
        if command == "mixed":
            work(workspace, 0.0, 0.2, name)
            if number % 5 == 4:
                workspace.read_edits()
                workspace.refresh_views(["CA", "CC"])
    workspace.close()


if __name__ == "__main__":
    main(sys.argv[1:])
