"""Measuring one store: its speed beside the floor of the same run, and what it loses."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from reliability.power import Socket, mounted, snapshot
from reliability.sandbox import Scenario, end

WORKER = Path(__file__).with_name("worker.py")
BYTES = 200
"""Length of the text of a measured message."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of one run, in microseconds, and the medians of the ratios within each round.

    Args:
        name: of the store.
        fill: how many messages waited.
        put, take, floor: what one costs.
        put_ratio, take_ratio: against the floor of the same round.
    """

    name: str
    fill: int
    put: float
    take: float
    floor: float
    put_ratio: float
    take_ratio: float


@dataclass(frozen=True, slots=True)
class Losses:
    """What a store lost of what it had acknowledged.

    Args:
        name: of the store.
        told: how many puts were acknowledged.
        lost: how many of them were neither handled nor there afterwards.
        doubled: how many came again although the work on them had been done.
        stops: how often it was killed or unplugged.
    """

    name: str
    told: int
    lost: int
    doubled: int
    stops: int


def speed(python: str, name: str, fill: int, rounds: int, batch: int) -> Speed:
    """Measure a store in a process of its own, in a fresh directory."""
    with tempfile.TemporaryDirectory(prefix="bench.") as place:
        argv = [python, str(WORKER), "speed", name, f"{place}/d", *map(str, (rounds, batch, BYTES, fill))]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=1200, check=True)
    found = json.loads(done.stdout)
    ratios = {key: median(a / b for a, b in zip(found[key], found["floor"], strict=True)) for key in ("put", "take")}
    middle = {key: median(values) for key, values in found.items()}
    return Speed(name, fill, middle["put"], middle["take"], middle["floor"], ratios["put"], ratios["take"])


def killed(python: str, name: str, kills: int) -> Losses:
    """Kill a store at random moments, over and over on one state, then ask what is left."""
    base = Path(tempfile.mkdtemp(prefix="bench."))
    moments, told = random.Random(1), ""
    try:
        for run in range(kills):
            told += _run(python, name, base / "d", base / "out", f"r{run}", moments.uniform(0.02, 0.3))
        return _counted(name, told, _drained(python, name, base / "d"), kills)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def unplugged(python: str, name: str, cuts: int) -> Losses:
    """Cut the power under a store at random moments; needs root and loop devices."""
    moments, told, left = random.Random(2), "", ""
    for cut in range(cuts):
        base = Path(tempfile.mkdtemp(prefix="bench."))
        try:
            socket = Socket(_bare(name), base / "x")
            shutil.copyfile(socket.clean, socket.live)
            with mounted(socket.live, socket.mount):
                place = socket.mount / "d" / "s"
                told += _run(python, name, place, base / "out", f"c{cut}", moments.uniform(0.1, 0.4))
                snapshot(socket.live, socket.left)
            with mounted(socket.left, socket.after):
                left += _drained(python, name, socket.after / "d" / "s")
        finally:
            shutil.rmtree(base, ignore_errors=True)
    return _counted(name, told, left, cuts)


def _bare(name: str) -> Scenario:
    return Scenario(name, lambda _: None, lambda _: [], lambda _: [], megabytes=64)


def _run(python: str, name: str, place: Path, out: Path, run: str, seconds: float) -> str:
    """Let a store put and take until it is killed; return what it told."""
    with out.open("wb") as told:
        argv = [python, str(WORKER), "mixed", name, str(place), run]
        process = subprocess.Popen(argv, stdout=told, stderr=subprocess.DEVNULL, start_new_session=True)
        began = time.monotonic()
        while not out.stat().st_size and time.monotonic() - began < 10:
            time.sleep(0.005)  # until it has told something: starting is not what is measured
        time.sleep(seconds)
        end(process)
    return out.read_text()


def _drained(python: str, name: str, place: Path) -> str:
    argv = [python, str(WORKER), "drain", name, str(place)]
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False).stdout
    except subprocess.TimeoutExpired as late:
        return late.stdout.decode() if isinstance(late.stdout, bytes) else ""


def _counted(name: str, told: str, left: str, stops: int) -> Losses:
    lines = [line.split(" ", 1) for line in told.splitlines() if " " in line]
    puts = {word for verb, word in lines if verb == "put"}
    done = [word for verb, word in lines if verb == "work"]
    there = left.splitlines()
    lost = puts - set(done) - set(there)
    return Losses(name, len(puts), len(lost), len(set(done) & set(there)) + len(done) - len(set(done)), stops)
