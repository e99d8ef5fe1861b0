"""A closing that is killed: the next one finishes it, or says what is in the way; nothing is made twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bluelabel.services.git.locate import locate
from bluelabel.services.sprint.projection import SprintProjection

from .conftest import Office
from .steps import completed, planned

TAG = "v0.6.13-alpha1"
CALLS = ("rename", "unlink", "write", "fsync", "mkdir", "openat", "link")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    root = tmp_path / "template"
    root.mkdir()
    office = Office(root)
    office.write("bluelabel.toml", f'[evidence]\ntest = ["{sys.executable}", "-c", "pass"]\n')
    office.commit("Settings", "bluelabel.toml")
    planned(office, cards=3, branches=2)
    completed(office, cards=3, branches=2)
    office.book.close()
    assert locate(root) is not None
    assert SprintProjection.name == "sprint"
    return root


def closeout(root: Path, *, strace: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    argv = [
        *strace,
        sys.executable,
        "-m",
        "bluelabel.apps.cli.main",
        "--root",
        str(root),
        "sprint",
        "closeout",
        "--yes",
    ]
    return subprocess.Popen(
        argv,
        cwd=root,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, check=False, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"git {args[0]} says {done.stderr.strip()}"


def settled(root: Path) -> list[str]:
    """Close once more, as a person would, and return what is wrong afterwards."""
    with closeout(root) as again:
        told = (again.communicate(timeout=120)[0] or b"").decode()
    wrong = [] if again.returncode == 0 else [f"the next closing ended with {again.returncode}: {told[-600:]}"]
    log = subprocess.run(
        [sys.executable, "-m", "bluelabel.apps.cli.main", "--root", str(root), "log", "--json"],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    counts = {
        "closed": log.count('"kind":"sprint.closed"'),
        "tags": len(git(root, "tag").splitlines()),
        "merges": git(root, "rev-list", "--count", "--merges", "main"),
        "fsck": len(subprocess.run(["git", "fsck", "--strict", "--no-dangling"], cwd=root, capture_output=True).stdout),
        "locks": len([p for p in (root / ".git").rglob("*.lock") if "bluelabel" not in p.parts]),
        "half": len([p for p in root.rglob("*.bluelabel-new") if ".git" not in p.parts]),
    }
    wrong += (
        [f"{counts}"] if counts != {"closed": 1, "tags": 1, "merges": "2", "fsck": 0, "locks": 0, "half": 0} else []
    )
    dirty = git(root, "status", "--porcelain", "--", "docs", "reports", "src", "TASK_CARDS.md")
    wrong += [f"not clean: {dirty}"] if dirty else []
    wrong += ["the tag is not annotated"] if counts["tags"] and git(root, "cat-file", "-t", TAG) != "tag" else []
    return wrong


def killed_after(template: Path, copy: Path, seconds: float) -> list[str]:
    shutil.copytree(template, copy, symlinks=True)
    with closeout(copy) as process:
        time.sleep(seconds)
        with_group = process.poll() is None
        if with_group:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    found = settled(copy)
    shutil.rmtree(copy)
    return found


def cut_at(template: Path, copy: Path, call: str, number: int) -> tuple[bool, list[str]]:
    """Kill whatever process of the closing makes its n-th call of a kind first; say whether any did."""
    shutil.copytree(template, copy, symlinks=True)
    inject = f"--inject={call}:signal=SIGKILL:when={number}"
    with closeout(
        copy, strace=("strace", "-f", "-qq", "-e", "signal=none", f"--trace={call}", "-o", "/dev/null", inject)
    ) as process:
        process.communicate()
    fired = process.returncode != 0
    found = settled(copy)
    shutil.rmtree(copy)
    return fired, found


def has_strace() -> bool:
    return shutil.which("strace") is not None


def test_a_closing_killed_midway_is_finished_by_the_next(template: Path, tmp_path: Path) -> None:
    wrong = killed_after(template, tmp_path / "copy", 1.2)

    assert wrong == []


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_closing_killed_at_any_moment_is_finished_by_the_next(template: Path, tmp_path: Path) -> None:
    count = int(os.environ.get("BLUELABEL_KILLS", "30"))
    wrong = {n: found for n in range(count) if (found := killed_after(template, tmp_path / f"c{n}", 0.2 + 0.11 * n))}

    assert wrong == {}


@pytest.mark.nightly
@pytest.mark.skipif(not has_strace(), reason="strace is not installed")
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("call", CALLS)
def test_a_process_of_the_closing_killed_at_its_nth_call_is_made_good(
    template: Path, tmp_path: Path, call: Any
) -> None:
    fired, wrong = 0, {}
    for number in (1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 45):
        hit, found = cut_at(template, tmp_path / f"c{number}", call, number)
        fired += hit
        if found:
            wrong[number] = found
        if not hit:
            break

    assert wrong == {}
    assert fired >= 2
