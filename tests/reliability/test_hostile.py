"""Bombs through the command line: refused with one line, quickly, and little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.forked import Zygotes
from reliability.mailcheck import judge
from reliability.patterns import LENGTH, TooSlow, Use, seconds, strings, uses
from reliability.sandbox import TRACEBACK, Outcome, environment
from reliability.scenarios import ENV, TESTS, bluelabel, workspace

from bluelabel.interfaces.limits import MESSAGE_BYTES

ROOT = TESTS.parent

BOMBS: dict[str, bytes] = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deeper": b'{"a":' * 200_000,
    "a long number": b'{"n":' + b"9" * 5_000 + b"}",
    "not a number": b'{"n":NaN}',
    "infinite": b'{"n":-Infinity}',
    "a key twice": b'{"from":"CC","from":"CA"}',
    "half a pair": b'{"text":"\\ud800"}',
    "cut off": b'{"text":"half',
    "not UTF-8": b'{"text":"\xff\xfe"}',
    "too long": b'{"text":"' + b"x" * (10 * 1024 * 1024) + b'"}',
    "an array": b"[1, 2]",
    "empty": b"",
    "a zero byte": b'{"a":1}\x00',
    "the other half": b'{"text":"\\udc00\\ud800"}',
}
HUGE: dict[str, tuple[bytes, bytes, bytes, int]] = {
    "five million deep": (b"", b"[", b"", 5_000_000),
    "five million deep, in objects": (b"", b'{"a":', b"", 5_000_000),
    "a string of 100 MB": (b'{"text":"', b"x", b'"}', 100_000_000),
    "100 MB of arrays": (b"[", b"[],", b"null]", 33_000_000),
}
"""What stands first, what is said over and over, what stands last, and how often."""

MORE = [name for name in HUGE if name != "100 MB of arrays"]
MEMORY = 150 * 1024
"""Kilobytes that refusing may take, the interpreter included."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    made = Zygotes([], environment(ENV))
    where = tmp_path_factory.mktemp("learn")
    learnt = where / "modules"
    made.run(["--root", str(where), "init"], where, where / "out", where / "err", 20.0)
    words = ["--root", str(where), "send", "--from", "CC", "--to", "CA", "--json"]
    made.run(words, where, where / "out", where / "err", 20.0, learn=learnt)
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("hostile") / "d"
    where.mkdir()
    workspace(where)
    return where


def call(servers: Zygotes, place: Path, *words: str) -> tuple[int, str, str, float]:
    """Run one command; return its exit code, output, errors and the seconds it took."""
    out, err = place.with_name("out"), place.with_name("err")
    began = time.monotonic()
    status = servers.run(["--root", str(place), *words], place, out, err, 20.0)
    return status, out.read_text(errors="replace"), err.read_text(errors="replace"), time.monotonic() - began


def assert_told_in_one_line(status: int, err: str, codes: tuple[int, ...]) -> None:
    assert status in codes, err
    assert TRACEBACK not in err
    lines = err.splitlines()
    assert lines
    assert lines[0].startswith("error: ")
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: "))
    assert "should not happen" not in err
    assert "\x1b" not in err


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_quickly_and_leaves_nothing(name: str, servers: Zygotes, place: Path) -> None:
    bomb = place.with_name("bomb.json")
    bomb.write_bytes(BOMBS[name])
    before = len(read_disk(home_of(place)).facts)
    status, _, err, seconds = call(
        servers, place, "send", "--from", "CC", "--to", "CA", "--content", f"@{bomb}", "--json"
    )

    assert_told_in_one_line(status, err, (2, 5))
    assert seconds < 2
    assert len(read_disk(home_of(place)).facts) == before


def test_a_poisoned_drop_is_set_aside_and_the_next_message_flows(servers: Zygotes, place: Path) -> None:
    drop = place / "postbox" / "WA" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(BOMBS.values()):
        (drop / f"{number:02}.json").write_bytes(text)
        os.utime(drop / f"{number:02}.json", (1, 1))
    (drop / "99.json").write_text(json.dumps({"from": "CC", "subject": "after the bombs"}))
    os.utime(drop / "99.json", (1, 1))
    status, out, err, _ = call(servers, place, "inbox", "WA", "--json")

    assert (status, TRACEBACK in err) == (0, False), err
    assert "after the bombs" in out
    assert not [path.name for path in drop.iterdir() if path.suffix == ".json"]


def test_a_fifo_in_a_drop_blocks_nobody(servers: Zygotes, place: Path) -> None:
    drop = place / "postbox" / "ARCH" / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    os.mkfifo(drop / "pipe.json")
    (drop / "link.json").symlink_to(place.with_name("canary"))
    status, _, err, seconds = call(servers, place, "inbox", "ARCH", "--json")

    assert (status, TRACEBACK in err) == (0, False), err
    assert seconds < 3


DOORS: dict[str, Callable[[Path], list[str]]] = {
    "send": lambda bomb: ["send", "--from", "CC", "--to", "CA", "--content", f"@{bomb}"],
    "body": lambda bomb: ["send", "--from", "CC", "--to", "CA", "--body", f"@{bomb}"],
    "drop": lambda _: ["inbox", "CA"],
    "outbox": lambda _: ["outbox", "WA"],
    "read": lambda bomb: ["read", str(bomb)],
}
ASIDE = ("drop", "outbox")
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "name", [n if n == "100 MB of arrays" else pytest.param(n, marks=pytest.mark.nightly) for n in HUGE]
)
def test_a_huge_bomb_is_refused_before_it_is_read(name: str, door: str, place: Path, tmp_path: Path) -> None:
    first, middle, last, count = HUGE[name]
    bomb = {"drop": place / "postbox/CA/drop/bomb.json", "outbox": place / "postbox/WA/outbox.json"}.get(
        door, tmp_path / "bomb.json"
    )
    with bomb.open("wb") as file:
        file.write(first)
        for _ in range(count // 100_000):
            file.write(middle * 100_000)
        file.write(last)
    os.utime(bomb, (1, 1))
    argv = [sys.executable, "-S", "-c", MEASURED, *bluelabel(place, *DOORS[door](bomb), "--json")]
    done = subprocess.run(argv, env=environment(ENV), capture_output=True, text=True, timeout=60, check=False)
    *told, kilobytes = done.stderr.splitlines()

    assert int(kilobytes) <= MEMORY
    assert TRACEBACK not in done.stderr
    fits = door == "body" and first + middle == b"[" and count < MESSAGE_BYTES  # as the text that it is
    assert done.returncode == (0 if door in ASIDE or fits else 5), done.stderr
    if fits:
        assert judge(Outcome(place, done.stdout)) == []
    elif door in ASIDE:
        assert [path for path in (place / "postbox").glob("*/quarantine/*") if path.lstat().st_size > 4_000_000]
        assert not bomb.exists() or bomb.stat().st_size < 100_000
    else:
        assert any(line.startswith("error: ") for line in told)
        assert judge(Outcome(place, done.stdout)) == []
    for path in (place / "postbox").glob("*/quarantine/*"):
        path.unlink()


def test_every_expression_of_the_package_is_quick() -> None:
    slow = [str(use) for use in uses(ROOT) for text in SOME if _is_slow(use, text)]

    assert slow == []


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_every_expression_of_the_package_is_quick_on_every_string() -> None:
    every = list(uses(ROOT))
    slow = [f"{use.where} {use.method} {text[:8]!r}" for use in every for text in strings() if _is_slow(use, text)]

    assert slow == []
    assert len(every) > 150


SOME = [
    piece * (LENGTH // len(piece)) + end
    for piece, end in ((" ", "!"), ("\n", "\0"), ("a", "\0"), ("(", ""), ("a ", "!"))
]


def _is_slow(use: Use, text: str) -> bool:
    """Tell whether a pattern takes longer than 100 ms of processor time, three times in turn."""
    for _ in range(3):
        try:
            if seconds(use, text, 0.5) < 0.1:
                return False
        except TooSlow:
            return True
    return True
