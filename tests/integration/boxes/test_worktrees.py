"""Two worktrees of one repository have one post office; each has boxes of its own."""

from __future__ import annotations

import json
import os
import queue
import subprocess
from pathlib import Path

import pytest

from bluelabel.runner.boxes import Boxes
from bluelabel.runner.operations import setup
from bluelabel.runner.workspace import Workspace
from bluelabel.services.postbox.outgoing import OutgoingMessage


def git(folder: Path, *args: str) -> None:
    options = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *options, *args], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Workspace, Workspace]:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    git(one, "init", "-q", "-b", "main")
    _, steps = setup.plan(one, None)
    setup.run(steps, lambda _line: None)
    git(one, "add", ".")
    git(one, "commit", "-q", "-m", "first")
    git(one, "worktree", "add", "-q", "-b", "other", str(two))
    return Workspace.open(one), Workspace.open(two)


def lines(workspace: Workspace, agent: str, box: str) -> list[dict[str, object]]:
    text = (workspace.root / "postbox" / agent / f"{box}.json").read_text(encoding="utf-8")
    return [item for item in json.loads(text)[1:] if item is not None]


def test_what_is_reported_in_one_worktree_is_shown_in_the_other(trees: tuple[Workspace, Workspace]) -> None:
    one, two = trees
    one.refresh_views(["CC"])
    path = one.root / "postbox" / "CC" / "outbox.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace("null]", '{"task_id": "T-1", "status": "done"},\nnull]'),
        encoding="utf-8",
    )
    told: list[str] = []
    one.remark = told.append
    one.read_edits()
    two.refresh_views(["ARCH"])

    assert [line["task_id"] for line in lines(one, "CC", "outbox")] == ["T-1"]
    assert [line["task_id"] for line in lines(two, "ARCH", "inbox")] == ["T-1"]
    assert told == []
    one.close()
    two.close()


def test_an_edit_is_read_against_the_view_of_its_own_worktree(trees: tuple[Workspace, Workspace]) -> None:
    one, two = trees
    for workspace in trees:
        one.postbox.send(OutgoingMessage("ARCH", ("CC",), content={"in": workspace.root.name}))
        workspace.refresh_views(["CC"])
    path = one.root / "postbox" / "CC" / "inbox.json"
    old = path.read_text(encoding="utf-8")
    path.write_text(old.replace('"in":"one"', '"in":"edited"'), encoding="utf-8")
    one.read_edits()
    two.refresh_views(["CC"])

    assert [line["content"] for line in lines(two, "CC", "inbox")] == [{"in": "edited"}, {"in": "two"}]
    assert len(lines(one, "CC", "inbox")) == 2
    one.close()
    two.close()


def test_a_broken_box_is_told_to_the_person_who_asks(trees: tuple[Workspace, Workspace]) -> None:
    one, _ = trees
    one.refresh_views(["CC"])
    path = one.root / "postbox" / "CC" / "inbox.json"
    path.write_text('[{"task_id": "T-1"', encoding="utf-8")
    os.utime(path, (1, 1))
    told: list[str] = []
    one.remark = told.append
    one.read_edits()

    assert ["set aside" in line for line in told] == [True]
    one.close()


def test_watching_reads_drops_until_it_is_stopped(trees: tuple[Workspace, Workspace]) -> None:
    one, _ = trees
    one.refresh_views(["CC"])
    (one.root / "postbox" / "CA").rename(one.root / "postbox" / "moved")
    (one.root / "postbox" / "CA").symlink_to("moved")
    told: queue.Queue[str] = queue.Queue()
    boxes = Boxes(one)
    boxes.start(told.put)
    try:
        assert "CA is not a folder" in told.get(timeout=30)
        (one.root / "postbox" / "CC" / "drop" / "a.json").write_text('{"task_id": "T-9"}', encoding="utf-8")
        seq = one.book.head().seq
        while not any(event.kind == "message.sent" for event in one.book.read()):
            assert one.book.wait(seq, 30)
            seq = one.book.head().seq
    finally:
        boxes.stop()
        boxes.stop()
        one.close()
