"""Looking at a card file where nothing may be written: the same answer, and nothing is remembered."""

from __future__ import annotations

from bluelabel.interfaces.errors import NotPermitted
from bluelabel.services.cards.desk import Desk
from bluelabel.services.cards.document import parse
from bluelabel.services.cards.guard import compare
from bluelabel.services.cards.memory import State, digest
from bluelabel.services.cards.model import CardDocument
from bluelabel.services.cards.paper import Recorded, Report


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
    events = [*_noticed(desk, state, document), *waiting]
    if not events:
        return document
    desk.report.notes.append(f"{desk.file}: {len(events)} recorded changes are not in the file now; shown with them")
    return desk.outcome(document, [(event.kind, event.data) for event in events]).document


def _noticed(desk: Desk, state: State, now: CardDocument) -> list[Recorded]:
    """Sound the alarm for what somebody else's save has lost; return the changes that are to be made again."""
    known = desk.known(state).known
    before = desk.memory.text(known)
    if not known or digest(now.to_bytes()) == known:
        return []
    again = desk.taken_back(state, now)
    coming = frozenset(str(event.data.get("id")) for event in again if event.kind == "card.created")
    alarm = compare(parse(before, desk.vocabulary), now, coming | now.moved) if before is not None else None
    desk.report.alarms += [alarm] if alarm else []
    return again
