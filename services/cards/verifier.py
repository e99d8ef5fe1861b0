"""Evidence at work: what runs the tests, what the ledger keeps, what refuses COMPLETED, what reports may move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from bluelabel.interfaces.errors import NotFound, Refused, UsageError
from bluelabel.interfaces.events import Draft
from bluelabel.interfaces.names import identifier
from bluelabel.interfaces.times import span
from bluelabel.services.cards.apply_events import pack
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.editing import edit
from bluelabel.services.cards.evidence.inspector import CardEvidence, Inspector, Verdict
from bluelabel.services.cards.evidence.project_tests import TestRun, run_tests
from bluelabel.services.cards.status.statuses import CardStatus, Vocabulary
from bluelabel.services.cards.value_format import named, raw_value

_TEST_SECONDS: Final = 600.0
_REPORTED: Final[Mapping[str, CardStatus]] = {
    "success": CardStatus.COMPLETED,
    "partial_success": CardStatus.IN_PROGRESS,
    "ready_for_review": CardStatus.IN_PROGRESS,
    "assigned": CardStatus.NOT_STARTED,
    "failed": CardStatus.BLOCKED,
    "error": CardStatus.BLOCKED,
    "needs_input": CardStatus.BLOCKED,
}


class Verifier:
    """Checks the claims of the cards of one file.

    Args:
        desk: the file; its table ``[evidence]`` has ``test``, the test command as a list, and ``timeout`` in seconds.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settings = desk.table("evidence")

    def inspector(self, revision: str | None = None) -> Inspector:
        """Return what judges claims by a revision, or by the working tree."""
        return Inspector(self.desk.repository, revision, self._tests())

    def _tests(self) -> Callable[[], TestRun] | None:
        command: Any = self.settings.get("test")
        if not command:
            return None
        argv = (
            [str(part) for part in cast(list[object], command)] if isinstance(command, list) else str(command).split()
        )
        repository = self.desk.repository
        root = repository.root if repository else self.desk.path.parent
        seconds = span(str(self.settings.get("timeout", _TEST_SECONDS))).total_seconds()
        return lambda: run_tests(argv, root, seconds)

    def before_setting(self, name: str, field: str, value: str) -> CardEvidence | None:
        """Check the claims of a card that is about to call itself completed; None for any other change."""
        if field != "status" or self.desk.vocabulary.status(value) is not CardStatus.COMPLETED:
            return None
        self.desk.inspect()
        document = self.desk.read()
        card = document.card(name)
        return None if card.status is CardStatus.COMPLETED else self.inspector().card(document, card)

    def draft(self, evidence: CardEvidence, by: str | None = None) -> Draft:
        """Return the event that keeps what was found."""
        return self.desk.draft("card.verified", evidence.as_json(), by)

    def plan_move(self, task_id: str, status: str, *, by: str | None = None, message: str | None = None) -> list[Draft]:
        """Return what an agent's report does to its card, to be appended together with the report.

        Call `recover` after the append: it brings the file in line. COMPLETED with a false claim gives only the
        evidence. A card that is not in the file, or whose status nobody can read, and a word that is no status give
        nothing: what people wrote and no machine understands is not written over.

        Args:
            task_id: the card.
            status: the word of the report (``completed``, ``in_progress``, ``failed`` …).
            by: the agent that reports; the actor unless given.
            message: the id of the report.
        """
        wanted = reported(status, self.desk.vocabulary)
        self.desk.inspect()
        try:
            document = self.desk.read()
            card = document.card(identifier(task_id))
        except (NotFound, UsageError):
            return []
        if wanted is None or card.status is wanted or card.status_unknown:
            return []
        drafts: list[Draft] = []
        if wanted is CardStatus.COMPLETED:
            evidence = self.inspector().card(document, card)
            drafts.append(self.draft(evidence, by))
            if evidence.verdict is Verdict.FALSE:
                return drafts
        data = {"field": "status", "before": pack(raw_value(card, "status")), "after": edit.spelled(document, wanted)}
        data |= {"message": message} if message else {}
        return [*drafts, self.desk.draft("card.changed", named(document, card) | data, by)]


def reported(word: str, vocabulary: Vocabulary) -> CardStatus | None:
    """Return the status that the word of a report leads a card to, None for one that nobody knows."""
    return _REPORTED.get(word.strip().casefold()) or vocabulary.status(word)


def refusal(evidence: CardEvidence) -> Refused:
    """Return the error that says which claims are false."""
    false = [judged for judged in evidence.claims if judged.verdict is Verdict.FALSE]
    shown = "; ".join(f"{judged.claim.target or judged.claim.text}: {judged.evidence}" for judged in false[:3])
    more = f"; and {len(false) - 3} more" if len(false) > 3 else ""
    hint = f"see `bluelabel card verify {evidence.id}`; to set it all the same: --force --reason TEXT"
    return Refused(
        f"{len(false)} of {len(evidence.claims)} claims are false ({shown}{more})", where=evidence.id, hint=hint
    )
