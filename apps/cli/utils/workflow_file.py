"""What is said when a run goes on and its workflow file is no more what it was when the run began."""

from __future__ import annotations

from typing import Any, Final

from bluelabel.apps.cli.app import plain
from bluelabel.services.workflow.workflow_files import FileState, Source

_SAID: Final = {
    FileState.CHANGED: "has changed since the run began",
    FileState.GONE: "is gone",
    FileState.UNREADABLE: "cannot be read any more",
}
_KEEPS = "the run goes on with the definition it has"


def source_note(run_id: str, source: Source, *, anew: bool = False) -> str | None:
    """Return the line for a run that goes on; None where there is nothing to say.

    Args:
        run_id: the run.
        source: the file that it was started from.
        anew: the run goes on as the file says now.
    """
    if source.path is None:
        return f"it is not known which file the run was started from: {_KEEPS}"
    if anew:
        return plain(f"the run goes on with the definition that {source.path} has now")
    if source.state not in _SAID:
        return None
    text = f"{source.path} {_SAID[source.state]}: {_KEEPS}"
    if source.differing:
        return plain(f"{text}; steps that have finished are others in the new one: {', '.join(source.differing[:5])}")
    offer = f"; `bluelabel run dag --retry {run_id} --with-new-definition` takes the new one"
    return plain(text + (offer if source.state is FileState.CHANGED else ""))


def source_facts(source: Source, *, anew: bool = False) -> dict[str, Any]:
    """Return the same as a field of the run's object."""
    return {"definition": {**source.as_json(), "used": "new" if anew else "kept"}}
