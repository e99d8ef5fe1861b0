"""What people do in the folders comes in soon after, whatever happens to events, folders and observers."""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unit.boxes.counter import Counter

from bluelabel.interfaces.errors import MachineError
from bluelabel.services.postbox.boxes import watcher
from bluelabel.services.postbox.boxes.report import IntakeReport
from bluelabel.services.postbox.boxes.watcher import BoxWatcher, gives_no_events

PATIENCE = 30.0


class Watched(Counter):
    """A counter with a watcher that hands every report that says something to the test."""

    def __init__(self, root: Path, rescan: float = 3600.0) -> None:
        super().__init__(root)
        self.refresh()
        self.reports: queue.Queue[IntakeReport] = queue.Queue()
        self.looked: queue.Queue[None] = queue.Queue()
        self.watcher = BoxWatcher(self.office, self.folder, self.reports.put, rescan=rescan)

    def start(self) -> None:
        """Start, and wait until the observer runs: from then on events count."""
        sweep = self.office.sweep

        def noted(agents: object = None) -> IntakeReport:
            report = sweep(agents)  # type: ignore[arg-type]
            self.looked.put(None)
            return report

        self.office.sweep = noted  # type: ignore[method-assign]
        self.watcher.start()
        self.looked.get(timeout=PATIENCE)

    def next(self) -> IntakeReport:
        return self.reports.get(timeout=PATIENCE)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(**options: float) -> Watched:
        made.append(Watched(tmp_path, **options))
        return made[-1]

    yield make
    for post in made:
        post.watcher.stop()


def test_a_dropped_file_and_an_edit_come_in_by_themselves(watched: Callable[..., Watched]) -> None:
    post = watched()
    post.start()
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")
    assert len(post.next().sent) == 1

    post.append("CC", "outbox", {"task_id": "T-1", "status": "done"})
    assert len(post.next().sent) == 1
    assert [message["task_id"] for message in post.received("ARCH")] == ["T-1"]


def test_what_was_there_before_the_start_is_read(watched: Callable[..., Watched]) -> None:
    post = watched()
    post.append("CC", "outbox", {"task_id": "T-1", "status": "done"})
    post.start()

    assert len(post.next().sent) == 1


def test_a_look_every_few_seconds_needs_no_event(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoxWatcher, "_observed", lambda _self: None)
    post = watched(rescan=0.05)
    post.start()
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")

    assert len(post.next().sent) == 1


def test_a_broken_text_is_looked_at_again_when_it_is_quiet(watched: Callable[..., Watched]) -> None:
    post = watched()
    path = post.folder / "CC" / "drop" / "a.json"
    path.write_text("{", encoding="utf-8")
    post.fresh(path)
    post.start()
    post.clock.advance(1)

    assert len(post.next().set_aside) == 1


def test_a_folder_that_is_replaced_is_watched_again(watched: Callable[..., Watched]) -> None:
    post = watched(rescan=0.05)
    post.start()
    gone = post.folder.rename(post.folder.with_name("gone"))  # at once: it may be written into while it is removed
    shutil.rmtree(gone, ignore_errors=True)
    while post.watcher._observer is not None:
        post.looked.get(timeout=PATIENCE)
    post.folder.mkdir()
    post.refresh()
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")

    assert len(post.next().sent) == 1


def test_a_dead_observer_is_replaced(watched: Callable[..., Watched]) -> None:
    post = watched(rescan=0.05)
    post.start()
    first = post.watcher._observer
    assert first is not None
    first.stop()
    first.join()
    while post.watcher._observer in (first, None):
        post.looked.get(timeout=PATIENCE)

    assert post.watcher._observer is not None
    assert post.watcher._observer.is_alive()


def test_an_error_does_not_end_the_watch(watched: Callable[..., Watched]) -> None:
    post = watched(rescan=0.05)
    sweep, errors = post.office.sweep, [MachineError("the disk is full"), OSError(5, "Input/output error")]

    def failing(agents: object = None) -> IntakeReport:
        if errors:
            raise errors.pop()
        return sweep(agents)  # type: ignore[arg-type]

    post.office.sweep = failing  # type: ignore[method-assign]
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")
    post.start()

    assert "Input/output" in post.next().problems[0]
    assert "full" in post.next().problems[0]
    assert len(post.next().sent) == 1


def test_polling_takes_over_where_there_are_no_events(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "gives_no_events", lambda _folder: True)
    post = watched()
    post.start()
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")

    assert len(post.next().sent) == 1
    assert type(post.watcher._observer).__name__ == "PollingObserver"


def test_without_any_observer_the_watch_goes_on(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchdog.observers.api.BaseObserver.schedule", refuse)
    post = watched(rescan=0.05)
    post.start()
    (post.folder / "CC" / "drop" / "a.json").write_text('{"a": 1}', encoding="utf-8")

    assert post.next().problems == [
        "no events of the file system (inotify watch limit reached); looking by itself instead"
    ]
    assert len(post.next().sent) == 1
    assert post.watcher._observer is None


def test_hints_outside_the_mailboxes_or_of_hidden_files_are_ignored(watched: Callable[..., Watched]) -> None:
    post = watched()
    for path in (
        "/elsewhere/CC/x",
        str(post.folder),
        str(post.folder / "strange" / "x"),
        str(post.folder / "CC/.x.new"),
    ):
        post.watcher._hinted(path)

    assert post.watcher._edited == set()
    post.watcher._hinted(str(post.folder / "CC" / "drop" / "x.json"))
    assert post.watcher._edited == {"CC"}
    post.watcher.stop()


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:40 / /net rw shared:1 - nfs4 server:/x rw
24 23 8:2 / /net/local rw - ext4 /dev/sdb1 rw
25 22 0:41 / /over rw - overlay overlay rw
26 22 0:42 / /ssh rw - fuse.sshfs host: rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "silent"),
    [("/home", False), ("/net/x", True), ("/net/local/x", False), ("/over", True), ("/ssh/a", True)],
)
def test_file_systems_without_events_are_known(tmp_path: Path, folder: str, silent: bool) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS, encoding="utf-8")

    assert gives_no_events(Path(folder), tmp_path / "mountinfo") is silent
    assert gives_no_events(Path(folder), tmp_path / "none") is False
