"""A disk that is full, a file that may not grow, no files left to open: told with the cause, and nothing is torn."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from reliability.disk import home_of
from reliability.mailcheck import judge
from reliability.sandbox import TRACEBACK, Outcome, environment
from reliability.scenarios import ENV, bluelabel, do, send, workspace


def tried(where: Path, *limits: str) -> tuple[int, str, str]:
    """Send a message under limits of prlimit; return exit code, output and errors."""
    argv = bluelabel(where, "send", "--from", "CC", "--to", "CA", "--body", "x" * 2000, "--json")
    ahead = ["prlimit", *limits, "--"] if limits else []
    env = environment(ENV)
    done = subprocess.run([*ahead, *argv], env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def assert_refused_or_kept(where: Path, answer: tuple[int, str, str]) -> None:
    code, out, err = answer
    assert TRACEBACK not in err
    assert code in (0, 6), err
    assert judge(Outcome(where, out, err, code)) == []
    if code:
        assert err.splitlines()[0].startswith("error: ") or "\nerror: " in err


@pytest.fixture
def place(tmp_path: Path) -> Path:
    where = tmp_path / "d"
    where.mkdir()
    workspace(where)
    return where


@pytest.mark.parametrize("size", [0, 1024, 2048, 3072])
def test_a_file_that_may_not_grow_tears_nothing(size: int, place: Path) -> None:
    ledger = home_of(place) / "ledger" / "00000001.jsonl"
    assert_refused_or_kept(place, tried(place, f"--fsize={ledger.stat().st_size + size}"))
    kept = send(place, "afterwards")

    assert judge(Outcome(place, f'{{"schema":"bluelabel.send/1","id":"{kept}"}}\n')) == []


@pytest.mark.parametrize("files", [5, 8, 11, 14])
def test_too_few_files_to_open_are_told(files: int, place: Path) -> None:
    code, out, err = tried(place, f"--nofile={files}")

    assert judge(Outcome(place, out, err, code)) == []
    assert code != 0 or out
    assert not out or code == 0 or "acked" not in out


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    where = tmp_path / "small"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.mark.root
def test_a_full_disk_is_told_tears_nothing_and_works_again_with_room(small_disk: Path) -> None:
    place = small_disk / "d"
    place.mkdir()
    workspace(place)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    answers = [tried(place) for _ in range(3)]
    for answer in answers:
        assert_refused_or_kept(place, answer)
    assert any(code == 6 and "full" in err for code, _, err in answers), answers
    filler.unlink()
    do(place, "recover")
    kept = send(place, "with room")

    told = "".join(out for _, out, _ in answers) + f'{{"schema":"bluelabel.send/1","id":"{kept}"}}\n'
    assert judge(Outcome(place, told, recovered=True)) == []


@pytest.mark.root
def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    place = small_disk / "d"
    place.mkdir()
    workspace(place)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, out, err = tried(place)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)

    assert (code, out) == (6, "")
    assert "read-only" in err
    assert TRACEBACK not in err
    send(place, "afterwards")
