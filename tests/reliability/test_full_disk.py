"""A disk that is full, a file that may not grow, no files left to open: told with the cause, and nothing is torn."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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


def swept(quick: tuple[int, ...], every: range) -> list[object]:
    """Return cases of which `quick` are for the suite and the others for the night."""
    return [n if n in quick else pytest.param(n, marks=pytest.mark.nightly) for n in every]


@pytest.mark.parametrize("size", swept((0, 2048), range(0, 8193, 256)))
def test_a_file_that_may_not_grow_tears_nothing(size: int, place: Path) -> None:
    ledger = home_of(place) / "ledger" / "00000001.jsonl"
    assert_refused_or_kept(place, tried(place, f"--fsize={ledger.stat().st_size + size}"))
    assert_works(place)


@pytest.mark.parametrize("files", swept((5, 8, 12), range(3, 21)))
def test_too_few_files_to_open_are_told(files: int, place: Path) -> None:
    code, out, err = tried(place, f"--nofile={files}")

    assert judge(Outcome(place, out, err, code)) == []
    assert code != 0 or out
    assert not out or code == 0 or "acked" not in out
    assert code != 6 or "open" in err or "files" in err
    assert_works(place)


@pytest.mark.parametrize("megabytes", swept((40,), range(20, 121, 20)))
def test_too_little_memory_tears_nothing(megabytes: int, place: Path) -> None:
    code, out, err = tried(place, f"--as={megabytes << 20}")

    assert judge(Outcome(place, out, err, code)) == []
    assert (code == 0) == bool(out)
    assert_works(place)


def assert_works(place: Path) -> None:
    """Check that the next command works, and that nothing was torn."""
    kept = send(place, "afterwards")
    assert judge(Outcome(place, f'{{"schema":"bluelabel.send/1","id":"{kept}"}}\n')) == []


@contextmanager
def mounted(where: Path, options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", "size=1200k") as where:
        yield where


@pytest.mark.root
@pytest.mark.parametrize("size", ["64k", "1m"])
def test_a_workspace_that_does_not_fit_is_told(size: str, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", f"size={size}") as where:
        (where / "filler").write_bytes(b"x" * 20_000)
        argv = bluelabel(where / "d", "init", "--json")
        (where / "d").mkdir()
        done = subprocess.run(argv, env=environment(ENV), capture_output=True, text=True, timeout=60, check=False)
        (where / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(where)], check=True)

        assert TRACEBACK not in done.stderr
        assert done.returncode in (0, 6), done.stderr
        assert done.returncode == 0 or "full" in done.stderr
        do(where / "d", "init", "--agents", "CC,CA,WA,ARCH")
        assert_works(where / "d")


@pytest.mark.root
@pytest.mark.parametrize("left", swept((2,), range(7)))
def test_a_disk_without_inodes_is_told_tears_nothing_and_works_again_with_some(left: int, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=4m,nr_inodes=200") as where:
        place = where / "d"
        place.mkdir()
        workspace(place)
        free = int(subprocess.check_output(["df", "--output=iavail", str(where)], text=True).split()[1])
        for number in range(free - left):
            (where / f"filler-{number}").touch()
        (home_of(place) / "index.db").unlink(missing_ok=True)
        answer = tried(place)
        for path in where.glob("filler-*"):
            path.unlink()

        assert_refused_or_kept(place, answer)
        do(place, "recover")
        assert_works(place)


@pytest.mark.root
@pytest.mark.parametrize("what", ["ledger", "ledger/00000001.jsonl", "ledger.lock", "index.db"])
def test_an_immutable_file_is_told_and_tears_nothing(what: str, place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to set attributes")
    target = str(home_of(place) / what)
    if subprocess.run(["chattr", "+i", target], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("this file system has no attributes")
    try:
        answer = tried(place)
    finally:
        subprocess.run(["chattr", "-i", target], check=True)

    assert_refused_or_kept(place, answer)
    assert answer[0] == 0 or "permi" in answer[2]
    assert_works(place)


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
