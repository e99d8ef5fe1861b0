"""What the sprint clerk works with: the book, the cards, the post, the repository and the documents of one worktree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bluelabel.interfaces.errors import NotFound, Refused
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.ports import Clock
from bluelabel.interfaces.times import to_text
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.status.statuses import Vocabulary
from bluelabel.services.cards.text.file_problems import quoted
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.git.repository import GitRepository
from bluelabel.services.ledger.book import Book
from bluelabel.services.postbox.postbox import Postbox
from bluelabel.services.sprint.document_files import Documents
from bluelabel.services.sprint.model import Plan
from bluelabel.services.sprint.projection import Note, Sprint, key_of, notes, sprints
from bluelabel.services.sprint.reconstruct import Papers, recollected
from bluelabel.services.sprint.settings import SprintSettings
from bluelabel.services.workflow.dag_run_store import DAGRunStore


@dataclass(frozen=True)
class Desk:
    """The tools of the clerk.

    Args:
        root: top of the worktree.
        book: ledger and index.
        postbox: the post office.
        runs: the store of workflow runs.
        repository: None outside git.
        clock: where time comes from.
        actor: who acts.
        coordinator: who gets reports.
        cards_path: the card file, relative to the root.
        board: the board over the card file.
        settings: of ``[sprint]``.
        test_command: of ``[evidence]``; empty for none.
        test_seconds: its time limit.
    """

    root: Path
    book: Book
    postbox: Postbox
    runs: DAGRunStore
    repository: GitRepository | None
    clock: Clock
    actor: str
    coordinator: str
    cards_path: str
    board: Board
    settings: SprintSettings = field(default_factory=SprintSettings)
    test_command: tuple[str, ...] = ()
    test_seconds: float = 600.0

    @cached_property
    def documents(self) -> Documents:
        """The documents of the worktree."""
        return Documents(self.root, self.settings.documents)

    def now(self) -> str:
        """Return the moment, as the ledger writes it."""
        return to_text(self.clock.now())

    def cards(self) -> CardDocument:
        """Return the card file as it stands; an empty one when there is none."""
        return parse(self.documents.read(self.cards_path), self.vocabulary)

    @property
    def vocabulary(self) -> Vocabulary:
        """The names and phrases of the project."""
        return self.board.desk.vocabulary

    def statuses(self) -> dict[str, str | None]:
        """Return the status of every card, `UNKNOWN` where nobody can read it; of a doubled id, that of the first."""
        return {name: cards[0].status_word for name, cards in self.cards().by_id.items()}

    def require_known(self, names: Iterable[str]) -> None:
        """See that the status of every card among `names` can be read.

        Raises:
            Refused: of one it cannot; the error has the card's own words.
        """
        known = self.cards().by_id
        unknown = [known[name][0] for name in names if name in known and known[name][0].status_unknown]
        if unknown:
            said = "; ".join(f"{card.id} says {quoted(card.status_raw or '')}" for card in unknown[:8])
            more = f"; and {len(unknown) - 8} more" if len(unknown) > 8 else ""
            hint = "write a status that is known, or teach the phrase in [cards.statuses] of bluelabel.toml"
            raise Refused(f"the status of a card is unknown: {said}{more}", where=self.cards_path, hint=hint)

    @property
    def papers(self) -> Papers:
        """Where documents and history are."""
        return Papers(self.root, self.documents, self.cards_path, self.vocabulary, self.repository)

    def sprints(self) -> list[Sprint]:
        """Return all sprints in the order in which they were planned; first those that only documents tell of."""
        with self.book.reading() as db:
            recorded = sprints(db)
        return [*recollected(self.papers, {sprint.key for sprint in recorded}), *recorded]

    def sprint(self, number: str | None = None, phase: str | None = None, *, begun: bool = False) -> Sprint:
        """Return a sprint: by number (and phase), or the one that is under way, else the last one.

        Args:
            number: None for the one under way.
            phase: None for any.
            begun: when no number is given, pass over those that are only planned.

        Raises:
            NotFound: there is none.
            Refused: several phases have a sprint of this number.
        """
        known = self.sprints()
        found = [s for s in known if number in (None, s.plan.number) and phase in (None, s.plan.phase)]
        found = [s for s in found if number is not None or not begun or s.state != "planned"]
        if not found:
            hint = "see `bluelabel sprint status --all`" if known else "plan one with `bluelabel sprint plan`"
            raise NotFound("no such sprint", where=f"{phase or ''}/{number or ''}".strip("/") or None, hint=hint)
        if number is None:
            return next((s for s in found if s.state == "launched"), found[-1])
        if len(found) > 1:
            phases = ", ".join(s.plan.phase for s in found)
            raise Refused(f"several phases have a sprint {number}", hint=f"say which with --phase: {phases}")
        return found[0]

    def fresh(self, sprint: Sprint) -> Sprint:
        """Return the sprint as the ledger has it now."""
        return next((s for s in self.sprints() if s.key == sprint.key), sprint)

    def notes(self, plan: Plan, what: str | None = None) -> list[Note]:
        """Return what was noted of a sprint, oldest first."""
        with self.book.reading() as db:
            return notes(db, key_of(plan), what)

    def note(self, plan: Plan, what: str, data: Mapping[str, Any]) -> None:
        """Note a fact of a sprint; durable when this returns."""
        self.book.append(lambda _db: [self.noted(plan, what, data)])

    def noted(self, plan: Plan, what: str, data: Mapping[str, Any]) -> Draft:
        """Return the event that notes a fact of a sprint."""
        return Draft("sprint.noted", self.actor, {"sprint": key_of(plan), "what": what, **data})

    def require_repository(self) -> GitRepository:
        """Return the repository.

        Raises:
            Refused: there is none.
        """
        if self.repository is None:
            raise Refused("this workspace is not in a git repository", where=str(self.root), hint="`git init` first")
        return self.repository

    def last_closed(self) -> Sprint | None:
        """Return the sprint that was closed last, or None."""
        closed: Sequence[Sprint] = [s for s in self.sprints() if s.closed is not None]
        return max(closed, key=lambda s: s.closed or 0) if closed else None
