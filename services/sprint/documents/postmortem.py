"""The postmortem: numbers and action items are filled in, words are people's and stay."""

from __future__ import annotations

from collections.abc import Sequence

from bluelabel.interfaces.errors import IllegalTransition, UsageError
from bluelabel.services.sprint.context import Desk
from bluelabel.services.sprint.documents.action_items import add, read_back, settle
from bluelabel.services.sprint.documents.writers import write_postmortem
from bluelabel.services.sprint.model import one_line
from bluelabel.services.sprint.projection import Sprint


def postmortem(
    desk: Desk,
    sprint: Sprint,
    *,
    tag: str | None = None,
    actions: Sequence[tuple[str, str | None]] = (),
    done: Sequence[str] = (),
) -> list[str]:
    """Write the postmortem of a sprint, or bring it up to date; return the paths that changed.

    Args:
        desk: the clerk's tools.
        sprint: whose postmortem.
        tag: the tag that the sprint gets.
        actions: action items to add, each with its owner.
        done: ids of action items that are done.

    Raises:
        IllegalTransition: the sprint was never launched.
        UsageError: an action item without words.
        NotFound: an id that no action item has.
    """
    if not all(one_line(text) for text, _ in actions):
        raise UsageError("an action item without words", hint='write --action "OWNER:What is to be done"')
    if sprint.state == "planned":
        raise IllegalTransition(f"{sprint.plan.name} is not launched", hint="`bluelabel sprint launch`")
    read_back(desk, sprint.plan, desk.documents.read(sprint.plan.postmortem_path))
    add(desk, sprint.plan, [(text, owner, False) for text, owner in actions])
    for name in done:
        settle(desk, name, done=True)
    return write_postmortem(desk, desk.fresh(sprint), tag)
