"""What the program does when the streams it was given are closed, full, gone or cannot hold a text."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_driver import bluelabel

PROGRAM = [sys.executable, "-m", "bluelabel.apps.cli.main"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("post office")
    assert bluelabel(place, "init", "--agents", "CC,ARCH").code == 0
    assert bluelabel(place, "send", "--from", "ARCH", "--to", "CC", "--subject", "Tée → now").code == 0
    return place


def shell(root: Path, command: str, *args: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell line in which ``$B`` is the program with its root, and ``"$@"`` are `args`."""
    program = shlex.join([*PROGRAM, "--root", str(root)])
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BLUELABEL_", "PYTHONIO"))}
    return subprocess.run(
        ["bash", "-c", f"B={shlex.quote(program)}; {command}", "bash", *args],
        capture_output=True,
        env=environment | variables,
        timeout=60,
    )


def test_a_pipe_that_nobody_reads_is_no_answer_of_no(root: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    codes = [
        subprocess.run([*PROGRAM, "--root", str(root), *call], stdout=write, stderr=subprocess.PIPE, timeout=30)
        for call in (["log"], ["inbox", "CC", "--peek"])
    ]
    os.close(write)

    assert [(done.returncode, done.stderr) for done in codes] == [(128 + signal.SIGPIPE, b"")] * 2


def test_a_full_disk_behind_the_output_says_that_the_work_is_done(root: Path) -> None:
    sent = shell(root, "eval $B send --from ARCH --to CC --key full > /dev/full")
    again = bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--key", "full", "--json").object

    assert (sent.returncode, sent.stderr.splitlines()) == (
        6,
        [
            b"error: the disk is full while printing: standard output",
            b"hint: what the command did is done; look before you run it again",
        ],
    )
    assert again["duplicate"] is True


def test_a_full_disk_behind_the_errors_keeps_the_exit_code(root: Path) -> None:
    assert shell(root, "eval $B inbox NOBODY 2> /dev/full").returncode == 3


def test_closed_streams_are_no_crash(root: Path) -> None:
    listed = shell(root, "eval $B inbox CC --peek >&-")
    refused = shell(root, "eval $B inbox NOBODY 2>&-")
    body = shell(root, "eval $B send --from ARCH --to CC --body - <&-")

    assert (listed.returncode, listed.stderr) == (0, b"")
    assert (refused.returncode, refused.stdout) == (3, b"")
    assert (body.returncode, body.stderr.splitlines()[0]) == (5, b"error: standard input is closed: --body")


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_a_locale_without_unicode_is_no_crash_and_json_stays_utf8(root: Path, variables: dict[str, str]) -> None:
    shown = shell(root, "eval $B inbox CC --peek", **variables)
    told = shell(root, "eval $B inbox CC --peek --json", **variables)

    assert (shown.returncode, shown.stderr) == (0, b"")
    assert json.loads(told.stdout.decode("utf-8").splitlines()[0])["subject"] == "Tée → now"


@pytest.mark.parametrize("call", ['send --from ARCH --to CC --subject "$1"', 'thread "$1"', 'ack "$1" --token x'])
def test_bytes_that_are_not_utf8_are_unreadable_and_nothing_is_sent(root: Path, call: str) -> None:
    before = bluelabel(root, "log", "verify", "--json").object["seq"]
    done = shell(
        root, f"$B {call}".replace("$B", shlex.join([*PROGRAM, "--root", str(root)])), os.fsdecode(b"\xff\xfe")
    )

    assert (done.returncode, done.stderr.splitlines()[0]) == (5, b"error: a text holds bytes that are not UTF-8")
    assert bluelabel(root, "log", "verify", "--json").object["seq"] == before


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {}])
def test_no_color_leaves_no_escapes_even_where_they_are_forced(root: Path, variables: dict[str, str]) -> None:
    colored = shell(root, "eval $B inbox CC --peek", FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="")
    plain = shell(root, f"eval $B inbox CC --peek {'' if variables else '--no-color'}", FORCE_COLOR="1", **variables)

    assert b"\x1b[" in colored.stdout
    assert b"\x1b[" not in plain.stdout


@pytest.mark.parametrize(("target", "code"), [("/dev/full", 0), (None, 128 + signal.SIGPIPE)])
def test_a_worker_that_cannot_print_settles_what_it_has_in_hand(tmp_path: Path, target: str | None, code: int) -> None:
    bluelabel(tmp_path, "init", "--agents", "CC,ARCH")
    with (tmp_path / "bluelabel.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[agents.CC]\ncommand = [{json.dumps(sys.executable)}, '-c', 'print(1)']\n")
    sent = bluelabel(tmp_path, "send", "--from", "ARCH", "--to", "CC", "--json").object["id"]
    read, write = os.pipe() if target is None else (None, os.open(target, os.O_WRONLY))
    if read is not None:
        os.close(read)
    call = [*PROGRAM, "--root", str(tmp_path), "-v", "worker", "--agent", "CC", "--once"]
    done = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)

    assert (done.returncode, done.stderr) == (code, b"")
    (state,) = [line["state"] for line in bluelabel(tmp_path, "outbox", "ARCH", "--json").lines if line["id"] == sent]
    assert state == "acked"


def test_in_a_pipe_each_row_is_one_line_and_a_narrow_terminal_shows_whole_ids(root: Path) -> None:
    subject = "a subject that goes on and on " * 8
    sent = bluelabel(root, "send", "--from", "ARCH", "--to", "CC", "--subject", subject, "--json").object["id"]
    piped = shell(root, "eval $B inbox CC --peek", COLUMNS="").stdout.decode().splitlines()
    narrow = bluelabel(root, "inbox", "CC", "--peek", COLUMNS="40").out.splitlines()

    assert [line for line in piped if sent in line and subject.strip() in line]
    assert f"ID: {sent}" in narrow
    assert f"Subject: {subject}" in narrow


def test_ctrl_c_while_the_program_is_being_read_is_no_crash(tmp_path: Path) -> None:
    hook = (
        "import importlib.abc, signal, sys\n"
        "class Finger(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'click':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finger())\n"
        "from bluelabel.apps.cli.entry import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", hook], capture_output=True, timeout=60, check=False, cwd=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")
