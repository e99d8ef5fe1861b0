"""The run that an argument which may also be a file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluelabel.interfaces.errors import NotFound
from bluelabel.interfaces.names import identifier

if TYPE_CHECKING:
    from bluelabel.apps.cli.app import App
    from bluelabel.services.workflow.dag_run_tracker import DAGRun


def named_run(app: App, target: str) -> DAGRun:
    """Return the workspace's run of this name.

    Raises:
        NotFound: there is none; the hint names the nearest.
        InvalidName: it cannot be the name of one.
    """
    try:
        return app.workspace().runs.require(identifier(target, "a file or run id"))
    except NotFound as error:
        raise NotFound("no file and no run of this name", where=target, hint=error.hint) from None
