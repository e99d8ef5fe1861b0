"""The chain of the ledger shows every change; a cut at its end shows by a head that was kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bluelabel.interfaces.events import Draft, Head
from bluelabel.services.ledger.clock import SystemClock
from bluelabel.services.ledger.codec import Scanner, whole_lines
from bluelabel.services.ledger.file_ledger import FileLedger
from bluelabel.services.ledger.verify import Verdict, verify

ENTRIES = 1_000


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileLedger, Path, Head]:
    """A ledger of 1,000 entries, alone and in units, in one file."""
    home = tmp_path_factory.mktemp("chain")
    ledger = FileLedger(home, SystemClock())
    number = 0
    while number < ENTRIES:
        unit = [Draft("card.changed", "CC", {"id": f"TASK-{number + n}", "to": "x"}) for n in range(1 + number % 3)]
        unit = unit[: ENTRIES - number]
        ledger.append(lambda unit=unit: unit)  # type: ignore[misc]
        number += len(unit)
    ledger.confirm()
    return ledger, home / "ledger" / "00000001.jsonl", ledger.head()


def changed(written: tuple[FileLedger, Path, Head], text: bytes) -> Verdict:
    """Verify a changed copy of the ledger, with the head that was stored elsewhere."""
    ledger, path, head = written
    whole = path.read_bytes()
    path.write_bytes(text)
    try:
        return verify(ledger.segments, (head,))
    finally:
        path.write_bytes(whole)


def found(verdict: Verdict) -> bool:
    """Tell whether a change shows: as damage, or as bytes at the end that count for nothing."""
    return bool(verdict.problems or verdict.torn)


def test_an_untouched_ledger_alarms_nobody(written: tuple[FileLedger, Path, Head]) -> None:
    verdict = changed(written, written[1].read_bytes())

    assert (verdict.problems, verdict.torn, verdict.events) == ((), 0, ENTRIES)


def dropped(lines: list[bytes], at: int) -> list[bytes]:
    return lines[:at] + lines[at + 1 :]


def swapped(lines: list[bytes], at: int) -> list[bytes]:
    other = (at + 1) % len(lines)
    lines = list(lines)
    lines[at], lines[other] = lines[other], lines[at]
    return lines


def repeated(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def inserted(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], lines[at].replace(b'"by":"CC"', b'"by":"CA"'), *lines[at:]]


def cut(lines: list[bytes], at: int) -> list[bytes]:
    return lines[:at]


def torn(lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], lines[at][: len(lines[at]) // 2]]


CHANGES: Sequence[Callable[[list[bytes], int], list[bytes]]] = (dropped, swapped, repeated, inserted, cut, torn)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.nightly), 97])
def test_a_line_dropped_swapped_repeated_inserted_or_cut_is_found(
    step: int, change: Callable[[list[bytes], int], list[bytes]], written: tuple[FileLedger, Path, Head]
) -> None:
    lines = list(whole_lines(written[1].read_bytes()))
    places = [*range(0, ENTRIES, step), ENTRIES - 1]
    missed = [at for at in places if not found(changed(written, b"".join(change(lines, at))))]

    assert missed == []


@pytest.mark.parametrize("step", [pytest.param(127, marks=pytest.mark.nightly), 4_999])
def test_a_flipped_byte_is_found_by_reading_the_whole(step: int, written: tuple[FileLedger, Path, Head]) -> None:
    text = written[1].read_bytes()
    missed = [at for at in range(0, len(text), step) if not found(changed(written, flipped(text, at)))]

    assert missed == []


def flipped(text: bytes, at: int, bits: int = 0xFF) -> bytes:
    return text[:at] + bytes([text[at] ^ bits]) + text[at + 1 :]


def windows(text: bytes, every: int) -> Iterator[tuple[int, str, bytes, bytes]]:
    """Yield each `every`-th line that ends a unit: number and hash before it, the line, and the next unit."""
    scanner, lines = Scanner(), list(whole_lines(text))
    for number, line in enumerate(lines):
        before, alone = (scanner.seq, scanner.h), not scanner.offset - scanner.good
        if scanner.feed(line) and alone and number % every == 0:
            yield (*before, line, b"".join(lines[number + 1 : number + 4]))


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.nightly), 150])
def test_every_bit_of_a_line_counts(every: int, written: tuple[FileLedger, Path, Head]) -> None:
    """As `verify` reads: from the state before the line over it and what follows."""
    seen, missed = 0, []
    for seq, h, line, behind in windows(written[1].read_bytes(), every):
        for at in range(len(line)):
            for bits in (0x01, 0x20, 0xFF):
                seen += 1
                scanner = Scanner(seq=seq, h=h)
                events = [e for part in whole_lines(flipped(line, at, bits) + behind) for e in scanner.feed(part)]
                if not scanner.problems and events and events[0].seq == seq + 1:
                    missed.append((seq, at, bits))

    assert missed == []
    assert seen > (200_000 if every == 1 else 1_000)


def test_a_cut_at_the_end_of_a_unit_shows_only_by_a_head_kept_elsewhere(
    written: tuple[FileLedger, Path, Head],
) -> None:
    ledger, path, head = written
    whole = path.read_bytes()
    lines = list(whole_lines(whole))
    path.write_bytes(b"".join(lines[:1]))
    try:
        alone, compared = verify(ledger.segments), verify(ledger.segments, (head,))
    finally:
        path.write_bytes(whole)

    assert (alone.problems, alone.torn) == ((), 0)
    assert [problem.code for problem in compared.problems] == ["cut"]


def test_a_ledger_written_anew_with_a_good_chain_does_not_have_the_head_kept_elsewhere(
    written: tuple[FileLedger, Path, Head], tmp_path: Path
) -> None:
    forged = FileLedger(tmp_path, SystemClock())
    for number in range(ENTRIES):
        forged.append(lambda number=number: [Draft("card.changed", "CC", {"id": f"TASK-{number}"})])  # type: ignore[misc]
    forged.confirm()

    assert verify(forged.segments).problems == ()
    assert [problem.code for problem in verify(forged.segments, (written[2],)).problems] == ["wrong-head"]


def test_an_entry_is_one_line_whatever_it_says(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path, SystemClock())
    nasty = 'a\nb\r\x0b\x0c\x1b[31m\x1b]0;x\x07\u0085\u2028\u2029"},\n{"seq":2,"kind":"message.sent","h":"'
    ledger.append(lambda: [Draft("card.changed", "CC", {"id": nasty})])
    ledger.confirm()
    text = (tmp_path / "ledger" / "00000001.jsonl").read_bytes()

    assert text.count(b"\n") == 1
    assert not any(byte < 0x20 for byte in text[:-1])
    assert [event.data["id"] for event in ledger.read()] == [nasty]
