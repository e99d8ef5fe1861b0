"""`make test` comes to an end, whatever hangs in it, and names what hung."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HANGS = "from threading import Event\n\n\ndef test_hangs():\n    Event().wait()\n"
PASSES = "\n\ndef test_passes():\n    pass\n"

pytestmark = [pytest.mark.nightly, pytest.mark.skipif(shutil.which("make") is None, reason="needs make")]


def make_test(folder: Path, *arguments: str, limit: str = "5m") -> subprocess.CompletedProcess[str]:
    """Run what `make test` runs, for the tests in `folder`, with two seconds for each and `limit` for them all."""
    given = shlex.join(["-c", str(ROOT / "pyproject.toml"), *arguments, str(folder)])
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", "test", f"ARGS={given}", f"LIMIT={limit}"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    (command,) = [line for line in shown.stdout.splitlines() if " -m pytest " in line]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(shlex.split(command), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90)


@pytest.mark.parametrize("source", [HANGS, HANGS + PASSES, PASSES + "\n\n" + HANGS], ids=["alone", "first", "last"])
def test_a_test_that_hangs_is_named_and_the_others_run(source: str, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(source)

    done = make_test(tmp_path, "-o", "timeout=2", "-o", "faulthandler_timeout=1")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "crashed while running" in done.stdout
    assert "::test_hangs" in done.stdout
    assert done.stdout.count("1 failed") == 1
    assert ("1 passed" in done.stdout) == ("test_passes" in source)
    assert "in test_hangs" in done.stderr, "where it hung is shown"


def test_a_file_that_hangs_while_it_is_collected_ends_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("from threading import Event\n\nEvent().wait()\n")

    done = make_test(tmp_path, limit="5s")

    assert done.returncode == 124
    assert "sending signal" in done.stderr
