"""Looking at a card file where nothing may be written: the same answer, and nothing is remembered."""

from __future__ import annotations

from bluelabel.interfaces.errors import NotPermitted
from bluelabel.services.cards.document import parse
from bluelabel.services.cards.guard import compare
from bluelabel.services.cards.memory import digest
from bluelabel.services.cards.model import CardDocument
from bluelabel.services.cards.paper import Paper, Report


def look(paper: Paper) -> CardDocument:
    """Return a card file as it would stand once somebody may write; say in its report what is still to be done.

    Raises:
        NotFound: there is no such file.
        NotPermitted: it may not be read either.
    """
    paper.report = Report()
    document = paper.read()
    try:
        state = paper.memory.load()
    except NotPermitted as error:
        paper.report.notes.append(f"{paper.file}: whether it has lost cards is unknown: {error}")
        return document
    if state is None:
        return document
    branch = paper.branch()
    known = state.branches.get(branch)
    before = paper.memory.text(known.known) if known is not None else None
    if before is not None and digest(document.to_bytes()) != digest(before):
        alarm = compare(parse(before, paper.agents), document, document.moved)
        paper.report.alarms += [alarm] if alarm else []
    waiting = [event for event in paper.recorded(state.applied) if event.branch in (None, branch)]
    if not waiting:
        return document
    paper.report.notes.append(f"{paper.file}: {len(waiting)} recorded changes are not in the file yet; shown with them")
    return paper.outcome(document, [(event.kind, event.data) for event in waiting]).document
