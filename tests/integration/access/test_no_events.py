"""A system whose instances or watches of inotify are used up: what waits looks by itself, says so, and goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_driver import bluelabel
from powerless import namespace

PROGRAM = [sys.executable, "-m", "bluelabel.apps.cli.main"]
SAID = "no events of the file system"
_LIMITS = 'for f in {files}; do echo 0 > /proc/sys/user/$f; done; exec "$@"'


def _without(limit: str) -> list[str]:
    apart = namespace("--user", "--map-root-user")
    if apart is None:
        pytest.skip("this system gives nobody a user namespace")
    return [*apart, "sh", "-c", _LIMITS.format(files=limit), "sh"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    bluelabel(tmp_path, "init")
    return tmp_path


@pytest.fixture(params=["max_inotify_instances", "max_inotify_watches"])
def program(request: pytest.FixtureRequest, root: Path) -> list[str]:
    return [*_without(str(request.param)), *PROGRAM, "--root", str(root)]


@contextmanager
def started(program: list[str], *args: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*program, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def until(process: subprocess.Popen[str], *words: str) -> str:
    """Read until each of some words was said; the time limit of the test ends a wait for what never comes."""
    assert process.stdout is not None
    said = ""
    while not all(word in said for word in words):
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_up_goes_on(program: list[str], root: Path) -> None:
    with started(program, "up", "--no-workers") as process:
        said = until(process, "serving", SAID)
        (root / "postbox" / "CC" / "drop" / "a.json").write_text('{"subject": "dropped"}')
        said += until(process, "mail.imported")

    assert "Traceback" not in said


def test_watch_goes_on(program: list[str], root: Path) -> None:
    with started(program, "watch") as process:
        said = until(process, "watching", SAID)
        bluelabel(root, "send", "--from", "CC", "--to", "CA", "--subject", "arrived")
        said += until(process, "arrived")

    assert "Traceback" not in said
    assert said.count(SAID) == 1


def test_claim_waits(program: list[str], root: Path) -> None:
    with started(program, "claim", "CC", "--wait", "1m") as process:
        said = until(process, SAID)
        began = time.monotonic()
        bluelabel(root, "send", "--from", "CA", "--to", "CC", "--subject", "arrived")
        said += until(process, "token ")

    assert "arrived" in said
    assert time.monotonic() - began < 30


def test_send_waits(program: list[str], root: Path) -> None:
    with started(program, "send", "--from", "CC", "--to", "CA", "--wait-for", "seen", "--timeout", "1m") as process:
        said = until(process, "sent ", SAID)
        bluelabel(root, "inbox", "CA")
        code = process.wait(60)

    assert code == 0
    assert "Traceback" not in said
