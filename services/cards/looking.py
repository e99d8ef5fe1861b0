"""Looking at a card file where nothing may be written: the same answer, and nothing is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluelabel.interfaces.errors import NotPermitted
from bluelabel.services.cards.apply_events import is_told
from bluelabel.services.cards.card_file import Report
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.file_state import State, digest
from bluelabel.services.cards.text.model import CardDocument


def look(desk: Desk) -> CardDocument:
    """Return a card file as it would stand once somebody may write; say in its report what is still to be done.

    Raises:
        NotFound: there is no such file.
        NotPermitted: it may not be read either.
    """
    desk.report = Report()
    document = desk.read()
    try:
        state = desk.memory.load()
    except NotPermitted as error:
        desk.report.notes.append(f"{desk.file}: whether it has lost cards is unknown: {error}")
        return document
    if state is None:
        return document
    waiting = [event for event in desk.recorded(state.applied) if event.branch in (None, desk.branch())]
    events = [*_noticed(desk, state, document), *((event.kind, event.data) for event in waiting)]
    if not events:
        return document
    desk.report.notes.append(f"{desk.file}: {len(events)} recorded changes are not in the file now; shown with them")
    return desk.outcome(document, events).document


def _noticed(desk: Desk, state: State, now: CardDocument) -> list[tuple[str, Mapping[str, Any]]]:
    """Sound the alarm for what somebody else's save has lost; return what is to be recorded of it."""
    known, data = desk.known(state).known, now.to_bytes()
    if not known or digest(data) == known or desk.memory.text(known) is None:
        return []
    notice = desk.notice(state, data, desk.version(state, data))
    desk.report.alarms += [notice.alarm] if notice.alarm else []
    return [(draft.kind, draft.data) for draft in notice.drafts if not is_told(draft.data)]
