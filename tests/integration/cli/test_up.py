"""The post office as a process of its own: what comes in by file, who works, how it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_driver import bluelabel
from up_process import Up

_ECHO = """\
[workspace]
agents = ["ARCH", "CC"]
coordinator = "ARCH"
[postbox]
ack_deadline = "1s"
[agents.CC]
command = [{python}, "-c", "print('{{\\"status\\": \\"success\\", \\"result\\": {{\\"summary\\": \\"did it\\"}}}}')"]
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "bluelabel.toml").write_text(_ECHO.format(python=json.dumps(sys.executable)), encoding="utf-8")
    assert bluelabel(root, "init").code == 0
    running: list[Up] = []

    def begin(*args: str) -> Up:
        running.append(Up(root, *args))
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        each.log.close()


def test_drops_and_hand_edits_become_messages_and_broken_ones_are_set_aside(start: Callable[..., Up]) -> None:
    up = start("--no-workers")
    up.until(lambda: "serving" in up.said())
    box = up.root / "postbox" / "CC"
    (box / "drop" / "task.json").write_text('{"sender": "ARCH", "task_id": "TASK-1"}', encoding="utf-8")
    (box / "drop" / "broken.json").write_text("{oops", encoding="utf-8")
    outbox = up.root / "postbox" / "ARCH" / "outbox.json"
    up.until(outbox.exists)
    outbox.write_text('[{"recipients": ["CC"], "task_id": "TASK-2"}]', encoding="utf-8")

    inbox = box / "inbox.json"
    up.until(lambda: inbox.exists() and all(f"TASK-{n}" in inbox.read_text() for n in (1, 2)))
    up.until(lambda: (box / "quarantine").is_dir() and len(list((box / "quarantine").iterdir())) == 2)
    code = up.end(signal.SIGTERM)

    assert code == 0
    assert {line["task_id"] for line in bluelabel(up.root, "inbox", "CC", "--json").lines} == {"TASK-1", "TASK-2"}
    assert list((box / "drop").iterdir()) == []


def test_a_worker_that_is_killed_is_started_again_and_the_work_is_done(start: Callable[..., Up]) -> None:
    up = start()
    up.until(lambda: "is process" in up.said())
    first = int(up.said().split("is process ")[1].split('"')[0])
    os.kill(first, signal.SIGKILL)
    up.until(lambda: up.said().count("is process") == 2)
    sent = bluelabel(up.root, "send", "--from", "ARCH", "--to", "CC", "--task", "TASK-1", "--json").object

    def answered() -> bool:
        return any(line.get("reply_to") == sent["id"] for line in bluelabel(up.root, "inbox", "ARCH", "--json").lines)

    up.until(answered)
    code = up.end(signal.SIGINT)

    assert (code, "SIGKILL" in up.said()) == (130, True)
    assert "Traceback" not in up.said()


def test_nobody_goes_on_working_when_it_is_killed(start: Callable[..., Up]) -> None:
    up = start()
    up.until(lambda: "is process" in up.said())
    worker = int(up.said().split("is process ")[1].split('"')[0])
    watched = os.pidfd_open(worker)
    up.process.kill()

    assert select.select([watched], [], [], 45)[0] == [watched]
    os.close(watched)


def test_the_end_of_the_terminal_stops_it_cleanly(start: Callable[..., Up]) -> None:
    up = start()
    up.until(lambda: "is process" in up.said())

    assert up.end(signal.SIGHUP) == 0
    assert up.said().splitlines()[-1].endswith('"what":"stopped"}')


def test_what_waits_too_long_is_brought_to_the_human(start: Callable[..., Up]) -> None:
    up = start("--no-workers")
    bluelabel(up.root, "send", "--from", "ARCH", "--to", "CC")

    up.until(lambda: bool(bluelabel(up.root, "inbox", "HUMAN", "--peek", "--json").lines))

    assert up.end(signal.SIGTERM) == 0


def test_a_second_one_is_refused(start: Callable[..., Up]) -> None:
    up = start("--no-workers")
    up.until(lambda: "serving" in up.said())

    answer = bluelabel(up.root, "up", "--no-workers")

    assert (answer.code, answer.out, "`up` runs already" in answer.err) == (4, "", True)
