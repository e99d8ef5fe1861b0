"""A target for atheris: any bytes as a card file. Nothing may fail, hang, or cost a byte or a card.

    python tests/fuzz/fuzz_cards.py -max_total_time=600 -max_len=4096 CORPUS…

`make reliability` runs it through `test_fuzz.py`. It takes the flags of libFuzzer; an input that breaks a promise is
written to a file `crash-…` in the working directory.
"""

from __future__ import annotations

import sys
import time
from datetime import date

import atheris

with atheris.instrument_imports(include=["bluelabel.services.cards"]):
    from bluelabel.services.cards.editing import edit
    from bluelabel.services.cards.evidence.claims import claims
    from bluelabel.services.cards.merge.document import merge
    from bluelabel.services.cards.queries.lint import lint
    from bluelabel.services.cards.queries.record import looks_like_cards, read_cards
    from bluelabel.services.cards.repair import repair
    from bluelabel.services.cards.text.body import checklist, sections
    from bluelabel.services.cards.text.parser import parse

SECONDS = 1.0
"""More processor time than this for one small input is a hang."""

TODAY = date(2026, 1, 1)


def one_input(data: bytes) -> None:
    """Do everything with a file that commands do, and check what is promised.

    Raises:
        AssertionError: a promise is broken.
    """
    began = time.process_time()
    document = parse(data)
    assert document.to_bytes() == data, "read and written again it is another file"
    read_cards(data)
    looks_like_cards(data)
    lint(document, TODAY)
    for card in document.cards:
        sections(document, card)
        checklist(document, card)
        claims(document, card)
    if document.cards:
        card = document.cards[len(data) % len(document.cards)]
        after = parse(edit.set_field(document, card, "status", "BLOCKED"))
        assert [c.id for c in after.cards] == [c.id for c in document.cards], "a set changed which cards there are"
        assert after.cards[document.cards.index(card)].raw("status") == "BLOCKED", "a set did not set"
    assert parse(repair(data).content).by_id.keys() == document.by_id.keys(), "a repair cost a card"
    _merged(data)
    assert time.process_time() - began < SECONDS, "it takes too long"


def _merged(data: bytes) -> None:
    """Merge the thirds of the input as base, ours and theirs."""
    third = len(data) // 3
    base, ours, theirs = data[:third], data[third : 2 * third], data[2 * third :]
    sides = parse(ours), parse(theirs)
    referred = {reference.id for side in sides for reference in side.references}
    found = parse(merge(base, ours, theirs).content).by_id.keys()
    assert sides[0].by_id.keys() | sides[1].by_id.keys() <= found | referred, "a merge lost a card"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
