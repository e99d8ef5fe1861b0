"""Clocks that stand wrong, jump, or differ: claims neither change hands nor last for ever, and order needs no clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from reliability.disk import home_of, read_disk
from reliability.history import history
from reliability.sandbox import environment
from reliability.scenarios import ENV, bluelabel, do, send, workspace
from unit.boxes.counter import Counter

HOUR = 3600.0
JUMPS = (-25.0, -1.0, 24.0, 25.0)
"""Hours by which a wall clock is set."""


@pytest.mark.parametrize("jump", JUMPS)
def test_a_living_holder_keeps_its_claim_whatever_the_wall_clock_does(jump: float, tmp_path: Path) -> None:
    post = Counter(tmp_path)
    post.send("CC")
    held = post.box.claim("CC", lease=600)
    assert held is not None
    post.clock.set_back(-3600 * jump)
    post.clock.advance(500)

    assert post.box.claim("CC", worker="thief") is None
    assert post.box.renew(held.message.id, held.token or "").token == held.token
    assert post.box.ack(held.message.id, held.token or "").state == "acked"


@pytest.mark.parametrize("jump", JUMPS)
def test_no_claim_lasts_longer_than_its_lease_whatever_the_wall_clock_does(jump: float, tmp_path: Path) -> None:
    post = Counter(tmp_path)
    post.send("CC")
    post.box.claim("CC", lease=600)
    post.clock.set_back(-3600 * jump)
    post.clock.advance(601)
    again = post.box.claim("CC")

    assert again is not None
    assert again.attempt == 2


@pytest.mark.parametrize("jump", JUMPS)
def test_messages_keep_their_order_whatever_the_wall_clock_does(jump: float, tmp_path: Path) -> None:
    post = Counter(tmp_path)
    ids = [post.send("CC")]
    post.clock.set_back(-3600 * jump)
    ids.append(post.send("CC"))
    post.clock.set_back(-3600 * (-jump))
    ids.append(post.send("CC"))

    assert post.waiting("CC") == ids
    assert [held.message.id for _ in ids if (held := post.box.claim("CC")) is not None] == ids


@pytest.mark.parametrize("hours", [-25, 25])
def test_a_file_from_another_time_is_read_all_the_same(hours: int, tmp_path: Path) -> None:
    post = Counter(tmp_path)
    post.refresh()
    moment = post.clock.now().timestamp() + hours * HOUR
    drop = post.folder / "CC" / "drop" / "x.json"
    drop.write_text('{"from": "CA", "subject": "dropped"}')
    post.append("CA", "outbox", {"to": "CC", "subject": "written"})
    for path in (drop, post.file("CA", "outbox")):
        os.utime(path, (moment, moment))
    report = post.sweep()

    assert len(report.sent) == 2
    assert sorted(message["subject"] for message in post.received("CC")) == ["dropped", "written"]
    assert post.sweep().sent == []


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs faketime")
def test_two_writers_ten_minutes_apart_lose_no_order_and_are_told(tmp_path: Path) -> None:
    workspace(tmp_path)
    words = ("send", "--from=CC", "--to=CA", "--subject=ahead", "--json")
    ahead = ["faketime", "-f", "+10m", *bluelabel(tmp_path, *words)]
    done = subprocess.run(ahead, env=environment(ENV), capture_output=True, text=True, timeout=60, check=True)
    last = send(tmp_path, "behind")
    facts = read_disk(home_of(tmp_path))
    told = subprocess.run(
        bluelabel(tmp_path, "doctor", "--json"), env=environment(ENV), capture_output=True, text=True, check=False
    )

    assert facts.faults == []
    assert history(facts.facts).waiting("CA")[1:] == [json.loads(done.stdout)["id"], last]
    assert do(tmp_path, "claim", "CA")[0]["subject"] == "first"
    clock = next(line for line in map(json.loads, told.stdout.splitlines()) if line["area"] == "clock")
    assert (clock["state"], "in the future" in clock["what"]) == ("bad", True)
