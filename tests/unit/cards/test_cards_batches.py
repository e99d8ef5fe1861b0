"""Many cards that go or come back at once: one edit, every block byte for byte, and time that grows with the file."""

import os
from pathlib import Path

import pytest

from bluelabel.services.cards.apply_events import Outcome, apply
from bluelabel.services.cards.editing import edit, sections
from bluelabel.services.cards.status.statuses import BUILT_IN, CardStatus, Vocabulary
from bluelabel.services.cards.text.model import CardDocument
from bluelabel.services.cards.text.parser import parse, parse_text

DATA = Path(__file__).parents[2] / "data" / "cards"
CORPUS = os.environ.get("BLUELABEL_CORPUS")
REAL = sorted((Path(CORPUS) / "task_cards").glob("*")) if CORPUS else []
FILES = [
    *sorted(DATA.glob("*.md")),
    *(pytest.param(path, marks=pytest.mark.nightly) if number % 12 else path for number, path in enumerate(REAL)),
]
FENCED = b"### TASK-1: a\n```\nopen\n"


def blocks(document: CardDocument) -> list[str]:
    return sorted(edit.block(document, card) for card in document.cards)


def archivings(document: CardDocument, to: str | None = "section") -> list[tuple[str, dict[str, object]]]:
    chosen = [card for card in document.cards if card.status is CardStatus.COMPLETED and not sections.in_archive(card)]
    before = dict(
        zip([card.start for card in document.cards], ["", *(card.id for card in document.cards)], strict=False)
    )
    return [
        (
            "card.archived",
            {
                "id": card.id,
                "to": to,
                "block": edit.block(document, card),
                "section": card.section,
                "follows": before[card.start],
            },
        )
        for card in chosen
    ]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_all_completed_cards_go_to_the_archive_byte_for_byte_and_in_order(file: Path) -> None:
    document = parse(file.read_bytes())
    events = archivings(document)
    outcome = Outcome(document)
    apply(outcome, events)

    if not outcome.missed:
        assert blocks(outcome.document) == blocks(document)
        moved = [edit.block(outcome.document, card) for card in outcome.document.cards if sections.in_archive(card)]
        assert moved[len(moved) - len(events) :] == [data["block"] for _, data in events]
    else:
        assert document.problems  # an open fence or a saved conflict is in the way


@pytest.mark.parametrize("file", FILES, ids=str)
def test_cards_taken_out_together_come_back_in_the_order_they_stood_in(file: Path) -> None:
    document = parse(file.read_bytes())
    outcome = Outcome(document)
    apply(outcome, archivings(document, None))
    if outcome.missed or len(document.by_id) < len(document.cards):
        assert document.problems  # a card whose id stands there still is not brought back
        return
    back = [("card.restored", {**data, "from": None}) for _, data in archivings(document, None)]
    apply(outcome, back)

    assert outcome.missed == []
    assert blocks(outcome.document) == blocks(document)
    now = [card.id for card in outcome.document.cards]
    ids = {str(data["id"]) for _, data in back}
    for follows, name in [(str(data["follows"]), str(data["id"])) for _, data in back]:
        if follows in ids and document.card(follows).section == document.card(name).section:
            assert now.index(follows) + 1 == now.index(name)


def test_doing_it_again_changes_nothing() -> None:
    document = parse((DATA / "tracker.md").read_bytes())
    once = Outcome(document)
    apply(once, archivings(document))
    twice = Outcome(once.document)
    apply(twice, archivings(document))

    assert twice.text == once.text


def test_one_card_that_cannot_go_does_not_hold_the_others_back() -> None:
    plain = b"".join(b"### TASK-%d: x\nStatus: Done\n\n" % number for number in range(2, 20))
    document = parse(b"## Active Tasks\n\n" + plain + FENCED + b"### TASK-20: y\n\n## Archive\n\n## Notes\n\nWords.\n")
    events = [
        ("card.archived", {"id": card.id, "to": "section", "block": edit.block(document, card)})
        for card in document.cards
        if card.id != "TASK-20"
    ]
    outcome = Outcome(document)
    apply(outcome, events)

    assert [said[:6] for said in outcome.missed] == ["TASK-1"]
    assert {card.id for card in outcome.document.cards if sections.in_archive(card)} == {
        f"TASK-{number}" for number in range(2, 20)
    }
    assert blocks(outcome.document) == blocks(document)


def test_archiving_reads_the_file_as_often_for_a_thousand_cards_as_for_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(text: str, vocabulary: Vocabulary = BUILT_IN) -> CardDocument:
        read.append(len(text))
        return parse_text(text, vocabulary)

    monkeypatch.setattr("bluelabel.services.cards.editing.sections.parse_text", counted)
    counts: list[int] = []
    for size in (10, 1000):
        body = b"".join(b"### TASK-%05d: x\nStatus: Done\n\n" % number for number in range(size))
        document = parse(b"## Active Tasks\n\n" + body + b"## Archive\n")
        read.clear()
        apply(Outcome(document), archivings(document))
        counts.append(sum(1 for length in read if length > len(body) // 2))

    assert counts[0] == counts[1]
