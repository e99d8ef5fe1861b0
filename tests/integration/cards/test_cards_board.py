import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import (
    AlreadyExists,
    Conflict,
    LockTimeout,
    MachineError,
    NotFound,
    Refused,
    UsageError,
)
from bluelabel.interfaces.events import Draft
from bluelabel.services.cards import card_file
from bluelabel.services.cards.board import Board
from bluelabel.services.cards.card_store import Desk
from bluelabel.services.cards.file_state import Memory
from bluelabel.services.cards.projection import CardsProjection
from bluelabel.services.cards.text.parser import parse
from bluelabel.services.files import swap
from bluelabel.services.ledger.book import Book

Change = Callable[[Board], Any]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def uptime(self) -> float:
        return 0.0

    def boot(self) -> str:
        return "one"


class Place:
    """A card file with its ledger; `board` opens it as another process would."""

    def __init__(self, root: Path, data: bytes, **tables: object) -> None:
        self.path = root / "TASK_CARDS.md"
        self.home = root / "home"
        self.home.mkdir(exist_ok=True)
        self.path.write_bytes(data)
        self.clock = Clock()
        self.tables = tables
        self.opened: list[Book] = []

    def board(self, actor: str = "CC", path: Path | None = None) -> Board:
        book = Book.open(self.home, (CardsProjection(),), clock=self.clock)
        self.opened.append(book)
        return Board(
            Desk(path or self.path, book, self.home, actor, clock=self.clock, tables=self.tables, agents=("CC", "CA"))
        )

    def kinds(self) -> list[str]:
        return [event.kind for event in self.board().desk.book.read() if event.kind.startswith("card.")]

    def close(self) -> None:
        for book in self.opened:
            book.close()


@pytest.fixture
def place(tmp_path: Path, sample: Callable[[str], bytes]) -> Iterator[Any]:
    made = Place(tmp_path, sample("tracker"))
    yield made
    made.close()


def test_every_change_is_an_event_with_who_and_when_and_where(place: Any) -> None:
    board = place.board("CA")
    board.set("TASK-210C", "status", "BLOCKED")
    board.check("TASK-210C", 1)
    board.move("TASK-210C", "statistics")
    made = board.new("A new one")
    board.archive(["TASK-210A"])
    board.restore(["TASK-210A"])
    events = [event for event in board.desk.book.read() if event.kind.startswith("card.")]

    assert [event.kind for event in events] == [
        "card.changed",
        "card.checked",
        "card.changed",
        "card.created",
        "card.archived",
        "card.restored",
    ]
    assert {event.by for event in events} == {"CA"}
    assert {event.data["file"] for event in events} == {str(place.path)}
    assert (events[0].data["before"], events[0].data["after"]) == ("pending", "BLOCKED 🔴")
    assert made == "TASK-210F"
    assert [entry["kind"] for entry in board.history("TASK-210C")] == ["card.changed", "card.checked", "card.changed"]


def test_a_change_that_changes_nothing_is_no_event(place: Any) -> None:
    before = place.path.read_bytes()
    board = place.board()
    board.set("TASK-210A", "priority", "HIGH")
    board.set("TASK-210E", "priority", "")
    board.check("TASK-210C", 2)
    board.move("TASK-210A", "active")
    board.archive([])  # all completed cards: two
    board.archive([])

    assert place.kinds() == ["card.archived", "card.archived"]
    assert place.path.read_bytes() != before


@pytest.mark.parametrize("sample_name", ["tracker", "styles"])
def test_a_status_set_and_set_back_gives_the_very_file(
    tmp_path: Path, sample: Callable[[str], bytes], sample_name: str
) -> None:
    place = Place(tmp_path, sample(sample_name))
    board = place.board()
    for card in parse(sample(sample_name)).cards:
        raw = card.status_raw
        other = "IN_PROGRESS" if card.status == "BLOCKED" else "BLOCKED"
        for back in (raw or "", card.status.value if card.status else ""):
            board.set(card.id, "status", other)
            board.set(card.id, "status", back)
            assert place.path.read_bytes() == sample(sample_name), (card.id, back)
    place.close()


def test_mode_and_owner_of_the_file_stay(place: Any) -> None:
    place.path.chmod(0o640)
    place.board().set("TASK-210A", "priority", "LOW")

    assert place.path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in place.path.parent.iterdir()) == ["TASK_CARDS.md", "home"]


def test_undo_takes_each_kind_of_change_back_byte_for_byte(place: Any) -> None:
    before = place.path.read_bytes()
    changes: tuple[Change, ...] = (
        lambda board: board.set("TASK-210C", "status", "BLOCKED"),
        lambda board: board.set("TASK-210E", "title", "Other"),
        lambda board: board.set("TASK-210E", "branch", "dev/x"),
        lambda board: board.check("TASK-210C", 1),
        lambda board: board.move("TASK-210A", "statistics"),
        lambda board: board.new("A new one"),
        lambda board: board.archive(["TASK-210A", "TASK-210B"]),
        lambda board: board.archive(["TASK-210C"], "docs/archive/A.md"),
    )
    for change in changes:
        board = place.board()
        change(board)
        changed = place.path.read_bytes()
        assert changed != before
        place.board().undo()
        assert place.path.read_bytes() == before
        place.board().undo()
        assert place.path.read_bytes() == changed
        place.board().undo()


def test_undo_beside_other_edits_takes_only_its_own_change_back(place: Any) -> None:
    board = place.board()
    board.set("TASK-210C", "status", "BLOCKED")
    place.path.write_bytes(place.path.read_bytes().replace(b"Reads the file.", b"Reads all files."))
    board.undo()

    document = board.document()
    assert document.card("TASK-210C").status_raw == "pending"
    assert "Reads all files." in document.text
    board.new("Fresh")
    place.path.write_bytes(place.path.read_bytes() + b"\nmore\n")
    board.undo()
    assert "TASK-210F" not in board.document().by_id
    board.undo()
    assert "TASK-210F" in board.document().by_id


def test_undo_does_not_take_back_what_somebody_changed_again(place: Any) -> None:
    board = place.board()
    with pytest.raises(NotFound, match="nothing to undo"):
        board.undo()
    board.set("TASK-210C", "status", "BLOCKED")
    place.clock.moment += timedelta(hours=1)
    place.path.write_bytes(place.path.read_bytes().replace("BLOCKED 🔴\n**Owner**".encode(), b"Done\n**Owner**"))
    place.path.write_bytes(place.path.read_bytes().replace("**Status**: BLOCKED 🔴  ".encode(), b"**Status**: Done  "))
    with pytest.raises(Conflict, match="changed again"):
        board.undo()


def test_archive_to_a_file_keeps_the_card_there_and_a_line_here(place: Any) -> None:
    block = "### TASK-210A: Build the reader\nStatus: COMPLETED ✅\n"
    board = place.board()
    assert board.archive(["TASK-210A"], "docs/archive/A.md") == ["TASK-210A"]
    archive = place.path.parent / "docs/archive/A.md"

    assert block in archive.read_text()
    assert block not in place.path.read_text()
    assert "- TASK-210A: Build the reader → docs/archive/A.md\n" in place.path.read_text()
    assert board.archive(["TASK-210B"], "docs/archive/A.md") == ["TASK-210B"]
    assert [card.id for card in parse(archive.read_bytes()).cards] == ["TASK-210A", "TASK-210B"]
    assert board.restore(["TASK-210A"]) == ["TASK-210A"]
    assert block in place.path.read_text()
    assert "→ docs/archive/A.md" in place.path.read_text()
    assert "- TASK-210A" not in place.path.read_text()
    for outside in ("../A.md", "/tmp/A.md", "TASK_CARDS.md"):
        with pytest.raises(UsageError, match="beside or below"):
            board.archive(["TASK-210C"], outside)


def test_the_setting_names_the_archive_and_keeps_statistics(tmp_path: Path, sample: Callable[[str], bytes]) -> None:
    place = Place(tmp_path, sample("tracker"), cards={"archive": "old.md", "statistics": True})
    place.board().archive(["TASK-210A"])

    assert (tmp_path / "old.md").exists()
    assert "- Total Tasks: 4\n- Completed: 1\n" in place.path.read_text()
    place.close()


def test_nothing_is_restored_that_nobody_knows(place: Any) -> None:
    with pytest.raises(NotFound, match="nothing is known"):
        place.board().restore(["TASK-999"])
    assert place.board().restore(["TASK-210A"]) == []
    assert place.board().restore() == []


def test_statistics_are_written_on_request(place: Any) -> None:
    found = place.board().statistics()
    assert len(found["differs"]) == 2
    assert place.board().statistics(write=True)["differs"] == []
    assert "- Total Tasks: 5\n" in place.path.read_text()
    assert place.board().statistics(write=True)["differs"] == []


def test_ids_never_collide_between_processes_worktrees_and_deleted_cards(
    place: Any, tmp_path: Path, sample: Callable[[str], bytes]
) -> None:
    other = tmp_path / "other" / "TASK_CARDS.md"
    other.parent.mkdir()
    shutil.copy(place.path, other)
    one, two = place.board(), place.board(path=other)

    made = [one.new("a"), two.new("b"), one.new("c"), two.new("d", series="TASK-300")]
    assert made == ["TASK-210F", "TASK-210G", "TASK-210H", "TASK-300A"]
    one.undo()
    assert place.board().new("e") == "TASK-210I"
    with pytest.raises(AlreadyExists):
        one.new("f", name="TASK-210G")
    other.write_bytes(other.read_bytes() + b"\n### TASK-210J: By hand\n")
    two.inspect()
    assert one.new("g") == "TASK-210K"


def test_new_takes_fields_sections_and_an_id(place: Any) -> None:
    board = place.board()
    made = board.new(
        "All of it",
        {"Owner": "CA", "priority": "HIGH", "status": "IN_PROGRESS", "depends on": "TASK-210A"},
        {"description": ["What."], "deliverables": ["- [ ] one"]},
        name="TASK-400",
        section="archive",
    )
    card = board.document().card(made)

    assert (card.id, card.section, card.status_raw, card.assignees) == (
        "TASK-400",
        "Completed Tasks Archive",
        "IN_PROGRESS 🚧",
        ("CA",),
    )
    assert card.raw("dependencies") == "TASK-210A"
    assert card.raw("created") == place.clock.now().date().isoformat()
    with pytest.raises(UsageError):
        board.new("two\nlines")
    with pytest.raises(NotFound, match="no such section"):
        board.new("x", section="Nowhere")


def test_a_card_file_is_made_when_there_is_none(tmp_path: Path) -> None:
    place = Place(tmp_path, b"")
    place.path.unlink()
    with pytest.raises(NotFound, match="no card file"):
        place.board().document()
    place.board().new("First")

    assert place.path.read_bytes().startswith(b"### TASK-001: First\nStatus: NOT_STARTED\n")
    missing = place.board(path=tmp_path / "no" / "T.md")
    with pytest.raises(NotFound, match="no such directory"):
        missing.new("x")
    place.close()


def test_one_of_two_cards_with_one_id_is_changed(tmp_path: Path) -> None:
    place = Place(tmp_path, b"### TASK-1: a\nStatus: Done\n\n### TASK-1: b\nStatus: Done\n")
    board = place.board()
    board.set("TASK-1#2", "status", "BLOCKED")
    board.archive(["TASK-1#2"])

    assert [card.status_raw for card in board.document().cards] == ["Done", "BLOCKED"]
    assert board.document().cards[1].section == "Archive"
    place.close()


def test_bytes_that_are_no_text_pass_through_the_ledger(tmp_path: Path) -> None:
    place = Place(tmp_path, b"### TASK-1: \xff\r\nStatus: \xe9t\xe9\r\n\r\n### TASK-2: b\r\n")
    board = place.board()
    before = place.path.read_bytes()
    board.set("TASK-1", "status", "BLOCKED")
    board.set("TASK-1", "status", "")
    board.undo()
    board.undo()
    board.undo()
    assert b"Status: BLOCKED\r\n" in place.path.read_bytes()
    place.clock.moment += timedelta(hours=1)
    place.path.write_bytes(before)
    board.archive(["TASK-1"])
    assert b"### TASK-1: \xff\r\nStatus: \xe9t\xe9\r\n" in place.path.read_bytes()
    place.close()


def test_an_open_fence_refuses_before_anything_is_recorded(tmp_path: Path) -> None:
    data = b"## Archive\n\n### TASK-0: z\n\n## Active\n\n### TASK-1: a\n```\nopen\n"
    place = Place(tmp_path, data)
    attempts: tuple[Change, ...] = (
        lambda board: board.archive(["TASK-1"]),
        lambda board: board.move("TASK-1", "archive"),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="never closed"):
            attempt(place.board())

    assert place.kinds() == []
    assert place.path.read_bytes() == data
    place.close()


def test_completed_needs_evidence_and_a_reason_to_be_forced(tmp_path: Path) -> None:
    data = b"### TASK-1: a\nStatus: NOT_STARTED\n\n**Testing:**\n- All 3 tests passing\n"
    place = Place(tmp_path, data, evidence={"test": "false", "timeout": 5})
    board = place.board()
    with pytest.raises(Refused, match="1 of 1 claims are false") as refused:
        board.set("TASK-1", "status", "COMPLETED")
    assert refused.value.exit_code == 1
    assert place.path.read_bytes() == data
    with pytest.raises(UsageError, match="reason"):
        board.set("TASK-1", "status", "COMPLETED", force=True)
    card = board.set("TASK-1", "status", "COMPLETED", force=True, reason="seen by eye")

    assert card.status == "COMPLETED"
    assert place.kinds() == ["card.verified", "card.verified", "card.changed"]
    assert board.history("TASK-1")[-1]["forced"] == "seen by eye"
    evidence = board.evidence("TASK-1")
    assert evidence is not None
    assert (evidence["verdict"], evidence["tests"]["exit_code"]) == ("false", 1)
    board.set("TASK-1", "status", "✅ Done")  # it is completed already: nothing is checked again
    assert place.kinds()[-1] == "card.changed"
    place.close()


def test_verify_keeps_what_was_found(tmp_path: Path) -> None:
    place = Place(tmp_path, b"### TASK-1: a\nStatus: Done\n\n### TASK-2: b\n", evidence={"test": ["true"]})
    board = place.board()

    assert [evidence.id for evidence in board.verify()] == ["TASK-1"]
    assert [evidence.id for evidence in board.verify(["TASK-2"])] == ["TASK-2"]
    assert board.evidence("TASK-2") is not None
    assert board.evidence("TASK-3") is None
    with pytest.raises(NotFound):
        board.verify(["TASK-3"])
    place.close()


def test_a_report_moves_its_card_in_the_same_append(tmp_path: Path) -> None:
    place = Place(tmp_path, b"### TASK-1: a\nStatus: NOT_STARTED\n\n### TASK-2: b\n\n**Testing:**\n- 3 passed\n")
    place.tables = {"evidence": {"test": ["false"]}}
    board = place.board("ARCH")
    drafts = board.plan_move("TASK-1", "in_progress", by="CA", message="m1")
    assert [(draft.kind, draft.by, draft.data["after"]) for draft in drafts] == [("card.changed", "CA", "IN_PROGRESS")]
    board.desk.book.append(lambda _db: [Draft("message.acked", "CA", {"message_id": "m1"}), *drafts])
    assert b"Status: NOT_STARTED" in place.path.read_bytes()

    report = place.board().recover()  # the process died here; the next one brings the file in line
    assert b"Status: IN_PROGRESS" in place.path.read_bytes()
    assert len(report.notes) == 1
    assert not place.board().recover()
    assert board.plan_move("TASK-1", "IN_PROGRESS") == []
    assert board.plan_move("TASK-9", "completed") == []
    assert board.plan_move("../x", "completed") == []
    assert board.plan_move("TASK-1", "splendid") == []
    assert [draft.kind for draft in board.plan_move("TASK-2", "completed")] == ["card.verified"]
    assert [draft.kind for draft in board.plan_move("TASK-1", "success")] == ["card.verified", "card.changed"]
    assert board.plan_move("TASK-1", "failed")[0].data["after"] == "BLOCKED"
    place.close()


def test_a_kill_between_ledger_and_file_is_put_right_by_the_next_command(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = place.board()
    board.inspect()
    changes: tuple[Change, ...] = (
        lambda b: b.set("TASK-210C", "status", "BLOCKED"),
        lambda b: b.check("TASK-210C", 1),
        lambda b: b.new("Fresh"),
        lambda b: b.move("TASK-210B", "statistics"),
        lambda b: b.archive(["TASK-210A"]),
        lambda b: b.restore(["TASK-210A"]),
        lambda b: b.archive(["TASK-210D"], "A.md"),
    )
    for change in changes:
        with monkeypatch.context() as patch:
            patch.setattr(swap, "publish", _killed(swap.publish, place.path))
            with pytest.raises(KeyboardInterrupt):
                change(place.board())
        place.board().recover()
    document = place.board().document()

    assert document.card("TASK-210C").status_raw == "BLOCKED 🔴"
    assert document.card("TASK-210F").title == "Fresh"
    assert document.card("TASK-210B").section == "Task Summary Statistics"
    assert document.card("TASK-210A").section == "Active Tasks"
    assert "TASK-210D" not in document.by_id
    assert len(place.kinds()) == len(changes)


def _killed(publish: Any, path: Any) -> Any:
    def dies(target: Any, compute: Any) -> Any:
        if target == path:
            raise KeyboardInterrupt
        return publish(target, compute)

    return dies


def test_a_kill_between_file_and_memory_changes_nothing_twice(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place.board().inspect()
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "save", lambda _self, _state: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            place.board().new("Fresh")
    written = place.path.read_bytes()
    assert b"Fresh" in written
    place.board().recover()

    assert place.path.read_bytes() == written
    assert place.kinds() == ["card.created"]


def test_a_lost_memory_trusts_the_file(place: Any) -> None:
    board = place.board()
    board.set("TASK-210C", "status", "BLOCKED")
    place.path.write_bytes(place.path.read_bytes().replace("BLOCKED 🔴  ".encode(), b"pending  "))
    shutil.rmtree(place.home / "cards")

    assert board.document().card("TASK-210C").status_raw == "pending"
    (board.desk.memory.folder / "state.json").write_text(json.dumps({"branches": 3}))
    assert board.document().card("TASK-210C").status_raw == "pending"


def test_a_locked_file_is_told(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_file, "_LOCK_SECONDS", 0.05)
    board = place.board()
    with board.desk.locked(), pytest.raises(LockTimeout, match="locked"):
        place.board().inspect()


def test_a_state_directory_that_cannot_be_written_is_told(place: Any) -> None:
    (place.home / "cards").write_text("a file in the way")
    with pytest.raises(MachineError):
        place.board().set("TASK-210C", "status", "BLOCKED")


def test_lint_and_missing_entries(place: Any) -> None:
    board = place.board()

    assert {problem.code for problem in board.lint()} == {"wrong-statistics"}
    with pytest.raises(NotFound, match="no entry"):
        board.check("TASK-210C", 9)


def test_a_repair_keeps_the_mode_and_raises_no_alarm(tmp_path: Path, sample: Callable[[str], bytes]) -> None:
    place = Place(tmp_path, sample("conflict"))
    place.path.chmod(0o640)
    place.board().inspect()
    done = place.board().repair()

    assert [problem.code for problem in done.done] == ["conflict-resolved", "merge-clash"]
    assert place.path.stat().st_mode & 0o777 == 0o640
    assert parse(place.path.read_bytes()).problems == ()
    assert not place.board().inspect()
    place.path.write_bytes(place.path.read_bytes() + b"\n### TASK-4: Common\n")
    assert place.board().inspect().alarms[0].doubled == ("TASK-4",)
    place.path.write_bytes(place.path.read_bytes().removesuffix(b"\n### TASK-4: Common\n"))
    assert not place.board().inspect()
    place.close()
