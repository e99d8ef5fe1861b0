"""The store of documents: whole or absent, unique, never overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bluelabel.agents.content_store import ContentStore, Unreadable
from bluelabel.interfaces.errors import AlreadyExists, InvalidName, MachineError, NotFound, UnreadableInput


def test_a_document_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "k")
    content_id = store.add("text", {"type": "text", "content": "hällo"})

    assert store.get(content_id) == {"id": content_id, "type": "text", "content": "hällo"}
    assert [path.name for path in (tmp_path / "k").iterdir()] == [f"{content_id}.json"]


def test_threads_that_store_at_once_get_ids_of_their_own(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    start = threading.Barrier(8)
    ids: list[str] = []

    def work() -> None:
        start.wait()
        ids.extend(store.add("text", {"content": "x"}) for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == 200
    assert len(list(store.documents())) == 200


def test_processes_that_store_at_once_get_ids_of_their_own(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bluelabel.agents.content_store import ContentStore\n"
        "s = ContentStore(Path(sys.argv[1])); sys.stdin.read(1)\n"
        "for _ in range(50): print(s.add('text', {'content': 'x'}))"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"g")
        worker.stdin.flush()
    ids = [line for worker in workers for line in worker.communicate()[0].split()]

    assert len(set(ids)) == 150
    assert len(list(ContentStore(tmp_path).documents())) == 150


def test_an_id_that_is_taken_overwrites_nothing(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, ids=lambda: "same")
    store.add("text", {"content": "first"})

    with pytest.raises(AlreadyExists):
        store.add("text", {"content": "second"})
    assert store.get("text_same")["content"] == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["text_same.json"]


@pytest.mark.parametrize("broken", ["fsync", "link"])
def test_a_failed_write_leaves_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)

    with pytest.raises(MachineError, match="disk is full"):
        ContentStore(tmp_path).add("text", {"content": "x"})
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_directory_is_left_empty(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "k", tmp_path / "t")
    store.add("text", {"content": "x"})

    assert list((tmp_path / "t").iterdir()) == []


@pytest.mark.parametrize("content_id", ["../x", "a/b", "", "x\0"])
def test_an_id_that_is_no_id_is_refused(tmp_path: Path, content_id: str) -> None:
    with pytest.raises(InvalidName):
        ContentStore(tmp_path).get(content_id)


def test_an_unknown_id_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ContentStore(tmp_path).get("text_1")


def test_damaged_files_are_told_and_skipped(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    good = store.add("text", {"content": "x"})
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text("[]")
    (tmp_path / ".hidden.json").write_text("{}")
    (tmp_path / "d.json").symlink_to(tmp_path / "b.json")
    (tmp_path / "e.json").mkdir()
    os.mkfifo(tmp_path / "f.json")
    told: list[Unreadable] = []

    assert [document["id"] for document in store.documents(told)] == [good]
    assert [each.file for each in told] == ["b.json", "c.json", "d.json", "e.json", "f.json"]
    assert len(list(store.documents())) == 1
    with pytest.raises(UnreadableInput, match="not a document"):
        store.get("c")


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(ContentStore(tmp_path / "nothing").documents()) == []


def test_half_a_surrogate_pair_does_not_stop_a_document(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    content_id = store.add("text", {"content": "a\ud800b"})

    assert json.loads((tmp_path / f"{content_id}.json").read_bytes())["content"] == "a?b"
