"""The store: what is written costs what changed, what is read is what was written, and files are views."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bluelabel.interfaces.errors import AlreadyExists, Conflict, InvalidName, MachineError, NotFound, UnreadableInput
from bluelabel.services.ledger.book import Book
from bluelabel.services.workflow.dag_run_store import DAGRunStore
from bluelabel.services.workflow.dag_run_tracker import DAGRun
from bluelabel.services.workflow.engine.ownership import claim_run
from bluelabel.services.workflow.model.states import DAGRunStatus
from bluelabel.services.workflow.store.projection import RunsProjection
from bluelabel.services.workflow.store.snapshots import INDEX_NAME, RunFiles


class Clock:
    """A clock that stands until it is set on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

    def now(self) -> Any:
        return self.at

    def uptime(self) -> Any:
        return self.at.timestamp()

    def boot(self) -> str:
        return "boot"

    def on(self, **span: Any) -> None:
        self.at += timedelta(**span)


@pytest.fixture
def clock() -> Any:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Any:
    return DAGRunStore(tmp_path / "runs", book=Book.in_memory([RunsProjection()], clock=clock), clock=clock)


def a_run(run_id: str = "r1", dag_id: str = "dag", steps: Any = ("a", "b")) -> Any:
    run = DAGRun(dag_id, run_id)
    for step_id in steps:
        run.add_step(step_id, 2, critical=True)
    return run


def ended(store: Any, run_id: Any, how: str = "complete", dag_id: str = "dag") -> Any:
    run = store.create(a_run(run_id, dag_id, ("a",)))
    run.now = store.clock.now
    run.start()
    run.get_step("a").start()
    store.clock.on(seconds=2)
    getattr(run.get_step("a"), how)("x")
    run.complete()
    return store.update(run)


def events(store: Any, kind: Any) -> Any:
    return [event for event in store.book.read() if event.kind == kind]


def test_create_and_get_give_the_same_run(store: Any) -> None:
    run = store.create(a_run())

    assert store.get("r1").to_dict() == run.to_dict()
    assert store.get("nobody") is None
    assert store.knows("r1")
    assert not store.knows("nobody")


def test_a_run_that_was_moved_before_it_was_stored_keeps_its_past(store: Any) -> None:
    run = a_run()
    run.start()
    run.get_step("a").start()
    run.get_step("a").retry("lost", trace="t")
    run.get_step("a").start()
    run.get_step("a").complete([1])
    run.get_step("b").skip("no")
    run.complete()
    store.create(run)
    again = store.get("r1")

    assert again.status is DAGRunStatus.SUCCESS
    assert [move.status for move in again.get_step("a").history] == ["running", "retry", "running", "success"]
    assert again.get_step("a").result == [1]
    assert again.to_dict() == run.to_dict()


def test_create_twice_is_refused_and_changes_nothing(store: Any) -> None:
    store.create(a_run())

    with pytest.raises(AlreadyExists):
        store.create(a_run(steps=()))
    assert list(store.get("r1").steps) == ["a", "b"]


@pytest.mark.parametrize("bad", ["", "../up", "con", "a b"])
def test_names_that_cannot_be_file_names_are_refused(store: Any, bad: str) -> None:
    with pytest.raises(InvalidName):
        store.create(DAGRun("d", bad))
    with pytest.raises(InvalidName):
        store.create(a_run("fine", steps=(bad,)))


def test_an_update_writes_one_event_for_each_move_and_nothing_else(store: Any) -> None:
    run = store.create(a_run(steps=[f"s{n}" for n in range(500)]))
    run.start()
    run.get_step("s7").start()
    before = store.book.head().seq
    store.update(run)
    store.update(run)
    written = list(store.book.read(before))

    assert [event.kind for event in written] == ["run.status", "step.status"]
    assert all(len(json.dumps(event.as_json())) < 400 for event in written)


def test_update_of_an_unknown_run_names_the_nearest(store: Any) -> None:
    store.create(a_run("ingest-1"))
    run = a_run("ingest-2")

    with pytest.raises(NotFound) as raised:
        store.update(run)
    assert raised.value.hint == "did you mean ingest-1?"
    with pytest.raises(NotFound):
        store.require("elsewhere")


def test_two_who_move_the_same_step_do_not_both_succeed(store: Any) -> None:
    store.create(a_run())
    mine, theirs = store.get("r1"), store.get("r1")
    mine.get_step("a").start()
    store.update(mine)
    theirs.get_step("a").start()

    with pytest.raises(Conflict, match="somebody else moved it from pending to running"):
        store.update(theirs)
    assert len(store.get("r1").get_step("a").history) == 1


def test_two_who_move_different_steps_both_succeed(store: Any) -> None:
    store.create(a_run())
    mine, theirs = store.get("r1"), store.get("r1")
    mine.get_step("a").start()
    theirs.get_step("b").start()
    store.update(mine)
    store.update(theirs)

    assert {step.status.value for step in store.get("r1").steps.values()} == {"running"}


def test_changes_of_an_owner_that_was_replaced_are_refused(store: Any) -> None:
    run = store.create(a_run())
    claim_run(store, store.require("r1"))
    run.start()

    with pytest.raises(Conflict, match="taken this run over"):
        store.update(run)


def test_a_step_added_later_is_stored_behind_the_others(store: Any) -> None:
    run = store.create(a_run())
    run.add_step("c", 0, parent="a")
    run.get_step("c").start()
    store.update(run)
    again = store.get("r1")

    assert list(again.steps) == ["a", "b", "c"]
    assert again.get_step("c").metadata == {"parent": "a"}


def test_metadata_is_stored_when_it_changed(store: Any) -> None:
    run = store.create(a_run())
    run.metadata["summary"] = "three"
    store.update(run)
    run.note(more=1)
    store.update(run)

    assert store.get("r1").metadata == {"summary": "three", "more": 1}
    assert store.get("r1").history == ()


def test_every_kind_of_move_is_read_back_as_it_was(store: Any) -> None:
    run = store.create(a_run(steps=("a", "b", "c", "d")))
    run.start()
    run.get_step("a").start()
    run.get_step("a").retry(ValueError("x"), delay=1.0, trace="t")
    run.get_step("a").reset("killed", interrupted=True)
    run.get_step("b").skip("no")
    run.get_step("c").start()
    run.get_step("c").fail("bad")
    run.get_step("c").reset("again")
    run.get_step("d").cancel("no")
    run.get_step("b").reset("after all")
    store.update(run)
    again = store.get("r1")

    assert again.to_dict() == run.to_dict()
    assert {name: step.history for name, step in again.steps.items()} == {
        name: step.history for name, step in run.steps.items()
    }
    run.cancel("enough")
    run.reopen("no, go on")
    store.update(run)
    assert store.get("r1").to_dict() == run.to_dict()


def test_the_tables_are_a_function_of_the_events(tmp_path: Path, clock: Any) -> None:
    store = DAGRunStore(tmp_path / "runs", clock=clock)
    ended(store, "r1")
    ended(store, "r2", "fail")
    claim_run(store, store.require("r2"))
    before = [store.require(name).to_dict() for name in ("r1", "r2")]
    store.book.index.discard()

    assert [store.require(name).to_dict() for name in ("r1", "r2")] == before
    store.close()


def test_delete_removes_the_run_and_its_file_but_not_its_events(store: Any) -> None:
    ended(store, "r1")
    file = store.files.path("r1")
    assert file.is_file()
    beside = store.home / "results" / "r1" / "x.json"
    beside.parent.mkdir(parents=True)
    beside.write_text("{}")

    assert store.delete("r1", "tidy") is True
    assert store.delete("r1") is False
    assert store.get("r1") is None
    assert not file.exists()
    assert not beside.parent.exists()
    assert events(store, "step.status")
    store.create(a_run("r1"))
    assert store.get("r1").history == ()


def test_lists_show_the_newest_first_and_can_be_narrowed(store: Any) -> None:
    for name, how, dag in (("r1", "complete", "x"), ("r2", "fail", "y"), ("r3", "complete", "y")):
        ended(store, name, how, dag)
    store.create(a_run("r4"))

    assert [row.run_id for row in store.list_runs()] == ["r4", "r3", "r2", "r1"]
    assert [row.run_id for row in store.list(limit=2)] == ["r4", "r3"]
    assert [row.run_id for row in store.list_runs(dag_id="y")] == ["r3", "r2"]
    assert [row.run_id for row in store.list_runs(status="failed")] == ["r2"]
    assert [row.run_id for row in store.list_runs(dag_id="y", status=DAGRunStatus.SUCCESS)] == ["r3"]
    assert [row.run_id for row in store.get_active_runs()] == ["r4"]


def test_a_row_says_when(store: Any) -> None:
    ended(store, "r1")
    (row,) = store.list_runs()

    assert row.start_time == "2026-01-31T09:30:00.000000Z"
    assert row.updated_at == row.end_time == "2026-01-31T09:30:02.000000Z"


def test_cleanup_removes_what_ended_long_ago_and_nothing_else(store: Any, clock: Any) -> None:
    ended(store, "old")
    store.create(a_run("open"))
    clock.on(days=31)
    ended(store, "new")

    assert store.cleanup_old_runs(days=30) == 1
    assert {row.run_id for row in store.list_runs()} == {"open", "new"}
    assert store.cleanup_old_runs(days=30) == 0


def test_statistics_count_runs_steps_and_time(store: Any) -> None:
    ended(store, "r1")
    ended(store, "r2", "fail")
    store.create(a_run("r3", "other"))
    all_of_it, one = store.get_statistics(), store.get_statistics("other")

    assert (all_of_it["total_runs"], all_of_it["success_rate"], all_of_it["total_steps"]) == (3, 0.5, 4)
    assert all_of_it["status_counts"]["created"] == 1
    assert all_of_it["average_duration_seconds"] == pytest.approx(2.0, abs=0.01)
    assert (one["total_runs"], one["success_rate"], one["average_duration_seconds"]) == (1, None, None)


def test_a_snapshot_holds_the_run_and_the_index_names_it(store: Any) -> None:
    run = ended(store, "r1")
    store.flush()

    assert json.loads(store.files.path("r1").read_text()) == run.to_dict()
    assert json.loads((store.storage_path / INDEX_NAME).read_text()) == {
        "r1": {
            "dag_id": "dag",
            "status": "success",
            "created_at": store.list_runs()[0].created_at.rstrip("Z"),
            "updated_at": "2026-01-31T09:30:02.000000",
            "file": "run_r1.json",
        }
    }


def test_views_are_written_at_intervals_and_at_the_end(store: Any, clock: Any) -> None:
    run = store.create(a_run())
    run.now = clock.now
    run.start()
    store.update(run)
    assert json.loads(store.files.path("r1").read_text())["status"] == "created"
    store.flush()
    assert json.loads(store.files.path("r1").read_text())["status"] == "running"
    clock.on(seconds=5)
    run.get_step("a").start()
    store.update(run)
    assert json.loads(store.files.path("r1").read_text())["steps"]["a"]["status"] == "running"


def test_a_folder_that_cannot_be_written_does_not_stop_a_run(tmp_path: Path, clock: Any) -> None:
    (tmp_path / "runs").write_text("a file is in the way")
    store = DAGRunStore(tmp_path / "runs", book=Book.in_memory([RunsProjection()], clock=clock), clock=clock)
    ended(store, "r1")

    assert store.require("r1").status is DAGRunStatus.SUCCESS
    assert store.files.fault is not None
    assert store.files.read("r1") is None


def test_files_of_other_programs_are_listed_read_and_left_alone(store: Any) -> None:
    store.storage_path.mkdir()
    theirs = {"dag_id": "theirs", "run_id": "t1", "status": "failed", "start_time": "2025-05-28T21:40:48.733720"}
    file = store.storage_path / "run_t1.json"
    file.write_text(json.dumps(theirs))
    (store.storage_path / "run_bad.json").write_text("{")
    entry = {"dag_id": "theirs", "status": "failed", "created_at": "x", "updated_at": "y", "file": "run_t1.json"}
    (store.storage_path / INDEX_NAME).write_text(json.dumps({"t1": entry, "gone": entry}))
    ended(store, "r1")
    store.flush()
    index = json.loads((store.storage_path / INDEX_NAME).read_text())

    assert [row.run_id for row in store.list_runs()] == ["r1", "t1"]
    assert [row.run_id for row in store.list_runs(status="failed")] == ["t1"]
    assert store.list_runs(dag_id="dag")[0].run_id == "r1"
    assert store.get("t1").dag_id == "theirs"
    assert set(index) == {"t1", "r1"}
    assert index["t1"] == entry
    assert json.loads(file.read_text()) == theirs
    with pytest.raises(UnreadableInput):
        store.get("bad")


def test_an_index_that_cannot_be_read_is_written_anew(store: Any) -> None:
    store.storage_path.mkdir()
    (store.storage_path / "run_t1.json").write_text('{"run_id": "t1"}')
    (store.storage_path / INDEX_NAME).write_text("not json")
    ended(store, "r1")
    store.flush()

    assert set(json.loads((store.storage_path / INDEX_NAME).read_text())) == {"t1", "r1"}


def test_nothing_is_lost_when_the_disk_refuses(store: Any) -> None:
    run = store.create(a_run())
    run.start()
    append = store.book.append

    def full(*_args: Any, **_options: Any) -> None:
        raise MachineError("the disk is full")

    store.book.append = full
    with pytest.raises(MachineError):
        store.update(run)
    store.book.append = append
    store.update(run)

    assert store.get("r1").status is DAGRunStatus.RUNNING


def test_a_store_of_its_own_needs_nothing_but_a_folder(tmp_path: Path) -> None:
    with DAGRunStore(tmp_path / "data") as store:
        store.create(a_run())
    with DAGRunStore(tmp_path / "data") as store:
        run = store.require("r1")
        run.start()
        store.update(run)
    with DAGRunStore(tmp_path / "data") as store:
        assert store.require("r1").is_running


def test_threads_may_share_a_store(store: Any) -> None:
    store.create(a_run(steps=[f"s{n}" for n in range(8)]))
    gate = threading.Barrier(8)

    def move(n: Any) -> None:
        run = store.require("r1")
        gate.wait()
        step = run.get_step(f"s{n}")
        for _ in range(5):
            step.start()
            store.update(run)
            step.reset("again", interrupted=True)
            store.update(run)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(8)))

    assert len(events(store, "step.status")) == 80
    assert all(len(step.history) == 10 for step in store.get("r1").steps.values())


def test_the_index_is_written_once_in_a_while(tmp_path: Path) -> None:
    times = iter(range(100))
    files = RunFiles(tmp_path, lambda: float(next(times)) / 100)
    assert not files.index_is_due()
    files.touch(a_run())

    assert files.index_is_due()
    files.write_index([], ())
    files.touch(a_run())
    assert not files.index_is_due()
    assert files.index_is_due(now=True)


def test_a_listener_hears_what_was_stored(store: Any) -> None:
    heard = []
    store.told = lambda run, changes: heard.append((run.run_id, [change["status"] for change in changes]))
    run = store.create(a_run())
    run.start()
    store.update(run)

    assert heard == [("r1", ["running"])]


def test_mending_writes_the_files_that_a_kill_left_behind(tmp_path: Path) -> None:
    with DAGRunStore(tmp_path) as store:
        for run_id in ("ended", "unfinished", "gone", "right", "open"):
            run = DAGRun("dag", run_id)
            run.add_step("one")
            run.start()
            if run_id != "open":
                run.steps["one"].skip("so")
                run.complete()
            store.create(run)
    ended = tmp_path / "run_ended.json"
    right = (tmp_path / "run_right.json").stat().st_mtime_ns
    ended.write_text(ended.read_text().replace('"status": "success"', '"status": "running"', 1))
    (tmp_path / ".run_unfinished.json.new").write_text("{")
    (tmp_path / "run_gone.json").unlink()
    with DAGRunStore(tmp_path) as store:
        count = store.mend()

    assert count == 4
    assert json.loads(ended.read_bytes())["status"] == "success"
    assert not list(tmp_path.glob(".run_*"))
    assert (tmp_path / "run_gone.json").exists()
    assert (tmp_path / "run_right.json").stat().st_mtime_ns == right
