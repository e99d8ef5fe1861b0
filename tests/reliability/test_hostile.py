"""Bombs through the command line: refused with one line, quickly, and little memory."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.forked import Zygotes
from reliability.sandbox import TRACEBACK, environment
from reliability.scenarios import ENV, workspace

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
}


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


def test_a_bomb_needs_little_memory(servers: Zygotes, place: Path) -> None:
    bomb = place.with_name("bomb.json")
    bomb.write_bytes(BOMBS["deep"])
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    call(servers, place, "send", "--from", "CC", "--to", "CA", "--content", f"@{bomb}")

    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 150 * 1024)
